"""Rival formulas on the rows of a serving table: roofline at TDP, log-linear, EcoLogits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from picojoule.calibrate.llm.deployment import facts
from picojoule.calibrate.llm.fitted import Row
from picojoule.calibrate.llm.serving import experts_met
from picojoule.calibrate.measured_set import Floats

__all__ = ["baselines"]

# EcoLogits 0.9 (ecologits/impacts/llm.py): Wh per output token and GPU = a exp(b B) P + c, with P
# active parameters in billions and B the batch, fitted by its authors on ML.ENERGY's H100 rows.
_A_WH, _B, _C_WH = 1.1665273170451914e-06, -0.011205921025579175, 4.052928146734005e-05
_J_PER_WH = 3600.0


def baselines(
    train: Sequence[Row], energy_j: Floats, test: Sequence[Row], *, per_request: bool = False
) -> dict[str, Floats]:
    """Joules by each rival, in the unit of the set."""
    unit = np.array([r.deployment.output_tokens if per_request else 1.0 for r in test])
    slope = np.linalg.lstsq(_logs(train), np.log(energy_j), rcond=None)[0]
    return {
        "roofline at TDP": _roofline(test) * unit,
        "log-linear": np.asarray(np.exp(_logs(test) @ slope), float),
        "EcoLogits": np.array([_ecologits(row) for row in test]) * unit,
    }


def _roofline(rows: Sequence[Row]) -> Floats:
    """Decode at full bandwidth or arithmetic, whichever is slower, at the power limit."""
    f = facts([row.deployment for row in rows])
    sequences = f.batch / (f.pipeline * f.data)
    met = experts_met(f.experts, f.active_experts, f.batch / f.pipeline)
    weight_b = f.fixed_bytes + np.maximum(met, f.active_experts) * f.expert_bytes / f.expert
    kv_b = sequences * f.output_tokens / 2.0 * (f.kv_bytes + f.kv_window_bytes)
    flop_s = (f.low_flop + f.routed_flop) / f.low_peak + (f.kept_flop + f.head_flop) / f.kept_peak
    time_s = np.maximum((weight_b + kv_b) / f.memory_b_s, sequences * flop_s)
    answer: Floats = f.gpus * f.limit_w * time_s / f.batch
    return answer


def _logs(rows: Sequence[Row]) -> Floats:
    """Eight regressors: 1, GPU kind, and logs of parameters, GPUs, batch, length and bytes."""
    return np.array([_log(row) for row in rows])


def _log(row: Row) -> list[float]:
    d = row.deployment
    a = d.architecture
    f = [a.active_parameters, a.parameters, d.gpus, d.batch, d.output_tokens]
    return [1.0, float(d.gpu.name == "H100"), float(d.precision == "bfloat16"), *np.log(f).tolist()]


def _ecologits(row: Row) -> float:
    d = row.deployment
    active_b = d.architecture.active_parameters / 1e9
    return d.gpus * _J_PER_WH * float(_A_WH * np.exp(_B * d.batch) * active_b + _C_WH)
