"""A training job that recurs: epochs to its target by batch size, joules an epoch by limit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from picojoule.calibrate.cells import Refused, number, whole
from picojoule.calibrate.table import Row, Table, read_table
from picojoule.errors import InputError, nearest

__all__ = ["JOBS", "Choice", "Recurring", "load_recurring"]

# Network, optimizer, target metric, longest run in epochs and default batch of each dataset
# (NSDI'23 artefact of Zeus, arXiv 2208.06102: trace-driven examples of ml-energy/zeus).
JOBS: Mapping[str, tuple[str, str, float, int, int]] = {
    "cifar100": ("shufflenetv2", "adadelta", 0.6, 100, 1024),
    "imagenet": ("resnet50", "adadelta", 0.65, 100, 256),
    "squad": ("bert_base_uncased", "adamw", 84.0, 6, 32),
    "librispeech": ("deepspeech2", "adamw", 40.0, 16, 192),
    "movielens-1m": ("ncf", "adam", 0.41, 100, 1024),
    "sentiment140": ("bert_base_uncased", "adamw", 0.84, 10, 128),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A batch size and a power limit, and what a run to the target costs with them on average."""

    batch: int
    limit_w: int
    energy_j: float
    time_s: float


@dataclass(frozen=True)
class Recurring:
    """One job on one GPU.

    epochs: by batch size, epochs to the target of each measured run; infinity where it was not
    reached. epoch: by (batch, limit in watts), seconds and mean watts of one epoch.
    """

    name: str
    epochs: Mapping[int, tuple[float, ...]]
    epoch: Mapping[tuple[int, int], tuple[float, float]]
    default_batch: int
    most_epochs: int

    @property
    def most_w(self) -> int:
        """The GPU's highest limit."""
        return max(limit for _, limit in self.epoch)

    @property
    def batches(self) -> tuple[int, ...]:
        """Batch sizes, ascending."""
        return tuple(sorted(self.epochs))

    def limits(self, batch: int) -> tuple[int, ...]:
        """Limits measured with this batch size, highest first."""
        return tuple(sorted((p for b, p in self.epoch if b == batch), reverse=True))

    def cost_j(self, energy_j: float, time_s: float, eta: float) -> float:
        """η · energy + (1 − η) · highest limit · time (Zeus, equation 2), in joules."""
        return eta * energy_j + (1 - eta) * self.most_w * time_s

    def epoch_cost_j(self, batch: int, limit_w: int, eta: float) -> float:
        """The same of one epoch."""
        time_s, power_w = self.epoch[batch, limit_w]
        return self.cost_j(power_w * time_s, time_s, eta)

    def best_limit(self, batch: int, eta: float) -> int:
        """The limit with the cheapest epoch; of equal ones the highest."""
        return min(self.limits(batch), key=lambda w: self.epoch_cost_j(batch, w, eta))

    def run(self, batch: int, limit_w: int) -> Choice:
        """Mean cost to the target. Infinite where a measured run did not reach it in time."""
        time_s, power_w = self.epoch[batch, limit_w]
        runs = self.epochs[batch]
        epochs = fmean(runs) if max(runs) <= self.most_epochs else math.inf
        return Choice(batch, limit_w, epochs * time_s * power_w, epochs * time_s)

    def default(self) -> Choice:
        """The default batch size at the highest limit."""
        return self.run(self.default_batch, self.most_w)

    def best(
        self, eta: float = 1.0, *, batch: int | None = None, limit_w: int | None = None
    ) -> Choice:
        """The choice of least cost, among one batch size or one limit if they are given.

        Batch sizes of which a measured run did not reach the target are no choice. Raises
        InputError if none is left.
        """
        runs = [
            self.run(b, w)
            for b, w in sorted(self.epoch)
            if batch in (None, b) and limit_w in (None, w)
        ]
        reached = [run for run in runs if math.isfinite(run.time_s)]
        if not reached:
            raise InputError("no batch size always reaches the target", where=self.name)
        return min(reached, key=lambda c: self.cost_j(c.energy_j, c.time_s, eta))


def load_recurring(folder: str | Path, gpu: str, dataset: str) -> Recurring:
    """A job of JOBS from summary_train.csv and summary_power_GPU.csv of Zeus in a folder.

    Batch sizes that were measured in both are kept; the default is the largest one if the GPU
    can't hold the usual default. Raises InputError for an unknown job, a file that can't be
    read, and a row that makes no sense, with its number.
    """
    if dataset not in JOBS:
        raise InputError(f"no job trains on {dataset!r}", fix=nearest(dataset, JOBS))
    network, optimizer, target, most_epochs, default = JOBS[dataset]
    job = {"dataset": dataset, "network": network, "optimizer": optimizer}
    runs: dict[int, list[float]] = {}
    for row, where in _rows(Path(folder) / "summary_train.csv", job):
        batch, metric, epochs = _train(row, where)
        if math.isclose(metric, target):
            runs.setdefault(batch, []).append(epochs)
    epoch = dict(_power(*x) for x in _rows(Path(folder) / f"summary_power_{gpu}.csv", job))
    both = runs.keys() & {batch for batch, _ in epoch}
    if not both:
        raise InputError("no batch size has both runs and watts", where=f"{dataset} on {gpu}")
    fits = [b for b in both if b <= default]
    return Recurring(
        f"{network} {dataset} on {gpu}",
        {b: tuple(runs[b]) for b in sorted(both)},
        {key: value for key, value in epoch.items() if key[0] in both},
        max(fits, default=min(both)),
        most_epochs,
    )


def _rows(path: Path, job: Mapping[str, str]) -> list[tuple[Row, str]]:
    table: Table = read_table(path)
    table.need(*job, "batch_size")
    numbered = [(row, f"{path.name}:{i}") for i, row in enumerate(table.rows, start=2)]
    return [(row, at) for row, at in numbered if all(row[k] == v for k, v in job.items())]


def _train(row: Row, where: str) -> tuple[int, float, float]:
    try:
        reached = row["target_epoch"].strip().lower() not in ("", "nan")
        epochs = number(row, "target_epoch", 1, 1e6) if reached else math.inf
        return whole(row, "batch_size", 1, 2**24), number(row, "target_metric", 0, 1e3), epochs
    except (Refused, KeyError) as error:
        raise InputError(f"a training run makes no sense: {error}", where=where) from None


def _power(row: Row, where: str) -> tuple[tuple[int, int], tuple[float, float]]:
    try:
        key = whole(row, "batch_size", 1, 2**24), whole(row, "power_limit", 1, 2000)
        return key, (number(row, "time_per_epoch", 1e-6, 1e9), number(row, "average_power", 1, 2e3))
    except (Refused, KeyError) as error:
        raise InputError(f"an epoch's power makes no sense: {error}", where=where) from None
