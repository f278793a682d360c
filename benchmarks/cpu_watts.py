"""The CPU-time model against RAPL, leaving one CPU out.

    python benchmarks/cpu_watts.py DATA

DATA is codecarbon's folder of `all_cores_*.csv` and `some_cores_*.csv` (MIT licence). Prints the
errors by what is known of a CPU, the public TDP model beside, and what cpu_watts.toml should say.

The column `rapl_power` of these files is one row late: it is the energy of the row before divided
by its duration. So the truth here is `rapl_energy / duration`, and the late column is shown beside.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from picojoule.calibrate.load_curves import load_curves
from picojoule.errors import InputError
from picojoule.meter.cpu_watts import CpuFacts, constants, cpu_watts

# TDP of all sockets: AMD and Intel product pages. Two sockets of the E5, as its 24 threads show.
CPUS = {
    "EPYC_8024P": CpuFacts(90, 8, 16, 5),
    "Threadripper_1950X": CpuFacts(180, 16, 32, 14),
    "E3_1240_V2": CpuFacts(69, 4, 8, 22),
    "E5_2620_v3": CpuFacts(170, 12, 24, 22),
}


@dataclass(frozen=True)
class Point:
    """One row, by the name of CPUS. true_w: watts by energy; late_w: the files' power column."""

    cpu: str
    load: float
    clock_ghz: float
    true_w: float
    late_w: float
    public_w: float


def read(folder: Path) -> list[Point]:
    """All points. Raises InputError when the folder isn't the data set."""
    found, refused = load_curves(folder)
    for line in refused:
        print(f"not used: {line}")
    return [
        Point(_known(p.cpu), p.load, p.clock_ghz, p.power_w, p.late_w, p.public_w) for p in found
    ]


def _known(cpu: str) -> str:
    plain = re.sub(r"\W+", "_", cpu)
    for name in CPUS:
        if name in plain:
            return name
    raise InputError("an unknown CPU", got=cpu, expected=list(CPUS))


def lateness(points: list[Point]) -> float:
    """Median of (power column of a row) / (energy / duration of the row before)."""
    pairs = [(a, b) for a, b in pairwise(points) if b.late_w > 2]
    return float(np.median([b.late_w / a.true_w for a, b in pairs]))


def design(points: list[Point], known: set[str]) -> np.ndarray:
    """The two terms of the model for each point, without their constants."""
    unit = constants()["curve"]
    rows = []
    for p in points:
        facts = CPUS[p.cpu] if "node" in known else replace(CPUS[p.cpu], node_nm=None)
        watts = cpu_watts(facts, p.load, p.clock_ghz if "clock" in known else None)
        rows.append([facts.cores, watts.dynamic_w / unit["tdp_share"]])
    return np.array(rows, dtype=float)


def fit(terms: np.ndarray, true_w: np.ndarray) -> np.ndarray:
    """Constants of least mean relative error, by reweighted least squares."""
    scaled, weight = terms / true_w[:, None], np.ones(len(true_w))
    for _ in range(40):
        root = np.sqrt(weight)
        constants_, *_ = np.linalg.lstsq(scaled * root[:, None], root, rcond=None)
        weight = 1 / np.maximum(np.abs(scaled @ constants_ - 1), 0.02)
    return constants_


def leave_one_out(
    points: list[Point], known: set[str], true_w: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted watts of each CPU by constants fitted to the others; and all constants."""
    terms, cpus = design(points, known), np.array([p.cpu for p in points])
    predicted, fitted = np.zeros(len(points)), []
    for cpu in sorted(set(cpus)):
        fitted.append(fit(terms[cpus != cpu], true_w[cpus != cpu]))
        predicted[cpus == cpu] = terms[cpus == cpu] @ fitted[-1]
    return predicted, np.array(fitted)


def quantiles(ratios: np.ndarray, cpus: np.ndarray) -> tuple[float, float]:
    """5% and 95% of measured / predicted, each CPU counting alike."""
    parts = [np.quantile(ratios[cpus == c], [0.05, 0.95]) for c in sorted(set(cpus))]
    return float(np.min([p[0] for p in parts])), float(np.max([p[1] for p in parts]))


def coverage(points: list[Point], known: set[str], true_w: np.ndarray) -> float:
    """How often the interval holds the truth on a CPU that neither it nor the constants saw."""
    cpus, inside = np.array([p.cpu for p in points]), []
    terms = design(points, known)
    for cpu in sorted(set(cpus)):
        rest = [p for p in points if p.cpu != cpu]
        rest_w = true_w[cpus != cpu]
        inner, _ = leave_one_out(rest, known, rest_w)
        low, high = quantiles(rest_w / inner, np.array([p.cpu for p in rest]))
        ratio = true_w[cpus == cpu] / (terms[cpus == cpu] @ fit(terms[cpus != cpu], rest_w))
        inside += list((low <= ratio) & (ratio <= high))
    return float(np.mean(inside))


def summary(predicted: np.ndarray, true_w: np.ndarray, cpus: np.ndarray) -> str:
    error = predicted / true_w - 1
    each = ", ".join(f"{c} {np.abs(error[cpus == c]).mean():.0%}" for c in sorted(set(cpus)))
    absolute = np.abs(error)
    return (
        f"mean {absolute.mean():.1%}, median {np.median(absolute):.1%}, "
        f"bias {error.mean():+.1%}, worst {absolute.max():.0%}  ({each})"
    )


def report(points: list[Point], out=sys.stdout) -> None:
    cpus = np.array([p.cpu for p in points])
    true_w = np.array([p.true_w for p in points])
    late_w = np.array([p.late_w for p in points])
    public_w = np.array([p.public_w for p in points])
    seen = late_w > 2  # its first rows, 0.2 to 1.4 W, are from before the machine's first interval
    print(f"{len(points)} points; rapl_power / (energy / duration of the row before): "
          f"median {lateness(points):.3f}", file=out)  # fmt: skip
    print(f"public TDP model, energy:      {summary(public_w, true_w, cpus)}", file=out)
    print(f"public TDP model, late column: {summary(public_w[seen], late_w[seen], cpus[seen])}",
          file=out)  # fmt: skip
    for known in ({"node", "clock"}, {"clock"}, {"node"}, set()):
        words = " + ".join(["TDP, cores, load", *sorted(known)])
        predicted, _ = leave_one_out(points, known, true_w)
        print(f"ours, {words}: {summary(predicted, true_w, cpus)}", file=out)
    known = {"node", "clock"}
    some = [p for p in points if p.late_w > 2]
    predicted, _ = leave_one_out(some, known, late_w[seen])
    print(f"ours, late column: {summary(predicted, late_w[seen], cpus[seen])}", file=out)
    predicted, fitted = leave_one_out(points, known, true_w)
    both = fit(design(points, known), true_w)
    low, high = quantiles(true_w / predicted, cpus)
    print(f"constants: core_w {both[0]:.3f} ({np.round(fitted[:, 0], 2)}), "
          f"tdp_share {both[1]:.3f} ({np.round(fitted[:, 1], 3)})", file=out)  # fmt: skip
    print(f"interval: {low:.2f} to {high:.2f} of the prediction; it holds the truth of a CPU "
          f"left out in {coverage(points, known, true_w):.0%} of points", file=out)  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    report(read(parser.parse_args().data))
