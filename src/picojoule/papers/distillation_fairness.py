"""Fairness and sustainability: a distilled model needs its bias measured beside its accuracy."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from picojoule.papers.paper import Finding, Paper, Verdict

_WORDS, _WIDTH, _STUDENT, _STEPS = 400, 64, 8, 300
_LEAN, _SPREADS, _SEEDS = 0.3, (0.1, 0.2, 0.4), (0, 1, 2)  # mean lean of a word, its scatter


def weat(x: Any, y: Any, a: Any, b: Any) -> float:
    """Effect size of the word-embedding association test, −2 to 2; rows are words.

    Mean association of x less that of y over its deviation in both, where a word's association is
    its mean cosine with a less that with b (Caliskan et al., Science 356, 2017).
    """
    x, y, a, b = (m / np.linalg.norm(m, axis=1, keepdims=True) for m in (x, y, a, b))
    lean = [(m @ a.T).mean(axis=1) - (m @ b.T).mean(axis=1) for m in (x, y)]
    return float((lean[0].mean() - lean[1].mean()) / np.concatenate(lean).std())


def check(data: Path | None) -> list[Finding]:
    """The effect size against 2μ/√(μ² + σ²); then how distilling into less width changes it."""
    findings = []
    for spread in _SPREADS:
        expected = 2 * _LEAN / math.hypot(_LEAN, spread)
        findings.append(Finding(f"effect size, lean {_LEAN} ± {spread}", expected,
                                weat(*_words(spread)), "", 1e-4))  # fmt: skip
    changes = [float(np.mean([_change(spread, seed) for seed in _SEEDS])) for spread in _SPREADS]
    return [
        *findings,
        Finding("student of an eighth of the width: most that bias rises over its teacher's", 0,
                max(changes), "", 0, ">=", note="words of even lean: rises by 0.08 of 1.66"),
        Finding("the same, most that it falls", 0, min(changes), "", 0, "<=",
                note="words of scattered lean: falls by 0.08 of 1.2, so it has to be measured"),
    ]  # fmt: skip


def _words(spread: float, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Targets x and y that lean to either side of axis 0, and attributes a and b at its ends.

    Leans are uniform about ±μ with deviation σ; else words are unit vectors of random direction.
    """
    rng = np.random.default_rng(seed)
    uniform = np.sqrt(3) * ((2 * np.arange(_WORDS) + 1) / _WORDS - 1)
    groups = []
    for sign in (1, -1):
        lean = sign * _LEAN + spread * uniform
        rest = rng.normal(size=(_WORDS, _WIDTH - 1))
        rest *= np.sqrt((1 - lean**2) / np.square(rest).sum(axis=1))[:, None]
        groups.append(np.column_stack([lean, rest]))
    ends = np.eye(1, _WIDTH)
    return (*groups, ends, -ends)


def _change(spread: float, seed: int) -> float:
    """Effect size of a student less that of its teacher."""
    teacher = _words(spread, seed)
    return weat(*_distilled(teacher)) - weat(*teacher)


def _distilled(teacher: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    """Vectors of width _STUDENT that learn to be projected onto the teacher's hidden ones."""
    import torch

    from picojoule.transforms.distill.losses import hidden

    torch.manual_seed(0)
    target = torch.as_tensor(np.concatenate(teacher), dtype=torch.float32)
    student = (0.1 * torch.randn(len(target), _STUDENT)).requires_grad_()
    project = (0.1 * torch.randn(_STUDENT, _WIDTH)).requires_grad_()
    optimiser = torch.optim.Adam([student, project], 0.02)
    for _ in range(_STEPS):
        optimiser.zero_grad()
        hidden(student, target, project).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    whole = (student @ project).detach().numpy()
    return np.split(whole, np.cumsum([len(group) for group in teacher])[:-1])


PAPER = Paper(
    name="distillation-fairness",
    row=36,
    title="Bridging fairness and environmental sustainability in natural language processing",
    source="Hessenthaler et al., EMNLP 2022, arXiv 2211.04256; synthetic embeddings here",
    claim="Distillation, which saves energy, can make a model less fair.",
    composition="hidden-state distillation to an eighth of the width × WEAT effect size",
    verdict=Verdict.REPRODUCED,
    check=check,
    needs=("torch",),
    seconds=3,
)
