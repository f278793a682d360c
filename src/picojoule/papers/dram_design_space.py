"""The public samples of a DRAM controller's design space: what their columns mean."""

from __future__ import annotations

from pathlib import Path

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.search.explore import non_dominated

# Example_DRAMSys_Proxy_Model_Data.csv: its distinct outcomes, with how many of the 100 rows have
# each and whether their page policy is Closed (ClosedAdaptive isn't: it costs as Open). Energy,
# power and latency as printed.
OUTCOMES = [
    (1, False, 0.08562, 1.70219, 5.03e-05), (2, False, 0.08534887, 1.69112, 0.05046875),
    (1, False, 0.08510925, 1.70133, 5.0025e-05), (3, False, 0.08513992, 1.7019, 5.0025e-05),
    (1, False, 0.08638448, 1.69186, 0.05105875), (1, True, 0.45457777, 0.96234, 0.00047234999),
    (1, False, 0.08636955, 1.67075, 5.1695e-05), (1, False, 0.08678205, 1.67549, 5.1795e-05),
    (1, False, 0.0863805, 1.70334, 0.0507125), (1, True, 0.46725398, 0.97553998, 0.00047895499),
    (3, True, 0.4523535, 0.99946, 0.45258376), (1, True, 0.45445687, 0.99603, 0.4562525),
    (2, True, 0.4405729, 0.98688, 0.000446415), (10, True, 0.45266175, 0.99967, 0.45279625),
    (71, True, 0.45304897, 1.00017, 0.00045295499),
]  # fmt: skip
SECONDS = {"s": 1.0, "ms": 1e-3}


def unit_of(energy_mj: float, power_w: float, latency: float) -> tuple[str, float]:
    """The unit of a latency under which energy is nearest to power × time, and how far it is."""
    off = {u: abs(power_w * latency * s / (energy_mj * 1e-3) - 1) for u, s in SECONDS.items()}
    unit = min(off, key=off.__getitem__)
    return unit, off[unit]


def check(data: Path | None) -> list[Finding]:
    """E = P t under the better unit for each row; which unit that is; which pages the front has."""
    rows = [(n, closed, e, p, t, *unit_of(e, p, t)) for n, closed, e, p, t in OUTCOMES]
    count = sum(n for n, *_ in rows)
    in_ms = sum(n for n, *_, unit, _ in rows if unit == "ms")
    seconds = [(e * 1e-3, t * SECONDS[unit]) for _, _, e, _, t, unit, _ in rows]
    keeps = non_dominated(seconds)
    on_front = [closed for (_, closed, *_), keep in zip(rows, keeps, strict=True) if keep]
    mixed = f"{in_ms} of {count} rows are in ms, the others in s"
    return [
        Finding("rows", 100, count),
        Finding("largest |P t / E - 1|, E in mJ, unit found per row", 1e-4,
                max(off for *_, off in rows), relation="<="),
        Finding("rows whose latency is in seconds", 100, count - in_ms, note=mixed),
        Finding("designs with closed pages on the front of energy and latency", 0, sum(on_front)),
    ]  # fmt: skip


PAPER = Paper(
    name="dram_design_space",
    row=17,
    title="Multi-agent reinforcement learning for microprocessor design space exploration",
    source="Krishnan et al., NeurIPS 2022 workshop, arXiv 2211.16385; data of ArchGym, DRAMSys",
    claim="Public samples of a DRAM controller's design space give its energy, power and latency, "
    "to learn a proxy from.",
    composition="search.explore.non_dominated over the public rows; units from E = P t",
    verdict=Verdict.PARTLY,
    check=check,
)
