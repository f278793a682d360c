"""EcoFormer: binary codes make attention a sum, and its published energy table."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.restructure.attention import HashCodes, associative, quadratic

_MUL_PJ, _ADD_PJ = 3.7, 0.9  # 45 nm fp32, as the paper takes them (Horowitz, ISSCC 2014)
_BITS, _ANCHORS, _HEADS, _SIDES = 16, 25, (1, 2, 5, 8), (56, 28, 14, 7)
_WIDTHS = {"B0": (32, 64, 160, 256)} | dict.fromkeys(("B1", "B2", "B3", "B4"), (64, 128, 320, 512))
_DEPTHS = {"B0": (2, 2, 2, 2), "B1": (2, 2, 2, 2), "B2": (3, 4, 6, 3), "B3": (3, 4, 18, 3),
           "B4": (3, 8, 27, 3)}  # fmt: skip
_PUBLISHED_MJ = {"B0": 2.5, "B1": 9.4, "B2": 17.8, "B3": 30.25, "B4": 44.25}


def energy_mj(model: str, *, binary: bool) -> float:
    """Arithmetic of PVTv2 without spatial reduction at 224 × 224; binary in three stages.

    Biases and both factors of layer norms count as MACs, as do those after the patch embedding
    and at a stage's end.
    """
    macs, adds, muls = 1000 * _WIDTHS[model][-1], 0, 0
    before, kernel = 3, 7
    stages = zip(_WIDTHS[model], _HEADS, _SIDES, _DEPTHS[model], (8, 8, 4, 4), strict=True)
    for d, heads, side, depth, ratio in stages:
        n = side * side
        hashed = binary and side > 7
        new_adds, new_muls = _hashed(n, d // heads) if hashed else _softmax(n, d // heads)
        adds, muls = adds + depth * heads * new_adds, muls + depth * heads * new_muls
        projections = 3 if hashed else 4  # queries and keys share one, values, output
        ffn = 2 * d * d * ratio + 9 * d * ratio + 2 * d * ratio + d  # two layers, 3 × 3, biases
        macs += n * (kernel**2 * before * d + d + 2 * 2 * d)
        macs += depth * n * (projections * (d * d + d) + ffn + 2 * 2 * d)
        before, kernel = d, 3
    return ((macs + muls) * _MUL_PJ + (macs + adds) * _ADD_PJ) * 1e-9


def _softmax(n: int, c: int) -> tuple[int, int]:
    """(additions, multiplications) of one head of softmax attention."""
    return 2 * n * n * c, 2 * n * n * c + n * n


def _hashed(n: int, c: int) -> tuple[int, int]:
    """(additions, multiplications) of one head of hashed attention over n tokens of width c."""
    m, b = _ANCHORS, _BITS
    return n * (2 * m * c + m * b + 2 * b + 2 * b * c + c), n * (2 * m + m * b + b + 1 + c)


def check(data: Path | None) -> list[Finding]:
    """Five energies, the saving on B0, and linear against quadratic attention."""
    rng = np.random.default_rng(0)
    q, k, v = rng.normal(size=(3, 128, _BITS))
    kernel = HashCodes(lambda x: np.where(x >= 0, 1.0, -1.0))
    wrong = np.abs(quadratic(q, k, v, kernel) - associative(q, k, v, kernel.features)).max()
    codes = kernel.codes(k)
    one = codes @ (codes.T @ v) + (_BITS + 1) * v  # each token's own v, as in the released code
    all_ = codes @ (codes.T @ v) + (_BITS + 1) * v.sum(axis=0)
    total = codes @ codes.sum(axis=0) + len(v) * (_BITS + 1)
    off = np.abs((one - all_) / total[:, None]).max()
    saving = 1 - energy_mj("B0", binary=True) / energy_mj("B0", binary=False)
    return [
        *(Finding(f"energy of {name}", mj, energy_mj(name, binary=True), "mJ", 0.01)
          for name, mj in _PUBLISHED_MJ.items()),
        Finding("saving on B0 against softmax attention", 0.73, saving, "", 0.01),
        Finding("linear against quadratic attention, largest difference", 1e-12, wrong,
                relation="<="),
        Finding("released linear attention against the kernel, largest difference", 1e-12, off,
                relation="<=", note="the released bias term has the token's own v where the "
                "kernel has the sum over all tokens"),
    ]  # fmt: skip


PAPER = Paper(
    name="ecoformer",
    row=33,
    title="EcoFormer: energy-saving attention with linear complexity",
    source="Liu et al., NeurIPS 2022, arXiv 2209.09004, Table 1",
    claim="Hashing queries and keys to 16 bits turns attention into additions of linear cost, "
    "saving 73% of the energy on PVTv2-B0.",
    composition="attention(κ = HashCodes(16), order = associative) × (MAC, add, mul) energies",
    verdict=Verdict.PARTLY,
    check=check,
)
