"""Experts of a mixture: how often their weights are read, and which side runs which."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from picojoule.errors import InputError

__all__ = ["loads_by_expert", "loads_by_token", "split_experts"]


def loads_by_token(choices: npt.ArrayLike) -> int:
    """Experts' weights read when tokens run one after the other: each choice reads one."""
    return _choices(choices).size


def loads_by_expert(choices: npt.ArrayLike) -> int:
    """Experts' weights read when experts run one after the other, each for all of its tokens:
    each expert that any token chose is read once (Edge-MoE, arXiv 2305.18691).

    choices: tokens × chosen experts. Raises InputError for another shape or a negative expert.
    """
    return len(np.unique(_choices(choices)))


def split_experts(host_s: Sequence[float], memory_s: Sequence[float]) -> tuple[list[int], float]:
    """The experts that units inside the memory run while the host runs the others, and the time
    until both have ended.

    host_s, memory_s: seconds of each expert on each side. Experts go to the memory in the order of
    host over memory time, those that gain most first, as many as make both sides end soonest
    (Duplex, arXiv 2409.01141, reads the times from a table by token count). Never slower than one
    side alone. Raises InputError for two lengths or a time that is not ≥ 0.
    """
    times = [*host_s, *memory_s]
    if len(host_s) != len(memory_s) or not all(math.isfinite(t) and t >= 0 for t in times):
        raise InputError("each expert needs a time ≥ 0 on both sides", got=times)
    # h_i / m_i falls along the order, compared without a division: a time may be 0.
    order = sorted(range(len(host_s)), key=lambda i: math.atan2(memory_s[i], host_s[i]))
    in_memory = np.concatenate([[0.0], np.cumsum([memory_s[i] for i in order])])
    on_host = np.concatenate([np.cumsum([host_s[i] for i in order][::-1])[::-1], [0.0]])
    ends = np.maximum(in_memory, on_host)
    best = int(np.argmin(ends))
    return sorted(order[:best]), float(ends[best])


def _choices(choices: npt.ArrayLike) -> npt.NDArray[np.int64]:
    array = np.asarray(choices)
    if array.ndim != 2 or array.dtype.kind not in "iu" or (array.size and array.min() < 0):
        raise InputError("not the experts that tokens chose", got=f"{array.dtype} {array.shape}",
                         expected="whole numbers ≥ 0, tokens × chosen")  # fmt: skip
    return array.astype(np.int64)
