"""What papers on code models share: a count, and the energy card that they leave out."""

from __future__ import annotations

from pathlib import Path

from picojoule.carbon.amounts import parse_energy
from picojoule.carbon.footprint import footprint
from picojoule.carbon.training import training_energy_j
from picojoule.papers.paper import Finding, Paper, Verdict

__all__ = ["PAPER"]


def _check(data: Path | None) -> list[Finding]:
    # What the paper asks authors to report, here of BLOOM, and the MWh that HELM prints for it.
    it_energy = training_energy_j(384, 400, 117 * 86400)
    card = footprint(it_energy, "FRA", pue=1.1).facility_energy.value
    return [
        Finding("papers that share their artefacts", 0.27, 79 / 293, tolerance=0.005),
        Finding("energy card: hardware, hours, TDP, PUE", parse_energy("474.4MWh"), card, "J",
                1e-4),
    ]  # fmt: skip


PAPER = Paper(
    name="code-models-sharing",
    row=96,
    title="An exploratory literature study on sharing and energy use of language models for "
    "source code",
    source="Hort, Grishina and Moonen 2023, arXiv 2307.02443 (abstract)",
    claim="27% of papers share artefacts; energy follows from hardware, hours, TDP and PUE",
    composition="training_energy_j, footprint with a stated PUE; 27% is a ratio of printed counts",
    verdict=Verdict.REPRODUCED,
    check=_check,
    seconds=0.01,
)
