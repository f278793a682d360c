"""pj profile: where the joules of a model go on a chip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

import picojoule as pj
from picojoule.cli.files import write_text
from picojoule.cli.terminal import Json, Output, emit, working, wrote
from picojoule.errors import InputError

if TYPE_CHECKING:
    from picojoule.chips import Chip
    from picojoule.graph import Graph
    from picojoule.ledger import Ledger

__all__ = ["profile"]

By = Literal["layer", "op", "level", "operand", "phase", "component", "kind"]

# Which options mean something for which kind of model; any other would be ignored in silence.
_APPLIES = {
    ".py": ("training",),
    ".onnx": ("dim",),
    ".json": ("batch", "prompt", "context", "dtype"),
}


def profile(
    model: Annotated[
        Path, Parameter(help="A spec (.py), an .onnx file, or a Hugging Face config.json.")
    ],
    /,
    *,
    on: Annotated[str, Parameter(help="Chip name, or a chip's TOML file.")] = "h100-sxm",
    runtime: Annotated[str | None, Parameter(help="One of the chip's runtimes.")] = None,
    training: Annotated[
        bool, Parameter(help="One training step (spec).", show_default=False)
    ] = False,
    batch: Annotated[int | None, Parameter(help="Batch size (config.json).")] = None,
    prompt: Annotated[int | None, Parameter(help="Prompt tokens to prefill (config.json).")] = None,
    context: Annotated[
        int | None, Parameter(help="Tokens before one decode step (config.json).")
    ] = None,
    dtype: Annotated[str | None, Parameter(help="Number format (config.json).")] = None,
    dim: Annotated[
        tuple[str, ...],
        Parameter(help="Size of a dynamic axis, as batch=1 (.onnx).", show_default=False),
    ] = (),
    precision: Annotated[
        str | None,
        Parameter(help="Store it as int8, bf16, int4w, or float16, int8+int32: all, or two parts."),
    ] = None,
    by: Annotated[By, Parameter(help="What to break the energy down by.")] = "layer",
    depth: Annotated[int, Parameter(help="Depth of the module tree.")] = 2,
    top: Annotated[int | None, Parameter(help="Show only the N largest.")] = None,
    fold: Annotated[
        bool, Parameter(help="Sum numbered layers as one (layers.*).", show_default=False)
    ] = False,
    json: Json = False,
    output: Output = None,
) -> int:
    """Predict where the joules of a model go on a chip."""
    if depth < 1 or (top is not None and top < 1):
        raise InputError("--depth and --top start at 1", got=f"depth {depth}, top {top}")
    options = {"training": training, "batch": batch, "prompt": prompt, "context": context,
               "dtype": dtype, "dim": dim}  # fmt: skip
    given = {k: v for k, v in options.items() if v is not None and v is not False and v != ()}
    file = _file(model)
    chip = pj.load_chip(on)  # a typo is cheaper to find before tracing
    with working(f"tracing {model}") as tell:
        graph = _stored(_trace(file, given), precision)
        tell(f"pricing {len(graph.ops)} ops on {on}")
        ledger = _price(graph, chip, runtime)
    emit(*_views(ledger, fold, by=by, depth=depth, top=top), as_json=json)
    if output is not None:
        _write(ledger, output)
    return 0


def _stored(graph: Graph, precision: str | None) -> Graph:
    if precision is None:
        return graph
    from picojoule.transforms import retarget

    return retarget(graph, precision)


def _file(path: Path) -> Path:
    file = path / "config.json" if path.is_dir() else path
    if not file.is_file():
        raise InputError("no such model", where=str(path), fix="give a .py, .onnx or config.json")
    if file.suffix not in _APPLIES:
        expected = "a spec (.py), .onnx, or config.json"
        raise InputError("not a kind of model", where=str(path), got=file.suffix, expected=expected)
    return file


def _trace(file: Path, given: dict[str, Any]) -> Graph:
    model, inputs, kind = file, None, file.suffix
    if kind == ".py":
        from picojoule.spec import load_spec

        spec = load_spec(file)
        model, inputs = spec.model, spec.calibration[0]
        kind = ".onnx" if isinstance(model, Path) else ".py"
    _check(given, kind)
    dims = _dims(given.pop("dim", ()))
    graph: Graph = pj.trace(model, inputs, dims=dims, **given)
    return graph


def _check(given: dict[str, Any], kind: str) -> None:
    wrong = [name for name in given if name not in _APPLIES[kind]]
    if wrong:
        known = ", ".join(f"--{name}" for name in _APPLIES[kind])
        what = f"--{wrong[0]} does not apply to a {kind} model"
        raise InputError(what, fix=f"leave it out; {kind} takes {known}")


def _dims(pairs: Sequence[str]) -> dict[str, int]:
    """('batch=1', 'seq=128') -> {'batch': 1, 'seq': 128}."""
    dims = {}
    for pair in pairs:
        name, equals, size = pair.partition("=")
        if not (name and equals and size.isdecimal() and int(size) > 0):
            raise InputError("not an axis size", got=repr(pair), expected="NAME=SIZE, as batch=1")
        dims[name] = int(size)
    return dims


def _price(graph: Graph, chip: Chip, runtime: str | None) -> Ledger:
    from picojoule.report.appendix import with_appendix

    return with_appendix(pj.estimate(graph, on=chip, runtime=runtime), chip)


def _views(ledger: Ledger, fold: bool, **how: Any) -> tuple[Any, Any]:
    from picojoule.report.profile import profile_document
    from picojoule.report.text import ledger_view
    from picojoule.tree import fold_repeats

    shown = fold_repeats(ledger) if fold else ledger
    document = {**profile_document(shown, **how), "ledger": ledger.to_dict()}
    return document, lambda: ledger_view(shown, **how)


def _write(ledger: Ledger, folder: Path) -> None:
    from picojoule.report.documents import to_json
    from picojoule.report.html import ledger_page

    write_text(folder / "report.json", to_json(ledger.to_dict()))
    write_text(folder / "report.html", ledger_page(ledger))
    wrote(folder / "report.json", folder / "report.html")
