"""Wan: tokens of a video, and the share of self-attention in its MACs."""

from __future__ import annotations

from pathlib import Path

from picojoule.papers.paper import Finding, Paper, Verdict

_MODELS = {"1.3B": (1536, 8960, 30), "14B": (5120, 13824, 40)}  # width, inner width, layers


def tokens(frames: int, height: int, width: int) -> int:
    """Of a video: the encoder divides time by 4 and sides by 8, patches are 1 × 2 × 2."""
    return ((frames - 1) // 4 + 1) * (height // 16) * (width // 16)


def parameters(d: int, ff: int, layers: int) -> int:
    """Self- and cross-attention of 4d² each and a feed-forward; text, time and patch embeddings."""
    return layers * (8 * d * d + 2 * d * ff) + 4096 * d + 256 * d + 8 * d * d


def attention_share(n: int, d: int, ff: int) -> float:
    """Scores and values over all MACs of a layer with n tokens."""
    return 2 * n * n * d / (2 * n * n * d + n * (8 * d * d + 2 * d * ff))


def check(data: Path | None) -> list[Finding]:
    """81 frames at 480 × 832 and 720 × 1280."""
    small, large = tokens(81, 480, 832), tokens(81, 720, 1280)
    shares = {"1.3B": (0.68, 0.83), "14B": (0.49, 0.69)}
    return [
        Finding("tokens at 480 × 832", 32_760, small),
        Finding("tokens at 720 × 1280", 75_600, large),
        *(Finding(f"parameters of {name}", published, parameters(*_MODELS[name]) / 1e9, "10⁹", 0.05,
                  note=note)
          for name, published, note in (
              ("1.3B", 1.3, "1.42: keys and values of cross-attention are counted at full width"),
              ("14B", 14.0, ""))),
        *(Finding(f"self-attention's share of MACs, {name} at {size}", share,
                  attention_share(n, *_MODELS[name][:2]), tolerance=0.01)
          for name, pair in shares.items()
          for share, n, size in zip(pair, (small, large), ("480p", "720p"), strict=True)),
    ]  # fmt: skip


PAPER = Paper(
    name="wan",
    row=146,
    title="Wan: open and advanced large-scale video generative models",
    source="Wan team, arXiv 2503.20314; shares of attention by an independent count",
    claim="1.3 and 14 billion parameters; attention over tens of thousands of tokens dominates.",
    composition="arithmetic on the published dimensions alone: tokens, parameters, MACs",
    verdict=Verdict.PARTLY,
    check=check,
)
