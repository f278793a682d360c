"""Losses that teach a smaller model: pure functions of torch tensors. Imports torch.

student, teacher: logits (..., classes), or hidden states (..., width).
"""

from __future__ import annotations

import torch
from torch.nn import functional

__all__ = ["entropy_weighted", "hidden", "logit", "low_rank"]


def logit(student: torch.Tensor, teacher: torch.Tensor, temperature: float = 2.0) -> torch.Tensor:
    """τ²·KL(teacher/τ ‖ student/τ), mean over samples (Hinton et al., arXiv 1503.02531)."""
    return temperature**2 * _divergence(student / temperature, teacher / temperature).mean()


def entropy_weighted(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """KL, each sample weighted by the teacher's entropy: what it is unsure of counts most.

    Weights have mean 1 (deviation-aware distillation of DB-LLM, arXiv 2402.11960).
    """
    p = teacher.softmax(-1)
    entropy = -(p * teacher.log_softmax(-1)).sum(-1)
    weight = entropy / entropy.mean().clamp(min=1e-12)
    return (weight * _divergence(student, teacher)).mean()


def hidden(
    student: torch.Tensor, teacher: torch.Tensor, project: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean squared difference; project (student width, teacher width) where widths differ."""
    return functional.mse_loss(student if project is None else student @ project, teacher)


def low_rank(student: torch.Tensor, teacher: torch.Tensor, basis: torch.Tensor) -> torch.Tensor:
    """The same inside a subspace: basis (width, rank), the teacher's principal directions.

    BinaryDM (arXiv 2404.05662): what a binary model can't match outside it is left out.
    """
    return functional.mse_loss(student @ basis, teacher @ basis)


def _divergence(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    p, log_p = teacher.softmax(-1), teacher.log_softmax(-1)
    return (p * (log_p - student.log_softmax(-1))).sum(-1)
