"""The `co2_eq_emissions` block of a Hugging Face model card, written and read.

    ---
    co2_eq_emissions:
      emissions: 412.7
      source: "picojoule"
      training_type: "fine-tuning"
      geographical_location: "France"
      hardware_used: "8 x NVIDIA H100 SXM 80 GB"
    ---

emissions are grams of CO2e (Hub documentation, model-cards-co2). Only this block is read, as a
strict subset of YAML: one number, or a mapping of the five fields to plain or quoted scalars.
Anchors, tags and nesting are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

from picojoule.carbon.amounts import known
from picojoule.carbon.footprint import Footprint
from picojoule.carbon.scalars import plain, quoted, scalar
from picojoule.errors import InputError, nearest

__all__ = ["MAX_CARD", "ModelCard", "card_of", "read_card", "write_card"]

MAX_CARD = 1_000_000
KEY = "co2_eq_emissions"

_GRAMS = {"g": 1.0, "kg": 1e3, "t": 1e6}
_NUMBER = re.compile(r"([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)\s*(g|kg|t)?")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Emissions in g CO2e with the Hub's four words about them; None where not reported."""

    emissions: float | None
    source: str | None = None
    training_type: str | None = None
    geographical_location: str | None = None
    hardware_used: str | None = None

    def __post_init__(self) -> None:
        if self.emissions is not None and not 0 <= self.emissions < math.inf:
            raise InputError("emissions can't be negative", got=f"{self.emissions:g} g CO2e")


def card_of(
    footprint: Footprint, training_type: Literal["pre-training", "fine-tuning"] | None = None
) -> ModelCard:
    """The block for a footprint of training: its carbon by location, with what is in it said."""
    carbon = footprint.total()
    device = next(
        (x.factor.title for x in footprint.lines if x.part == "device" and x.factor), None
    )
    without = f", without {', '.join(carbon.missing)}" if carbon.missing else ""
    source = f"picojoule: {carbon.quantity}{without}"
    if carbon.coverage < 1:
        source += f", {carbon.coverage:.1%} of the work"
    emissions = float(f"{carbon.quantity.value:.6g}") if known(carbon.quantity) else None
    return ModelCard(emissions, source, training_type, footprint.region.title, device)


def write_card(card: ModelCard) -> str:
    """The block as YAML; fields that are None are left out, so that they can't read as 0."""
    lines = [f"{KEY}:"]
    if card.emissions is not None:
        lines.append(f"  emissions: {card.emissions!r}")
    for name in _texts():
        if (value := getattr(card, name)) is not None:
            lines.append(f"  {name}: {quoted(value)}")
    return "\n".join(lines) + "\n" if len(lines) > 1 else f"{KEY}: null\n"


def read_card(text: str) -> ModelCard | None:
    """The block in a model card's front matter (or in bare YAML), None where there is none.

    Cards in the wild say `149200 g` and `149.2 kg`: a unit is read, its absence means grams, an
    empty number is None. Raises InputError, with the line, for what is not in the subset.
    """
    if len(text) > MAX_CARD:
        raise InputError("the model card is too large", got=len(text), expected=f"{MAX_CARD}")
    lines = _front_matter(text.splitlines())
    starts = [n for n, line in lines if re.match(rf"{KEY}\s*:", line)]
    if not starts:
        return None
    if len(starts) > 1:
        raise InputError(f"{KEY} is there twice", where=f"line {starts[1]}")
    after = [(n, line) for n, line in lines if n >= starts[0]]
    number, head = after[0]
    value = plain(head.partition(":")[2])
    if value:
        return ModelCard(_grams(value, number))
    return _block(after[1:])


def _front_matter(lines: list[str]) -> list[tuple[int, str]]:
    """Lines with their numbers: between the first two `---`, or all without them."""
    numbered = list(enumerate(lines, 1))
    if not lines or lines[0].rstrip() != "---":
        return numbered
    end = next((n for n, line in numbered[1:] if line.rstrip() == "---"), len(lines) + 1)
    return numbered[1 : end - 1]


def _block(lines: Sequence[tuple[int, str]]) -> ModelCard:
    grams, texts, seen, indent = None, {}, set(), 0
    known_names = ["emissions", *_texts()]
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        depth = len(line) - len(line.lstrip(" "))
        if depth == 0:
            break
        indent = indent or depth
        name, colon, rest = line.strip().partition(":")
        if depth != indent or not colon or name in seen:
            raise InputError(
                f"not a field of {KEY}", where=f"line {number}", got=repr(line.strip())
            )
        if name not in known_names:
            fix = nearest(name, known_names)
            raise InputError(f"unknown field {name!r}", where=f"line {number}", fix=fix)
        seen.add(name)
        value = scalar(rest, number)
        if value and name == "emissions":
            grams = _grams(value, number)
        elif value:
            texts[name] = value
    return ModelCard(grams, **texts)


def _grams(text: str, number: int) -> float:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise InputError("emissions are a number of grams", where=f"line {number}",
                         got=repr(text[:40]), expected="as 412.7")  # fmt: skip
    return float(match[1]) * _GRAMS[match[2] or "g"]


def _texts() -> list[str]:
    return [f.name for f in fields(ModelCard) if f.name != "emissions"]
