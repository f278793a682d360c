"""The few calls of NVML that the sensor needs. Nothing else here touches the library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from picojoule.extras import require

if TYPE_CHECKING:
    from picojoule.meter.nvml import Gpu, GpuState

__all__ = ["Api", "NvmlFault", "OpenNvml", "open_api"]


class NvmlFault(Exception):
    """NVML's own words for what it can't do."""


class Api(Protocol):
    """NVML, opened."""

    def gpus(self) -> Sequence[Gpu]:
        """All GPUs in the order of the bus. Raises NvmlFault."""
        ...

    def close(self) -> None:
        """Shut it down."""
        ...


def open_api() -> Api:
    """NVML of this machine.

    Raises MissingExtra without the package nvidia-ml-py, NvmlFault without a driver.
    """
    return OpenNvml(require("pynvml", "meters"))


class OpenNvml:
    """The module pynvml, opened. Raises NvmlFault."""

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        self.call(nvml.nvmlInit)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """A call, whose error is a NvmlFault."""
        try:
            return function(*arguments)
        except self._nvml.NVMLError as error:
            raise NvmlFault(str(error)) from error

    def gpus(self) -> Sequence[Gpu]:
        """All GPUs."""
        nvml = self._nvml
        count = self.call(nvml.nvmlDeviceGetCount)
        return [
            _Gpu(self, nvml, self.call(nvml.nvmlDeviceGetHandleByIndex, i)) for i in range(count)
        ]

    def close(self) -> None:
        """Shut NVML down."""
        self.call(self._nvml.nvmlShutdown)


class _Gpu:
    def __init__(self, api: OpenNvml, nvml: Any, handle: Any) -> None:
        self._call, self._nvml, self._handle = api.call, nvml, handle
        self.uuid = _text(api.call(nvml.nvmlDeviceGetUUID, handle))
        self.slices = tuple(self._slices())

    def _slices(self) -> list[str]:
        nvml, found = self._nvml, []
        try:
            for i in range(self._call(nvml.nvmlDeviceGetMaxMigDeviceCount, self._handle)):
                mig = self._call(nvml.nvmlDeviceGetMigDeviceHandleByIndex, self._handle, i)
                found.append(_text(self._call(nvml.nvmlDeviceGetUUID, mig)))
        except NvmlFault:  # no MIG, or no more slices
            pass
        return found

    def energy_mj(self) -> float:
        return float(self._call(self._nvml.nvmlDeviceGetTotalEnergyConsumption, self._handle))

    def power_mw(self) -> float:
        return float(self._call(self._nvml.nvmlDeviceGetPowerUsage, self._handle))

    def max_power_mw(self) -> float:
        limits = self._call(
            self._nvml.nvmlDeviceGetPowerManagementLimitConstraints, self._handle
        )  # lowest, highest
        return float(limits[1])

    def state(self) -> GpuState:
        from picojoule.meter.nvml import GpuState

        nvml = self._nvml
        limit_mw = self._or_none(nvml.nvmlDeviceGetEnforcedPowerLimit)
        name = self._call(nvml.nvmlDeviceGetName, self._handle)
        return GpuState(
            uuid=self.uuid,
            name=_text(name),
            power_limit_w=None if limit_mw is None else limit_mw / 1000,
            sm_mhz=self._or_none(nvml.nvmlDeviceGetClockInfo, nvml.NVML_CLOCK_SM),
            memory_mhz=self._or_none(nvml.nvmlDeviceGetClockInfo, nvml.NVML_CLOCK_MEM),
            temperature_c=self._or_none(nvml.nvmlDeviceGetTemperature, nvml.NVML_TEMPERATURE_GPU),
        )

    def _or_none(self, function: Callable[..., Any], *arguments: Any) -> float | None:
        try:
            return float(self._call(function, self._handle, *arguments))
        except NvmlFault:
            return None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
