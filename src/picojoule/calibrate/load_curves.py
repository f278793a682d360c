"""CPU load against RAPL watts, as CodeCarbon publishes it, with what is rejected and why.

Files `all_cores_*.csv` and `some_cores_*.csv` (MIT licence). Their column `rapl_power` is one row
late: it is the energy of the row before over its duration. So power is `rapl_energy / duration`,
in kWh and seconds, and the late column is kept beside.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from picojoule.calibrate.cells import Refused, number
from picojoule.calibrate.table import Row, read_table
from picojoule.errors import InputError

__all__ = ["LoadPoint", "load_curves"]

_J_PER_KWH = 3.6e6
_MOST_W = 2000.0  # of all sockets of a host; more is milliwatts taken for watts


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """One run of half a minute. load: 0 to 1 of all threads. clock_ghz: mean of the cores.

    power_w: RAPL joules over seconds. late_w: the file's own power column, a row late. public_w:
    what the file says of a model by thermal design power.
    """

    cpu: str
    load: float
    clock_ghz: float
    power_w: float
    late_w: float
    public_w: float


def load_curves(folder: str | Path) -> tuple[list[LoadPoint], list[str]]:
    """The points of a folder, and "file:row: why" for each row that is refused.

    Refused: cells that are no numbers, loads outside 0..100%, powers that no host draws, copies.
    Raises InputError when there is no such file, or none of its rows can be used.
    """
    points: list[LoadPoint] = []
    refused: list[str] = []
    for path in sorted(Path(folder).rglob("*_cores_*.csv")):
        table = read_table(path)
        table.need("cpu_name", "cpu_load", "cpu_freq", "rapl_energy", "duration")
        seen: set[tuple[str, ...]] = set()
        for i, row in enumerate(table.rows, start=2):
            try:
                points.append(_point(row, seen))
            except Refused as error:
                refused.append(f"{path.name}:{i}: {error}")
    if not points:
        raise InputError(
            "no usable rows in all_cores_*.csv or some_cores_*.csv",
            where=str(folder), got="; ".join(refused[:3]) or "no such files",
        )  # fmt: skip
    return points, refused


def _point(row: Row, seen: set[tuple[str, ...]]) -> LoadPoint:
    if (cells := tuple(row.values())) in seen:
        raise Refused("a copy of an earlier row")
    seen.add(cells)
    seconds = number(row, "duration", 1e-3, 1e6)
    power_w = number(row, "rapl_energy", 0, 1e6) * _J_PER_KWH / seconds
    if not 0 < power_w < _MOST_W:
        raise Refused(f"{power_w:g} W: energy is in kWh and duration in seconds")
    return LoadPoint(
        cpu=row["cpu_name"].strip(),
        load=number(row, "cpu_load", 0, 100) / 100,
        clock_ghz=number(row, "cpu_freq", 1, 10_000) / 1000,
        power_w=power_w,
        late_w=number(row, "rapl_power", 0, _MOST_W, default=float("nan")),
        public_w=number(row, "estimated_power", 0, _MOST_W, default=float("nan")),
    )
