"""The optional [event] part of a chip: what a spike costs besides its additions and updates.

The additions are those of a [[compute]] unit of kind "event", one operation for each spike and
synapse; neuron updates are those of its "vector" unit, and real-valued inputs need a "contraction"
unit. A published energy per synaptic operation often holds more than the addition, and this part
says what, so that nothing is counted twice and nothing is left out in silence.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from picojoule.chips.constant import Constant

__all__ = ["Action", "EventPart"]

Action = Literal["weight", "state", "address", "route"]


class EventPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens around a synaptic operation, and where its energy stands.

    definition: what the published energy per synaptic operation holds, in words. within: actions
    that another number already holds ("weight" = "the synaptic operation"). weights, state: the
    memory levels that a weight is read from for each synaptic operation, and that a neuron's
    state is read from and written to for each update. spikes: the level that holds a bit for each
    neuron and step, where spikes are not routed. pj: picojoules to find the target of one
    synaptic operation ("address"), and of one spike over one hop ("route"). hops: mean hops of a
    spike. step_s: a time step lasts at least this long, and static power is drawn all the while.
    """

    definition: str
    within: dict[Action, str] = {}
    weights: str | None = None
    state: str | None = None
    spikes: str | None = None
    pj: dict[Action, Constant] = {}
    hops: Constant | None = None
    step_s: Constant | None = None
