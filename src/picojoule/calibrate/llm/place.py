"""A row of a serving table as a Deployment that is possible: it splits, and it fits."""

from __future__ import annotations

import math
from dataclasses import replace

from picojoule.calibrate.cells import Refused, number
from picojoule.calibrate.llm.architectures import Architecture
from picojoule.calibrate.llm.deployment import Deployment, held_bytes, sequence_bytes
from picojoule.calibrate.table import Row as Cells

__all__ = ["check_parameters", "checked", "positive", "with_batch"]

_USABLE = 0.95  # of a GPU's memory, for weights and cache
_MOST = 1e7  # no count in a serving table is larger


def positive(cells: Cells, column: str) -> float | None:
    """A number above 0, None where the cell is empty."""
    value = number(cells, column, 0.0, _MOST, math.inf)
    if value == 0.0:
        raise Refused(f"{column} is 0, expected a number above 0")
    return None if value == math.inf else value


def check_parameters(cells: Cells, a: Architecture, total: str) -> None:
    """Refuse a row whose column of parameters, in billions, is of another model or unit."""
    told_b = positive(cells, total)
    if told_b is not None and not 0.8 <= told_b * 1e9 / a.parameters <= 1.25:
        raise Refused(f"{total} is {told_b:g}, but {a.ids[0]} has {a.parameters / 1e9:.4g}")


def checked(d: Deployment) -> Deployment:
    """The deployment. Refused where it can't be split so, or its weights don't fit."""
    a = d.architecture
    if a.heads % d.tensor or d.pipeline > a.layers:
        raise Refused(
            f"{a.ids[0]} can't be split over {d.tensor} x {d.pipeline} GPUs: it has {a.heads} "
            f"attention heads and {a.layers} layers"
        )
    if d.expert > 1 and (a.experts == 0 or a.experts % d.expert):
        raise Refused(f"{a.ids[0]} has {a.experts} experts, which {d.expert} GPUs can't share")
    if _room(d) <= 0:
        raise Refused(
            f"weights of {held_bytes(d) / 1e9:.0f} GB and a sequence do not fit the memory of a "
            f"{d.gpu.name}, {d.gpu.memory_bytes / 1e9:.0f} GB; more GPUs are needed"
        )
    return d


def with_batch(
    d: Deployment, average: float | None, most: float | None, context: float
) -> tuple[Deployment, str | None]:
    """The deployment at its mean batch, and a note where that had to be assumed.

    average: measured mean. most: configured maximum; without an average, as many of these as fit
    the KV cache at `context` tokens each.
    """
    if average is not None:
        if most is not None and average > 1.01 * most:
            raise Refused(f"an average batch of {average:g} is above its maximum of {most:g}")
        return replace(d, batch=average), None
    if most is None:
        raise Refused("neither a maximum nor an average batch size is given")
    fits = max(1.0, _room(d) / sequence_bytes(d, context) * d.data)
    return replace(d, batch=min(most, fits)), "batch: the maximum, as far as the cache holds it"


def _room(d: Deployment) -> float:
    return _USABLE * d.gpu.memory_bytes - held_bytes(d) - sequence_bytes(d, 1.0)
