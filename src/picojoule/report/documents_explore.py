"""The JSON document of `pj explore`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from picojoule.report.documents import QuantityDocument
from picojoule.search.explore import DesignFront

__all__ = ["ExploreDocument", "explore_document"]


class RunDocument(Struct, frozen=True):
    """One run of a workload."""

    energy_j: float
    latency_s: float


class DesignDocument(Struct, frozen=True):
    """A design that was priced. chip: hash of the varied chip. reason: why it has no price."""

    values: dict[str, float | int | str | list[str]]
    chip: str
    status: Literal["front", "dominated", "over the limit", "no price"]
    reason: str
    energy: QuantityDocument
    latency: QuantityDocument
    area: QuantityDocument
    workloads: dict[str, RunDocument]


class ExploreDocument(Struct, frozen=True):
    """`picojoule/explore/1`: designs in the order in which they were priced.

    energy and latency are those of one run of every workload. designs: how many the space has.
    skipped: designs dropped for their area, or because they make no chip. hypervolume: share of
    the box between the best and the worst of each objective that the front dominates.
    """

    schema: Literal["picojoule/explore/1"]
    chip: str
    workloads: list[str]
    objectives: list[Literal["energy", "latency", "area"]]
    limits: dict[str, float]
    node_nm: float | None
    designs: int
    skipped: int
    exhaustive: bool
    seed: int
    hypervolume: Annotated[float, Meta(ge=0, le=1)]
    points: list[DesignDocument]
    notes: list[str]


def explore_document(front: DesignFront) -> dict[str, Any]:
    """The document of an exploration."""
    return {
        "schema": "picojoule/explore/1",
        "chip": front.chip,
        "workloads": list(front.workloads),
        "objectives": list(front.objectives),
        "limits": dict(front.most),
        "node_nm": front.node_nm,
        "designs": front.designs,
        "skipped": front.skipped,
        "exhaustive": front.exhaustive,
        "seed": front.seed,
        "hypervolume": front.hypervolume,
        "points": [p.to_dict() for p in front.points],
        "notes": list(front.notes),
    }
