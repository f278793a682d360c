"""DeeR-VLA: a robot's model exits where its action has settled, as often as the budget allows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.policies import PathLedger, Stage, exit_thresholds, exits

_EXITS = 6


def _changes(rng: np.random.Generator, samples: int) -> np.ndarray:
    """How much the action moves from exit to exit: less with depth, each sample in its way."""
    hard = rng.lognormal(0.0, 0.7, (samples, 1))
    return hard * 0.6 ** np.arange(_EXITS) * rng.lognormal(0.0, 0.4, (samples, _EXITS))


def _findings() -> Iterator[Finding]:
    rng = np.random.default_rng(0)
    calibration, unseen = _changes(rng, 2000), _changes(rng, 2000)
    segments = PathLedger(tuple(Stage(f"segment {k}", 1.0) for k in range(_EXITS)))
    names = tuple(stage.name for stage in segments.stages)
    for r in (0.5, 1.0, 1.5):
        shares = r ** np.arange(_EXITS) / (r ** np.arange(_EXITS)).sum()
        taken = exits(unseen, exit_thresholds(calibration, shares.tolist()))
        seen = np.bincount(taken, minlength=_EXITS) / len(taken)
        target = float(shares @ np.arange(_EXITS))
        joules = segments.traced(names[: k + 1] for k in taken.tolist()).total().energy.value
        name = f"p ∝ {r:g}^k"
        yield Finding(f"{name}: mean exit off target", 0.1, abs(taken.mean() - target), "exits", 0,
                      "<=")  # fmt: skip
        yield Finding(f"{name}: exits off target, sum of shares", 0.10,
                      float(np.abs(seen - shares).sum()), "", 0, "<=")  # fmt: skip
        yield Finding(f"{name}: segments run, ledger over mean exit", 1,
                      joules / (taken.mean() + 1), "", 1e-9)  # fmt: skip
    capped = exits(unseen[:, :3], exit_thresholds(calibration[:, :3], [0.2, 0.3, 0.5]))
    yield Finding("deepest exit under a cap of 3", 2, float(capped.max()), "", 0, "<=")


def check(data: Path | None) -> list[Finding]:
    """Thresholds from 2,000 synthetic samples of six exits, checked on 2,000 others."""
    return list(_findings())


PAPER = Paper(
    name="deer-vla",
    row=91,
    title="DeeR-VLA: dynamic inference of multimodal large language models for robot execution",
    source="Yue et al., NeurIPS 2024, arXiv 2411.02359; its released calibration",
    claim="Exits where the action has settled meet a budget of mean compute, and a cap of peak "
    "compute; 5.2 to 6.5 times less compute on CALVIN.",
    composition="action change → exit_thresholds → exits → PathLedger; synthetic, so the budget "
    "is checked and CALVIN is not",
    verdict=Verdict.REPRODUCED,
    check=check,
)
