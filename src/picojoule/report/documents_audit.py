"""The JSON document of `pj audit`."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from picojoule.cost.event import Audit, LayerAudit

__all__ = ["AuditDocument", "audit_document"]


class LayerAuditDocument(Struct, frozen=True):
    """One layer. density: share of inputs that are not zero. macs, additions: of one batch.

    levels: the largest whole multiple of the input's one magnitude; 0 where the input is real.
    """

    name: str
    inputs: Literal["binary", "integer", "real"]
    levels: int
    density: float
    macs: float
    additions: float
    claimed: bool
    multiplies: bool
    same_input_in_every_step: bool


class AuditDocument(Struct, frozen=True):
    """`picojoule/audit/1`. mac_share: share of products that are multiplied."""

    schema: Literal["picojoule/audit/1"]
    mac_share: float
    layers: list[LayerAuditDocument]


def audit_document(found: Audit) -> AuditDocument:
    """What each layer was given, and whether it multiplies."""
    return AuditDocument(
        "picojoule/audit/1", found.mac_share, [_layer(layer) for layer in found.layers]
    )


def _layer(x: LayerAudit) -> LayerAuditDocument:
    return LayerAuditDocument(
        x.name, x.seen.kind.value, x.seen.levels, x.seen.density, x.counts.macs, x.counts.acs,
        x.claimed, x.seen.multiplies, x.repeated,
    )  # fmt: skip
