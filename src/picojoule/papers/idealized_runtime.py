"""Training energy of six language models from chips, days, TDP and PUE (HELM)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from picojoule.carbon.training import carbon_g, training_energy_j
from picojoule.papers.paper import Finding, Paper, Verdict

__all__ = ["PAPER"]

_PUE = 1.1

# chips, TDP (W), days, kg CO2e/kWh; printed MWh and t CO2e
# (training_efficiency.json of stanford-crfm/helm; GPT-J: 256 cores are 128 TPU v3 chips)
_RUNS = {
    "BLOOM": (384, 400, 117, 0.064, 474.4, 30.4),
    "OPT-175B": (992, 400, 33, 0.367, 345.7, 127.2),
    "OPT-66B": (512, 400, 33, 0.367, 178.4, 65.6),
    "YaLM": (800, 400, 65, 0.357, 549.1, 196.0),
    "MT-NLG": (560 * 8, 400, 36, 0.238, 1703.1, 405.3),
    "GPT-J": (128, 283, 35, 0.410, 33.5, 13.8),
}
_NOTE = "the printed tonnes are not the stated intensity times the printed energy"


def _findings() -> Iterator[Finding]:
    for name, (chips, tdp_w, days, intensity, mwh, tonnes) in _RUNS.items():
        joules = training_energy_j(chips, tdp_w, days * 86400, _PUE)
        energy, carbon = round(joules / 3.6e9, 1), round(carbon_g(joules, intensity * 1e3) / 1e6, 1)
        yield Finding(f"{name}, training energy", mwh, energy, "MWh")
        yield Finding(f"{name}, carbon", tonnes, carbon, "t CO2e").unless_it_holds(_NOTE)


def _check(data: Path | None) -> list[Finding]:
    return list(_findings())


PAPER = Paper(
    name="idealized-runtime",
    row=109,
    title="Idealized inference runtime: training efficiency",
    source="Narayanan et al. 2023; HELM, training_efficiency.json",
    claim="six training runs from 33.5 to 1703.1 MWh, to the printed digit; BLOOM emits 30.4 t",
    composition="training_energy_j (chips x TDP x time x PUE), times a grid's intensity",
    verdict=Verdict.PARTLY,
    check=_check,
    seconds=0.01,
)
