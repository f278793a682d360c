"""Watts of a CPU from facts that every CPU has: where there is no sensor, a model.

    P = cores × core_w + TDP × tdp_share × busy^¾ × (clock / 3 GHz)² × (node / 14 nm)^½
    busy = 1 − (1 − load)^(threads per core)

`busy` is the chance that a core runs at least one of its threads. Two constants are fitted; see
cpu_watts.toml for them, the data and the errors.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from picojoule.errors import InputError
from picojoule.meter.files import number, text_of
from picojoule.quantity import Evidence

__all__ = [
    "CpuFacts",
    "Watts",
    "busy",
    "constants",
    "cpu_clock",
    "cpu_facts",
    "cpu_watts",
    "error_factors",
]

_MOST_POLICIES = 16
_GUESSED_W_PER_CORE = 8.0  # of TDP: servers have 4 to 8, desktops 10 to 17


@dataclass(frozen=True, slots=True)
class CpuFacts:
    """What is known of the machine's processors together.

    cores: physical. node_nm None: unknown, taken as 14. tdp_known: else it is a guess.
    """

    tdp_w: float
    cores: int
    threads: int
    node_nm: float | None = None
    tdp_known: bool = True

    @property
    def evidence(self) -> Evidence:
        """MODELLED, and ASSUMED where even the TDP is a guess."""
        return Evidence.MODELLED if self.tdp_known else Evidence.ASSUMED


@dataclass(frozen=True, slots=True)
class Watts:
    """Power in watts. dynamic_w: the part of it that load causes."""

    power_w: float
    dynamic_w: float


@cache
def constants() -> dict[str, Any]:
    """The tables of cpu_watts.toml."""
    with Path(__file__).with_suffix(".toml").open("rb") as file:
        return tomllib.load(file)


def busy(load: float, threads_per_core: float) -> float:
    """Fraction of cores that run at least one thread, at a load of 0 to 1 of all threads."""
    return float(1 - (1 - min(1.0, max(0.0, load))) ** threads_per_core)


def cpu_watts(facts: CpuFacts, load: float, clock_ghz: float | None = None) -> Watts:
    """Power of all processors at a load from 0 to 1. clock_ghz: mean of the cores, if known.

    Without a clock, 3 GHz are taken, and the error rises (docs/meters.md, "CPU time").
    """
    c = constants()["curve"]
    clock = (clock_ghz or c["clock_ghz"]) / c["clock_ghz"]
    node = (facts.node_nm or c["node_nm"]) / c["node_nm"]
    full_w = (
        c["tdp_share"] * facts.tdp_w * clock ** c["clock_exponent"] * node ** c["node_exponent"]
    )
    dynamic_w = full_w * busy(load, facts.threads / facts.cores) ** c["busy_exponent"]
    return Watts(c["core_w"] * facts.cores + dynamic_w, dynamic_w)


def error_factors(facts: CpuFacts) -> tuple[float, float]:
    """True power lies between these times the model's in 90% of cases, on CPUs not fitted to."""
    e = constants()["error"]
    wider = 1.0 if facts.tdp_known else float(e["unknown_tdp"])
    return float(e["low"]) / wider, float(e["high"]) * wider


def cpu_facts(root: str | Path = "/", tdp_w: float | None = None) -> CpuFacts | None:
    """The facts of this machine from /proc/cpuinfo; None when it can't be read.

    tdp_w: of all sockets together; default, what RAPL's constraints say, which anybody may read,
    and else a guess from the number of cores. Raises InputError for a TDP that isn't positive.
    """
    if tdp_w is not None and not tdp_w > 0:
        raise InputError("not a TDP", got=tdp_w, expected="watts above 0")
    processors = [_fields(block) for block in _blocks(root) if "processor" in block]
    if not processors:
        return None
    ids = [(p.get("physical id"), p.get("core id"), i) for i, p in enumerate(processors)]
    cores = len({(s, c) if c is not None else (s, i) for s, c, i in ids})
    known_w = tdp_w or _tdp_of_rapl(Path(root))
    return CpuFacts(
        tdp_w=known_w or _GUESSED_W_PER_CORE * cores,
        cores=cores,
        threads=len(processors),
        node_nm=_node_nm(processors[0]),
        tdp_known=known_w is not None,
    )


def cpu_clock(root: str | Path = "/") -> Callable[[], float | None]:
    """What tells the mean clock of the cores in GHz, or None: cpufreq, or /proc/cpuinfo once.

    Without cpufreq, as in most virtual machines, cpuinfo has the nominal clock and takes long.
    """
    paths = sorted((Path(root) / "sys/devices/system/cpu/cpufreq").glob("policy*/scaling_cur_freq"))
    if not paths:
        nominal_ghz = _nominal_ghz(root)
        return lambda: nominal_ghz
    some = paths[:: -(-len(paths) // _MOST_POLICIES)]  # each read may wake a core
    return lambda: _mean([value * 1e-6 for path in some if (value := number(path)[0])])


def _nominal_ghz(root: str | Path) -> float | None:
    return _mean(
        [float(p["cpu MHz"]) / 1e3 for b in _blocks(root) if "cpu MHz" in (p := _fields(b))]
    )


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _blocks(root: str | Path) -> list[str]:
    try:  # many pages, which text_of doesn't read
        text = (Path(root) / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.strip().split("\n\n")


def _fields(block: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in block.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _tdp_of_rapl(root: Path) -> float | None:
    """The sum of the packages' highest long-term limits, which is the TDP on Intel."""
    zones = [
        z for z in (root / "sys/class/powercap").glob("intel-rapl:*") if z.name.count(":") == 1
    ]
    packages = [z for z in zones if text_of(z / "name").startswith("package")]
    watts = [number(z / "constraint_0_max_power_uw", 1e-6)[0] for z in packages]
    known = [w for w in watts if w is not None and 1 < w < 1000]
    return sum(known) if packages and len(known) == len(packages) else None


def _node_nm(processor: dict[str, str]) -> float | None:
    try:
        family, model = int(processor["cpu family"]), int(processor["model"])
    except (KeyError, ValueError):
        return None
    for entry in constants()["node"]:
        if (entry["vendor"], entry["family"]) == (processor.get("vendor_id"), family):
            ranges = [r for r in entry["models"] if r[0] <= model <= r[1]]
            return float(ranges[0][2]) if ranges else None
    return None
