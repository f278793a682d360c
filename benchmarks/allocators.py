"""Time of each allocator against the number of units, with 8 options and 1 or 4 resources.
Prints CPU seconds, the loss over the ILP's, and the gap that the method proves over the same.

python benchmarks/allocators.py [units...]        default: 50 500 5000
"""

import sys
import time

import numpy as np

from picojoule.allocate import ALLOCATORS


def problem(units: int, resources: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Errors fall by 4 per bit, costs rise with the bits; layers differ by orders of magnitude."""
    rng = np.random.default_rng(seed)
    bits = np.arange(2, 10)
    size = rng.lognormal(0, 1, (units, 1))
    sensitivity = rng.lognormal(0, 2, (units, 1)) * 4.0**-bits
    noise = rng.uniform(0.9, 1.1, (units, len(bits), resources))
    cost = size[..., None] * bits[None, :, None] * noise
    return sensitivity, cost, cost[:, 2].sum(axis=0)  # the budget of a uniform 4 bits


def main(counts: list[int]) -> None:
    print(f"{'units':>6} {'resources':>9}  allocator     CPU s   loss/ilp   proven within")
    for units in counts:
        for resources in (1, 4):
            inputs, best = problem(units, resources), 1.0
            for name, allocator in ALLOCATORS.items():
                start = time.process_time()
                choice = allocator.allocate(*inputs)
                took = time.process_time() - start
                best = choice.sensitivity if name == "ilp" else best
                ratio = choice.sensitivity / best
                print(
                    f"{units:6} {resources:9}  {name:12} {took:6.3f}   {ratio:8.5f}"
                    f"   {choice.gap / best:.1e}"
                )


if __name__ == "__main__":
    main([int(a) for a in sys.argv[1:]] or [50, 500, 5000])
