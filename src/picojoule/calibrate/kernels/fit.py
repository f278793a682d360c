"""Fit kernel laws to measured latencies; leave one sample out to know their error.

python -m picojoule.calibrate.kernels --data DIR writes the constants that ship.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from picojoule.calibrate.kernels.laws import DEVICES, AllReduce, Matmul, Vector
from picojoule.calibrate.kernels.samples import LLMCOMPASS, Samples, llmcompass, vidur_all_reduce
from picojoule.calibrate.measured_set import Floats
from picojoule.calibrate.shipped import read_shipped, write_shipped
from picojoule.errors import InputError

__all__ = ["Kernels", "fit_law", "leave_one_out", "main", "shipped"]

Law = Matmul | Vector | AllReduce

# Prior of each constant and how well it is known (log; plain for the last of Vector).
_PRIORS: dict[str, tuple[type[Law], Floats, Floats]] = {
    "matmul": (
        Matmul,
        np.log([20e-6, 20e-6, 0.9, 0.85, 8.0]),
        np.array([1.0, 1.0, 0.1, 0.15, 1.0]),
    ),
    "vector": (
        Vector,
        np.array([*np.log([30e-6, 20e-6, 1e-9, 0.75, 0.05, 2048.0]), 0.0]),
        np.array([1.0, 1.0, 2.0, 0.3, 1.5, 1.0, 0.1]),
    ),
    "all_reduce": (
        AllReduce,
        np.log([30e-6, 3e-6, 20e-6, 0.6]),
        np.array([1.0, 1.0, 1.0, 0.3]),
    ),
}
_NOISE = 0.03


class Kernels(msgspec.Struct, frozen=True):
    """Laws by device. A launch is what the harness of the measurements shows."""

    matmul: dict[str, Matmul]
    softmax: dict[str, Vector]
    layernorm: dict[str, Vector]
    gelu: dict[str, Vector]
    all_reduce: dict[str, AllReduce]


def shipped() -> Kernels:
    """The laws that come with picojoule."""
    return read_shipped("kernels", Kernels)


def fit_law(samples: Samples, only: NDArray[np.intp] | None = None) -> Law:
    """Fit the law of the samples' kernel to all of them, or to the rows `only`."""
    rows = np.arange(samples.time_s.size) if only is None else only
    kind, prior, spread = _PRIORS.get(samples.kernel, _PRIORS["vector"])
    seconds = np.log(samples.time_s[rows])
    shape = samples.shape[rows]

    def residuals(x: Floats) -> Floats:
        off = np.log(_seconds(_law(kind, x), samples.device, shape)) - seconds
        return np.concatenate([off / _NOISE, (x - prior) / spread])

    return _law(kind, np.asarray(least_squares(residuals, prior, loss="soft_l1").x, float))


def leave_one_out(samples: Samples) -> Floats:
    """predicted / measured − 1 of each sample by a fit to all the others."""
    every = np.arange(samples.time_s.size)
    return np.array(
        [
            _seconds(fit_law(samples, every[every != i]), samples.device, samples.shape[i : i + 1])[
                0
            ]
            / samples.time_s[i]
            - 1.0
            for i in every
        ]
    )


def _law(kind: type[Law], x: Floats) -> Law:
    constants = np.exp(x)
    if kind is Vector:
        constants[-1] = x[-1]
    return kind(*constants.tolist())


def _seconds(law: Law, device: str, shape: Floats) -> Floats:
    return law.time_s(DEVICES[device], *shape.T)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True, help="Folder of public files.")
    folder = options.parse_args(arguments).data
    kernels, rows = fit_all(folder)
    sys.stderr.write(f"wrote {write_shipped('kernels', kernels, rows)}\n")


def fit_all(folder: Path) -> tuple[Kernels, int]:
    """Laws for every file below the folder, and the number of samples. Raises InputError: none."""
    found: dict[str, dict[str, Law]] = {name: {} for name in Kernels.__struct_fields__}
    rows = 0
    for samples in all_samples(folder):
        found[samples.kernel][samples.device] = fit_law(samples)
        rows += samples.time_s.size
    if not rows:
        raise InputError("no kernel latencies", where=str(folder))
    return msgspec.convert(msgspec.to_builtins(found), Kernels), rows


def all_samples(folder: Path) -> list[Samples]:
    """The files of LLMCompass and the all-reduce files of Vidur below a folder."""
    paths = sorted(folder.rglob("*.csv"))
    known = {f"{kernel}_{device}.csv" for kernel in LLMCOMPASS for device in DEVICES}
    samples = [llmcompass(path) for path in paths if path.name in known]
    samples += [
        vidur_all_reduce(path, device)
        for path in paths
        for device in DEVICES
        if path.name == f"{device.lower()}_dgx_all_reduce.csv"
    ]
    return samples
