"""A running meter for monitoring systems: Prometheus text, and OpenTelemetry instruments.

Counters of joules, so that rates and sums are the monitor's to take. A domain that can't be read
has no sample at all (an absent series, never 0), and its seconds of gap count up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from picojoule.extras import require
from picojoule.meter.session import Meter
from picojoule.meter.window import Reading, counted

__all__ = ["otel_instruments", "prometheus_text", "serve_prometheus"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# name, unit, help, value of a reading or None
_METRICS: tuple[tuple[str, str, str, Callable[[Reading], float | None]], ...] = (
    ("energy", "joules", "Energy since the meter started.",
     lambda r: r.energy.energy_j if r.known else None),
    ("covered", "seconds", "Seconds whose energy is known.", lambda r: r.energy.covered_s),
    ("gap", "seconds", "Seconds whose energy is not known.", lambda r: r.energy.gap_s),
)  # fmt: skip


def _labels(reading: Reading, sums: Iterable[Reading]) -> dict[str, str]:
    """counted: whether a total includes this domain, so that a sum over it counts nothing twice."""
    domain = reading.domain
    return {
        "domain": domain.name,
        "component": domain.component,
        "scope": domain.scope.value,
        "evidence": reading.evidence.word,
        "counted": "yes" if reading in sums else "no",
    }


def prometheus_text(meter: Meter) -> str:
    """The meter now, in the Prometheus text exposition format 0.0.4."""
    readings = meter.readings
    sums = counted(readings)
    lines: list[str] = []
    for name, unit, text, value_of in _METRICS:
        metric = f"picojoule_{name}_{unit}_total"
        lines += [f"# HELP {metric} {text}", f"# TYPE {metric} counter"]
        for reading in readings:
            value = value_of(reading)
            if value is not None:
                pairs = ",".join(f'{k}="{_escape(v)}"' for k, v in _labels(reading, sums).items())
                lines.append(f"{metric}{{{pairs}}} {value!r}")
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


@contextmanager
def serve_prometheus(meter: Meter, port: int = 9184, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve `prometheus_text` at http://host:port/metrics while the block runs; yields the URL.

    Only this machine can reach it, unless `host` says otherwise. port 0 takes a free one.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = prometheus_text(meter).encode()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Silence: stderr is for progress and warnings."""

    with ThreadingHTTPServer((host, port), Handler) as server:
        threading.Thread(target=server.serve_forever, name="pj-prometheus", daemon=True).start()
        try:
            yield f"http://{host}:{server.server_port}/metrics"
        finally:
            server.shutdown()


def otel_instruments(meter: Meter) -> list[Any]:
    """Observable instruments of OpenTelemetry on the global meter provider, one per metric, and
    a gauge of mean watts since the observation before.

    Raises MissingExtra without opentelemetry-api.
    """
    metrics = require("opentelemetry.metrics", "meters")
    otel = metrics.get_meter("picojoule")

    def observe(value_of: Callable[[Reading], float | None]) -> Callable[[Any], list[Any]]:
        def callback(_: Any) -> list[Any]:
            readings = meter.readings
            sums = counted(readings)
            pairs = [(value_of(r), _labels(r, sums)) for r in readings]
            return [metrics.Observation(v, labels) for v, labels in pairs if v is not None]

        return callback

    made = [
        otel.create_observable_counter(f"picojoule.{name}", [observe(value)], _UNITS[unit], text)
        for name, unit, text, value in _METRICS
    ]
    gauge = otel.create_observable_gauge("picojoule.power", [observe(_Power())], "W", "Mean power.")
    return [*made, gauge]


_UNITS = {"joules": "J", "seconds": "s"}


class _Power:
    """Mean watts between two observations of each domain; None at the first."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, float]] = {}

    def __call__(self, reading: Reading) -> float | None:
        if not reading.known:
            return None
        energy, name = reading.energy, reading.domain.name
        before_j, before_s = self._last.get(name, (energy.energy_j, energy.covered_s))
        self._last[name] = (energy.energy_j, energy.covered_s)
        seconds = energy.covered_s - before_s
        return (energy.energy_j - before_j) / seconds if seconds > 0 else None
