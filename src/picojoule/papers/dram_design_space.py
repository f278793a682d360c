"""The public samples of a DRAM controller's design space: what their columns mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.cost.identities import unit_factors
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


def check(data: Path | None) -> list[Finding]:
    """E = P t under the unit that fits each row; which unit that is; which pages the front has."""
    rows, closed, energy_mj, power_w, latency = np.array(OUTCOMES).T
    factors = unit_factors(1e-3 * energy_mj, power_w, latency)  # 1: s, 1e-3: ms
    time_s = latency * factors
    off = np.abs(1e3 * power_w * time_s / energy_mj - 1)
    in_s = rows[np.isclose(factors, 1)].sum()
    keeps = non_dominated(list(zip(energy_mj, time_s, strict=True)))
    mixed = f"the latencies of {rows.sum() - in_s:.0f} of the {rows.sum():.0f} rows are in ms"
    return [
        Finding("rows", 100, float(rows.sum())),
        Finding("rows in s or ms", 100, float(rows[np.isin(factors, (1, 1e-3))].sum())),
        Finding("largest |P t / E - 1|, E in mJ, unit found per row", 1e-4, float(off.max()),
                relation="<="),
        Finding("rows whose latency is in seconds", 100, float(in_s), note=mixed),
        Finding("designs with closed pages on the front of energy and latency", 0,
                float(closed[np.asarray(keeps)].sum())),
    ]  # fmt: skip


PAPER = Paper(
    name="dram-design-space",
    row=17,
    title="Multi-agent reinforcement learning for microprocessor design space exploration",
    source="Krishnan et al., NeurIPS 2022 workshop, arXiv 2211.16385; data of ArchGym, DRAMSys",
    claim="Public samples of a DRAM controller's design space give its energy, power and latency, "
    "to learn a proxy from. (That agents for each parameter search better than one is not "
    "checked.)",
    composition="cost.identities.unit_factors, search.explore.non_dominated over the public rows",
    verdict=Verdict.PARTLY,
    check=check,
)
