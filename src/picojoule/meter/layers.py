"""Joules per layer, by repetition: no counter is fine enough to read between two layers.

Each leaf module is captured with its inputs and repeated alone until its time is known. Alone its
data is warm in the caches and nothing is called around it, so the containers (blocks, the whole
model) are timed too, and

    time of a container = a x (times of its leaves alone) + b x (calls of its leaves)

is fitted over them with a, b >= 0. Leaves then get a x time + b x calls; what remains of the whole
model is the work between modules. Finally all rows are scaled to the measured energy of the whole
model and marked calibrated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from picojoule.errors import InputError
from picojoule.extras import require
from picojoule.ledger import Ledger, Row
from picojoule.quantity import Evidence, Quantity

__all__ = ["BETWEEN", "LayerTime", "fit_overhead", "layer_ledger", "measure_layers"]

BETWEEN = "(between modules)"

_BURSTS = 7


@dataclass(frozen=True, slots=True)
class LayerTime:
    """Seconds per call of one module alone (median and quartiles over bursts), calls per run."""

    module: str
    calls: int
    time_s: float
    low_s: float
    high_s: float


@dataclass(frozen=True)
class _Call:
    module: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    calls: int


def measure_layers(
    model: Any,
    inputs: tuple[Any, ...],
    energy: Quantity,
    *,
    burst_s: float = 0.02,
    clock: Callable[[], float] = time.process_time,
) -> Ledger:
    """A ledger of one forward pass by leaf module, reconciled to `energy` (joules, with interval).

    model: an nn.Module on the CPU, in eval mode. inputs: its positional inputs. clock: CPU
    seconds, so that a busy machine delays the answer and doesn't change it. burst_s: seconds that
    each repetition lasts at least. Raises InputError when the model has no modules to time.
    """
    torch = require("torch", "torch")
    with torch.no_grad():
        captured = _capture(model, inputs)
        times = {path: _time(path, call, burst_s, clock) for path, call in captured.items()}
    parents = {p for p in times if any(q != p and _is_inside(q, p) for q in times)}
    leaves = {p: t for p, t in times.items() if p not in parents}
    containers = {p: t for p, t in times.items() if p in parents}
    if not leaves or "" not in containers:
        raise InputError("no layers to time", got=type(model).__name__, expected="nested modules")
    return layer_ledger(leaves, containers, energy)


def _is_inside(path: str, parent: str) -> bool:
    return not parent or path.startswith(f"{parent}.")


def _capture(model: Any, inputs: tuple[Any, ...]) -> dict[str, _Call]:
    """The first call of every module, and how often it is called."""
    seen: dict[str, _Call] = {}

    def note(path: str) -> Callable[..., None]:
        def hook(module: Any, args: Any, kwargs: Any) -> None:
            calls = seen[path].calls + 1 if path in seen else 1
            seen[path] = _Call(module, args, kwargs, calls)

        return hook

    handles = [m.register_forward_pre_hook(note(p), with_kwargs=True)
               for p, m in model.named_modules()]  # fmt: skip
    try:
        model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def _time(path: str, call: _Call, burst_s: float, clock: Callable[[], float]) -> LayerTime:
    def run(n: int) -> float:
        start = clock()
        for _ in range(n):
            call.module(*call.args, **call.kwargs)
        return (clock() - start) / n

    run(2)  # warm up
    n = max(1, int(np.ceil(burst_s / max(run(3), 1e-7))))
    low, middle, high = np.percentile([run(n) for _ in range(_BURSTS)], [25, 50, 75])
    return LayerTime(path, call.calls, float(middle), float(low), float(high))


def fit_overhead(
    leaves: Mapping[str, LayerTime], containers: Mapping[str, LayerTime]
) -> tuple[float, float]:
    """(a, b): how much slower leaves run inside the model, and seconds of overhead per call.

    Non-negative least squares on relative errors, so that the whole model doesn't drown its
    blocks.
    """
    from scipy.optimize import nnls

    rows, targets = [], []
    for path, container in containers.items():
        inside = [t for p, t in leaves.items() if _is_inside(p, path)]
        weight = 1 / (container.time_s * container.calls)
        rows.append([sum(t.time_s * t.calls for t in inside) * weight,
                     sum(t.calls for t in inside) * weight])  # fmt: skip
        targets.append(1.0)
    a, b = nnls(np.array(rows), np.array(targets))[0]
    return float(a), float(b)


def layer_ledger(
    leaves: Mapping[str, LayerTime], containers: Mapping[str, LayerTime], energy: Quantity
) -> Ledger:
    """The ledger of measured times, reconciled to `energy`."""
    if not energy.value > 0:
        raise InputError("no measured energy to divide among layers", got=str(energy))
    a, b = fit_overhead(leaves, containers)
    whole = containers[""].time_s
    names = [*leaves, BETWEEN]
    inside = np.array([_span(t, a, b) for t in leaves.values()])
    scale = min(1.0, whole / inside[:, 1].sum())  # leaves can't take longer than the whole
    inside = inside * scale
    between = np.full(3, max(whole - inside[:, 1].sum(), 0.0))
    spans = np.vstack([inside, between])
    counts = [*(t.calls for t in leaves.values()), 1]
    rows = [_row(n, c, s) for n, c, s in zip(names, counts, spans, strict=True)]
    ledger = Ledger.of(
        rows,
        model="layers",
        chip="this machine",
        method="repetition",
        overhead_factor=a,
        overhead_s=b,
    )
    return _rescaled(ledger, energy, spans)


def _span(t: LayerTime, a: float, b: float) -> tuple[float, float, float]:
    low, middle, high = ((a * s + b) * t.calls for s in (t.low_s, t.time_s, t.high_s))
    return low, middle, high


def _row(name: str, calls: int, span: npt.NDArray[np.float64]) -> Row:
    low, middle, high = (float(s) for s in span)
    # Seconds stand in for joules until they are reconciled: one watt.
    return Row(
        op=name, component="run", level="host", count=calls, energy_j=middle, low_j=low,
        high_j=high, evidence=Evidence.MEASURED, module="" if name == BETWEEN else name,
        time_s=middle, low_s=low, high_s=high,
    )  # fmt: skip


def _rescaled(ledger: Ledger, energy: Quantity, spans: npt.NDArray[np.float64]) -> Ledger:
    """Reconciled to the whole; a row's interval holds its own time's spread as well."""
    reconciled = ledger.reconcile(energy)
    middle = np.where(spans[:, 1] > 0, spans[:, 1], 1.0)
    columns = {
        **reconciled.columns,
        "low_j": reconciled["low_j"] * np.minimum(spans[:, 0] / middle, 1),
        "high_j": reconciled["high_j"] * np.maximum(spans[:, 2] / middle, 1),
    }
    return Ledger(columns, reconciled.meta)
