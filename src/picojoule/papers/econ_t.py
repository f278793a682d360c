"""ECON-T: an autoencoder on a detector's ASIC, its energy per inference and its size."""

from __future__ import annotations

from pathlib import Path

from picojoule.graph import count
from picojoule.graph.trace import trace
from picojoule.papers.paper import Finding, Paper, Verdict

POWER_W, RATE_HZ = 95e-3, 40e6


def check(data: Path | None) -> list[Finding]:
    """P / f, and the released encoder traced."""
    import torch
    from torch import nn

    encoder = nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(128, 16),
        nn.ReLU(),
    )
    macs = count(trace(encoder.eval(), (torch.zeros(1, 1, 8, 8),))).macs
    parameters = sum(p.numel() for p in encoder.parameters())
    inference_j = POWER_W / RATE_HZ
    return [
        Finding("energy per inference", 2.38e-9, inference_j, "J", 0.0025),
        Finding("energy per MAC", 0.74e-12, inference_j / macs, "J", 0.007),
        Finding("parameters, 3x3x8 on one channel and 128 to 16", 2144, parameters),
        Finding("parameters as printed", 4400, parameters, "", 0.05,
                note="the released encoder has 2,144, less than half of 'roughly 4,400'"),
    ]  # fmt: skip


PAPER = Paper(
    name="econ-t",
    row=95,
    title="A reconfigurable neural network ASIC for detector front-end data compression at the "
    "HL-LHC",
    source="Di Guglielmo et al., IEEE TNS 2021, arXiv 2105.01683",
    claim="An encoder of roughly 4,400 parameters takes 95 mW at 40 MHz, 2.4 nJ per inference.",
    composition="graph: trace and count of the released encoder; energy = power / rate",
    verdict=Verdict.PARTLY,
    check=check,
    needs=("torch",),
)
