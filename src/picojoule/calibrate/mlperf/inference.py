"""MLPerf Inference, power: edge classifiers on boards, and whole systems, at the wall.

Joules are per inference (SingleStream, MultiStream), sample (Offline) or query (Server); for
language models Offline counts tokens, also where a row's unit says `token` for both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np

from picojoule.calibrate.cells import Refused, joules, number, understand
from picojoule.calibrate.measured_set import Floats, Parsed, Predictions
from picojoule.calibrate.mlperf.baselines import log_linear, roofline
from picojoule.calibrate.mlperf.edge import Edge, edge
from picojoule.calibrate.mlperf.edge_model import EdgeModel, fit_edges
from picojoule.calibrate.mlperf.systems import System, system
from picojoule.calibrate.mlperf.systems_model import SystemsModel, fit_systems
from picojoule.calibrate.shipped import read_shipped
from picojoule.calibrate.table import Row, Table, read_table
from picojoule.errors import InputError

__all__ = ["SET", "Config", "Mlperf"]

Config = Edge | System

_STREAM = 8  # samples of a MultiStream query (MLPerf Inference rules, v2.0 and later)
_UNITS = {"Offline": "watts", "Server": "watts"}


class Mlperf(msgspec.Struct, frozen=True):
    """Two models: of boards, and of systems."""

    boards: EdgeModel
    systems: SystemsModel

    def predict(self, configs: Sequence[Config]) -> Predictions:
        """Joules at the wall."""
        edges = [c for c in configs if isinstance(c, Edge)]
        systems = [c for c in configs if isinstance(c, System)]
        first, second = self.boards.predict(edges), self.systems.predict(systems)
        # Both answers one after the other, brought back into the order of the rows.
        order = np.argsort([isinstance(c, System) for c in configs], kind="stable")
        place = np.argsort(order, kind="stable")
        reasons = (*first.reasons, *second.reasons)
        return Predictions(
            np.append(first.energy_j, second.energy_j)[place],
            np.append(first.low_j, second.low_j)[place],
            np.append(first.high_j, second.high_j)[place],
            tuple(reasons[i] for i in place.tolist()),
        )

    def given(self, configs: Sequence[Config], energy_j: Floats) -> Mlperf:
        """The same with measured rows of a board or system."""
        (edges, edge_j), (systems, system_j) = _split(configs, energy_j)
        return Mlperf(
            self.boards.given(edges, edge_j) if edges else self.boards,
            self.systems.given(systems, system_j) if systems else self.systems,
        )


def _split(
    configs: Sequence[Config], energy_j: Floats
) -> tuple[tuple[list[Edge], Floats], tuple[list[System], Floats]]:
    edges = [i for i, c in enumerate(configs) if isinstance(c, Edge)]
    rest = [i for i, c in enumerate(configs) if isinstance(c, System)]
    boards = [c for c in configs if isinstance(c, Edge)]
    systems = [c for c in configs if isinstance(c, System)]
    return (boards, energy_j[edges]), (systems, energy_j[rest])


# When a group is left out, one of the two models has the rows that it had before.
@lru_cache(maxsize=1)
def _boards(configs: tuple[Edge, ...], energy_j: tuple[float, ...]) -> EdgeModel:
    return fit_edges(configs, np.array(energy_j))


@lru_cache(maxsize=1)
def _systems(configs: tuple[System, ...], energy_j: tuple[float, ...]) -> SystemsModel:
    return fit_systems(configs, np.array(energy_j))


class _Set:
    name: str = "mlperf-inference"
    unit: str = "J per inference, sample, query or token"
    source: str = "MLPerf Inference v2.0 to v4.1, power (mlcommons/cm4mlperf-results, Apache-2.0)"
    measured: tuple[str, ...] = (
        "perf_result",
        "power_result",
        "joules_per_unit_derived",
        "Accuracy",
    )

    def find(self, folder: Path) -> Table:
        for path in ("mlperf_power/inference.csv", "inference.csv"):
            if (folder / path).exists():
                return read_table(folder / path)
        raise InputError("no inference.csv of MLPerf power results", where=str(folder))

    def parse(self, table: Table) -> Parsed:
        table.need("Model", "Scenario", "SystemName")
        return understand(table, understood)

    def group(self, config: Config) -> str:
        return config.family if isinstance(config, Edge) else config.name

    def regime(self, config: Config) -> str:
        """What is new when the group of this row is: a family of classifiers, or a system."""
        return "edge classifiers" if isinstance(config, Edge) else f"{config.division} systems"

    def part(self, config: Config) -> str:
        """The regime on a chip, or on a family of accelerators."""
        on = config.chip if isinstance(config, Edge) else config.accelerator.family or "unknown"
        return f"{self.regime(config)}, {on}"

    def board(self, config: Config) -> str | None:
        """The chip that is left out when a new board is told by a few rows."""
        return config.chip if isinstance(config, Edge) else None

    def fit(self, configs: Sequence[Config], energy_j: Floats) -> Mlperf:
        (edges, edge_j), (systems, system_j) = _split(configs, energy_j)
        return Mlperf(
            _boards(tuple(edges), tuple(edge_j.tolist())),
            _systems(tuple(systems), tuple(system_j.tolist())),
        )

    def shipped(self) -> Mlperf:
        return read_shipped(self.name, Mlperf)

    def baselines(
        self, train: Sequence[Config], energy_j: Floats, test: Sequence[Config]
    ) -> dict[str, Floats]:
        return {
            "roofline at TDP": roofline(test),
            "log-linear": log_linear(train, energy_j, test),
        }

    def suspect(self, config: Config, ratio: float) -> str:
        """Why a prediction is off by predicted/measured = ratio, as far as is known."""
        if isinstance(config, Edge):
            return _suspect_board(config)
        return _suspect_system(config, ratio)


def understood(row: Row) -> tuple[Config, float]:
    """A configuration and its joules, NaN where not measured. Raises Refused."""
    known = edge(row)
    return (known if known is not None else system(row)), _joules(row)


def _joules(row: Row) -> float:
    """Joules a unit: as derived, held to the watts or millijoules beside it; NaN if not there."""
    derived = joules(row, "joules_per_unit_derived")
    scenario = row.get("Scenario", "").strip()
    said = row.get("power_units", "").strip().lower()
    unit = _UNITS.get(scenario, "millijoules")
    if said and said != unit:
        raise Refused(f"power_units is {said!r}, expected {unit} in scenario {scenario}")
    power = number(row, "power_result", 1e-9, 1e12, math.nan)
    if unit == "watts":
        again = power / number(row, "perf_result", 1e-9, 1e12, math.nan)
    else:
        again = power / 1e3 / (_STREAM if scenario == "MultiStream" else 1)
    if math.isfinite(derived) and math.isfinite(again) and not 0.98 < derived / again < 1.02:
        raise Refused(f"joules are {derived:g}, but {unit} say {again:g}: units are inconsistent")
    return derived if math.isfinite(derived) else again


def _suspect_board(config: Edge) -> str:
    if config.family == "resnet50":
        return "dense 3x3 convolutions are nowhere else in the set"
    if config.machine == "firefly" and config.backend == "ruy":
        return "latency of like networks jumps threefold between runs: little or big cores"
    return "time and power of this run differ from its others"


def _suspect_system(config: System, ratio: float) -> str:
    if config.accelerator.name == "L4" and config.version == "v3.0":
        return "the wall shows 635 W where the same box draws 330 W a round later"
    if config.runtime not in ("tensorrt", "qaic"):
        return "an implementation with few others of its kind"
    if config.accelerators <= 2 and not config.box:
        return "few boards on a server: the host's share is drawn from larger systems"
    return "host power below that of its peers" if ratio > 1 else "host power above its peers'"


SET = _Set()
