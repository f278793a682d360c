"""Why a row of a serving table may be predicted badly."""

from __future__ import annotations

from picojoule.calibrate.llm.fitted import Row

__all__ = ["suspect"]


def suspect(row: Row, ratio: float) -> str:
    """The part of the row that the model knows least. ratio: predicted over measured joules."""
    d, a = row.deployment, row.deployment.architecture
    if d.data > 1:
        return "attention in replicas that share experts: measured on one model only"
    if d.gpu.name in a.fused_experts:
        return "a fused kernel of experts, which two families have"
    if d.gpu.name == "B200" and d.gpus == 1 and row.task != "lm-arena-chat":
        side = "did not stall" if ratio > 1 else "stalled"
        return f"steps of one B200 stall for 20 to 30 ms in some runs; this one {side}"
    if a.mamba_layers:
        return "Mamba layers, which one family has"
    if d.precision == "mxfp4":
        return "4-bit weights are widened on the way"
    return ""
