"""SimilaritySkip: the last output again, at random, the likelier the more alike the inputs."""

from __future__ import annotations

import math

import numpy as np

from picojoule.errors import InputError
from picojoule.policies.base import Action

__all__ = ["SimilaritySkip", "gain_of", "share_for_gain", "skip_probability", "skip_share"]


def skip_probability(similarity: float, eta: float = 0.98) -> float:
    """max(0, 1 − (1 − similarity)/(1 − eta)) (StreamDiffusion, arXiv 2312.12491, section 3.5).

    Raises InputError unless eta is in 0..1, without 1.
    """
    if not 0 <= eta < 1:
        raise InputError("eta is not possible", got=eta, expected="0 <= eta < 1")
    return min(1.0, max(0.0, 1 - (1 - similarity) / (1 - eta)))


def skip_share(similarity: float, eta: float = 0.98, most: int = 10) -> float:
    """Share of inputs skipped in a stream of constant similarity: p (most + 1)/(most + 2).

    Of every most + 2 inputs drawn to be skipped, one is run all the same.
    """
    return skip_probability(similarity, eta) * (most + 1) / (most + 2)


def gain_of(share: float, idle: float) -> float:
    """Energy of running always over energy with a share skipped: 1/(1 − share (1 − idle)).

    idle: power while skipping over power while running.
    """
    return 1 / (1 - share * (1 - idle))


def share_for_gain(gain: float, idle: float) -> float:
    """The share that must be skipped for a gain: the inverse of `gain_of`."""
    return (1 - 1 / gain) / (1 - idle)


class SimilaritySkip:
    """Decides from the similarity to the last input that ran: REUSE its output, or ESCALATE.

    eta: similarity below which nothing is skipped. most: skips, consecutive or not, after which
    an input drawn to be skipped runs, and the count begins anew. Holds state: one a stream.
    """

    def __init__(self, eta: float = 0.98, most: int = 10, seed: int = 0) -> None:
        skip_probability(1.0, eta)
        if most < 0:
            raise InputError("most is negative", got=most)
        self.eta, self.most, self.skipped = eta, most, 0
        self._rng = np.random.default_rng(seed)

    def decide(self, signal: float) -> Action:
        """REUSE or ESCALATE; a similarity that is not a number escalates."""
        drawn = self._rng.random() < skip_probability(signal, self.eta)
        if math.isnan(signal) or not drawn:
            return Action.ESCALATE
        if self.skipped > self.most:
            self.skipped = 0
            return Action.ESCALATE
        self.skipped += 1
        return Action.REUSE
