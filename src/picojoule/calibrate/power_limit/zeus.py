"""Zeus, NSDI 2023: joules an epoch of training at each power limit of four GPUs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np

from picojoule.calibrate.cells import Refused, choose, joules, number, understand, whole
from picojoule.calibrate.measured_set import Floats, Parsed
from picojoule.calibrate.power_limit.fit import fit_limits
from picojoule.calibrate.power_limit.predictor import Limits
from picojoule.calibrate.shipped import read_shipped
from picojoule.calibrate.table import Row, Table, read_table
from picojoule.errors import InputError

__all__ = ["GPUS", "SET", "Job"]

# Watts that the driver accepts, least and most (NVIDIA product briefs of the boards: V100 PCIe,
# P100 PCIe, Quadro RTX 6000, A40).
GPUS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"v100": (100, 250), "p100": (125, 250), "rtx6000": (100, 260), "a40": (100, 300)}
)
_GPU_COLUMNS = ("gpu", "gpu_model", "device", "GPU")


@dataclass(frozen=True, slots=True)
class Job:
    """One epoch of training under a limit. gpu: "" where the table does not say.

    time_s, power_w: as measured, read when fitting and from given rows; not compared.
    """

    gpu: str
    job: str
    optimizer: str
    batch: int
    limit_w: float
    time_s: float = field(default=math.nan, compare=False)
    power_w: float = field(default=math.nan, compare=False)

    @property
    def key(self) -> tuple[str, str, str, int]:
        """The same work under any limit."""
        return (self.gpu, self.job, self.optimizer, self.batch)

    @property
    def uncapped(self) -> bool:
        """Whether the limit is the highest that the GPU has."""
        return bool(self.gpu) and self.limit_w >= GPUS[self.gpu][1]


class _Set:
    name = "zeus-power-limit"
    unit = "J per epoch"
    source = "Zeus, NSDI 2023 (ml-energy/zeus, trace/summary_power_*.csv, Apache-2.0)"
    measured = ("time_per_epoch", "average_power", "energy_per_epoch")

    def find(self, folder: Path) -> Table:
        """All summary_power_*.csv below the folder as one table; the GPU is in the file's name."""
        files = sorted(p for p in folder.rglob("summary_power_*.csv") if _named(p.name))
        if not files:
            raise InputError("no summary_power_*.csv of Zeus", where=str(folder))
        tables = [(read_table(path), _named(path.name)) for path in files]
        rows = tuple({**row, "gpu": gpu} for table, gpu in tables for row in table.rows)
        return Table((*tables[0][0].columns, "gpu"), rows, str(folder))

    def parse(self, table: Table) -> Parsed:
        """The GPU is told by a column, else by the file's name, else by limits of one GPU only."""
        table.need("network", "batch_size", "power_limit")
        gpu = "" if set(_GPU_COLUMNS) & set(table.columns) else _guess(table)
        return understand(table, lambda row: _understood(row, gpu))

    def group(self, config: Job) -> str:
        return config.gpu

    def part(self, config: Job) -> str:
        return config.gpu

    def shown(self, config: Job) -> bool:
        """Uncapped rows of a GPU that was left out may be given."""
        return config.uncapped

    def fit(self, configs: Sequence[Job], energy_j: Floats) -> Limits:
        return fit_limits(configs, energy_j)

    def shipped(self) -> Limits:
        return read_shipped(self.name, Limits)

    def baselines(
        self, train: Sequence[Job], energy_j: Floats, test: Sequence[Job]
    ) -> dict[str, Floats]:
        """Uncapped joules, uncapped seconds at the limit, and a log-linear fit of the ratio."""
        base = {c.key: c for c in train if c.uncapped}
        found = [base.get(c.key) for c in test]
        time_s, power_w = (
            np.array([getattr(c, name) if c else np.nan for c in found])
            for name in ("time_s", "power_w")
        )
        limit_w = np.array([c.limit_w for c in test])
        rows = [i for i, c in enumerate(train) if c.key in base and not c.uncapped]
        ratio = [
            energy_j[i] / (base[train[i].key].time_s * base[train[i].key].power_w) for i in rows
        ]
        seen = np.array([_logs(train[i], base[train[i].key]) for i in rows])
        slope = np.linalg.lstsq(seen, np.log(ratio), rcond=None)[0]
        asked = np.array(
            [_logs(c, b) if b else [np.nan] * 3 for c, b in zip(test, found, strict=True)]
        )
        asked = asked.reshape(-1, 3)
        return {
            "as uncapped": time_s * power_w,
            "limit × uncapped time": limit_w * time_s,
            "log-linear": np.asarray(time_s * power_w * np.exp(asked @ slope), float),
        }

    def suspect(self, config: Job, ratio: float) -> str:
        """Why a prediction is off by predicted/measured = ratio, as far as is known."""
        if config.job.startswith("ncf"):
            return "single runs of seconds that wait for the host: noise moves them, not the limit"
        if config.limit_w <= 0.5 * GPUS[config.gpu][1]:
            return "a deep cap: little is left above what the board holds, at the clock's floor"
        return "bursts: a mean power can't tell steady work from work and waiting"


def _understood(row: Row, gpu: str) -> tuple[Job, float]:
    column = next((c for c in _GPU_COLUMNS if row.get(c)), "")
    if column:
        gpu = _named(row[column]) or choose(row, column, GPUS)[0]
    low, high = GPUS[gpu] if gpu else (100.0, 300.0)
    network, dataset = row.get("network", "").strip(), row.get("dataset", "").strip()
    if not network:
        raise Refused("network is empty")
    limit_w = number(row, "power_limit", low, high)
    time_s = joules(row, "time_per_epoch", unit="seconds")
    power_w = joules(row, "average_power", unit="watts")
    energy_j = joules(row, "energy_per_epoch")
    if power_w > 1.1 * limit_w:
        raise Refused(f"average_power {power_w:g} W is above the limit of {limit_w:g} W")
    if abs(energy_j / (time_s * power_w) - 1.0) > 0.02:
        raise Refused("energy_per_epoch is not seconds × watts: units are inconsistent")
    optimizer, batch = row.get("optimizer", "").strip(), whole(row, "batch_size", 1, 2**24)
    job = Job(gpu, f"{network} {dataset}".strip(), optimizer, batch, limit_w, time_s, power_w)
    return job, energy_j if math.isfinite(energy_j) else time_s * power_w


def _logs(job: Job, base: Job) -> list[float]:
    """Regressors of a capped row: its limit, and how hard the uncapped job drives the GPU."""
    most_w = GPUS[job.gpu][1]
    return [1.0, math.log(job.limit_w / most_w), math.log(base.power_w / most_w)]


def _named(text: str) -> str:
    """The GPU whose name is part of a text, "" if none or several."""
    plain = re.sub(r"[^a-z0-9]", "", text.lower())
    found = [gpu for gpu in GPUS if gpu in plain]
    return found[0] if len(found) == 1 else ""


def _guess(table: Table) -> str:
    named = _named(Path(table.where).name)
    if named:
        return named
    limits = [row.get("power_limit", "") for row in table.rows]
    watts = [float(x) for x in limits if re.fullmatch(r"\d+(\.\d+)?", x.strip())]
    fit = [
        g for g, (low, high) in GPUS.items() if watts and low <= min(watts) and max(watts) <= high
    ]
    return fit[0] if len(fit) == 1 else ""


SET = _Set()
