"""Whose joules? A sensor sees a chip; a process or a container used a share of its CPU time.

The share is a convention, not a measurement: time on a core says little about what it did there.
So what it gives is CALIBRATED at best. Its interval spans two fair ways to divide the idle power:
by use (each busy second pays alike, idle included) and by capacity (an idle core is nobody's).
Sources: proc_pid_stat(5), proc_stat(5), the kernel's cgroup-v2.rst (cpu.stat).
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from picojoule.errors import MissingError
from picojoule.ledger import Ledger
from picojoule.quantity import Evidence

__all__ = ["CpuClock", "CpuTimes", "Share", "Who", "share_between"]

Who = Literal["process", "container"]

SHARED_BY_CPU_TIME = ("cpu", "dram")


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """CPU seconds so far: ours, all busy ones, and all there are. None: can't be read."""

    of: str
    own_s: float | None
    busy_s: float | None
    capacity_s: float | None
    tick_s: float

    def others_since(self, begin: CpuTimes) -> float:
        """The share of all CPU time that others used since `begin`; NaN if it can't be read."""
        own, busy, all_s = (_spent(begin, self, n) for n in ("own_s", "busy_s", "capacity_s"))
        if own is None or busy is None or not all_s:
            return math.nan
        return max(0.0, busy - own - 2 * self.tick_s) / all_s


@dataclass(frozen=True, slots=True)
class Share:
    """A fraction of the machine's energy, with its interval. NaN when it can't be told."""

    of: str
    fraction: float
    low: float
    high: float

    def of_ledger(self, ledger: Ledger) -> Ledger:
        """The rows of CPU and DRAM times this share; other rows unavailable."""
        shared = np.isin(ledger["component"], SHARED_BY_CPU_TIME) & math.isfinite(self.fraction)
        known = shared & (ledger["evidence"] != Evidence.UNAVAILABLE)
        factors = {"energy_j": self.fraction, "low_j": self.low, "high_j": self.high}
        scaled = {c: np.where(known, ledger[c] * f, np.nan) for c, f in factors.items()}
        weak = np.maximum(ledger["evidence"], Evidence.CALIBRATED)
        evidence = np.where(known, weak, Evidence.UNAVAILABLE).astype(np.int8)
        meta = {**ledger.meta, "share": {"of": self.of, "fraction": self.fraction}}
        return replace(
            ledger, columns={**ledger.columns, **scaled, "evidence": evidence}, meta=meta
        )


def share_between(begin: CpuTimes | None, end: CpuTimes | None) -> Share:
    """The share of the CPU time spent between two readings.

    Raises MissingError when the meter was not asked to read CPU times.
    """
    if begin is None or end is None:
        raise MissingError("CPU times were not read", fix="pj.meter(share='process')")
    own, busy, capacity = (_spent(begin, end, n) for n in ("own_s", "busy_s", "capacity_s"))
    unknown = Share(end.of, math.nan, math.nan, math.nan)
    if own is None or busy is None or capacity is None or capacity <= 0:
        return unknown
    busy = max(busy, own)  # the two files are read one after the other
    if busy <= 0:
        return unknown
    error = 2 * end.tick_s  # of each counter: one tick at either end
    low = max(0.0, own - error) / max(capacity, own)
    return Share(end.of, own / busy, min(low, own / busy), min(1.0, (own + error) / busy))


def _spent(begin: CpuTimes, end: CpuTimes, name: str) -> float | None:
    a, b = getattr(begin, name), getattr(end, name)
    return None if a is None or b is None else max(0.0, b - a)


@dataclass(frozen=True, slots=True)
class CpuClock:
    """Reads the CPU time of a process tree, or of the container (cgroup v2) that we are in.

    Children that have ended count through the parent that waited for them; those that nobody
    waited for are lost. root: where /proc and /sys are mounted.
    """

    who: Who = "process"
    pid: int = field(default_factory=os.getpid)
    root: Path = Path("/")
    ticks_per_s: float = field(default_factory=lambda: float(os.sysconf("SC_CLK_TCK")))

    def read(self) -> CpuTimes:
        """CPU seconds so far."""
        own = self._process_tree() if self.who == "process" else self._container()
        name = f"process tree {self.pid}" if self.who == "process" else "container"
        busy, capacity = self.machine()
        return CpuTimes(name, own, busy, capacity, 1 / self.ticks_per_s)

    def machine(self) -> tuple[float | None, float | None]:
        """Busy and all CPU seconds. Time stolen by other virtual machines is neither's."""
        try:
            fields = _head(self.root / "proc/stat").split("\n", 1)[0].split()[1:9]
            user, nice, system, idle, iowait, irq, softirq, _ = map(float, fields)
        except (OSError, ValueError):
            return None, None
        busy = user + nice + system + irq + softirq
        return busy / self.ticks_per_s, (busy + idle + iowait) / self.ticks_per_s

    def _process_tree(self) -> float | None:
        stats = {pid: s for pid in self._pids() if (s := _stat(self.root / f"proc/{pid}/stat"))}
        if self.pid not in stats:
            return None
        children: dict[int, list[int]] = {}
        for pid, (parent, _) in stats.items():
            children.setdefault(parent, []).append(pid)
        tree, found = [self.pid], 0
        while found < len(tree):
            tree += children.get(tree[found], [])
            found += 1
        return sum(stats[pid][1] for pid in tree) / self.ticks_per_s

    def _pids(self) -> list[int]:
        try:
            return [int(name) for name in os.listdir(self.root / "proc") if name.isdecimal()]
        except OSError:
            return []

    def _container(self) -> float | None:
        """usage_usec of our own cgroup, in which a container's processes are."""
        try:
            lines = (self.root / "proc/self/cgroup").read_text().splitlines()
            path = next(line[3:] for line in lines if line.startswith("0::"))
            folder = self.root / "sys/fs/cgroup" / path.lstrip("/")
            pairs = dict(line.split() for line in (folder / "cpu.stat").read_text().splitlines())
            return float(pairs["usage_usec"]) / 1e6
        except (OSError, StopIteration, KeyError, ValueError):
            return None


def _stat(path: Path) -> tuple[int, float] | None:
    """Parent and ticks (own, and of children waited for) of a process; None once it is gone."""
    try:
        # The second field is the program's name in brackets, which may hold spaces and brackets.
        fields = _head(path).rpartition(")")[2].split()
        return int(fields[1]), sum(float(f) for f in fields[11:15])
    except (OSError, ValueError, IndexError):
        return None


def _head(path: Path) -> str:
    """The first 1 KiB of a file: /proc/stat has a long line per interrupt that nobody needs.

    Three times as fast as read_text, in what a window's edge does most.
    """
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, 1024).decode("ascii", "replace")
    finally:
        os.close(file)
