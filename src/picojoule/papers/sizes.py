"""Parameters and MACs of a published architecture, as picojoule counts them, beside its table."""

from __future__ import annotations

from typing import Any

from picojoule.graph.count import count
from picojoule.graph.trace import trace
from picojoule.papers.paper import Finding

__all__ = ["size_findings"]


def size_findings(
    name: str,
    module: Any,
    million: float | None,
    giga_macs: float | None = None,
    *,
    slack: tuple[float, float] = (0.0, 0.0),
    note: str = "",
) -> list[Finding]:
    """Findings of one model at 224 × 224. slack: half a unit of the last printed digit of each,
    or one where the table is cut off. note: what was found where one does not hold."""
    from picojoule.graph.workloads.build import image, parameters

    found = []
    if million is not None:
        found.append(Finding(f"parameters of {name}", million, parameters(module) / 1e6, "10⁶",
                             slack[0] / million))  # fmt: skip
    if giga_macs is not None:
        macs = count(trace(module.eval(), image())).macs / 1e9
        found.append(Finding(f"MACs of {name}", giga_macs, macs, "10⁹", slack[1] / giga_macs))
    return [finding.unless_it_holds(note) for finding in found]
