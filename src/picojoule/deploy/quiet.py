"""Keep third-party libraries silent while they work for us."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any, cast

__all__ = ["no_telemetry", "quiet"]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drop banners, progress bars, log lines and warnings of the library called inside.

    Exceptions still carry the reason of a failure. Not for use around user code.
    """
    previous = logging.root.manager.disable
    sink = io.StringIO()
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(sink),
        contextlib.redirect_stderr(sink),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
        try:
            yield
        finally:
            logging.disable(previous)


def no_telemetry() -> None:
    """Stop `import openvino` and `import nncf` from phoning home, which they do by default.

    openvino-telemetry sends an event at import unless the user once opted out. Both libraries
    fall back to a stub when it can't be imported, and None in sys.modules makes it so.
    """
    # typeshed types the values as modules, though the import system documents None too.
    cast(dict[str, Any], sys.modules).setdefault("openvino_telemetry", None)
