"""A recorded trace: what a sensor said once, sample by sample, as a sensor again.

The file is CSV. Lines with `#` hold the domains as JSON, one each; then `time_s,domain,value`,
where an empty value is a failed read. Times are the recording's own.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from picojoule.errors import InputError
from picojoule.meter.base import Domain, Quantum, Sample, Scope
from picojoule.quantity import Evidence

__all__ = ["Replay", "read_recording", "record"]

_HEADER = ["time_s", "domain", "value", "reason"]
_FIELDS = {field.name for field in fields(Domain)}


class Replay:
    """Plays a trace: each read gives the next sample of every domain.

    After the last one, reads fail. `now` is the time of the samples read last: pass it as the
    clock of a meter to replay a whole session. Raises InputError for a file that is no trace.
    """

    evidence = Evidence.MEASURED
    present = True

    def __init__(self, path: str | Path) -> None:
        self._domains, samples = read_recording(path)
        self._rows = {d.name: [s for s in samples if s.domain == d.name] for d in self._domains}
        self._next = 0
        self._now_s = min((s.time_s for s in samples), default=0.0)

    @property
    def name(self) -> str:
        """'replay'."""
        return "replay"

    @property
    def domains(self) -> tuple[Domain, ...]:
        """The domains of the recording."""
        return self._domains

    @property
    def missing(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def __len__(self) -> int:
        return max((len(rows) for rows in self._rows.values()), default=0)

    def now(self) -> float:
        """Seconds on the recording's clock."""
        return self._now_s

    def read(self) -> tuple[Sample, ...]:
        """The next sample of every domain."""
        at, self._next = self._next, self._next + 1
        samples = tuple(self._sample(domain.name, at) for domain in self._domains)
        self._now_s = max([self._now_s, *(s.time_s for s in samples)])
        return samples

    def _sample(self, name: str, at: int) -> Sample:
        rows = self._rows[name]
        return (
            rows[at] if at < len(rows) else Sample(name, self._now_s, None, "the trace has ended")
        )

    def close(self) -> None:
        """Nothing is held."""


def record(path: str | Path, domains: Sequence[Domain], samples: Iterable[Sample]) -> None:
    """Write samples as a file that `Replay` plays."""
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        for domain in domains:
            file.write(f"# {json.dumps(asdict(domain))}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_HEADER)
        for sample in samples:
            value = "" if sample.value is None else repr(float(sample.value))
            writer.writerow([repr(float(sample.time_s)), sample.domain, value, sample.reason])


def read_recording(path: str | Path) -> tuple[tuple[Domain, ...], list[Sample]]:
    """The domains and samples of a file. Raises InputError, with the line, for any other file."""
    domains: list[Domain] = []
    samples: list[Sample] = []
    with Path(path).open(encoding="utf-8", newline="") as file:
        for number, line in enumerate(file, start=1):
            where = f"{path}:{number}"
            if line.startswith("#"):
                domains.append(_domain(line[1:], where))
            elif not line.startswith("time_s,"):
                samples.append(_sample(line, {d.name for d in domains}, where))
    if not domains:
        raise InputError(
            "not a trace", where=str(path), expected="lines '# {domain as JSON}' first"
        )
    return tuple(domains), samples


def _domain(text: str, where: str) -> Domain:
    try:
        values: dict[str, Any] = json.loads(text)
        kinds = {"scope": Scope(values["scope"]), "quantum": Quantum(values["quantum"])}
        domain = Domain(**{**{k: v for k, v in values.items() if k in _FIELDS}, **kinds})
        numbers = (domain.resolution_j, domain.max_w, domain.wraps_at_j or 1.0)
        if not all(math.isfinite(n) and n >= 0 for n in numbers):
            raise ValueError("a number of the domain isn't finite or is negative")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"not a domain: {error}", where=where) from error
    return domain


def _sample(line: str, known: set[str], where: str) -> Sample:
    row = next(csv.reader([line]))
    try:
        if row[1] not in known:
            raise ValueError(f"a domain that no line above describes: {row[1]!r}")
        value = float(row[2]) if row[2] else None
        return Sample(row[1], float(row[0]), value, row[3] if len(row) > len(_HEADER) - 1 else "")
    except (ValueError, IndexError) as error:
        raise InputError(
            f"not a sample: {error}", where=where, expected=",".join(_HEADER)
        ) from error
