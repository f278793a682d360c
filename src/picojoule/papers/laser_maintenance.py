"""Predictive maintenance of lasers: forecast and anomaly detection run always, the rest rarely."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.policies import PathLedger, Stage, cascade

_COSTS = (3.0, 2.0, 15.0)  # of forecast, anomaly and remaining life; any numbers will do


def check(data: Path | None) -> list[Finding]:
    """The saving of a cascade, 1 − (c1 + c2 + p c3)/(c1 + c2 + c3), three ways."""
    names = ("forecast", "anomaly", "remaining life")
    c1, c2, c3 = _COSTS
    ledger = PathLedger(tuple(map(Stage, names, _COSTS)))
    rng, findings = np.random.default_rng(0), []
    for p in (0.0, 0.05, 0.3, 1.0):
        formula = (c1 + c2 + p * c3) / (c1 + c2 + c3)
        mean_j = ledger.expected(cascade(names, (1.0, p))).total().energy.value
        alarms = rng.random(100_000) < p
        trace_j = ledger.traced(names if a else names[:2] for a in alarms).total().energy.value
        what = f"energy over running all three, {p:.0%} anomalies"
        findings += [
            Finding(f"{what}: expected", formula, mean_j / sum(_COSTS), "", 1e-12),
            Finding(f"{what}: traced", formula, trace_j / sum(_COSTS), "", 0.01),
        ]
    return findings


PAPER = Paper(
    name="laser-maintenance",
    row=92,
    title="A machine learning-based framework for predictive maintenance of semiconductor laser "
    "for optical communication",
    source="Abdelli, Grießer and Pachnicke, Journal of Lightwave Technology 2022, arXiv 2211.02842 "
    "(abstract)",
    claim="Remaining life is only predicted after an anomaly, in a cascade of three networks.",
    composition="cascade(forecast → anomaly → remaining life) → PathLedger",
    verdict=Verdict.REPRODUCED,
    check=check,
)
