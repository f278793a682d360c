"""STEP: below which spike rate a spiking network needs less than its bit-matched baseline."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

from picojoule.cost.event import break_even_rate, compare_with_ann, perceptron
from picojoule.papers.paper import Finding, Paper, Verdict

_STEPS = range(5, 11)


def on_the_convention(positions: int) -> float:
    """Mean break-even rate in per cent of a 512-512 layer in int8 with weights and state in SRAM;
    positions: how often the baseline uses a weight that it has read."""
    graphs = (perceptron((512, 512), (0.1,), steps, positions=positions) for steps in _STEPS)
    return 100 * fmean(compare_with_ann(graph, "convention-45nm").break_even for graph in graphs)


def check(data: Path | None) -> list[Finding]:
    """The closed form, the published rates, and both ends of weight reuse."""
    closed = 100 * fmean(break_even_rate(steps) for steps in _STEPS)
    at_5 = 100 * break_even_rate(5)
    once, often = on_the_convention(1), on_the_convention(4)
    formula = "the preprint's own model has more terms than ceil(log2(T + 1)) / (8 T)"
    return [
        Finding("break-even rate, mean of T = 5 to 10, of a third party", 5.99, closed, "%",
                0.1 / 5.99),
        Finding("break-even rate, mean of T = 5 to 10, preprint v2 and v3", 6.4, closed, "%",
                0.1 / 6.4, note=formula),
        Finding("break-even rate at T = 5, preprint v4", 5.7, at_5, "%", 0.1 / 5.7, note=formula),
        Finding("with memory at 45 nm, weights used once, above the published rates", 6.4, once,
                "%", relation=">="),
        Finding("with memory at 45 nm, weights used 4 times, below the published rates", 5.7,
                often, "%", relation="<="),
    ]  # fmt: skip


PAPER = Paper(
    name="step-break-even",
    row=124,
    title="STEP: a unified spiking transformer evaluation platform for fair and reproducible "
    "benchmarking",
    source="arXiv 2505.11151; break-even rates of arXiv 2409.08290 v2 to v4 and spyx",
    claim="With moderate time windows spikes win below a spike rate of about 6%.",
    composition="matched_bits(T) / (8 T); compare_with_ann(perceptron(T), convention-45nm)",
    verdict=Verdict.PARTLY,
    check=check,
)
