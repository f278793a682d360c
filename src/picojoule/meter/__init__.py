"""Measured time and energy. `pj.meter()` opens the sensors; `pj.measure(fn)` repeats a call.

This package can be called: `import picojoule.meter` makes `picojoule.meter` the package, and the
public name `pj.meter` has to work all the same.
"""

import sys
from types import ModuleType
from typing import Any

from picojoule.meter.anova import Anova, anova
from picojoule.meter.base import Domain, Quantum, Sample, Scope, Sensor
from picojoule.meter.callbacks import lightning_callback, transformers_callback
from picojoule.meter.checkup import Checkup, doctor
from picojoule.meter.export import chrome_trace, write_ledger, write_trace
from picojoule.meter.expose import otel_instruments, prometheus_text, serve_prometheus
from picojoule.meter.interleave import Burster, CallTime, Timing, ratio, time_interleaved
from picojoule.meter.pairs import PairedComparison, compare_calls
from picojoule.meter.protocol import Measurement, measure
from picojoule.meter.session import Meter, meter
from picojoule.meter.window import Window

__all__ = [
    "Anova",
    "Burster",
    "CallTime",
    "Checkup",
    "Domain",
    "Measurement",
    "Meter",
    "PairedComparison",
    "Quantum",
    "Sample",
    "Scope",
    "Sensor",
    "Timing",
    "Window",
    "anova",
    "chrome_trace",
    "compare_calls",
    "doctor",
    "lightning_callback",
    "measure",
    "meter",
    "otel_instruments",
    "prometheus_text",
    "ratio",
    "serve_prometheus",
    "time_interleaved",
    "transformers_callback",
    "write_ledger",
    "write_trace",
]


class _Callable(ModuleType):
    """A module that is also the function `meter`."""

    def __call__(self, *args: Any, **options: Any) -> Meter:
        """`picojoule.meter.meter`."""
        return meter(*args, **options)


sys.modules[__name__].__class__ = _Callable

from picojoule.meter.accumulate import Accumulator, Energy, Mark, between  # noqa: E402
from picojoule.meter.external import External  # noqa: E402
from picojoule.meter.find import all_sensors, find_sensors  # noqa: E402
from picojoule.meter.period import update_period_s  # noqa: E402
from picojoule.meter.replay import Replay, record  # noqa: E402
from picojoule.meter.scrape import Scrape  # noqa: E402

__all__ += [
    "Accumulator",
    "Energy",
    "External",
    "Mark",
    "Replay",
    "Scrape",
    "all_sensors",
    "between",
    "find_sensors",
    "record",
    "update_period_s",
]
