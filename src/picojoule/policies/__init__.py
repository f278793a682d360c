"""Dynamic inference: stages, signals, deciders, memos, calibrated exits, and what a mix costs."""

from __future__ import annotations

from picojoule.policies.base import Action, Decider, Stage
from picojoule.policies.calibrate import exit_thresholds, exits
from picojoule.policies.deciders import Band, Threshold
from picojoule.policies.dwell import Dwell
from picojoule.policies.link import Link, crossover_bit_s
from picojoule.policies.memo import Memo
from picojoule.policies.paths import PathLedger, cascade
from picojoule.policies.skip import SimilaritySkip

__all__ = [
    "Action", "Band", "Decider", "Dwell", "Link", "Memo", "PathLedger", "SimilaritySkip", "Stage",
    "Threshold", "cascade", "crossover_bit_s", "exit_thresholds", "exits",
]  # fmt: skip
