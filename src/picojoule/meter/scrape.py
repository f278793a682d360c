"""Energy from a Prometheus text endpoint: NVIDIA's DCGM exporter, Kepler, Scaphandre.

Only for a URL that the user names; it is never looked for. Redirects are not followed.
Source of the names: DCGM's field identifiers, and the metrics pages of Kepler and Scaphandre.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from picojoule.errors import InputError
from picojoule.meter.base import Domain, Quantum, Sample, Scope
from picojoule.quantity import Evidence

__all__ = ["METRICS", "Metric", "Scrape", "fetch", "parse_metrics"]

_MOST = 8 * 1024 * 1024  # bytes of a page
_LINE = re.compile(r"^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$")
_LABEL = re.compile(r'([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Metric:
    """How a metric becomes a domain: its value times `scale` is joules or watts.

    labels: those that tell one series from another; prefer: of several metrics of one component
    the first in METRICS that the page has is used.
    """

    component: str
    scope: Scope
    quantum: Quantum
    scale: float
    labels: tuple[str, ...]


METRICS: dict[str, Metric] = {
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": Metric(
        "gpu", Scope.DEVICE, Quantum.COUNTER_J, 1e-3, ("UUID", "gpu")
    ),
    "DCGM_FI_DEV_POWER_USAGE": Metric("gpu", Scope.DEVICE, Quantum.POWER_W, 1.0, ("UUID", "gpu")),
    "kepler_node_cpu_joules_total": Metric(
        "cpu", Scope.CHIP, Quantum.COUNTER_J, 1.0, ("zone", "path")
    ),
    "scaph_host_power_microwatts": Metric("board", Scope.HOST, Quantum.POWER_W, 1e-6, ()),
}
_WITH_PARTS = {"kepler_node_cpu_joules_total": "package"}  # other zones repeat or add to this one

Key = tuple[str, tuple[str, ...]]


class Scrape:
    """The known metrics of one page, each read anew.

    url: such as 'http://127.0.0.1:9400/metrics'. metrics: others than METRICS. get: the text of a
    page at a URL, for tests. Raises InputError for a URL that isn't http or https. A page that
    doesn't answer is in `missing`.
    """

    evidence = Evidence.MEASURED
    present = True

    def __init__(
        self,
        url: str,
        *,
        metrics: Mapping[str, Metric] = METRICS,
        timeout_s: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
        get: Callable[[str, float], str] | None = None,
    ) -> None:
        check_url(url)
        self._url, self._metrics, self._timeout_s, self._clock = url, metrics, timeout_s, clock
        self._get = get or fetch
        self._missing: tuple[str, ...] = ()
        self._domains: dict[Key, Domain] = {}
        values, reason = self._values()
        if reason:
            self._missing = (f"scrape: {reason}; is the exporter running?",)
        elif not values:
            self._missing = (f"scrape: {url} has none of: {', '.join(metrics)}",)
        self._domains = _domains(values, metrics)

    @property
    def name(self) -> str:
        """'scrape'."""
        return "scrape"

    @property
    def domains(self) -> tuple[Domain, ...]:
        """One per series found when it was made."""
        return tuple(self._domains.values())

    @property
    def missing(self) -> tuple[str, ...]:
        """Why there is nothing."""
        return self._missing

    def read(self) -> tuple[Sample, ...]:
        """One sample per series, all from one page."""
        values, reason = self._values()
        now_s = self._clock()
        return tuple(
            Sample(domain.name, now_s, values.get(key), reason or _absent(key, values))
            for key, domain in self._domains.items()
        )

    def close(self) -> None:
        """Nothing is held."""

    def _values(self) -> tuple[dict[Key, float], str]:
        try:
            page = self._get(self._url, self._timeout_s)
        except OSError as error:
            return {}, f"{self._url}: {error}"
        return parse_metrics(page, self._metrics), ""


def _absent(key: Key, values: Mapping[Key, float]) -> str:
    return "" if key in values else f"{key[0]} is no longer on the page"


def check_url(url: str) -> None:
    """Raises InputError unless `url` is http or https and names a host."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError("not a URL to scrape", got=url, expected="http://host:port/metrics")


def fetch(url: str, timeout_s: float) -> str:
    """The text at a URL, without following redirects. Raises OSError."""
    import http.client

    parts = urlsplit(url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise OSError(f"status {response.status}")
        return response.read(_MOST).decode("utf-8", errors="replace")
    except http.client.HTTPException as error:
        raise OSError(f"not HTTP: {error!r}") from error
    finally:
        connection.close()


def parse_metrics(page: str, metrics: Mapping[str, Metric]) -> dict[Key, float]:
    """Joules or watts of each known series: (metric, its telling labels) -> value."""
    values: dict[Key, float] = {}
    for line in page.splitlines():
        match = _LINE.match(line.strip())
        metric = metrics.get(match[1]) if match else None
        if match is None or metric is None:
            continue
        labels = dict(_LABEL.findall(match[2] or ""))
        key = (match[1], tuple(labels[name] for name in metric.labels if name in labels))
        try:
            values[key] = float(match[3]) * metric.scale
        except ValueError:
            continue
    return values


def _domains(values: Mapping[Key, float], metrics: Mapping[str, Metric]) -> dict[Key, Domain]:
    """One domain per series. A counter of the same thing makes its power superfluous."""
    found: dict[Key, Domain] = {}
    taken: set[tuple[str, tuple[str, ...]]] = set()
    for name, metric in metrics.items():
        for key in (k for k in values if k[0] == name):
            thing = (metric.component, key[1])
            zone = _WITH_PARTS.get(name)
            if thing in taken or (zone is not None and zone not in key[1]):
                continue
            taken.add(thing)
            label = ",".join(key[1]) or name
            found[key] = Domain(f"scrape:{label}", metric.component, metric.scope, metric.quantum)
    return found
