"""Multi-agent search of DRAM controllers: its public rows mix two units of time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.cost.identities import unit_factors
from picojoule.papers.paper import Finding, Paper, Verdict

# Energy, power, latency as printed, and how many of the 100 rows have them
# (Example_DRAMSys_Proxy_Model_Data.csv; open pages first, then closed ones).
ROWS = np.array([
    (0.08562, 1.70219, 5.03e-05, 1), (0.08534887, 1.69112, 0.05046875, 2),
    (0.08510925, 1.70133, 5.0025e-05, 1), (0.08513992, 1.7019, 5.0025e-05, 3),
    (0.08638448, 1.69186, 0.05105875, 1), (0.08636955, 1.67075, 5.1695e-05, 1),
    (0.08678205, 1.67549, 5.1795e-05, 1), (0.0863805, 1.70334, 0.0507125, 1),
    (0.45457777, 0.96234, 0.00047234999, 1), (0.46725398, 0.97553998, 0.00047895499, 1),
    (0.4523535, 0.99946, 0.45258376, 3), (0.45445687, 0.99603, 0.4562525, 1),
    (0.4405729, 0.98688, 0.000446415, 2), (0.45266175, 0.99967, 0.45279625, 10),
    (0.45304897, 1.00017, 0.00045295499, 71),
])  # fmt: skip


def check(data: Path | None) -> list[Finding]:
    """E = P·t as printed, and with the times that are a thousandth brought to the others'."""
    energy, power, time, rows = ROWS.T
    factors = unit_factors(energy, power, time)
    error = np.abs(energy / (power * time * factors) - 1)
    return [
        Finding("rows with E = P·t as printed", 100, float(rows[factors == 1].sum()),
                note="the latencies of the other 82 are in another unit, 1000 times smaller"),
        Finding("rows with E = P·t up to a factor of 1000", 100,
                float(rows[(factors == 1) | (factors == 1000)].sum())),
        Finding("largest relative error after it", 0.001, float(error.max()), "", 0, "<="),
    ]  # fmt: skip


PAPER = Paper(
    name="archgym-dram",
    row=17,
    title="Multi-agent reinforcement learning for microprocessor design space exploration",
    source="Krishnan et al., arXiv 2211.16385; rows of srivatsankrishnan/oss-arch-gym",
    claim="The public DRAM rows have energy, power and latency; that agents for each parameter "
    "search better than one is not checked.",
    composition="cost.identities: unit_factors",
    verdict=Verdict.PARTLY,
    check=check,
)
