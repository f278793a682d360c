"""A simulated source of energy whose truth is known, and a sensor on it that fails in many ways.

Faults come in a row with clean samples between. The few that no meter can see are left out: a
reset or jump smaller than the hardware's power could explain, and a short freeze that loses
joules.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

from picojoule.meter.base import Domain, Quantum, Sample, Scope

WRAP_J = 262_143.328850  # of most RAPL domains
MAX_W = 200.0
STUCK_S = 2.0
UPDATE_S = 0.01
LONGEST_DT_S = 1.5
VISIBLE_J = 1.5 * MAX_W * 70  # more than the hardware can use while a counter is bridged

COUNTER_FAULTS = (
    "fail", "nan", "negative", "vanish", "vanish and reset", "lost", "reset", "back", "forward",
    "stuck", "stuck and lost", "pause", "suspend", "clock back", "clock still", "near wrap",
)  # fmt: skip
POWER_FAULTS = (
    "fail", "nan", "negative", "vanish", "lost", "spike", "suspend", "clock back", "clock still",
    "sparse",
)  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """kind; gap: clean samples before it; size: 0 to 1, how much of it."""

    kind: str
    gap: int
    size: float


@dataclass(frozen=True)
class Play:
    """What a meter was told, and the truth at each sample: joules and monotonic seconds so far."""

    domain: Domain
    samples: list[Sample]
    true_j: list[float]
    elapsed_s: list[float]
    extra_j: float  # joules while the clock stood: a counter may rightly show them
    clock_is_sane: bool
    freezing: frozenset[int]  # samples at which a counter had just frozen, which shows only later


def dice(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - a simulation


def domain(quantum: Quantum, wraps: bool) -> Domain:
    wraps_at_j = WRAP_J if wraps and quantum is Quantum.COUNTER_J else None
    return Domain("sim:0", "cpu", Scope.CHIP, quantum, None, wraps_at_j, 1e-6, MAX_W)


@dataclass
class Source:
    """The truth, and the counter or power sensor that shows it."""

    domain: Domain
    random: Random
    steady_w: float | None
    time_s: float = 100.0
    clock_s: float = 0.0  # added to what the clock says
    elapsed_s: float = 0.0
    true_j: float = 0.0
    offset_j: float = 50_000.0
    power_w: float = 50.0
    frozen_j: float | None = None
    extra_j: float = 0.0
    sane: bool = True
    samples: list[Sample] = field(default_factory=list)
    truths: list[float] = field(default_factory=list)
    elapsed: list[float] = field(default_factory=list)
    freezing: set[int] = field(default_factory=set)

    @property
    def shown_j(self) -> float:
        value = self.true_j + self.offset_j if self.frozen_j is None else self.frozen_j
        return value % WRAP_J if self.domain.wraps_at_j is not None else value

    def flow(self, seconds: float) -> None:
        """Time passes and energy flows: at constant power for a counter, along a line else."""
        power_w = self.steady_w or self.random.uniform(1.0, 0.9 * MAX_W)
        mean_w = power_w
        if self.domain.quantum is Quantum.POWER_W:
            mean_w = (self.power_w + power_w) / 2
        self.true_j += mean_w * seconds
        self.power_w = power_w
        self.time_s += seconds
        self.elapsed_s += seconds

    def say(self, value: float | None = math.inf, reason: str = "") -> None:
        if value is not None and math.isinf(value):
            counter = self.domain.quantum is Quantum.COUNTER_J
            value = math.floor(self.shown_j * 1e6) / 1e6 if counter else self.power_w
        self.samples.append(Sample(self.domain.name, self.time_s + self.clock_s, value, reason))
        self.truths.append(self.true_j)
        self.elapsed.append(self.elapsed_s)

    def tick(self) -> None:
        self.flow(self.random.uniform(0.2, LONGEST_DT_S))
        self.say()

    def between(self, change: object = None) -> None:
        """A change happens somewhere inside an interval, which a good sample then ends."""
        seconds, share = self.random.uniform(0.2, LONGEST_DT_S), self.random.random()
        self.flow(seconds * share)
        if callable(change):
            change()
        self.flow(seconds * (1 - share))
        self.say()

    @property
    def visible(self) -> bool:
        """Whether a reset from here can be told from a wrap, and from nothing."""
        return VISIBLE_J < self.shown_j < WRAP_J - VISIBLE_J

    def zero(self) -> None:
        self.offset_j = -self.true_j

    def suffer(self, fault: Fault) -> None:
        """One fault."""
        for _ in range(fault.gap):
            self.tick()
        match fault.kind:
            case "fail":
                self.blind(1, None)
            case "nan":
                self.blind(1, math.nan)
            case "negative":
                self.blind(1, -1.0)
            case "spike":
                self.blind(1, MAX_W * (2 + fault.size))
            case "vanish":
                self.blind(2 + int(6 * fault.size), None)
            case "lost":
                self.blind(60, None)
            case "vanish and reset" if self.visible:
                self.blind(1, None)
                self.zero()
                self.blind(2 + int(6 * fault.size), None)
            case "reset" if self.visible:
                self.between(self.zero)
            case "back" if self.visible and self.shown_j > 2 * VISIBLE_J:
                self.between(lambda: self.jump(-VISIBLE_J - fault.size * VISIBLE_J / 2))
            case "forward" if self.visible and self.shown_j + 2 * VISIBLE_J < WRAP_J:
                self.between(lambda: self.jump(VISIBLE_J * (1 + fault.size / 2)))
            case "near wrap" if self.visible:
                to_go_j = WRAP_J - self.shown_j - fault.size * 50
                self.between(lambda: self.jump(to_go_j))
            case "stuck" | "stuck and lost":
                self.freeze(STUCK_S + 3 * LONGEST_DT_S * (1 + fault.size), "lost" in fault.kind)
            case "pause":
                self.freeze(0.3 * STUCK_S * fault.size, lossy=False)
            case "suspend":
                self.suspend(10 ** (1 + 3 * fault.size))
            case "clock back":
                self.clock_s -= 2 * LONGEST_DT_S + 100 * fault.size  # so that it shows
                self.sane = False
                self.tick()
            case "clock still":
                self.say()
            case "sparse":
                self.flow(6 + 10 * fault.size)
                self.say()
        self.tick()

    def jump(self, joules: float) -> None:
        self.offset_j += joules

    def blind(self, n: int, value: float | None) -> None:
        for _ in range(n):
            self.flow(self.random.uniform(0.2, LONGEST_DT_S))
            self.say(value, "" if value is not None else "permission denied")

    def freeze(self, seconds: float, lossy: bool) -> None:
        """The counter stands, from inside one interval to inside another."""
        self.flow(self.random.uniform(0.1, 0.5))
        self.freezing.add(len(self.samples))
        until_s, self.frozen_j = self.time_s + seconds, self.true_j + self.offset_j
        while self.time_s < until_s:
            self.tick()
        if lossy:
            self.offset_j = self.frozen_j - self.true_j
        self.frozen_j = None
        self.tick()  # what it owed comes with this one

    def suspend(self, seconds: float) -> None:
        """The machine sleeps: energy flows, and the monotonic clock does not see it."""
        if self.domain.quantum is Quantum.COUNTER_J:
            joules = 2.0 * seconds
            self.extra_j += joules
            self.offset_j += joules
        self.tick()


def play(
    faults: list[Fault], quantum: Quantum, wraps: bool, seed: int, steady_w: float | None
) -> Play:
    """A source that suffers these faults one after the other."""
    source = Source(domain(quantum, wraps), dice(seed), steady_w)
    source.power_w = steady_w or source.power_w
    source.say()
    for fault in faults:
        source.suffer(fault)
    source.tick()
    return Play(
        source.domain,
        source.samples,
        source.truths,
        source.elapsed,
        source.extra_j,
        source.sane,
        frozenset(source.freezing),
    )


def random_faults(random: Random, quantum: Quantum) -> list[Fault]:
    """One to four faults of a kind of domain."""
    kinds = COUNTER_FAULTS if quantum is Quantum.COUNTER_J else POWER_FAULTS
    return [
        Fault(random.choice(kinds), random.randrange(4), random.random())
        for _ in range(random.randint(1, 4))
    ]
