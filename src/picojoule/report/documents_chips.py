"""The JSON documents of `pj chips`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from picojoule.chips import Chip
from picojoule.report.appendix import constant_rows

__all__ = ["ChipDocument", "ChipsDocument", "chip_document", "chips_document"]


class ChipLine(Struct, frozen=True):
    """A chip of the catalogue. hash: of all its numbers."""

    name: str
    title: str
    kind: str
    hash: str


class ConstantDocument(Struct, frozen=True):
    """One constant. name: its path, as memory.HBM3.read_pj_per_bit, which also says the unit."""

    name: str
    value: float
    low: float
    high: float
    source: str
    evidence: Literal["measured", "calibrated", "modelled", "assumed"]


class ChipsDocument(Struct, frozen=True):
    """`picojoule/chips/1`: the catalogue."""

    schema: Literal["picojoule/chips/1"]
    chips: list[ChipLine]


class ChipDocument(Struct, frozen=True):
    """`picojoule/chip/1`: one chip with all its constants."""

    schema: Literal["picojoule/chip/1"]
    name: str
    title: str
    kind: str
    hash: str
    constants: list[ConstantDocument]


def chips_document(chips: Sequence[Chip]) -> ChipsDocument:
    """The list of chips."""
    lines = [ChipLine(chip.name, chip.title, chip.kind, chip.hash) for chip in chips]
    return ChipsDocument("picojoule/chips/1", lines)


def chip_document(chip: Chip) -> ChipDocument:
    """A chip's constants."""
    rows = msgspec.convert(constant_rows(chip), list[ConstantDocument])
    return ChipDocument("picojoule/chip/1", chip.name, chip.title, chip.kind, chip.hash, rows)
