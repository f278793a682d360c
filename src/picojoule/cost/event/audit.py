"""The spike-driven audit: which layers that should see spikes see real numbers.

"Spike-driven" says that weights are only ever added. Looking at the inputs of each layer decides
it: a residual sum, a norm or a first convolution hands real numbers to the next layer, and that
layer multiplies.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from picojoule.cost.event.counts import EventCounts, Recording, count_events
from picojoule.cost.event.look import Seen
from picojoule.errors import InputError, nearest

__all__ = ["Audit", "LayerAudit", "audit"]


@dataclass(frozen=True, slots=True)
class LayerAudit:
    """One layer. claimed: said to be spike-driven. repeated: it gets the same input in each step,
    so running it once would do."""

    name: str
    seen: Seen
    counts: EventCounts
    claimed: bool
    repeated: bool

    @property
    def broken(self) -> bool:
        """Claimed to be spike-driven, and multiplies."""
        return self.claimed and self.seen.multiplies


@dataclass(frozen=True, slots=True)
class Audit:
    """All layers in order."""

    layers: tuple[LayerAudit, ...]

    @property
    def total(self) -> EventCounts:
        """Work of all layers."""
        return sum((layer.counts for layer in self.layers), EventCounts())

    @property
    def broken(self) -> tuple[str, ...]:
        """Names of layers that are claimed to be spike-driven and multiply."""
        return tuple(layer.name for layer in self.layers if layer.broken)

    @property
    def mac_share(self) -> float:
        """Share of products that are multiplied."""
        return self.total.mac_share

    def __str__(self) -> str:
        head = f"{'layer':24} {'inputs':8} {'rate':>6} {'MAC':>10} {'AC':>10}"
        lines = [
            f"{x.name[:24]:24} {x.seen.kind:8} {x.seen.density:6.1%} {x.counts.macs:10.3g} "
            f"{x.counts.acs:10.3g}{'  multiplies' if x.broken else ''}"
            f"{'  same input in every step' if x.repeated else ''}"
            for x in self.layers
        ]
        said = f"{self.mac_share:.1%} of products are multiplied; {len(self.broken)} layers break"
        return "\n".join([head, *lines, f"{said} the claim"])


def audit(recordings: Mapping[str, Recording], claimed: Collection[str] | None = None) -> Audit:
    """Look at the inputs of each layer.

    claimed: names of the layers that are said to be spike-driven; None: all of them. Raises
    InputError without recordings, and for a claimed layer that was not recorded.
    """
    if not recordings:
        raise InputError("no layer was recorded, so nothing can be said")
    names = set(recordings) if claimed is None else set(claimed)
    if unknown := sorted(names - recordings.keys()):
        fix = nearest(unknown[0], recordings)
        raise InputError(f"no layer {unknown[0]!r} was recorded", fix=fix)
    return Audit(
        tuple(
            LayerAudit(name, r.seen, count_events(r), name in names, r.repeated)
            for name, r in recordings.items()
        )
    )
