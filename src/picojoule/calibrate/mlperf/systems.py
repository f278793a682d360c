"""Whole systems that run a benchmark network: joules of one sample, query or token at the wall.

Joules are those of the accelerators (power limit × time at peak rate) and of the host (nominal
power × the same time, shared by the accelerators that work at once). Both are nominal; levels
that systems share (accelerator, network, scenario, host...) shift them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from picojoule.calibrate.cells import Refused, choose, whole
from picojoule.calibrate.measured_set import Floats
from picojoule.calibrate.mlperf.catalog import (
    ACCELERATORS,
    HOSTS,
    NETWORKS,
    Accelerator,
    Host,
    Network,
    look_up,
)
from picojoule.calibrate.table import Row
from picojoule.errors import nearest

__all__ = ["LEVELS", "System", "levels", "parts", "system"]

_SCENARIOS = {name: name for name in ("Offline", "Server", "SingleStream", "MultiStream")}
_RUNTIMES = {
    "tensorrt": r"tensorrt|jetpack",
    "qaic": r"cloud ai|qaic",
    "deepsparse": r"deepsparse",
    "onnxruntime": r"onnx",
    "pytorch": r"torch",
    "tensorflow": r"tensorflow|\btf\b",
}
_SOLDERED = re.compile(r"orin|xavier|dm\.2|mlsoc|npu", re.IGNORECASE)  # no socketed host
_CHASSIS_W, _SOLDERED_W, _SOCKET_W = 60.0, 8.0, 200.0  # nominal: fans and memory, SoC, unknown
_IDLE = 0.3  # nominal share of the power limit that an idle board draws
_CPU_TOPS = 2.0  # nominal: a server CPU
_OPEN = ("bert-base", "bert-large", "mobilebert", "distilbert")
_WIDE = ("bert-99.9", "gptj-99", "llama2-70b-99", "mixtral-8x7b", "sdxl")


@dataclass(frozen=True, slots=True)
class System:
    """A network on a system. model: as in the row. accelerators: of all nodes. tuned: maxq, ee.

    box: the system's name where its host is soldered on. division: open or closed.
    """

    model: str
    network: Network
    accelerator: Accelerator
    accelerators: int
    host: Host
    sockets: int
    scenario: str
    runtime: str
    tuned: str
    version: str
    box: str
    by_token: bool
    division: str = field(compare=False)

    @property
    def name(self) -> str:
        """The hardware: the same box under another name, submitter or round is the same system."""
        return (
            f"{self.accelerators} x {self.accelerator.name} in {self.host.name} {self.box}".strip()
        )

    @property
    def variant(self) -> str:
        """The network; in its own pruned or quantised form where the benchmark leaves it open."""
        return self.model if self.network.name in _OPEN else self.network.name

    @property
    def density(self) -> float:
        """Share of the weights that are left: `pruned95` keeps 5%, `pruned_82.6` is an F1 score."""
        found = re.search(r"pruned_?(\d\d)(?![\d.])", self.model)
        return 1.0 - int(found[1]) / 100 if found else 1.0

    @property
    def wide(self) -> bool:
        """Whether the network runs in 16 bits. Hopper runs transformers in FP8."""
        if self.accelerator.family == "cpu":
            return "quant" not in self.model
        narrow = self.accelerator.family == "hopper" and self.network.name != "sdxl"
        return self.network.name in _WIDE and not narrow

    @property
    def macs(self) -> float:
        """Nominal multiply-accumulates of one unit: a sample, query or token."""
        samples = 1.0 if self.by_token else self.network.tokens
        return self.network.macs * samples * self.density

    @property
    def op_s(self) -> float:
        """Peak operations a second of one accelerator at the network's precision."""
        one = self.accelerator
        return (one.fp16_tflops if self.wide else one.int8_tops) * 1e12


def system(row: Row) -> System:
    """A row as a network on a system. Raises Refused with the reason."""
    network = _network(row)
    scenario, _ = choose(row, "Scenario", _SCENARIOS)
    boards = whole(row, "accelerators_per_node", 0, 1024, 0)
    nodes = whole(row, "number_of_nodes", 1, 4096, 1)
    sockets = whole(row, "host_processors_per_node", 1, 64, 1)
    cell = row.get("host_processor_model_name", "").strip()
    label = row.get("accelerator_model_name", "").strip()
    text = f"{row.get('SystemName', '')} {row.get('Platform', '')}"
    soldered = _SOLDERED.search(label) is not None
    host = look_up(cell, HOSTS) or Host(_plain(cell), "", _SOLDERED_W if soldered else _SOCKET_W)
    tokens = network.tokens > 1 and (
        scenario == "Offline" or row.get("perf_units", "").lower().startswith("token")
    )
    return System(
        model=row.get("Model", "").strip().lower(),
        network=network,
        accelerator=_accelerator(label, host),
        accelerators=max(1, boards) * nodes,
        host=host,
        sockets=1 if soldered else sockets,
        scenario=scenario,
        runtime=_runtime(row),
        tuned="maxq"
        if "maxq" in text.lower()
        else "ee"
        if re.search(r"\bEE\b|_q\d+e", text)
        else "",
        version=row.get("version", "").strip(),
        box=_plain(row.get("SystemName", "").split("(")[0]) if host not in HOSTS else "",
        by_token=tokens,
        division=row.get("Division", "").strip().lower(),
    )


def _plain(text: str) -> str:
    return re.sub(r"\W+", "-", text.strip().lower()).strip("-")[:60]


def _network(row: Row) -> Network:
    for column in ("Model", "MlperfModel"):
        name = row.get(column, "").strip()
        for known in NETWORKS:
            if re.fullmatch(known.pattern, name, re.IGNORECASE):
                return known
        if name:
            names = [one.name for one in NETWORKS]
            raise Refused(f"{column} {name[:80]!r} is not known; {nearest(name[:80], names)}")
    raise Refused("Model is empty, expected the name of a network")


def _accelerator(label: str, host: Host) -> Accelerator:
    if re.fullmatch(r"-|n/?a|none|", label, re.IGNORECASE):
        name = f"CPU-{host.name}"
        return Accelerator(name, "", "cpu", host.power_w, _CPU_TOPS, _CPU_TOPS / 2, "nominal")
    found = look_up(label, ACCELERATORS)
    return found or Accelerator(_plain(label), "", "", 100.0, 200.0, 100.0, "not known: nominal")


def _runtime(row: Row) -> str:
    text = f"{row.get('framework', '')} {row.get('Platform', '')}".lower()
    return next((name for name, pattern in _RUNTIMES.items() if re.search(pattern, text)), "own")


def parts(configs: Sequence[System]) -> Floats:
    """Nominal joules of the accelerators and of the host, rows × 2."""
    return np.array([_parts(c) for c in configs]).reshape(-1, 2)


def _parts(config: System) -> tuple[float, float]:
    one = config.accelerator
    time_s = 2.0 * config.macs / config.op_s
    host_w = config.host.power_w * config.sockets
    host_w += _CHASSIS_W if config.host.power_w > _SOLDERED_W else 0.0
    if config.scenario in ("Offline", "Server"):
        return one.power_w * time_s, host_w / config.accelerators * time_s
    idle_w = (config.accelerators - 1) * one.power_w * _IDLE
    return one.power_w * time_s, (host_w + idle_w) * time_s


LEVELS = (
    "family",
    "accelerator",
    "network",
    "variant",
    "network on family",
    "network on accelerator",
    "scenario",
    "scenario of network",
    "scenario on family",
    "tuned",
    "version",
    "runtime",
    "system",
    "scenario on system",
)


def levels(config: System) -> tuple[str, ...]:
    """What the row shares with others, one name for each of LEVELS."""
    one, net, scenario = config.accelerator, config.network.name, config.scenario
    family, many = one.family, "many" if config.accelerators > 1 else "one"
    cells = (
        family,
        one.name,
        net,
        config.variant,
        f"{net} on {family}",
        f"{net} on {one.name}",
        f"{scenario} of {many}",
        f"{scenario} of {net}",
        f"{scenario} on {many} {family}",
        f"{config.tuned or 'as is'} {family}",
        f"{config.version} {net} on {family}",
        f"{config.runtime} on {'cpu' if family == 'cpu' else 'accelerator'}",
        config.name,
        f"{scenario} on {config.name}",
    )
    return tuple(f"{level}: {cell}" for level, cell in zip(LEVELS, cells, strict=True))
