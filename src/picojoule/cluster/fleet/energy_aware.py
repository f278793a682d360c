"""Rounds shared out so that they cost the fewest joules, or the fewest joules a step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from picojoule.cluster.fleet.clients import Client, checked
from picojoule.cluster.fleet.policy import steps_between
from picojoule.cluster.fleet.synchronous import Rounds
from picojoule.errors import InputError

__all__ = ["EnergyAware", "cheapest_round", "round_energy_j"]


def round_energy_j(clients: Sequence[Client], steps: Sequence[int]) -> float:
    """Joules of one synchronous round: training, exchange, and waiting for the last.

    steps: of each client, 1 or more. The round lasts as long as its slowest client.
    """
    busy_s = [q * c.step_s for q, c in zip(steps, clients, strict=True)]
    round_s = max(b + c.exchange_s for b, c in zip(busy_s, clients, strict=True))
    return sum(
        c.busy_w * b + c.exchange_j + c.idle_w * (round_s - b - c.exchange_s)
        for c, b in zip(clients, busy_s, strict=True)
    )


def cheapest_round(
    clients: Sequence[Client], least: int, most: int, total: int | None = None
) -> tuple[int, ...]:
    """Steps of each client, least..most: the cheapest that add up to `total`. Exact.

    total: None takes the number with the fewest joules a step. For a given end of the round its
    energy is linear in the steps, so the clients whose steps add least get all that they can do
    by then. The round ends when some client finishes a step, since ending later only adds
    waiting; all such ends are tried. Raises InputError where `total` does not fit the bounds.
    """
    fleet, n = checked(clients), len(clients)
    steps_between(least, most)
    if total is not None and not n * least <= total <= n * most:
        raise InputError(
            "the steps of a round don't fit its clients",
            got=total,
            expected=f"{n * least} to {n * most} for {n} clients of {least} to {most}",
        )
    added_j = np.array([(c.busy_w - c.idle_w) * c.step_s for c in fleet])
    order = np.argsort(added_j, kind="stable")
    step_s = np.array([c.step_s for c in fleet])[order]
    exchange_s = np.array([c.exchange_s for c in fleet])[order]
    ends_s = np.unique(np.arange(least, most + 1)[:, None] * step_s + exchange_s)
    ends_s = ends_s[ends_s >= (least * step_s + exchange_s).max() * (1 - 1e-12)]
    # (ends, clients) from here on, the cheapest client first
    fits = np.floor((ends_s[:, None] - exchange_s) / step_s + 1e-9).astype(int)
    room = np.clip(fits, least, most) - least
    filled = np.cumsum(room, axis=1)
    fixed_j = sum(c.exchange_j - c.idle_w * c.exchange_s for c in fleet)
    base_j = fixed_j + sum(c.idle_w for c in fleet) * ends_s + least * added_j.sum()
    if total is None:  # the n + 1 ways to fill the cheapest clients up; others can't be better
        none = np.zeros((len(ends_s), 1), int)
        extra = np.hstack([none, filled])
        spent_j = np.hstack([none, np.cumsum(room * added_j[order], axis=1)]) + base_j[:, None]
        step_j = spent_j / (extra + n * least)
        equal = step_j <= step_j.min() * (1 + 1e-12)  # of those the longest round: fewer merges
        end, upto = np.unravel_index(np.argmax(np.where(equal, extra, -1)), extra.shape)
        given = np.where(np.arange(n) < upto, room[end], 0)
    else:
        share = np.clip(total - n * least - (filled - room), 0, room)
        short = share.sum(axis=1) < total - n * least
        end = np.argmin(np.where(short, np.inf, base_j + share @ added_j[order]))
        given = share[end]
    steps = np.empty(n, int)
    steps[order] = given + least
    return tuple(steps.tolist())


class EnergyAware(Rounds):
    """Synchronous rounds shared by `cheapest_round`.

    total: local steps of a round in all; None has as many as make a step cheapest. Devices that
    train at fewer joules a step do more, so their data count for more: `least` bounds that.
    """

    def __init__(self, most: int = 100, least: int = 20, total: int | None = None) -> None:
        steps_between(least, most)
        self.most, self.least, self.total = most, least, total

    def plan(self, clients: Sequence[Client]) -> Sequence[int]:
        """The cheapest share-out."""
        return cheapest_round(clients, self.least, self.most, self.total)
