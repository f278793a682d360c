"""How far the outputs of two models are apart: a sharper look than any task metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Drift", "drift"]


@dataclass(frozen=True, slots=True)
class Drift:
    """Cosine of each sample's output to the reference's, and the relative error of all of them."""

    cosine_mean: float
    cosine_min: float
    relative_error: float


def drift(reference: Sequence[npt.ArrayLike], candidate: Sequence[npt.ArrayLike]) -> Drift:
    """Compare outputs, each of shape (samples, ...). An all-zero pair counts as equal."""
    ref, new = _rows(reference), _rows(candidate)
    norms = np.linalg.norm(ref, axis=1) * np.linalg.norm(new, axis=1)
    dots = (ref * new).sum(axis=1)
    same = (ref == new).all(axis=1)
    cosine = np.where(same, 1.0, dots / np.where(norms > 0, norms, np.inf))
    scale = float(np.linalg.norm(ref))
    error = float(np.linalg.norm(ref - new)) / scale if scale else float(not same.all())
    return Drift(float(cosine.mean()), float(cosine.min()), error)


def _rows(outputs: Sequence[npt.ArrayLike]) -> npt.NDArray[np.float64]:
    flat = [np.asarray(o, dtype=np.float64) for o in outputs]
    return np.concatenate([a.reshape(a.shape[0] if a.ndim else 1, -1) for a in flat], axis=1)
