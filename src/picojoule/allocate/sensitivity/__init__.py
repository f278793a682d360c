"""How much each option of each unit hurts: [unit, option] arrays for an allocator.

`changes[unit][option]` is what the option adds to the unit's weights (quantised − original), a
torch tensor of their shape, or None where the unit doesn't have the option: NaN in the answer.
Methods differ in what they need and in their units; an allocator only compares within one.
"""

from picojoule.allocate.sensitivity.correlation import cca
from picojoule.allocate.sensitivity.gradients import fisher, taylor
from picojoule.allocate.sensitivity.hessian import hessian_trace, mean_trace
from picojoule.allocate.sensitivity.measured import measured_drop, prune_curve
from picojoule.allocate.sensitivity.zeroth_order import zeroth_order

__all__ = [
    "cca",
    "fisher",
    "hessian_trace",
    "mean_trace",
    "measured_drop",
    "prune_curve",
    "taylor",
    "zeroth_order",
]
