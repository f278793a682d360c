"""Carbon on Hugging Face: the model card's block, and an A to E label with and without its bug."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import NormalDist

from picojoule.carbon.label import Scale
from picojoule.carbon.model_card import ModelCard, read_card, write_card
from picojoule.papers.paper import Finding, Paper, Verdict

__all__ = ["PAPER"]

_REFERENCE_G = 149_200.0  # distilgpt2, from its model card
_MODELS, _MEDIAN_G = 1417, 3.5
_SPREAD = math.log(101 / 0.024) / (2 * NormalDist().inv_cdf(0.9))  # p10 0.024 g, p90 101 g


def _emissions() -> list[float]:
    """A log-normal set with the size and quantiles of the study's, which carries no licence."""
    normal = (NormalDist().inv_cdf((n + 0.5) / _MODELS) for n in range(_MODELS))
    return [_MEDIAN_G * math.exp(_SPREAD * z) for z in normal]


def _share_of_a(values: list[float], scale: Scale) -> float:
    return sum(scale.rank(v) == 0 for v in values) / len(values)


def _check(data: Path | None) -> list[Finding]:
    values = _emissions()
    scale = Scale.of(values, _REFERENCE_G)
    first, second, third, fourth = (bound**0.5 for bound in scale.bounds)
    released = Scale(scale.reference, scale.more_is_better, (first, second, third, fourth))
    card = ModelCard(412.7, "picojoule", "fine-tuning", "Paris, France", "8 x H100")
    kept = read_card(write_card(card)) == card
    wild = read_card("---\nlicense: mit\nco2_eq_emissions: 149200 g\n---\n# DistilGPT2\n")
    grams = wild.emissions if wild and wild.emissions else math.nan
    note = "bounds of sqrt(index), compared with the index: nearly every model is an A"
    return [
        Finding("the five fields of a card survive", 1.0, float(kept)),
        Finding("a card that writes its unit", 149200, grams, "g CO2e"),
        Finding("share of models labelled A, bounds and index alike", 0.2,
                _share_of_a(values, scale), tolerance=0.01),
        Finding("share of models labelled A, as the released code compares", 0.2,
                _share_of_a(values, released), tolerance=0.01, note=note),
    ]  # fmt: skip


PAPER = Paper(
    name="hf-carbon-label",
    row=64,
    title="Exploring the carbon footprint of Hugging Face's ML models",
    source="arXiv 2305.11164; label code of GAISSA-UPC/ML-EnergyLabel",
    claim="1,417 models report co2_eq_emissions; quintiles of an index label them A to E",
    composition="read_card and write_card; Scale (quintiles of the index that it ranks by)",
    verdict=Verdict.PARTLY,
    check=_check,
    seconds=0.1,
)
