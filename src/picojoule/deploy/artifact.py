"""A built model on disk: its files, card.json that says what it is, and one example input."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from picojoule.deploy.runtime import Array, Precision, Runnable, Runtime
from picojoule.deploy.source import Source, batch_of
from picojoule.errors import InputError, nearest
from picojoule.extras import require

__all__ = [
    "Model",
    "build",
    "load",
    "read_card",
    "read_example",
    "save",
    "write_card",
    "write_example",
]

SCHEMA = "picojoule/card/1"
_KEYS: dict[str, type] = {
    "schema": str,
    "runtime": str,
    "precision": str,
    "effective_precision": str,
    "inputs": list,
    "threads": int,
}
_DTYPES = {
    "bool", "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8",
}  # fmt: skip


class Model:
    """A loaded artefact: call it like the model it was built from.

    Takes numpy arrays or torch tensors and returns the same kind, a single one when the model
    has one output. The batch size is static inside: a call with another number of samples on
    axis 0 runs in chunks, the last one padded with copies of its last sample.
    """

    def __init__(self, runnable: Runnable, card: Mapping[str, Any]) -> None:
        self.card = dict(card)
        self.runnable = runnable
        self._specs = [(tuple(s["shape"]), str(s["dtype"])) for s in card["inputs"]]

    @property
    def effective_precision(self) -> str:
        """What the kernels compute in on this machine, read back from the loaded model."""
        return self.runnable.effective_precision

    def __call__(self, *inputs: Any) -> Any:
        """Run the model. Raises InputError for a wrong number, shape or dtype of inputs."""
        arrays = batch_of(inputs)
        n_samples = _check_inputs(arrays, self._specs)
        outputs = self.runnable(*arrays) if n_samples is None else self._chunked(arrays, n_samples)
        if any(hasattr(item, "detach") for item in inputs):
            torch = require("torch", "torch")
            return _unwrapped([torch.from_numpy(output) for output in outputs])
        return _unwrapped(outputs)

    def _chunked(self, arrays: Sequence[Array], n_samples: int) -> list[Array]:
        size = self._specs[0][0][0]
        parts: list[list[Array]] = []
        for start in range(0, n_samples, size):
            chunk = [_padded(array[start : start + size], size) for array in arrays]
            parts.append(self.runnable(*chunk))
        for i, output in enumerate(parts[0]):
            if output.ndim == 0 or output.shape[0] != size:
                raise InputError(
                    "this output has no batch axis, so the model can't run in chunks",
                    where=f"output {i}",
                    got=f"{n_samples} samples, and an output of shape {output.shape}",
                    expected=f"exactly {size} samples",
                )
        return [np.concatenate(column)[:n_samples] for column in zip(*parts, strict=True)]


def _unwrapped(outputs: Sequence[Any]) -> Any:
    return outputs[0] if len(outputs) == 1 else tuple(outputs)


def _padded(chunk: Array, size: int) -> Array:
    missing = size - len(chunk)
    return np.concatenate([chunk, np.repeat(chunk[-1:], missing, axis=0)]) if missing else chunk


def _check_inputs(
    arrays: Sequence[Array], specs: Sequence[tuple[tuple[int, ...], str]]
) -> int | None:
    """None when the shapes are those built for, else the number of samples to run in chunks."""
    if len(arrays) != len(specs):
        raise InputError("wrong number of inputs", got=len(arrays), expected=len(specs))
    for i, (array, (shape, dtype)) in enumerate(zip(arrays, specs, strict=True)):
        if array.dtype.name != dtype or array.ndim != len(shape) or array.shape[1:] != shape[1:]:
            raise InputError(
                "wrong shape or dtype",
                where=f"input {i}",
                got=f"{array.dtype.name} {list(array.shape)}",
                expected=f"{dtype} {['n', *shape[1:]] if shape else []}".replace("'", ""),
            )
    if all(array.shape == shape for array, (shape, _) in zip(arrays, specs, strict=True)):
        return None
    counts = {array.shape[0] for array in arrays if array.ndim}
    sizes = {shape[0] for shape, _ in specs if shape}
    if len(counts) != 1 or len(sizes) != 1 or 0 in counts or any(a.ndim == 0 for a in arrays):
        raise InputError(
            "the inputs don't share one number of samples on axis 0",
            got=[list(array.shape) for array in arrays],
            expected=[list(shape) for shape, _ in specs],
        )
    return int(counts.pop())


def load(directory: str | Path, threads: int | None = None) -> Model:
    """Load an artefact. threads: instead of the number that its card says.

    Raises InputError for a directory that isn't an artefact, or a damaged one.
    """
    folder = Path(directory)
    card = read_card(folder)
    runnable = _runtime(card["runtime"], folder).load(folder, threads or card["threads"])
    return Model(runnable, card)


def build(
    source: Source,
    runtime: str,
    precision: Precision,
    directory: str | Path,
    *,
    threads: int,
    notes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Build `source` into `directory` and write its card, whose effective precision is "unread".

    notes: more keys for the card. Returns the card. Raises Unbuildable with the reason.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    _runtime(runtime, folder).build(source, precision, folder, threads)
    card = {
        **(notes or {}),
        "schema": SCHEMA,
        "runtime": runtime,
        "precision": precision,
        "effective_precision": "unread",
        "inputs": [{"shape": list(a.shape), "dtype": a.dtype.name} for a in source.example],
        "threads": threads,
    }
    write_example(folder, source.example)
    write_card(folder, card)
    return card


def save(
    source: Source,
    runtime: str,
    precision: Precision,
    directory: str | Path,
    *,
    threads: int,
    notes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """`build`, then load it once in this process to put its effective precision on the card."""
    card = build(source, runtime, precision, directory, threads=threads, notes=notes)
    card["effective_precision"] = load(directory, threads).effective_precision
    write_card(directory, card)
    return card


def _runtime(name: str, folder: Path) -> Runtime:
    from picojoule.deploy import RUNTIMES  # the table of runtimes, which imports this module

    if name not in RUNTIMES:
        raise InputError(
            "unknown runtime", where=str(folder), got=repr(name), fix=nearest(name, RUNTIMES)
        )
    return RUNTIMES[name]


def write_card(directory: str | Path, card: Mapping[str, Any]) -> None:
    """Write card.json. Raises InputError for a missing or wrong key."""
    path = Path(directory) / "card.json"
    _check_card(card, path)
    path.write_text(json.dumps(card, indent=2) + "\n")


def read_card(directory: str | Path) -> dict[str, Any]:
    """Read card.json. Raises InputError when it is missing, not JSON, or lacks a key."""
    path = Path(directory) / "card.json"
    if not path.is_file():
        raise InputError("not an artefact: no card.json", where=str(directory))
    try:
        card = json.loads(path.read_text())
    except ValueError as error:
        raise InputError(f"not JSON: {error}", where=str(path)) from error
    _check_card(card, path)
    return dict(card)


def _check_card(card: Any, path: Path) -> None:
    if not isinstance(card, Mapping):
        raise InputError("a card must be a JSON object", where=str(path))
    for key, kind in _KEYS.items():
        if not isinstance(card.get(key), kind):
            raise InputError(
                f"bad card: {key!r}",
                where=str(path),
                got=repr(card.get(key, "nothing")),
                expected=kind.__name__,
            )
    if card["schema"] != SCHEMA:
        raise InputError(
            "another kind of card", where=str(path), got=card["schema"], expected=SCHEMA
        )
    if card["threads"] < 1:
        raise InputError(
            "bad card: 'threads'", where=str(path), got=card["threads"], expected=">= 1"
        )
    for i, spec in enumerate(card["inputs"]):
        _check_spec(spec, f"{path}: inputs[{i}]")


def _check_spec(spec: Any, where: str) -> None:
    shape = spec.get("shape") if isinstance(spec, Mapping) else None
    good = isinstance(shape, list) and all(type(n) is int and n > 0 for n in shape)
    if not good or spec.get("dtype") not in _DTYPES:
        raise InputError(
            "bad card: an input", where=where, got=spec, expected='{"shape": [...], "dtype": "..."}'
        )


def write_example(directory: str | Path, example: Sequence[Array]) -> None:
    """Write example.npz: the inputs of one call, which `Worker.burst` repeats."""
    arrays = {f"x{i}": array for i, array in enumerate(example)}
    np.savez(Path(directory) / "example.npz", **arrays)  # type: ignore[arg-type]


def read_example(directory: str | Path) -> tuple[Array, ...]:
    """Read example.npz. Raises InputError when it is missing or damaged."""
    path = Path(directory) / "example.npz"
    try:
        with np.load(path, allow_pickle=False) as file:
            return tuple(file[f"x{i}"] for i in range(len(file.files)))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"no usable example input: {error}", where=str(path)) from error
