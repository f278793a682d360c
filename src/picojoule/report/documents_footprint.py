"""The JSON documents of `pj footprint` and `pj factors`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from picojoule.carbon.factor import Factor
from picojoule.carbon.footprint import Footprint
from picojoule.carbon.label import eco_score
from picojoule.carbon.standards import Sci, Site, ghg_table
from picojoule.report.documents import EvidenceWord, QuantityDocument

__all__ = ["FactorsDocument", "FootprintDocument", "factors_document", "footprint_document"]

Share01 = Annotated[float, Meta(ge=0, le=1)]


class SourceDocument(Struct, frozen=True):
    """One published value. vintage: the year it describes, or of its publication."""

    value: float
    low: float
    high: float
    vintage: int
    source: str
    evidence: EvidenceWord


class FactorDocument(Struct, frozen=True):
    """The first source's value in an interval that holds every source."""

    kind: str
    name: str
    title: str
    value: float
    low: float
    high: float
    unit: str
    evidence: EvidenceWord
    vintage: int
    sources: list[SourceDocument]


class FactorsDocument(Struct, frozen=True):
    """`picojoule/factors/1`."""

    schema: Literal["picojoule/factors/1"]
    factors: list[FactorDocument]


class WorkDocument(Struct, frozen=True):
    """Joules and seconds of the IT equipment. missing: ops without a known energy."""

    title: str
    energy: QuantityDocument
    time: QuantityDocument
    coverage: Share01
    missing: list[str]


class LineDocument(Struct, frozen=True):
    """A part of an indicator. how: the product that it is; missing: why there is no number."""

    indicator: str
    part: str
    stage: Literal["use", "making"]
    how: str
    missing: str
    coverage: Share01
    quantity: QuantityDocument
    factor: FactorDocument | None


class SumDocument(Struct, frozen=True):
    """The known parts; missing names the others."""

    quantity: QuantityDocument
    coverage: Share01
    missing: list[str]


class SciDocument(Struct, frozen=True):
    """ISO/IEC 21031. score: g CO2e per functional unit, null where that is not declared."""

    energy: QuantityDocument
    intensity: QuantityDocument
    embodied: SumDocument
    functional_unit: str | None
    amount: float | None
    score: QuantityDocument | None
    why: str


class ScopeDocument(SumDocument, frozen=True):
    """A row of the GHG Protocol's table."""

    scope: str
    category: str


class FootprintDocument(Struct, frozen=True):
    """`picojoule/footprint/1`: g CO2e, L, J and g Sb, by part, with every factor and source.

    eco_score: A to G by energy per functional unit, null where that is not declared.
    """

    schema: Literal["picojoule/footprint/1"]
    work: WorkDocument
    region: str
    pue: QuantityDocument
    facility_energy: QuantityDocument
    lines: list[LineDocument]
    building: list[FactorDocument]
    totals: dict[str, SumDocument]
    carbon_by_contract: SumDocument
    notes: list[str]
    sci: SciDocument
    ghg: list[ScopeDocument]
    eco_score: str | None


def footprint_document(footprint: Footprint, score: Sci, site: Site = "own") -> dict[str, Any]:
    """The document of a footprint and its score."""
    return {
        "schema": "picojoule/footprint/1",
        **footprint.to_dict(),
        "sci": score.to_dict(),
        "ghg": [row.to_dict() for row in ghg_table(footprint, site)],
        "eco_score": None if score.amount is None
        else eco_score(score.energy.value / 3.6e6 / score.amount),
    }  # fmt: skip


def factors_document(factors: list[Factor]) -> dict[str, Any]:
    """The document of a list of factors."""
    return {"schema": "picojoule/factors/1", "factors": [f.to_dict() for f in factors]}
