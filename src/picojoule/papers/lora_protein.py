"""Small protein language models: what share of Llama-3-8B its adapters train."""

from __future__ import annotations

from pathlib import Path

from picojoule.papers.paper import Finding, Paper, Verdict

_H, _KV, _FF, _LAYERS, _ALL = 4096, 1024, 14336, 32, 8.03e9


def check(data: Path | None) -> list[Finding]:
    """Adapters on all seven linear layers of each block."""
    from picojoule.transforms.distill.adapters import lora_parameters

    shapes = [(_H, _H), (_KV, _H), (_KV, _H), (_H, _H), (_FF, _H), (_FF, _H), (_H, _FF)]
    one = lora_parameters(shapes * _LAYERS, 1)
    return [
        Finding("trainable parameters at rank 1", 2_621_440, one),
        Finding("trainable share at rank 128", 0.04, 128 * one / _ALL, "", 0.05,
                note="the paper states 4%, not the rank: 128 on all linear layers gives 4.18%"),
    ]  # fmt: skip


PAPER = Paper(
    name="lora-protein",
    row=39,
    title="Energy efficient protein language models: leveraging small language models with LoRA "
    "for controllable protein generation",
    source="Shah et al., arXiv 2411.05966",
    claim="Training 4% of Llama-3-8B suffices for controllable protein generation.",
    composition="LoRA(r=128) on every linear layer",
    verdict=Verdict.REPRODUCED,
    check=check,
    needs=("torch",),
)
