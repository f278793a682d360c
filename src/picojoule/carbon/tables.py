"""Factor tables: dated, sourced TOML files, of picojoule's and of the user's. No network.

    [[table]]
    kind = "grid"               # one of factor.UNITS
    unit = "g/kWh"              # must be that kind's unit
    source = "our utility's disclosure for 2025"
    vintage = 2025
    evidence = "measured"       # measured, calibrated, modelled or assumed
    rows = { FRA = 21, my-site = [5, 8, 11] }       # a value, or low, value, high

[names] gives titles to names, [hosts] the machine that a device sits in.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from picojoule.carbon.factor import UNITS, Factor, Source
from picojoule.errors import InputError, nearest
from picojoule.quantity import Evidence

__all__ = ["MAX_BYTES", "Factors", "Host", "load_factors"]

MAX_BYTES = 1_000_000

Row = float | tuple[float, float, float]
EVIDENCE = ("measured", "calibrated", "modelled", "assumed")


class Host(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The machine that holds `devices` of a device."""

    name: str
    devices: int


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Values of one kind from one source."""

    kind: str
    unit: str
    source: str
    vintage: int
    evidence: str
    rows: dict[str, Row]


class Tables(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file."""

    table: list[Table]
    names: dict[str, str] = {}
    hosts: dict[str, Host] = {}


@dataclass(frozen=True)
class Factors:
    """All factors, by kind and name."""

    by_key: Mapping[tuple[str, str], Factor]
    titles: Mapping[str, str]
    hosts: Mapping[str, Host]

    def of(self, kind: str, name: str) -> Factor | None:
        """The factor, or None where nobody has published one."""
        return self.by_key.get((kind, name))

    def names(self, kind: str) -> list[str]:
        """Names that have a factor of `kind`."""
        return sorted(name for k, name in self.by_key if k == kind)

    def find(self, kind: str, name: str) -> Factor:
        """The factor whose name or title this is, in any case. Raises InputError with the
        nearest."""
        known = self.names(kind)
        spelled = {n.lower(): n for n in known}
        spelled |= {self.titles[n].lower(): n for n in known if n in self.titles}
        if name.lower() not in spelled:
            what = "unknown region" if kind == "grid" else f"no {kind} factor is called"
            raise InputError(f"{what} {name!r}", fix=f"{nearest(name, spelled)} (see: pj factors)")
        return self.by_key[kind, spelled[name.lower()]]


def load_factors(path: Path | None = None) -> Factors:
    """The built-in tables; a user's file takes the place of every factor that it names.

    Raises InputError, with the file and table, for what can't be read, lacks its source or
    vintage, is in another unit, or is not possible.
    """
    built_in = _built_in()
    if path is None:
        return built_in
    own = _factors([_read(path)], built_in.titles)
    return Factors({**built_in.by_key, **own.by_key}, own.titles, {**built_in.hosts, **own.hosts})


@cache
def _built_in() -> Factors:
    folder = resources.files("picojoule.carbon") / "factors"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return _factors([_read(f) for f in files])


def _factors(files: Sequence[Tables], titles: Mapping[str, str] = MappingProxyType({})) -> Factors:
    titles = {**titles, **{code: title for f in files for code, title in f.names.items()}}
    sources: dict[tuple[str, str], list[Source]] = {}
    for table in (t for f in files for t in f.table):
        for name, row in table.rows.items():
            sources.setdefault((table.kind, name), []).append(_source(table, row))
    by_key = {
        (kind, name): Factor(kind, name, titles.get(name, name), tuple(found))
        for (kind, name), found in sources.items()
    }
    return Factors(by_key, titles, {k: h for f in files for k, h in f.hosts.items()})


def _source(table: Table, row: Row) -> Source:
    low, value, high = row if isinstance(row, tuple) else (row, row, row)
    return Source(value, low, high, table.vintage, table.source, Evidence.of(table.evidence))


def _read(file: Traversable) -> Tables:
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise InputError("the factor file is too large", where=file.name, got="more",
                             expected=f"{MAX_BYTES} bytes")  # fmt: skip
        tables = msgspec.convert(tomllib.loads(data.decode()), Tables)
    except OSError as error:
        raise InputError(f"can't read: {error.strerror}", where=str(file)) from None
    except msgspec.ValidationError as error:
        fix = "a table has kind, unit, source, vintage, evidence and rows; see docs/carbon.md"
        raise InputError(f"bad factor file: {error}", where=file.name, fix=fix) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"bad TOML: {error}", where=file.name) from None
    for number, table in enumerate(tables.table, 1):
        _check(table, f"{file.name}: table {number}")
    for device, host in tables.hosts.items():
        _require(host.devices >= 1, f"{file.name}: hosts", device, host.devices, "at least 1")
    return tables


def _check(table: Table, where: str) -> None:
    if table.kind not in UNITS:
        raise InputError(f"unknown kind of factor {table.kind!r}", where=where,
                         fix=nearest(table.kind, UNITS))  # fmt: skip
    _require(table.unit == UNITS[table.kind], where, "unit", table.unit, UNITS[table.kind])
    _require(bool(table.source.strip()), where, "source", repr(table.source), "a citation")
    _require(1900 <= table.vintage <= 2100, where, "vintage", table.vintage, "a year")
    _require(table.evidence in EVIDENCE, where, "evidence", table.evidence, ", ".join(EVIDENCE))
    lowest = 1.0 if table.kind == "pue" else 0.0
    for name, row in table.rows.items():
        low, value, high = row if isinstance(row, tuple) else (row, row, row)
        fine = lowest <= low <= value <= high < math.inf and high > 0
        expected = f"{lowest:g} <= low <= value <= high, and not 0"
        _require(fine, where, name, row, expected)


def _require(fine: bool, where: str, name: str, got: Any, expected: str) -> None:
    if not fine:
        raise InputError(f"{name} is not possible", where=where, got=got, expected=expected)
