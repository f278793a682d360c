"""What `pj` tells on stderr while it works, and its result on stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

__all__ = ["Json", "Output", "emit", "folder", "say", "working", "wrote"]


def folder(_: Any, path: Path | None) -> None:
    """Refuse to write into a file, before the work and not after it."""
    if path is not None and path.exists() and not path.is_dir():
        raise ValueError("Must be a folder.")


Json = Annotated[
    bool, Parameter(name="--json", help="Print one JSON document instead.", show_default=False)
]
Output = Annotated[
    Path | None,
    Parameter(
        name=["--output", "-o"],
        help="Folder to write report.json and report.html to.",
        validator=folder,
    ),
]


def emit(document: Any, view: Callable[[], Any], *, as_json: bool) -> None:
    """Print the result: the document as JSON, or the view as a table."""
    if as_json:
        from picojoule.report.documents import to_json

        sys.stdout.write(f"{to_json(document)}\n")
    else:
        from picojoule.report.console import show

        show(view(), sys.stdout)


def say(text: str) -> None:
    """One message on stderr."""
    sys.stderr.write(f"pj: {text}\n")


Tell = Callable[..., None]  # (text, done=0, total=0)


@contextmanager
def working(text: str) -> Iterator[Tell]:
    """Say on stderr what is being done; the value says what is being done next.

    On a terminal: a bar with the time left once the total is known. In a log: lines.
    """
    if not sys.stderr.isatty():
        yield _Lines(text)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (SpinnerColumn(), BarColumn(24), TimeRemainingColumn(compact=True),
               TextColumn("{task.description}"))  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(text, total=None)
        yield lambda text, done=0, total=0: bars.update(
            task, description=text, completed=done, total=total or None
        )


class _Lines:
    """Progress as lines, for a log. Changing numbers of one activity are told once."""

    def __init__(self, text: str) -> None:
        self._last = ""
        self(text)

    def __call__(self, text: str, done: int = 0, total: int = 0) -> None:
        text = f"[{done}/{total}] {text}" if total else text
        activity = "".join(c for c in text if not c.isdigit())
        if activity != self._last:
            say(text)
        self._last = activity


def wrote(*paths: Path) -> None:
    """Say what was written."""
    for path in paths:
        say(f"wrote {path}")
