"""From one inference to a portfolio in 2030, after arXiv 2501.14334 v2, and what it returns.

    energy index = 100 U size tokens / (hardware quantisation) x PUE / PUE today
    U            = (1 - a) growth of chat and retrieval + a growth of agents
    carbon index = energy index x ((1 - e) grid + e)

a: share of agents in today's energy. e: share of today's carbon that is embodied, which follows
the hardware bought but not the grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from picojoule.carbon.amounts import known, unavailable
from picojoule.errors import InputError
from picojoule.quantity import Evidence, Quantity, weakest

__all__ = [
    "SCENARIOS_2030",
    "Scenario",
    "carbon_index",
    "energy_index",
    "occupied_energy_j",
    "return_on_environment",
]

EMBODIED_SHARE = 0.05  # of carbon, arXiv 2501.14334
PUE_TODAY = 1.15


def occupied_energy_j(
    tokens: float, tokens_per_s: float, ttft_s: float, *, devices: float, device_w: float,
    calls: float = 1, pue: float = PUE_TODAY,
) -> float:  # fmt: skip
    """One inference that has `devices` for itself while it lasts: batch 1.

    Section 3 of the paper: calls x (TTFT + tokens / rate) x devices x watts x PUE. Measured
    servers that batch 64 requests use some 30 times less, so this is an upper bound.
    """
    numbers = (tokens, ttft_s, devices, device_w, calls)
    if not all(0 <= x < math.inf for x in numbers) or not tokens_per_s > 0 or pue < 1:
        got = f"{numbers}, {tokens_per_s:g} tokens/s, PUE {pue:g}"
        raise InputError("not an inference", got=got, expected="at least 0, a rate, a PUE >= 1")
    return calls * (ttft_s + tokens / tokens_per_s) * devices * device_w * pue


@dataclass(frozen=True, slots=True)
class Scenario:
    """What changes between today and then, each as a factor on today.

    generation, agents: number of inferences. size: parameters. tokens: for each inference.
    hardware, quantisation: work for each joule. grid: carbon intensity. pue: absolute.
    """

    name: str
    generation: float = 1.0
    agents: float = 1.0
    size: float = 1.0
    tokens: float = 1.0
    hardware: float = 1.0
    quantisation: float = 1.0
    pue: float = PUE_TODAY
    grid: float = 1.0

    def __post_init__(self) -> None:
        factors = (self.generation, self.agents, self.size, self.tokens, self.hardware,
                   self.quantisation, self.grid)  # fmt: skip
        if not all(0 < f < math.inf for f in factors) or not 1 <= self.pue < math.inf:
            raise InputError("not a scenario", where=self.name, got=f"{factors}, PUE {self.pue:g}",
                             expected="factors above 0, and a PUE of 1 or more")  # fmt: skip


SCENARIOS_2030 = {
    s.name: s
    for s in (
        Scenario("steady", 5.29, 6.05, 3, 1.4, 4.4, 1, 1.15, 0.76),
        Scenario("high-adoption", 10.09, 13.87, 3, 3, 4.4, 1, 1.15, 0.76),
        Scenario("limited", 5.29, 6.05, 1, 1.4, 4.4 * 4.8, 1.2, 1.10, 0.55),
        Scenario("breakthrough", 10.09, 13.87, 3, 3, 4.4 * 4.8, 1.2, 1.10, 0.55),
        Scenario("intermediate", 7.4, 9.3, 2, 2, 4.4, 1, 1.15, 0.76),
    )
}
"""The paper's five, with 1.4 tokens in "steady" and "limited": it states 1.33 and 1.13, from
which its own printed indices do not follow."""


def energy_index(scenario: Scenario, agent_share: float, pue_today: float = PUE_TODAY) -> float:
    """Energy of the portfolio then, where today's is 100. agent_share: see the module."""
    _share(agent_share, "agents")
    s = scenario
    usage = (1 - agent_share) * s.generation + agent_share * s.agents
    return 100 * usage * s.size * s.tokens / (s.hardware * s.quantisation) * s.pue / pue_today


def carbon_index(
    energy: float, scenario: Scenario, embodied_share: float = EMBODIED_SHARE
) -> float:
    """Carbon then, where today's is 100, from the energy index."""
    _share(embodied_share, "embodied carbon")
    return energy * ((1 - embodied_share) * scenario.grid + embodied_share)


def return_on_environment(own: Quantity, avoided: Quantity) -> Quantity:
    """(avoided - own) / own: what is avoided elsewhere for each unit spent, less that unit.

    Our definition: the paper names the term and gives no formula. It is that of a return on
    investment. 0 breaks even, -1 avoids nothing. own: the whole footprint, making included.
    avoided: what the same functional units would cost without the system, less what they still
    cost with it. A counterfactual can't be measured, so the evidence is never better than
    modelled. Raises InputError for different units, negative amounts, or own = 0.
    """
    if own.unit != avoided.unit:
        raise InputError("can't compare", got=avoided.unit, expected=own.unit)
    if not known(own) or not known(avoided):
        return unavailable("")
    if not own.low > 0 or avoided.low < 0:
        raise InputError("no return on this", got=f"{own}, avoids {avoided}",
                         expected="an own footprint above 0, and at least 0 avoided")  # fmt: skip
    evidence = weakest(own.evidence, avoided.evidence, Evidence.MODELLED)
    value = avoided.value / own.value - 1
    return Quantity(value, avoided.low / own.high - 1, avoided.high / own.low - 1, "", evidence)


def _share(share: float, of: str) -> None:
    if not 0 <= share <= 1:
        raise InputError(f"not a share of {of}", got=f"{share:g}", expected="0 to 1")
