"""pj measure: the joules of one forward call of a model, on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

import picojoule as pj
from picojoule.cli.bounds import within
from picojoule.cli.doctor import Require
from picojoule.cli.files import write_text
from picojoule.cli.terminal import Json, emit, folder, working, wrote
from picojoule.errors import InputError
from picojoule.quantity import parse_fraction

if TYPE_CHECKING:
    from picojoule.ledger import Ledger
    from picojoule.meter.protocol import Measurement
    from picojoule.spec import Spec

__all__ = ["measure"]


def measure(
    spec: Annotated[Path, Parameter(help="Python file with model and calibration.")],
    /,
    *,
    relative: Annotated[str, Parameter(help="Wanted half-width of the interval.")] = "5%",
    budget_s: Annotated[
        float, Parameter(help="Seconds to spend at most."), within(0, 86_400)
    ] = 30.0,
    idle_s: Annotated[
        float, Parameter(help="Seconds of idle to measure first."), within(0, 86_400)
    ] = 2.0,
    threads: Annotated[
        int | None, Parameter(help="Threads to run on. Default: all."), within(1, 1024)
    ] = None,
    layers: Annotated[
        bool, Parameter(help="Break it down by layer (PyTorch, CPU).", show_default=False)
    ] = False,
    require: Require = None,
    json: Json = False,
    output: Annotated[
        Path | None,
        Parameter(
            name=["--output", "-o"], help="Folder to write report.json to.", validator=folder
        ),
    ] = None,
) -> int:
    """Measure the joules of one forward call of a model, on this machine.

    Repeats it until the interval is narrow enough or the time is spent.
    Exits with 3 when the evidence is too weak, with 4 when no sensor can be read.
    """
    from picojoule.meter.protocol import measure as measure_calls

    loaded = _load(spec)
    fn = _forward(loaded, threads)
    weakest = pj.Evidence.of(require) if require else pj.Evidence.ASSUMED
    with working(f"measuring {spec.stem} for up to {budget_s:.0f} s"):
        found = measure_calls(
            fn, relative=parse_fraction(relative), budget_s=budget_s, idle_s=idle_s,
            require=weakest, name=spec.stem,
        )  # fmt: skip
        by_layer = _by_layer(loaded, found) if layers else None
    document = {**found.to_dict(), "layers": by_layer and by_layer.to_dict()}
    emit(document, lambda: view(found, by_layer), as_json=json)
    if output is not None:
        from picojoule.report.documents import to_json

        write_text(output / "report.json", to_json(document))
        wrote(output / "report.json")
    return 0 if found.conclusive else 3


def _load(path: Path) -> Spec:
    from picojoule.spec import load_spec

    if path.suffix != ".py":
        raise InputError("not a spec", where=str(path), got=path.suffix, expected="a .py file")
    return load_spec(path)


def _by_layer(spec: Spec, found: Measurement) -> Ledger:
    """Layers timed by repetition, reconciled to what the whole call was measured to use."""
    from picojoule.extras import require
    from picojoule.meter.layers import measure_layers

    if isinstance(spec.model, Path):
        raise InputError("--layers needs a PyTorch model", where=spec.name, got="an .onnx file")
    torch = require("torch", "torch")
    inputs = tuple(torch.as_tensor(x) for x in spec.calibration[0])
    return measure_layers(spec.model.eval(), inputs, found.energy)


def _forward(spec: Spec, threads: int | None) -> Callable[[], object]:
    """One call of the spec's model on its first batch, as it would run in production."""
    inputs = spec.calibration[0]
    if isinstance(spec.model, Path):
        return _session(spec.model, inputs, threads)
    return _module(spec.model, inputs, threads)


def _module(model: Any, inputs: tuple[Any, ...], threads: int | None) -> Callable[[], object]:
    from picojoule.extras import require

    torch = require("torch", "torch")
    if threads is not None:
        torch.set_num_threads(threads)
    place = next((p.device for p in model.parameters()), "cpu")
    tensors = [torch.as_tensor(x).to(place) for x in inputs]
    model.eval()

    def forward() -> object:
        with torch.inference_mode():
            return model(*tensors)

    return forward


def _session(path: Path, inputs: tuple[Any, ...], threads: int | None) -> Callable[[], object]:
    import numpy as np

    from picojoule.extras import require

    ort = require("onnxruntime", "deploy")
    options = ort.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
    session = ort.InferenceSession(str(path), options, providers=ort.get_available_providers())
    names = [value.name for value in session.get_inputs()]
    feed = {name: np.asarray(x) for name, x in zip(names, inputs, strict=True)}
    return lambda: session.run(None, feed)


def view(found: Measurement, layers: Ledger | None = None) -> Any:
    """Joules per call with its interval, time, watts; idle beside; layers; the verdict."""
    from rich.console import Group

    from picojoule.report.console import Col, Sheet, heading, note_lines, warning_line
    from picojoule.report.words import amount, interval

    sheet = Sheet([Col("per call", right=False), Col("value"), Col("95% interval"),
                   Col("", right=False)])  # fmt: skip
    lines = {"energy": found.energy, "time": found.time, "power": found.power,
             "above idle": found.above_idle, "idle": found.idle}  # fmt: skip
    for name, quantity in lines.items():
        ends = interval(quantity)
        value = amount(quantity.value, quantity.unit)
        sheet.add(name, value, ends, quantity.evidence.glyph)
    for key, total in found.ledger.group_by("operand").items():
        sheet.add(f"of it {key[0]}", amount(total.energy.value, "J"), interval(total.energy),
                  total.energy.evidence.glyph)  # fmt: skip
    runs = f"{found.n_repeats} windows, {found.n_calls} calls, {found.n_dropped} windows dropped"
    refusal = [] if found.conclusive else [warning_line(f"inconclusive: {found.reason}")]
    notes = [found.state, runs, *found.notes, *found.ledger.meta["missing"]]
    tree = [] if layers is None else [_layer_view(layers)]
    return Group(heading(found.name), sheet, *tree, *refusal, *note_lines(notes))


def _layer_view(layers: Ledger) -> Any:
    from picojoule.report.text import ledger_view

    return ledger_view(layers, by="op", depth=2, top=20)
