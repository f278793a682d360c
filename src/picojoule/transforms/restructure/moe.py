"""One mixture-of-experts layer: N experts, k of them per token, repeated, with shared ones.

DeepSpeed-MoE (residual: one expert always runs), DeepSeek (shared), Chain-of-Experts (iters > 1,
a router each) and mixtures of multiplying and shifting experts are settings of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picojoule.errors import InputError

__all__ = ["MoE", "combinations", "split_ffn"]

Floats = NDArray[np.floating[Any]]
Expert = Callable[[Floats], Floats]  # (tokens, width) -> (tokens, width)


@dataclass(frozen=True, slots=True, eq=False)
class MoE:
    """experts: N functions. routers: one (width, N) matrix per iteration. k: experts per token.

    shared: experts that every token passes through, in each iteration. inner_residual: each
    iteration adds to its input (Chain-of-Experts, equation 3); else the sum is the output.
    """

    experts: Sequence[Expert]
    routers: Sequence[Floats]
    k: int
    shared: Sequence[Expert] = ()
    inner_residual: bool = False

    def __call__(self, x: Floats) -> Floats:
        """Tokens (tokens, width) through all iterations. Raises InputError where k > N."""
        if not 1 <= self.k <= len(self.experts):
            raise InputError("experts per token", got=self.k, expected=f"1..{len(self.experts)}")
        for router in self.routers:
            out = self._mix(x, *self.route(x, router)) + sum(e(x) for e in self.shared)
            x = x + out if self.inner_residual else out
        return x

    def route(self, x: Floats, router: Floats) -> tuple[NDArray[np.intp], Floats]:
        """(experts, gates) of each token, (tokens, k) both: softmax over the k best scores."""
        score = x @ router
        best = np.argsort(-score, axis=1, kind="stable")[:, : self.k]
        top = np.take_along_axis(score, best, axis=1)
        gate = np.exp(top - top.max(axis=1, keepdims=True))
        return best, gate / gate.sum(axis=1, keepdims=True)

    def _mix(self, x: Floats, chosen: NDArray[np.intp], gate: Floats) -> Floats:
        out = np.zeros_like(x)
        for i, expert in enumerate(self.experts):  # an expert's weights are read once
            token, slot = np.nonzero(chosen == i)
            if token.size:
                out[token] += gate[token, slot, None] * expert(x[token])
        return out


def combinations(experts: int, k: int, iters: int = 1) -> int:
    """How many sets of experts a token may see: C(N, k)^iters."""
    return int(math.comb(experts, k) ** iters)


def split_ffn(
    up: Floats, down: Floats, activation: Callable[[Floats], Floats], n: int
) -> list[Expert]:
    """A feed-forward layer as n experts of equal parts of its hidden units.

    up: (hidden, width), down: (width, hidden). The sum over all experts is the layer, exactly;
    with fewer it is an approximation. Raises InputError where n does not divide hidden.
    """
    if n < 1 or up.shape[0] % n:
        raise InputError("experts must divide the hidden units", got=n, expected=up.shape[0])
    parts = np.split(np.arange(up.shape[0]), n)
    return [_part(up[rows], down[:, rows], activation) for rows in parts]


def _part(up: Floats, down: Floats, activation: Callable[[Floats], Floats]) -> Expert:
    return lambda x: activation(x @ up.T) @ down.T
