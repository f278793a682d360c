"""BottleFit: a narrow layer near the input, where a network can be cut between two machines."""

from __future__ import annotations

from pathlib import Path

from picojoule.cluster.fleet import Part, Tier, place
from picojoule.graph.count import macs
from picojoule.graph.trace import trace
from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.policies import Link, crossover_bit_s

_RAW_B = 3 * 224 * 224
_JOULE_PER_MAC = 10e-12  # only sets the scale: the crossover's two sides share it
_RADIO_W = 1.2


def _head() -> tuple[list[int], int]:
    """MACs of the convolutions of the head, and elements of the bottleneck, traced."""
    import torch
    from torch import nn

    with torch.device("meta"):
        head = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
            nn.MaxPool2d(3, 2, 1), nn.BatchNorm2d(64), nn.ReLU(),
            nn.Conv2d(64, 12, 2, 2, 1, bias=False),
        )  # fmt: skip
    graph = trace(head, (torch.empty(1, 3, 224, 224, device="meta"),))
    work = [macs(op) for op in graph.ops if macs(op)]
    last = graph.ops[-1]
    return work, next(last.elements(o) for o in last.operands if o.role == "output")


def _cheapest_j(bit_s: float, head_macs: float, sent_b: float) -> float:
    """Joules of the device: the whole ResNet-50 (4.09 GMAC) there, or the head and sending."""
    whole_j, head_j = 4.09e9 * _JOULE_PER_MAC, head_macs * _JOULE_PER_MAC
    parts = (
        Part("head", {"device": (head_j, 0.01)}, _RAW_B),
        Part("tail", {"device": (whole_j - head_j, 0.3), "edge": (0.0, 0.01)}, sent_b),
    )
    links = {("device", "edge"): Link.sending_at(_RADIO_W, bit_s)}
    tiers = (Tier("device"), Tier("edge", weight=0.0))
    return place(parts, tiers, links, source="device").energy_j


def check(data: Path | None) -> list[Finding]:
    """Bytes and MACs of the head traced; the crossover by formula and by search over rates."""
    (stem, narrow), sent_b = _head()
    whole_j, head_j = 4.09e9 * _JOULE_PER_MAC, (stem + narrow) * _JOULE_PER_MAC
    formula = crossover_bit_s(whole_j, head_j, 0, sent_b, _RADIO_W)
    rates = (10 ** (4 + k / 100) for k in range(500))  # 10 kbit/s to 1 Gbit/s, 2.3% apart
    found = next(r for r in rates if _cheapest_j(r, stem + narrow, sent_b) < whole_j * (1 - 1e-9))
    return [
        Finding("bottleneck, 12 channels at 8 bit", 10_092, sent_b, "B"),
        Finding("first convolution", 118.0, stem / 1e6, "MMAC", 5e-4),
        Finding("bottleneck convolution", 2.6, narrow / 1e6, "MMAC", 0.02),
        Finding("head", 120.6, (stem + narrow) / 1e6, "MMAC", 5e-4),
        Finding("crossover bandwidth, search over formula", 1, found / formula, "", 0.05),
        Finding(
            "compression of the input", 0.771, 1 - sent_b / _RAW_B, "", 0.01,
            note="93.3% of the raw pixels; 77.1% needs a baseline of 44 kB, so a JPEG's",
        ),
    ]  # fmt: skip


PAPER = Paper(
    name="bottlefit",
    row=77,
    title="BottleFit: learning compressed representations in deep neural networks for effective "
    "and efficient split computing",
    source="Matsubara et al., WoWMoM 2022, arXiv 2201.02693; its released configuration",
    claim="A bottleneck near the input compresses 77.1% and makes splitting cheaper than running "
    "locally or sending the image.",
    composition="trace → count; Part, Tier, Link → place; crossover_bit_s",
    verdict=Verdict.PARTLY,
    check=check,
    needs=("torch",),
    seconds=3.0,
)
