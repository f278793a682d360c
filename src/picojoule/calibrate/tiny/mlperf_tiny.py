"""MLPerf Tiny, rounds 0.7 to 1.1: joules an inference on microcontroller boards."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec
import numpy as np

from picojoule.calibrate.cells import Refused, choose, joules, understand
from picojoule.calibrate.folds import folds
from picojoule.calibrate.interval import band
from picojoule.calibrate.measured_set import Floats, Parsed, Predictions
from picojoule.calibrate.shipped import read_shipped
from picojoule.calibrate.table import Row, Table, read_table
from picojoule.calibrate.tiny.model import Constants, Run, fitted, joules_of
from picojoule.calibrate.tiny.networks import NETWORKS, work
from picojoule.errors import InputError, nearest

__all__ = ["SET", "Tiny"]

_UNITS: Mapping[str, float] = MappingProxyType({"uj/inf.": 1e-6, "mj/inf.": 1e-3, "j/inf.": 1.0})
_ACCELERATED = ("ne16", "syntiant core", "npu", "ethos", "max78")


class Tiny(msgspec.Struct, frozen=True):
    """Constants, and log factors of a 90% interval for a network that a board did not run, by
    class of core.
    """

    constants: Constants
    bands: dict[str, tuple[float, float]]

    def predict(self, configs: Sequence[Run]) -> Predictions:
        """Joules an inference; NaN on a board without rows, until some are given."""
        if not configs:
            return Predictions(np.empty(0), np.empty(0), np.empty(0), ())
        energy_j = joules_of(self.constants, configs)
        reasons = tuple(self._reason(c) for c in configs)
        low, high = np.exp([self.bands[c.core] for c in configs]).T
        return Predictions(energy_j, energy_j * low, energy_j * high, reasons)

    def given(self, configs: Sequence[Run], energy_j: Floats) -> Tiny:
        """Joules a cycle of systems and boards from measured rows: the median over networks."""
        known = self.constants
        plain = dict.fromkeys(c.system for c in configs)
        unit = msgspec.structs.replace(known, systems=dict.fromkeys(plain, 1.0))
        each = energy_j / joules_of(unit, configs)
        systems, boards = dict(known.systems), dict(known.boards)
        for name in plain:
            systems[name] = float(
                np.median([e for e, c in zip(each, configs, strict=True) if c.system == name])
            )
        for c, e in zip(configs, each, strict=True):
            boards.setdefault(c.board, float(e) * 3.0 / (c.volts or 3.0))
        return msgspec.structs.replace(
            self, constants=msgspec.structs.replace(known, systems=systems, boards=boards)
        )

    def _reason(self, run: Run) -> str | None:
        if run.board not in self.constants.boards:
            hint = nearest(run.board, self.constants.boards)
            return f"Board Name {run.board!r} has no measured row: {hint}"
        if run.system not in self.constants.systems:
            return "this system was not measured: the board's joules a cycle"
        return None


class _Set:
    name = "mlperf-tiny"
    unit = "J per inference"
    source = "MLPerf Tiny 0.7-1.1, closed division (mlcommons/cm4mlperf-results, Apache-2.0)"
    measured = (
        "median_throughput",
        "median_energy_cost",
        "median_energy_median_throughput",
        "Accuracy",
        "uid",
    )

    def find(self, folder: Path) -> Table:
        for path in ("mlperf_power/tiny.csv", "tiny.csv"):
            if (folder / path).exists():
                return read_table(folder / path)
        raise InputError("no tiny.csv of MLPerf Tiny", where=str(folder))

    def parse(self, table: Table) -> Parsed:
        table.need("Benchmark", "Board Name")
        return understand(table, _understood)

    def group(self, config: Run) -> str:
        """A network on a board, whoever submitted it."""
        return f"{config.board} {config.network}"

    def part(self, config: Run) -> str:
        return config.board

    def fit(self, configs: Sequence[Run], energy_j: Floats) -> Tiny:
        names = np.array([self.group(c) for c in configs])
        off = np.log(energy_j / _left_out(configs, energy_j, names.tolist()))
        known = np.isfinite(off)  # a board with one network only can't be left out
        cores = np.array([c.core for c in configs])
        bands = {"mcu": band(off[known], names[known].tolist())}
        bands["accelerator"] = bands["mcu"]
        for core in bands:
            here = known & (cores == core)
            if len(set(names[here])) >= 4:
                bands[core] = band(off[here], names[here].tolist())
        return Tiny(fitted(configs, energy_j), bands)

    def shipped(self) -> Tiny:
        return read_shipped(self.name, Tiny)

    def baselines(
        self, train: Sequence[Run], energy_j: Floats, test: Sequence[Run]
    ) -> dict[str, Floats]:
        """Joules per MAC of the same board, and a log-linear fit on MACs, clock and board."""
        macs = {n: sum(work(n)[:4]) for n in NETWORKS}
        per_mac = {
            b: np.median(
                [e / macs[c.network] for e, c in zip(energy_j, train, strict=True) if c.board == b]
            )
            for b in {c.board for c in train}
        }
        boards = sorted(per_mac)
        rows = [
            np.array(
                [[np.log(macs[c.network]), *(float(c.board == b) for b in boards)] for c in some]
            )
            for some in (train, test)
        ]
        slope = np.linalg.lstsq(rows[0], np.log(energy_j), rcond=None)[0]
        return {
            "joules per MAC": np.array(
                [per_mac.get(c.board, np.nan) * macs[c.network] for c in test]
            ),
            "log-linear": np.asarray(np.exp(rows[1] @ slope), float),
        }

    def suspect(self, config: Run, ratio: float) -> str:
        """Why a prediction is off by predicted/measured = ratio, as far as is known."""
        if config.core == "accelerator":
            return "an accelerator's kinds of layer are known from its other two networks only"
        if config.software == "ONNC":
            return "two submissions of one board and software differ by 18 to 37%"
        return "this software's kernels for this network's layers are unlike its others"


def _left_out(configs: Sequence[Run], energy_j: Floats, groups: Sequence[str]) -> Floats:
    answer = np.empty(energy_j.size)
    for inside, outside in folds(groups):
        some = fitted([configs[i] for i in outside], energy_j[outside])
        answer[inside] = joules_of(some, [configs[i] for i in inside])
    return answer


def _understood(row: Row) -> tuple[Run, float]:
    network, _ = choose(row, "Benchmark", NETWORKS)
    board = row["Board Name"].strip()
    if not board:
        raise Refused("Board Name is empty")
    notes = row.get("Hardware Notes", "").strip()
    accelerator = row.get("Accelerator", "").strip().lower()
    fast = any(word in accelerator for word in _ACCELERATED)
    energy_j = joules(row, "median_energy_cost", _unit(row))
    return Run(
        network,
        board,
        "accelerator" if fast else "mcu",
        _clock(row.get("Processor(s) Frequencies", "")),
        _core_volts(notes),
        _software(row),
        notes,
        row.get("version", "").strip(),
    ), energy_j


def _unit(row: Row) -> float:
    name = row.get("median_energy_cost_metric", "").strip().lower() or "uj/inf."
    if name not in _UNITS:
        raise Refused(f"median_energy_cost_metric {name!r} is not known: {', '.join(_UNITS)}")
    return _UNITS[name]


def _clock(text: str) -> float:
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([MG])Hz\s*", text)
    if not text.strip():
        return 0.0
    if not found:
        raise Refused(f"Processor(s) Frequencies is {text!r}, expected a number of MHz or GHz")
    return float(found[1]) * (1000.0 if found[2] == "G" else 1.0)


def _core_volts(notes: str) -> float:
    """The first voltage in the notes; 0 where there is none."""
    found = re.search(r"(\d+(?:\.\d+)?)\s*V\b", notes)
    return float(found[1]) if found else 0.0


def _software(row: Row) -> str:
    """The framework, or who submitted where it is not told."""
    for column in ("Inference Framework", "Software Libraries"):
        text = row.get(column, "").strip()
        if text and text != "N/A" and not text.startswith("{"):
            return text
    return row.get("Organization", "").strip() or "unknown"


SET = _Set()
