"""A spec: the user's Python file that says what to optimise and how to judge it.

    model        nn.Module, or the path of an .onnx file
    calibration  input batches like those in production: a list of arrays, tensors or tuples of them
    evaluate     evaluate(predict) -> pj.Accuracy; predict(x) runs a candidate
    train        optional: train(model) -> None fine-tunes in place, for pruning

The file is run as the user's own program; nothing else of picojoule runs code from a file.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from picojoule.errors import PicojouleError, SpecError

__all__ = ["Spec", "load_spec"]


@dataclass(frozen=True)
class Spec:
    """What to optimise. `calibration` is a non-empty tuple of batches, each a tuple of inputs."""

    name: str
    model: Any
    calibration: tuple[tuple[Any, ...], ...]
    evaluate: Callable[[Callable[..., Any]], Any] | None = None
    train: Callable[[Any], Any] | None = None

    @classmethod
    def of(
        cls, name: str, model: Any, calibration: Any, evaluate: Any = None, train: Any = None
    ) -> Spec:
        """A checked spec. Raises SpecError that names the part that is wrong."""
        batches = _batches(name, calibration)
        for label, part in (("evaluate", evaluate), ("train", train)):
            if part is not None and not callable(part):
                raise SpecError(f"{label} is not a function", where=name, got=type(part).__name__)
        return cls(name, _model(name, model), batches, evaluate, train)

    def needs_evaluate(self) -> Callable[[Callable[..., Any]], Any]:
        """evaluate, or a SpecError that says what to write."""
        if self.evaluate is None:
            raise SpecError(
                "no evaluate(predict): without it nothing can be verified",
                where=self.name,
                fix="define: def evaluate(predict): return pj.Accuracy(predict(x).argmax(1) == y)",
            )
        return self.evaluate


def load_spec(path: str | Path) -> Spec:
    """Run a spec file and read its parts. Raises SpecError with file and line."""
    path = Path(path)
    if not path.is_file():
        raise SpecError("no such file", where=str(path), fix="give the path of a Python spec")
    module = _run(path)
    parts = vars(module)
    if "model" not in parts:
        raise SpecError("the spec defines no `model`", where=str(path), fix="model = ...")
    calibration = parts.get("calibration", parts.get("inputs"))
    return Spec.of(
        path.stem, parts["model"], calibration, parts.get("evaluate"), parts.get("train")
    )


def _run(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"picojoule_spec_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise SpecError("not a Python file", where=str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickling inside the spec look it up
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except PicojouleError:
        raise
    except Exception as error:
        raise SpecError(
            f"the spec failed: {type(error).__name__}: {error}", where=_line(path, error)
        ) from error
    finally:
        sys.path.remove(str(path.resolve().parent))
    return module


def _line(path: Path, error: Exception) -> str:
    """file:line of the last frame inside the user's file."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f"{path}:{error.lineno}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return f"{path}:{frames[-1].lineno}" if frames else str(path)


def _model(name: str, model: Any) -> Any:
    if isinstance(model, str | Path):
        if Path(model).suffix != ".onnx" or not Path(model).is_file():
            raise SpecError("model is not an .onnx file", where=name, got=str(model))
        return Path(model)
    if not hasattr(model, "state_dict") or not callable(model):
        raise SpecError(
            "model has the wrong type", where=name, got=type(model).__name__,
            expected="a torch.nn.Module or the path of an .onnx file",
        )  # fmt: skip
    return model


def _batches(name: str, calibration: Any) -> tuple[tuple[Any, ...], ...]:
    if calibration is None:
        raise SpecError(
            "no calibration data", where=name,
            fix="calibration = [batch, ...] with a few batches like those in production",
        )  # fmt: skip
    if hasattr(calibration, "shape") or (isinstance(calibration, tuple) and calibration):
        calibration = [calibration]
    if not isinstance(calibration, Sequence) or not calibration:
        raise SpecError(
            "calibration is not a list of batches", where=name, got=repr(calibration)[:80]
        )
    batches = tuple(tuple(b) if isinstance(b, tuple | list) else (b,) for b in calibration)
    for number, batch in enumerate(batches):
        _check_batch(name, number, batch, batches[0])
    return batches


def _check_batch(name: str, number: int, batch: tuple[Any, ...], first: tuple[Any, ...]) -> None:
    import numpy as np

    shapes = [tuple(getattr(x, "shape", ())) for x in batch]
    wanted = [tuple(getattr(x, "shape", ())) for x in first]
    if shapes != wanted:
        raise SpecError(
            "calibration batches differ in shape", where=f"{name}, batch {number}",
            got=shapes, expected=wanted, fix="pad or cut to one shape",
        )  # fmt: skip
    for x in batch:
        values = np.asarray(x)
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            raise SpecError("calibration data has NaN or infinity", where=f"{name}, batch {number}")
