"""The JSON documents that `pj` writes and reads, as typed structs.

This file has the documents of predictions and searches, and what others share with them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from picojoule.errors import InputError

__all__ = [
    "Accuracy",
    "Candidate",
    "CompareDocument",
    "LedgerDocument",
    "OptimizeDocument",
    "ProfileDocument",
    "QuantityDocument",
    "Span",
    "Status",
    "read_as",
    "to_json",
]

Word = Annotated[str, Meta(max_length=4096)]  # bounds the memory of a column of names
EvidenceWord = Literal["measured", "calibrated", "modelled", "assumed", "unavailable"]
Status = Literal[
    "front", "dominated", "verified", "modelled", "rejected", "inconclusive", "infeasible",
    "skipped",
]  # fmt: skip


class Span(Struct, frozen=True):
    """A value between bounds."""

    value: float
    low: float
    high: float


class Accuracy(Span, frozen=True):
    """A score on `n` samples, with its confidence bounds."""

    n: int


class QuantityDocument(Struct, frozen=True):
    """A number with unit, interval and evidence; null where unavailable."""

    value: float | None
    low: float | None
    high: float | None
    unit: str
    evidence: EvidenceWord


class TotalDocument(Struct, frozen=True):
    """A sum of ledger rows. coverage: fraction of the rows whose energy is known."""

    energy: QuantityDocument
    time: QuantityDocument
    coverage: Annotated[float, Meta(ge=0, le=1)]
    missing: list[str]


class Columns(Struct, frozen=True):
    """The columns of a ledger, all of one length. Joules and seconds; null is unavailable."""

    op: list[Word]
    module: list[Word]
    phase: list[Word]
    kind: list[Word]
    component: list[Word]
    level: list[Word]
    operand: list[Word]
    count: list[float | None]
    energy_j: list[float | None]
    low_j: list[float | None]
    high_j: list[float | None]
    time_s: list[float | None]
    low_s: list[float | None]
    high_s: list[float | None]
    evidence: list[EvidenceWord]


class LedgerDocument(Struct, frozen=True):
    """`picojoule/ledger/1`: every row, and what the rows are for."""

    schema: Literal["picojoule/ledger/1"]
    meta: dict[str, Any]
    total: TotalDocument
    columns: Columns


class Layer(Struct, frozen=True):
    """A module with all that is below it, or one group of rows."""

    path: str
    depth: int
    energy: QuantityDocument
    time: QuantityDocument
    coverage: float
    macs: float


class ProfileDocument(Struct, frozen=True):
    """`picojoule/profile/1`: a roll-up, and the ledger that it sums."""

    schema: Literal["picojoule/profile/1"]
    by: str
    total: TotalDocument
    layers: list[Layer]
    ledger: LedgerDocument


class ChangeDocument(Struct, frozen=True):
    """A module's joules before and after; null where it doesn't exist."""

    module: str
    old_j: float | None
    new_j: float | None
    delta_j: float


class CompareDocument(Struct, frozen=True):
    """`picojoule/compare/1`: relative change of energy (0.02 is +2%); null is unbounded."""

    schema: Literal["picojoule/compare/1"]
    old: TotalDocument
    new: TotalDocument
    relative: float
    relative_low: float | None
    relative_high: float | None
    shared_constants: bool
    max_increase: float | None
    verdict: Literal["within", "exceeded", "inconclusive"] | None
    changes: list[ChangeDocument]


class Candidate(Struct, frozen=True):
    """One way to run the model, measured or not. Joules and seconds are per call.

    accuracy and drop are fractions (0.01 is one point); a drop above 0 is a loss. cosine_min: the
    least similar output, against the model as given. status "modelled": no runtime runs it, the
    accuracy is verified and the energy predicted; formats has its layers' by name.
    """

    name: str
    recipe: str
    runtime: str
    precision: str
    status: Status
    effective_precision: str | None = None
    prune_ratio: float | None = None
    formats: dict[str, str] = {}
    reason: str | None = None
    accuracy: Accuracy | None = None
    drop: Span | None = None
    predicted_energy: QuantityDocument | None = None
    energy: QuantityDocument | None = None
    cpu_s: Span | None = None
    wall_s: Span | None = None
    size_bytes: int | None = None
    cosine_min: float | None = None


class OptimizeDocument(Struct, frozen=True):
    """`picojoule/optimize/1`: all candidates. baseline: the best fp32 path; reference: eager."""

    schema: Literal["picojoule/optimize/1"]
    model: str
    chip: str
    max_drop: float
    baseline: str | None
    reference: str | None
    chosen: str | None
    candidates: list[Candidate]
    verdict: str = ""
    notes: list[str] = []
    environment: dict[str, Any] = {}
    seed: int | None = None

    def find(self, name: str | None) -> Candidate | None:
        """The candidate called `name`."""
        return next((c for c in self.candidates if c.name == name), None)


D = TypeVar("D", bound=Struct)


def read_as(kind: type[D], document: Any, where: str | None = None) -> D:
    """`document` as a typed struct. Raises InputError that names the wrong field."""
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        name = kind.__name__.removesuffix("Document").lower()
        raise InputError(f"not a {name} document: {error}", where=where) from None


def to_json(document: Any) -> str:
    """Indented JSON; numbers that are not finite become null."""
    return msgspec.json.format(msgspec.json.encode(document, enc_hook=_plain), indent=2).decode()


def _plain(value: Any) -> Any:
    """numpy scalars and arrays, and values with a document of their own, inside `meta`."""
    for method in ("to_dict", "tolist"):
        if hasattr(value, method):
            return getattr(value, method)()
    return str(value)
