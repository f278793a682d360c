"""The optional [pim] part of a chip: compute units inside its memory, each attached at a level."""

from __future__ import annotations

from typing import Literal

import msgspec

from picojoule.chips.constant import Constant

__all__ = ["PimEfficiency", "PimPart", "PimUnit", "Place"]

Place = Literal["bank", "bank group", "buffer", "logic die"]


class PimEfficiency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Reachable shares of the peaks, each in (0, 1]. read: of the bandwidth. mac: of the MAC/s;
    as read where it isn't stated."""

    read: Constant
    mac: Constant | None = None

    @property
    def of_macs(self) -> Constant:
        """The share of the MAC/s."""
        return self.mac or self.read


class PimUnit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units of one kind inside the memory, all of them together.

    at: where the data path out of the DRAM cells ends for them; the nearer to the cells, the more
    bandwidth and the less energy per bit. bandwidth_b_s: bytes per second of weights and state
    that they read in place. read_pj_per_bit: energy of one such bit. peak_op_s, pj: MAC/s and
    picojoules per MAC by format. launch_s: time to send the commands of one op, which nothing
    hides.
    """

    name: str
    at: Place
    bandwidth_b_s: Constant
    read_pj_per_bit: Constant
    peak_op_s: dict[str, Constant]
    pj: dict[str, Constant]
    efficiency: PimEfficiency
    launch_s: Constant


class PimPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units in the [[memory]] level called `memory`. Weights and state that live there are read
    in place; inputs and outputs of their ops pass through the level's own interface."""

    memory: str
    unit: tuple[PimUnit, ...]
