"""Event-driven hardware: what data is decides what it costs; always beside the matched network."""

from picojoule.cost.event.audit import Audit, LayerAudit, audit
from picojoule.cost.event.compare import (
    AgainstAnn,
    break_even_rate,
    compare_with_ann,
    matched_ann,
    matched_bits,
    perceptron,
)
from picojoule.cost.event.counts import EventCounts, Recording, conv_fan_out, count_events
from picojoule.cost.event.estimate import Events
from picojoule.cost.event.look import DataClass, Seen, look
from picojoule.cost.event.record import record
from picojoule.cost.event.work import with_seen

__all__ = [
    "AgainstAnn", "Audit", "DataClass", "EventCounts", "Events", "LayerAudit", "Recording",
    "Seen", "audit", "break_even_rate", "compare_with_ann", "conv_fan_out", "count_events",
    "look", "matched_ann", "matched_bits", "perceptron", "record", "with_seen",
]  # fmt: skip
