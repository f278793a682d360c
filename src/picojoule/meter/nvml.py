"""NVIDIA GPUs through NVML (the package nvidia-ml-py).

The energy counter exists since Volta; before that, and in many virtual GPUs, power is read
instead. The counter is the whole board's (of a GH200: the whole module's), and moves on every 10
to 100 ms. A MIG slice has no counter of its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from picojoule.errors import MissingExtra
from picojoule.meter.base import Domain, Quantum, Sample, Scope
from picojoule.meter.nvml_api import Api, NvmlFault, open_api
from picojoule.quantity import Evidence

__all__ = ["Gpu", "GpuState", "Nvml", "visible"]

_MAX_W = 2000.0
_TRANSIENT = 2.0  # a board may exceed its power limit for milliseconds


class Gpu(Protocol):
    """One GPU. Each method raises NvmlFault."""

    @property
    def uuid(self) -> str:
        """'GPU-3f2a...'."""
        ...

    @property
    def slices(self) -> tuple[str, ...]:
        """UUIDs of its MIG slices, 'MIG-...'."""
        ...

    def energy_mj(self) -> float:
        """Millijoules since the driver was loaded."""
        ...

    def power_mw(self) -> float:
        """Milliwatts, as the driver averages them."""
        ...

    def max_power_mw(self) -> float:
        """The highest limit that can be set, in milliwatts."""
        ...

    def state(self) -> GpuState:
        """Limit and clocks now."""
        ...


@dataclass(frozen=True, slots=True)
class GpuState:
    """What decides a GPU's speed and power beside the work. None: the driver doesn't say."""

    uuid: str
    name: str
    power_limit_w: float | None
    sm_mhz: float | None
    memory_mhz: float | None
    temperature_c: float | None


class Nvml:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves to this process. api: opens NVML, for tests."""

    evidence = Evidence.MEASURED

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        environ: Mapping[str, str] | None = None,
        api: Callable[[], Api] = open_api,
    ) -> None:
        self._clock = clock
        self._api: Api | None = None
        self._channels: list[tuple[Gpu, Domain]] = []
        self._missing: list[str] = []
        self.present = False
        try:
            self._api = api()
            self._find(self._api.gpus(), os.environ if environ is None else environ)
        except (NvmlFault, MissingExtra) as error:
            self._missing.append(f"no NVIDIA GPU: {error}".replace("\n  ", "; "))

    def _find(self, gpus: Sequence[Gpu], environ: Mapping[str, str]) -> None:
        chosen, notes = visible(gpus, environ)
        self.present = bool(chosen)
        self._missing += notes
        for gpu in chosen:
            quantum, reason = _quantum(gpu)
            if quantum is not None:
                self._channels.append((gpu, _domain(gpu, quantum)))
            if reason:
                self._missing.append(f"nvml:{gpu.uuid}: {reason}")
        if not chosen:
            self._missing.append("no NVIDIA GPU that CUDA_VISIBLE_DEVICES allows")

    @property
    def name(self) -> str:
        """'nvml'."""
        return "nvml"

    @property
    def domains(self) -> tuple[Domain, ...]:
        """One per GPU."""
        return tuple(domain for _, domain in self._channels)

    @property
    def missing(self) -> tuple[str, ...]:
        """GPUs or slices that can't be metered alone or at all, and why."""
        return tuple(self._missing)

    def read(self) -> tuple[Sample, ...]:
        """One sample per GPU."""
        return tuple(self._sample(gpu, domain) for gpu, domain in self._channels)

    def state(self) -> tuple[GpuState, ...]:
        """Power limit, clocks and temperature of each GPU now."""
        return tuple(gpu.state() for gpu, _ in self._channels)

    def close(self) -> None:
        """Shut NVML down."""
        api, self._api = self._api, None
        if api is not None:
            api.close()

    def _sample(self, gpu: Gpu, domain: Domain) -> Sample:
        if self._api is None:
            return Sample(domain.name, self._clock(), None, "the sensor is closed")
        try:
            counter = domain.quantum is Quantum.COUNTER_J
            milli = gpu.energy_mj() if counter else gpu.power_mw()
        except NvmlFault as error:
            return Sample(domain.name, self._clock(), None, str(error))
        return Sample(domain.name, self._clock(), milli / 1000)


def visible(
    gpus: Sequence[Gpu], environ: Mapping[str, str]
) -> tuple[tuple[Gpu, ...], tuple[str, ...]]:
    """The GPUs that CUDA may use, and notes on what they don't tell.

    As CUDA reads the variable: indices or the beginnings of UUIDs, up to the first that is wrong
    (CUDA C++ Programming Guide, "CUDA Environment Variables"). A MIG slice brings its whole GPU.
    """
    text = environ.get("CUDA_VISIBLE_DEVICES")
    if text is None:
        return tuple(gpus), tuple(n for gpu in gpus for n in _shared(gpu, gpu.slices[:1]))
    chosen: dict[str, Gpu] = {}
    notes: dict[str, None] = {}
    for entry in (part.strip() for part in text.split(",")):
        found = _lookup(entry, gpus)
        if found is None:
            break
        chosen[found.uuid] = found
        notes |= dict.fromkeys(_shared(found, (entry,) if entry.startswith("MIG-") else ()))
        if entry.isdecimal() and len(gpus) > 1 and environ.get("CUDA_DEVICE_ORDER") is None:
            notes["CUDA may count GPUs by speed and NVML by bus: set CUDA_DEVICE_ORDER=PCI_BUS_ID"
                  " where they differ in kind"] = None  # fmt: skip
    return tuple(chosen.values()), tuple(notes)


def _lookup(entry: str, gpus: Sequence[Gpu]) -> Gpu | None:
    if entry.isdecimal():
        return gpus[int(entry)] if int(entry) < len(gpus) else None
    if entry.startswith("MIG-GPU-"):  # drivers before 470: MIG-<GPU's UUID>/<instance>/<compute>
        entry = entry.removeprefix("MIG-").split("/")[0]
    if not entry.startswith(("GPU-", "MIG-")) or len(entry) <= len("GPU-"):
        return None
    found = [g for g in gpus if any(u.startswith(entry) for u in (g.uuid, *g.slices))]
    return found[0] if len(found) == 1 else None


def _shared(gpu: Gpu, slices: Sequence[str]) -> list[str]:
    return [
        f"{name}: a slice has no counter of its own; nvml:{gpu.uuid} is the whole GPU, and shared"
        for name in slices
    ]


def _quantum(gpu: Gpu) -> tuple[Quantum | None, str]:
    """What can be read of a GPU, and what can't."""
    try:
        gpu.energy_mj()
    except NvmlFault as counter:
        try:
            gpu.power_mw()
        except NvmlFault as power:
            return None, f"neither energy ({counter}) nor power ({power})"
        return Quantum.POWER_W, f"no energy counter ({counter}); integrating its power"
    return Quantum.COUNTER_J, ""


def _domain(gpu: Gpu, quantum: Quantum) -> Domain:
    try:
        max_w = _TRANSIENT * gpu.max_power_mw() / 1000
    except NvmlFault:
        max_w = _MAX_W
    name = f"nvml:{gpu.uuid}"
    return Domain(name, "gpu", Scope.DEVICE, quantum, resolution_j=1e-3, max_w=max_w or _MAX_W)
