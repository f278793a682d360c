"""Non-neural learning on PULP: which printed savings follow from the printed speed-ups."""

from __future__ import annotations

from pathlib import Path

from picojoule.cost.identities import implied_power_w
from picojoule.papers.paper import Finding, Paper, Verdict

# Speed-up and energy saved, as printed together.
_PRINTED = {
    "a better float library": (1.61, 0.37),
    "eight cores, average speed-up beside the largest saving": (7.04, 0.87),
    "a floating-point unit": (32.09, 0.99),
    "against a Cortex-M4": (12.87, 0.98),
}


def check(data: Path | None) -> list[Finding]:
    """The power, relative to before, that each pair implies: 1 where the run is just shorter."""
    return [
        Finding(f"power implied: {what}", 1.0, implied_power_w(1.0, faster, 1 / (1 - saved)), "",
                0.1).unless_it_holds(
                    "the printed pair needs another power, which the abstract does not give")
        for what, (faster, saved) in _PRINTED.items()
    ]  # fmt: skip


PAPER = Paper(
    name="pulp",
    row=57,
    title="DNN is not all you need: parallelizing non-neural ML algorithms on ultra-low-power IoT "
    "processors",
    source="Tabanelli et al., ACM TECS 22(3) 2023, arXiv 2107.09448 (abstract)",
    claim="1.61x, 7.04x and 32.09x faster save 37%, up to 87% and up to 99% of the energy.",
    composition="implied_power_w(1, speed-up, 1 / (1 − saving))",
    verdict=Verdict.PARTLY,
    check=check,
    seconds=0.1,
)
