"""CPU time × the model of `cpu_watts.py`: what is left where nothing can be measured.

Joules are added up at every read, from the load since the one before. They are a model's, so the
evidence is never better than `modelled`, and `error_factors` says how far off it may be.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from picojoule.meter.attribute import CpuClock
from picojoule.meter.base import Domain, Quantum, Sample, Scope
from picojoule.meter.cpu_watts import CpuFacts, cpu_clock, cpu_facts, cpu_watts, error_factors
from picojoule.quantity import Evidence

__all__ = ["CpuTime"]

_LOOK_BACK_S = 0.1  # the kernel counts in ticks of 10 ms: a load over less is noise

Times = tuple[float, float, float, float]  # monotonic, busy, all and own seconds


class CpuTime:
    """The machine's processors, or the part of them that this process tree causes.

    of: 'machine', or 'process' for the dynamic power in proportion to CPU time; idle power is
    nobody's. tdp_w: thermal design power of all sockets. facts: instead of this machine's.
    """

    def __init__(
        self,
        root: str | Path = "/",
        *,
        of: Literal["machine", "process"] = "machine",
        tdp_w: float | None = None,
        facts: CpuFacts | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root, self._of, self._clock = Path(root), of, clock
        self.facts = facts or cpu_facts(root, tdp_w)
        self._cpu = CpuClock("process", root=self._root)
        self._ghz = cpu_clock(root)
        self._seen: deque[Times] = deque()
        self._joules = 0.0
        self.present = self.facts is not None and self._times() is not None

    @property
    def evidence(self) -> Evidence:
        """MODELLED, or ASSUMED where the TDP is a guess."""
        return self.facts.evidence if self.facts else Evidence.UNAVAILABLE

    @property
    def error_factors(self) -> tuple[float, float]:
        """The truth lies between these times the joules in 90% of cases."""
        return error_factors(self.facts) if self.facts else (0.0, float("inf"))

    @property
    def name(self) -> str:
        """'cputime'."""
        return "cputime"

    @property
    def domains(self) -> tuple[Domain, ...]:
        """One, of the machine or of the process."""
        if self.facts is None or not self.present:
            return ()
        scope = Scope.HOST if self._of == "machine" else Scope.PROCESS
        max_w = 10 * cpu_watts(self.facts, 1.0, 5.0).power_w
        return (Domain(f"cputime:{self._of}", "cpu", scope, Quantum.COUNTER_J, max_w=max_w),)

    @property
    def missing(self) -> tuple[str, ...]:
        """What would make it better, or why it can't work."""
        if not self.present or self.facts is None:
            return (f"no CPU time: {self._root / 'proc/stat'} or cpuinfo can't be read",)
        if self.facts.tdp_known:
            return ()
        guess = f"{self.facts.tdp_w:.0f} W for {self.facts.cores} cores"
        return (f"cputime: the CPU's TDP is unknown, {guess} is a guess; CpuTime(tdp_w=...)",)

    def read(self) -> tuple[Sample, ...]:
        """Joules since the first read."""
        times = self._times()
        reason = "" if times else "/proc/stat can't be read"
        if times:
            self._advance(times)
        now_s = times[0] if times else self._clock()
        return tuple(
            Sample(domain.name, now_s, None if reason else self._joules, reason)
            for domain in self.domains
        )

    def close(self) -> None:
        """Nothing is held."""

    def _times(self) -> Times | None:
        now_s, own_s = self._clock(), 0.0
        if self._of == "process":  # walking the processes costs milliseconds
            cpu = self._cpu.read()
            busy_s, all_s = cpu.busy_s, cpu.capacity_s
            if cpu.own_s is None:
                return None
            own_s = cpu.own_s
        else:
            busy_s, all_s = self._cpu.machine()
        return None if busy_s is None or all_s is None else (now_s, busy_s, all_s, own_s)

    def _advance(self, times: Times) -> None:
        """Add the joules since the last read, at the load of no less than the look-back."""
        seconds = times[0] - self._seen[-1][0] if self._seen else 0.0
        self._seen.append(times)
        while len(self._seen) > 2 and times[0] - self._seen[1][0] >= _LOOK_BACK_S:
            self._seen.popleft()
        if seconds > 0:
            self._joules += self._power_w() * seconds

    def _power_w(self) -> float:
        first, last = self._seen[0], self._seen[-1]
        used_s, all_s, own_s = (max(0.0, last[i] - first[i]) for i in (1, 2, 3))
        assert self.facts is not None  # noqa: S101 - without facts there is no domain to read
        watts = cpu_watts(self.facts, used_s / all_s if all_s > 0 else 0.0, self._ghz())
        if self._of == "machine":
            return watts.power_w
        return watts.dynamic_w * min(1.0, own_s / used_s) if used_s > 0 else 0.0
