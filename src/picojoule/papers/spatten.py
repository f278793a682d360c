"""SpAtten: tokens and heads pruned for good, and keys fetched most significant bits first."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.cost.pim import dense_kv_bits, kv_bits, read_fetches
from picojoule.papers.paper import Finding, Paper, Verdict

SMALL = "spw_summary-gpt2-small-wikitext2-per8"
MEDIUM = "spw_summary-gpt2-medium-wikitext2-per0-hp-step5_dedic_glob_p_local_p_hp_topk_quant"


def check(data: Path | None) -> list[Finding]:
    """Traffic of two published traces against 12-bit keys and values of all tokens."""
    if data is None:
        return []
    small, medium = (read_fetches(data / "spatten" / f"{name}.csv") for name in (SMALL, MEDIUM))
    steps = {(f.step, f.layer) for f in medium}
    keys = np.array([f.keys / f.tokens for f in small])
    values = np.array([f.values / f.tokens for f in small])
    return [
        Finding("KV traffic, dense over fetched, GPT-2 small", 10.8,
                dense_kv_bits(small) / kv_bits(small), "", 0.005),
        Finding("heads that fetch the low bits too", 0.070,
                float(np.mean([f.refetched for f in small])), "", 0.0072),
        Finding("keys fetched, mean over heads", 0.276, float(keys.mean()), "", 0.002),
        Finding("values fetched, mean over heads", 0.055, float(values.mean()), "", 0.01),
        Finding("KV traffic, dense over fetched, GPT-2 medium with pruned heads", 3.1,
                dense_kv_bits(medium) / kv_bits(medium), "", 0.017),
        Finding("heads left, GPT-2 medium", 11328 / 12288, len(medium) / (16 * len(steps))),
    ]  # fmt: skip


PAPER = Paper(
    name="spatten",
    row=98,
    title="SpAtten: efficient sparse attention architecture with cascade token and head pruning",
    source="Wang, Zhang and Han, HPCA 2021, arXiv 2012.09852; traces of mit-han-lab/spatten (MIT)",
    claim="Cascade pruning and progressive quantisation cut the traffic of keys and values about "
    "tenfold.",
    composition="cost.pim: read_fetches, kv_bits over dense_kv_bits",
    verdict=Verdict.REPRODUCED,
    check=check,
    needs=("spatten",),
)
