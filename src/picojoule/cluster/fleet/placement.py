"""Which part of a model runs where: device, edge or cloud, at the least energy in time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from picojoule.errors import InputError, RequirementFailed, nearest
from picojoule.policies.link import Link
from picojoule.quantity import format_si

__all__ = ["Part", "Placement", "Tier", "place", "placements"]

Links = Mapping[tuple[str, str], Link]


@dataclass(frozen=True, slots=True)
class Tier:
    """A place to run. idle_w: drawn while the run is elsewhere or under way. weight: what a joule
    there counts: 1, a PUE, or 0 where only the battery of a device matters."""

    name: str
    idle_w: float = 0.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.idle_w < math.inf and 0 <= self.weight < math.inf):
            raise InputError(
                "idle_w or weight is not possible",
                where=self.name,
                got=(self.idle_w, self.weight),
                expected="finite numbers, 0 or more",
            )


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a model that runs in one place. cost: joules and seconds at each tier that can
    run it. input_b: bytes that it and all later parts need of what was before."""

    name: str
    cost: Mapping[str, tuple[float, float]]
    input_b: float

    def __post_init__(self) -> None:
        numbers = [self.input_b, *(x for pair in self.cost.values() for x in pair)]
        if not self.cost or not all(0 <= x < math.inf for x in numbers):
            raise InputError(
                "a part needs bytes, and joules and seconds at some tier",
                where=self.name,
                got=numbers,
                expected="finite numbers, 0 or more",
            )


@dataclass(frozen=True, slots=True)
class Placement:
    """Where each part runs, with the weighted joules and the seconds of one run."""

    tiers: tuple[str, ...]
    energy_j: float
    time_s: float


@dataclass(frozen=True, slots=True)
class _Label:
    energy_j: float
    time_s: float
    last: str = ""
    before: _Label | None = None

    def more(self, energy_j: float, time_s: float) -> _Label:
        """The same places, at more cost."""
        return _Label(self.energy_j + energy_j, self.time_s + time_s, self.last, self.before)

    def tiers(self) -> tuple[str, ...]:
        label, out = self, []
        while label.before is not None:
            out.append(label.last)
            label = label.before
        return tuple(reversed(out))


def placements(
    parts: Sequence[Part],
    tiers: Sequence[Tier],
    links: Links,
    *,
    source: str,
    sink: str | None = None,
    result_b: float = 0.0,
) -> tuple[Placement, ...]:
    """All placements that no other beats in both energy and time, least energy first. Exact.

    parts: run one after the other. links: by (from, to); data may pass through tiers, and at a
    cut all that later parts need moves along. source: where the input is. sink: where a result of
    result_b bytes must go, if anywhere. Dynamic programming over the cuts keeps, at each tier,
    the labels (energy, time) that no other beats.

    Raises InputError for no part, an unknown tier, and where the result can't get to the sink.
    """
    known = {tier.name: tier for tier in tiers}
    _check(parts, known, links, source, sink)
    at = {source: [_Label(0.0, 0.0)]}
    for part in parts:
        moved = _move(at, links, part.input_b, _idle_w(known.values()))
        at = {name: _run(moved.get(name, []), part, known, name) for name in known}
    if sink is not None:
        at = {sink: _move(at, links, result_b, _idle_w(known.values())).get(sink, [])}
    best = _front(label for labels in at.values() for label in labels)
    if not best:
        raise InputError("no placement: a part or the sink can't be reached over these links")
    return tuple(Placement(x.tiers(), x.energy_j, x.time_s) for x in best)


def place(
    parts: Sequence[Part],
    tiers: Sequence[Tier],
    links: Links,
    *,
    source: str,
    sink: str | None = None,
    result_b: float = 0.0,
    latency_s: float = math.inf,
) -> Placement:
    """The placement of least energy within latency_s.

    Raises RequirementFailed, with the smallest latency there is, if none is in time; and
    InputError as `placements` does.
    """
    front = placements(parts, tiers, links, source=source, sink=sink, result_b=result_b)
    for placement in front:
        if placement.time_s <= latency_s:
            return placement
    fastest = front[-1]
    raise RequirementFailed(
        f"no placement takes at most {format_si(latency_s, 's')}",
        got=f"{format_si(fastest.time_s, 's')} at best, for {format_si(fastest.energy_j, 'J')}",
        fix=f"allow {fastest.time_s:.6g} s, or give a faster link or tier",
    )


def _check(
    parts: Sequence[Part],
    known: Mapping[str, Tier],
    links: Links,
    source: str,
    sink: str | None,
) -> None:
    if not parts or not known:
        raise InputError("a placement needs at least one part and one tier")
    ends = [end for pair in links for end in pair]
    named = [source, *([] if sink is None else [sink]), *ends, *(n for p in parts for n in p.cost)]
    for name in named:
        if name not in known:
            raise InputError(f"no tier is called {name!r}", fix=nearest(name, known))


def _idle_w(tiers: Iterable[Tier]) -> float:
    return sum(tier.weight * tier.idle_w for tier in tiers)


def _run(labels: list[_Label], part: Part, known: Mapping[str, Tier], name: str) -> list[_Label]:
    if name not in part.cost:
        return []
    energy_j, time_s = part.cost[name]
    waiting_w = _idle_w(tier for tier in known.values() if tier.name != name)
    joules = known[name].weight * energy_j + waiting_w * time_s
    return [_Label(x.energy_j + joules, x.time_s + time_s, name, x) for x in labels]


def _move(
    at: Mapping[str, list[_Label]], links: Links, size_b: float, idle_w: float
) -> dict[str, list[_Label]]:
    """Labels after size_b bytes went nowhere, or over any number of links."""
    best = {name: _front(labels) for name, labels in at.items()}
    fresh = best
    while fresh:
        reached: dict[str, list[_Label]] = {}
        for (a, b), link in links.items():
            time_s = link.time_s(size_b)
            joules = link.energy_j(size_b) + idle_w * time_s
            reached.setdefault(b, []).extend(x.more(joules, time_s) for x in fresh.get(a, []))
        fresh = {}
        for name, labels in reached.items():
            old = best.get(name, [])
            best[name] = _front([*old, *labels])  # old ones win ties
            seen = {id(x) for x in old}
            if new := [x for x in best[name] if id(x) not in seen]:
                fresh[name] = new
    return best


def _front(labels: Iterable[_Label]) -> list[_Label]:
    """Labels that no other beats in both, by rising energy and falling time."""
    out: list[_Label] = []
    fastest_s = math.inf
    for label in sorted(labels, key=lambda x: (x.energy_j, x.time_s)):
        if label.time_s < fastest_s:
            fastest_s = label.time_s
            out.append(label)
    return out
