"""StreamDiffusion: frames like the last one are skipped, and guidance costs few network calls."""

from __future__ import annotations

from pathlib import Path

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.policies import PathLedger, SimilaritySkip, Stage
from picojoule.policies.base import Action
from picojoule.policies.skip import gain_of, share_for_gain, skip_share


def _simulated(similarity: float, frames: int = 20_000) -> float:
    skip = SimilaritySkip(seed=1)
    return sum(skip.decide(similarity) is Action.REUSE for _ in range(frames)) / frames


def _calls(guidance: str, steps: int) -> float:
    """Network calls a frame: the denoising steps, and the unconditional noise of guidance."""
    paths = {
        "full": ("conditional", "unconditional") * steps,
        "initialize": ("unconditional", *("conditional",) * steps),
        "self": ("conditional",) * steps,
    }
    network = PathLedger((Stage("conditional", 1.0), Stage("unconditional", 1.0)))
    return network.expected({paths[guidance]: 1.0}).total().energy.value


def check(data: Path | None) -> list[Finding]:
    """Skip shares by closed form and simulated at eta 0.98 and at most 10 skips; identities."""
    forms = {0.99: 0.461, 0.995: 0.692, 1.0: 11 / 12, 0.98: 0.0}
    return [
        *(
            Finding(f"share skipped at similarity {s}: {how}", share, ours, "",
                    0.02 / share if share else 0.0)
            for s, share in forms.items()
            for how, ours in (("closed form", skip_share(s)), ("simulated", _simulated(s)))
        ),
        *(
            Finding(f"network calls of {n} steps, {guidance} guidance", calls, _calls(guidance, n))
            for n in (1, 4)
            for guidance, calls in (("full", 2 * n), ("initialize", n + 1), ("self", n))
        ),
        Finding("share skipped for 2.39x at 10% idle power", 0.646, share_for_gain(2.39, 0.1), "",
                1e-3),
        Finding("share skipped for 1.99x at 10% idle power", 0.553, share_for_gain(1.99, 0.1), "",
                1e-3),
        Finding(
            "most that skipping can gain at 10% idle power, RTX 3060", 2.39,
            gain_of(skip_share(1.0), 0.1), "x", 0, ">=",
        ),
    ]  # fmt: skip


PAPER = Paper(
    name="stream-diffusion",
    row=89,
    title="StreamDiffusion: a pipeline-level solution for real-time interactive generation",
    source="Kodaira et al., arXiv 2312.12491; its released filter (image_filter.py)",
    claim="Skipping like frames cuts energy 2.39 and 1.99 times on two GPUs; residual guidance "
    "needs N or N + 1 network calls for 2N.",
    composition="SimilaritySkip × closed form; PathLedger over network calls",
    verdict=Verdict.REPRODUCED,
    check=check,
)
