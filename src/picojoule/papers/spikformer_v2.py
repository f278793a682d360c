"""Spikformer V2 and the energy identities of its field: 4.6 pJ per MAC, 0.9 pJ per addition."""

from __future__ import annotations

from pathlib import Path

from picojoule.chips.unit_energies import operation_j
from picojoule.papers.paper import Finding, Paper, Verdict

# G MAC, G additions, published mJ. syops-counter README; Spikformer issue 23; Spikingformer README.
_COUNTS = {
    "ResNet-18": (1.82, 0.0, 8.372),
    "Spiking ResNet-18": (0.14, 0.10, 0.734),
    "SEW-ResNet-18": (2.75, 0.50, 13.10),
    "DSNN18": (0.20, 1.69, 2.44),
    "Spikformer-4-384": (0.005312266, 0.2458512465, 0.2457025455),
    "Spikingformer-8-512": (0.347329512, 6.51754094, 7.4635026),
}


def energy_mj(macs_g: float, additions_g: float) -> float:
    """Arithmetic alone, in float32 at 45 nm."""
    add = operation_j("add", "float32", 45).value
    mac = add + operation_j("multiply", "float32", 45).value
    return (macs_g * mac + additions_g * add) * 1e9 * 1e3


def check(data: Path | None) -> list[Finding]:
    """Six published energies from their counts, and the spiking network that costs more."""
    ours = {name: energy_mj(macs, adds) for name, (macs, adds, _) in _COUNTS.items()}
    return [
        *(Finding(f"energy of {name}", published, ours[name], "mJ", 1e-3)
          for name, (_, _, published) in _COUNTS.items()),
        Finding("SEW-ResNet-18 over ResNet-18, if spikes save energy", 1.0,
                ours["SEW-ResNet-18"] / ours["ResNet-18"], relation="<=",
                note="spike-element-wise sums are not binary: 2.75 G of its products are MACs"),
    ]  # fmt: skip


PAPER = Paper(
    name="spikformer-v2",
    row=102,
    title="Spikformer V2, and the counts behind the energies of spiking networks",
    source="Zhou et al., arXiv 2401.02020; counts of syops-counter, Spikformer and Spikingformer",
    claim="Spiking networks need less energy, as counts of additions and MACs show.",
    composition="counts × unit_energies(add, multiply; float32, 45 nm)",
    verdict=Verdict.PARTLY,
    check=check,
)
