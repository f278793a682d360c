"""`with pj.meter() as m:` measures what runs inside, with nested and concurrent named windows."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal

from picojoule.errors import InputError
from picojoule.ledger import Ledger
from picojoule.meter.attribute import CpuClock, Who
from picojoule.meter.base import Domain, Sample, Sensor
from picojoule.meter.sampler import Sampler, Trace, evidence_of
from picojoule.meter.training import StepLog
from picojoule.meter.window import Edge, Reading, Window, counted, less_idle, per
from picojoule.quantity import Evidence, Quantity

__all__ = ["Meter", "Sync", "meter"]

Sync = Callable[[], object] | Literal["auto"] | None

_WINDOWS_KEPT = 10_000  # finished ones, for the timeline: a loop of millions must not fill memory


def cuda_sync() -> None:
    """Wait for the GPUs that this process uses, if it uses any. Imports nothing."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is None or not cuda.is_initialized():
        return
    for device in range(cuda.device_count()):
        if cuda.memory_reserved(device):  # waiting for another one would open a context on it
            cuda.synchronize(device)


class Meter:
    """Joules of this machine while the `with` block runs; made by `pj.meter`."""

    def __init__(
        self,
        sensors: Sequence[Sensor],
        *,
        period_s: float,
        sync: Sync,
        share: Who | None,
        timeline: bool,
        background: bool,
        clock: Callable[[], float],
    ) -> None:
        if not period_s > 0:
            raise InputError("period_s is not a time", got=period_s, expected="seconds above 0")
        cpu = CpuClock(share) if share else None
        self._sampler = Sampler(sensors, clock=clock, period_s=period_s, cpu=cpu, keep=timeline)
        self._sync = cuda_sync if sync == "auto" else sync
        self._background, self.clock, self.period_s = background, clock, period_s
        self._whole = self._window("meter")
        self._idle: Window | None = None
        self.windows: deque[Window] = deque(maxlen=_WINDOWS_KEPT)
        self.steps = StepLog(self._edge, self._sampler.readings, clock)

    def __enter__(self) -> Meter:
        if self._whole.begin is not None:
            raise InputError("a meter can be entered once", fix="make a new one: pj.meter()")
        if self._background:
            self._sampler.start()
        self.steps.begin(self._whole.open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            self.steps.end(self._whole.close(sync=error is None))
        finally:
            self._sampler.stop()

    @property
    def running(self) -> bool:
        """Whether it measures now."""
        return self._whole.begin is not None and self._whole.end is None

    @property
    def sensors(self) -> tuple[Sensor, ...]:
        """What it reads."""
        return self._sampler.sensors

    @property
    def domains(self) -> tuple[Domain, ...]:
        """What it can tell apart."""
        return self._sampler.domains

    @property
    def traces(self) -> list[Trace]:
        """Every sample, if the meter was asked for a timeline."""
        return self._sampler.traces

    @property
    def evidence(self) -> Evidence:
        """The best that its sensors can give: UNAVAILABLE when there is none."""
        known = [evidence_of(s) for s in self.sensors if s.domains]
        return min(known, default=Evidence.UNAVAILABLE)

    def window(self, name: str) -> Window:
        """A named window: `with m.window("epoch") as w:`. Windows may nest and overlap."""
        if not self.running:
            raise InputError("the meter isn't running", where=name, fix="with pj.meter() as m: ...")
        window = self._window(name)
        self.windows.append(window)
        return window

    def step(self, samples: int = 1) -> None:
        """One training step is done, on so many samples. Costs well under a microsecond mostly."""
        self.steps.step(samples)

    def epoch(self) -> None:
        """One epoch is done."""
        self.steps.epoch()

    def idle(self, seconds: float, sleep: Callable[[float], object] = time.sleep) -> Window:
        """Measure the machine doing nothing; every ledger from then on reports it beside."""
        with self._window("idle") as window:
            sleep(seconds)
        self._idle = window
        return window

    @property
    def idle_power(self) -> Quantity:
        """Watts of the counted domains when idle; unavailable until `idle` was called."""
        if self._idle is None:
            return per(Quantity(0, 0, 0, "J", Evidence.UNAVAILABLE), 0, "W")
        return self._idle.power

    def above_idle(self, window: Window) -> Quantity:
        """A window's joules less idle power times its seconds; negative means: lost in noise."""
        seconds = window.seconds
        exact = Quantity(seconds, seconds, seconds, "s", Evidence.MEASURED)
        return less_idle(window.energy, self.idle_power, exact)

    @property
    def seconds(self) -> float:
        """Seconds since it started, or that it ran."""
        return self._whole.seconds

    @property
    def energy(self) -> Quantity:
        """Joules of the counted domains since it started."""
        return self._whole.energy

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Every domain since the start."""
        return self._whole.readings

    @property
    def whole(self) -> Window:
        """The window from the start until now, or to the end."""
        return self._whole

    def ledger(self) -> Ledger:
        """One row per counted domain, from the start until now or to the end."""
        return self._whole.ledger()

    def sample(self) -> tuple[Sample, ...]:
        """Read all sensors once, as the thread does."""
        return self._sampler.sample()

    def between(self, begin: Edge, end: Edge) -> tuple[Reading, ...]:
        """What every domain used from one window's edge to a later one's."""
        return self._sampler.readings(begin, end)

    def learn(self, update_s: Mapping[str, float]) -> None:
        """Take measured update periods of counters, in seconds, in place of assumed ones."""
        self._sampler.learn(update_s)

    def _window(self, name: str) -> Window:
        return Window(
            name, self._edge, self._sampler.readings, self._context, threading.get_ident()
        )

    def _edge(self, sync: bool, closing: bool) -> Edge:
        if sync and self._sync is not None:
            self._sync()
        return self._sampler.edge(closing)

    def _context(self) -> dict[str, Any]:
        """What a ledger's meta says about the machine: scope, idle power, what is missing."""
        idle = [] if self._idle is None else self._idle.readings
        seconds = 0.0 if self._idle is None else self._idle.seconds
        return {
            "chip": "this machine",
            "method": "meter",
            "scope": sorted({f"{d.component} ({d.scope.value})" for d in self.domains}),
            "idle": [_idle_power(r, seconds) for r in counted(idle)],
            "missing": [text for s in self.sensors for text in s.missing],
            "unread": [name for s in self.sensors for name in unread(s)],
        }


def unread(sensor: Sensor) -> tuple[str, ...]:
    """The domains that a sensor found but can't read: it lists them as 'rapl:dram: why; fix'."""
    names = [text.partition(": ")[0] for text in sensor.missing]
    known = {d.name for d in sensor.domains}
    return tuple(n for n in names if n.startswith(f"{sensor.name}:") and n not in known)


def _idle_power(reading: Reading, seconds: float) -> dict[str, Any]:
    energy = reading.energy
    joules = Quantity(energy.energy_j, energy.low_j, energy.high_j, "J", reading.evidence)
    power = per(joules, energy.covered_s, "W").to_dict()
    return {"domain": reading.domain.name, "power": power, "seconds": seconds}


def meter(
    sensors: Sequence[Sensor] | None = None,
    *,
    period_s: float = 0.1,
    sync: Sync = "auto",
    share: Who | None = None,
    timeline: bool = False,
    background: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> Meter:
    """A meter of this machine's energy, for a `with` block.

    sensors: default, all that are found. period_s: seconds between reads of a power sensor.
    sync: called at both ends of a window so that a device has finished; "auto" waits for the CUDA
    devices that torch uses. share: also read the CPU time of this process tree or container.
    timeline: keep every sample (16 bytes each) for `pj.meter` exports. background: False when the
    caller samples. clock: monotonic seconds.

    Without any sensor it still runs: its ledger has no known row and a coverage that says so.
    """
    if sensors is None:
        from picojoule.meter.find import find_sensors

        sensors = find_sensors()
    return Meter(
        sensors, period_s=period_s, sync=sync, share=share, timeline=timeline,
        background=background, clock=clock,
    )  # fmt: skip
