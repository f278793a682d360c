"""The JSON documents of what was measured: `pj measure`, `pj run` and `pj doctor`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from picojoule.report.documents import EvidenceWord, LedgerDocument, QuantityDocument

__all__ = ["DoctorDocument", "MeasureDocument", "RunDocument"]

Share01 = Annotated[float, Meta(ge=0, le=1)]


class MeasureDocument(Struct, frozen=True):
    """`picojoule/measure/1`: joules and seconds of one call, with 95% intervals.

    relative: half-width of the interval over the value. spread: of single windows, relative to
    their median. ledger: a row per domain and window; layers: a row per layer, if asked for.
    """

    schema: Literal["picojoule/measure/1"]
    name: str
    relative: float | None
    state: str
    conclusive: bool
    reason: str
    n_repeats: int
    n_dropped: int
    n_calls: int
    energy: QuantityDocument
    time: QuantityDocument
    power: QuantityDocument
    idle: QuantityDocument
    above_idle: QuantityDocument
    spread: float | None
    notes: list[str]
    ledger: LedgerDocument
    layers: LedgerDocument | None = None


class ShareDocument(Struct, frozen=True):
    """The part of the machine's CPU time that was the command's; null where it is unknown."""

    of: str
    fraction: Share01 | None
    low: Share01 | None
    high: Share01 | None


class AttributedDocument(Struct, frozen=True):
    """Joules of CPU and DRAM by that share."""

    energy: QuantityDocument
    coverage: Share01


class RunDocument(Struct, frozen=True):
    """`picojoule/run/1`: what a command cost. seconds: from its start to its end."""

    schema: Literal["picojoule/run/1"]
    command: list[str]
    exit_code: int
    seconds: float
    energy: QuantityDocument
    power: QuantityDocument
    idle: QuantityDocument
    above_idle: QuantityDocument
    share: ShareDocument
    attributed: AttributedDocument
    ledger: LedgerDocument


class DomainDocument(Struct, frozen=True):
    """One counter or power reading. tick_s: seconds between its updates, as seen; null unseen.

    gap_s: seconds without a reading in the self-test. counted: whether a total includes it.
    """

    domain: str
    component: str
    scope: str
    quantum: str
    part_of: str | None
    evidence: EvidenceWord
    idle: QuantityDocument
    load: QuantityDocument
    tick_s: float | None
    gap_s: float
    counted: bool
    problem: str


class SensorDocument(Struct, frozen=True):
    """A kind of sensor. missing: what it lacks, with the fix. read_s: seconds that a read takes."""

    sensor: str
    domains: list[DomainDocument]
    missing: list[str]
    read_s: float | None


class DoctorDocument(Struct, frozen=True):
    """`picojoule/doctor/1`: the sensors here. evidence: the best that a total can have."""

    schema: Literal["picojoule/doctor/1"]
    evidence: EvidenceWord
    verdict: str
    virtual: str | None
    seconds: float
    sensors: list[SensorDocument]
