"""What is known of the constants of `serving` before any step was measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from picojoule.calibrate.measured_set import Floats

__all__ = ["PIXEL_SD", "PRIORS", "PROMPT_SD", "STALL", "Prior", "transformed", "value"]


@dataclass(frozen=True, slots=True)
class Prior:
    """Typical value of a constant; sd of its transform, for all GPUs and between them.

    Shares are transformed by logit, exponents above 1 by log(p - 1), the others by log.
    """

    value: float
    sd: float
    gpu_sd: float = 0.2


# Values: order of magnitude of public kernel and power measurements of A100 and H100.
PRIORS = {
    "memory_share": Prior(0.8, 0.5, 0.3),
    "linear_share": Prior(0.65, 0.5, 0.3),
    "expert_memory_share": Prior(0.55, 0.5, 0.3),
    "expert_share": Prior(0.4, 0.5, 0.3),
    "attention_memory_share": Prior(0.6, 0.25, 0.15),
    "attention_share": Prior(0.35, 0.25, 0.15),
    "regather": Prior(0.15, 0.5, 0.05),
    "logit_passes": Prior(8.0, 0.7),
    "sharpness": Prior(2.0, 0.5, 0.05),
    "layer_s": Prior(2e-5, 0.7),
    "moe_s": Prior(3e-5, 0.7),
    "mamba_s": Prior(2e-5, 0.7),
    "mixed_s": Prior(1e-4, 0.7, 0.4),
    "eager_s": Prior(3e-4, 0.7, 0.5),
    "reduce_s": Prior(6e-6, 0.7, 0.3),
    "link_share": Prior(0.5, 0.5, 0.1),
    "step_s": Prior(1e-3, 0.7, 0.5),
    "sequence_s": Prior(3e-5, 0.7, 0.7),
    "request_s": Prior(5e-3, 0.7, 0.7),
    "mpixel_s": Prior(1e-2, 0.7, 0.7),
    "overlap": Prior(3.0, 0.3, 0.05),
    "routing": Prior(0.8, 1.0, 0.05),
    "filled": Prior(0.7, 0.5, 0.1),
    "passes": Prior(2.0, 0.6),
    "spread": Prior(0.6, 0.1, 0.02),
    "cached": Prior(0.6, 0.5, 0.02),
    "static_share": Prior(0.22, 0.2, 0.15),
    "active_share": Prior(0.15, 0.5),
    "byte_j": Prior(6e-11, 0.4),
    "flop_j": Prior(5e-13, 0.4, 0.3),
    "low_share": Prior(0.6, 0.5, 0.1),
}
STALL = Prior(1e-3, 1.5)
PROMPT_SD, PIXEL_SD = 0.25, 0.5  # of logs: what a task's requests hold
_ABOVE_ONE = frozenset({"sharpness", "overlap"})


def value(name: str, x: Floats) -> Floats:
    """A constant from its transform."""
    if _is_share(name):
        result: Floats = expit(x)
    else:
        result = np.exp(x) + (name in _ABOVE_ONE)
    return result


def transformed(name: str) -> float:
    """The transform of a prior's value."""
    typical = PRIORS[name].value
    return float(logit(typical) if _is_share(name) else np.log(typical - (name in _ABOVE_ONE)))


def _is_share(name: str) -> bool:
    return name.endswith("_share") or name == "routing"
