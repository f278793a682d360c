"""BiStil: what half the layers and two languages' words leave of multilingual BERT."""

from __future__ import annotations

from pathlib import Path

from picojoule.papers.paper import Finding, Paper, Verdict

_WORDS, _WIDTH, _POOLER = 119_547, 768, 768 * 769
_TRIMMED = 0.45  # the most that fewer languages saved: Abdaoui et al., arXiv 2010.05609


def check(data: Path | None) -> list[Finding]:
    """Parameters of two published models; what each of the two cuts can save, and both."""
    from picojoule.graph.count import count
    from picojoule.graph.trace import trace
    from picojoule.graph.workloads.bert import bert, tokens
    from picojoule.graph.workloads.build import parameters

    whole = parameters(bert(_WORDS)) + _POOLER
    halved = parameters(bert(_WORDS, 6, segments=False))
    words = _WORDS - round(_TRIMMED * whole / _WIDTH)
    both = parameters(bert(words, 6)) + _POOLER
    layer = (parameters(bert(_WORDS, 12)) - parameters(bert(_WORDS, 6))) / 6
    macs = [count(trace(bert(n, depth).eval(), tokens(128))).macs
            for n, depth in ((_WORDS, 12), (words, 6))]  # fmt: skip
    return [
        Finding("parameters of mBERT", 177, whole / 1e6, "10⁶", 1 / 177),
        Finding("parameters of DistilmBERT: half the layers, all words", 134, halved / 1e6, "10⁶",
                1 / 134),
        Finding("share of the words' vectors: no less than trimming saved", _TRIMMED,
                _WORDS * _WIDTH / whole, "", 0, ">="),
        Finding("both cuts: the savings add", whole - _TRIMMED * whole - 6 * layer, both, "", 1e-4),
        Finding("MACs left: layers alone count", 0.5, macs[1] / macs[0], "", 1e-9),
    ]  # fmt: skip


PAPER = Paper(
    name="bistil",
    row=76,
    title="Distilling efficient language-specific models for cross-lingual transfer",
    source="Ansell et al., Findings of ACL 2023, arXiv 2306.01709; sizes of mBERT and DistilmBERT "
    "from their model cards",
    claim="Models distilled for two languages are significantly smaller and faster than the "
    "multilingual one.",
    composition="graph.workloads.bert(words, layers)",
    verdict=Verdict.REPRODUCED,
    check=check,
    needs=("torch",),
    seconds=2,
)
