"""Quantise-dequantise of fp32 values against a numpy copy-and-round of the same array.

python benchmarks/formats_speed.py [elements, 1e7 by default]        target: <= 3x

The reference is the faster way to write it: y = x.copy(); np.rint(y, out=y).
"""

import sys
import time
from collections.abc import Callable

import numpy as np

from picojoule.formats import BF16, FP16, Float, Int, SharedExponent, Ternary

FORMATS = [
    Int(8),
    Float(4, 3),
    Float(4, 3, specials="nan"),
    SharedExponent(8, block=32),
    SharedExponent(4, block=32),
    SharedExponent(8, block=None),
    BF16,
    FP16,
    Ternary(),
]


def fastest_s(run: Callable[[], object], repeats: int = 5) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def copy_and_round(x: np.ndarray) -> np.ndarray:
    y = x.copy()
    return np.rint(y, out=y)


def main() -> None:
    elements = int(float(sys.argv[1])) if len(sys.argv) > 1 else 10_000_000
    elements -= elements % 32
    # Some values lie beyond the range of int8 and of Float(4, 3), so that saturation is paid for.
    x = np.random.default_rng(0).standard_normal(elements, np.float32) * 60
    reference = fastest_s(lambda: copy_and_round(x))
    print(f"{elements} values, copy and round {reference * 1e3:.1f} ms")
    for fmt in FORMATS:
        took = fastest_s(lambda fmt=fmt: fmt.quantize(x))
        print(f"{fmt.name:<16} {took * 1e3:8.1f} ms {took / reference:6.2f}x")


if __name__ == "__main__":
    main()
