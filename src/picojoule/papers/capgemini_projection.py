"""A company's AI portfolio: nine inferences, one server, and five scenarios for 2030."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from picojoule.carbon.projection import (
    SCENARIOS_2030,
    carbon_index,
    energy_index,
    occupied_energy_j,
)
from picojoule.papers.paper import Finding, Paper, Verdict

__all__ = ["PAPER"]

# Llama 3.1 8B, 70B, 405B: slices of an A100, seconds to the first of 100 and 1000 tokens, tokens/s
# at 1000 and 100 (Tables 3 and 4), and the printed kWh of chat, retrieval and agents (Table 1).
_MODELS = {
    "small": (3, 0.26, 0.29, 124.3, 127.0, (9.30e-5, 1.54e-4, 4.97e-4)),
    "medium": (19, 0.36, 0.43, 44.0, 43.4, (1.55e-3, 2.64e-3, 8.54e-3)),
    "large": (106, 0.60, 0.91, 21.7, 21.9, (1.73e-2, 2.99e-2, 9.58e-2)),
}
_USES = (("chat", 208.45, 1.0), ("retrieval", 363.0, 1.0), ("agents", 390.93, 3.03))
_SLICE_W, _CPU_W, _SLICES, _CPUS = 50.1, 3.15, 56, 96  # Table 8
_SIZES = {"small": 0.131, "medium": 0.011, "large": 0.858}  # of the portfolio
_KINDS = (0.28, 0.39, 0.33)  # chat, retrieval, agents
_GRID_KG = 0.596  # per kWh, US, China and EU27 at 45, 27 and 28%
_PRINTED = {"steady": (552, 421), "high-adoption": (2440, 1862), "limited": (30, 17),
            "breakthrough": (402, 227), "intermediate": (755, 576)}  # fmt: skip


def _kwh(use: int, size: str) -> float:
    """Time to the first of 1000 tokens for retrieval, of 100 for the others; the rate is that of
    1000 tokens throughout, which the paper does not say and its Table 1 does."""
    slices, short_s, long_s, rate, _, _ = _MODELS[size]
    name, tokens, calls = _USES[use]
    ttft_s = long_s if name == "retrieval" else short_s
    joules = occupied_energy_j(tokens, rate, ttft_s, devices=slices, device_w=_SLICE_W, calls=calls)
    return joules / 3.6e6


def _inferences() -> Iterator[Finding]:
    for size, (*_, printed) in _MODELS.items():
        for use, (name, _, _) in enumerate(_USES):
            yield Finding(f"{name}, {size} model", printed[use], _kwh(use, size), "kWh", 0.01)
    slices, short_s, _, _, rate, _ = _MODELS["small"]
    at_100 = occupied_energy_j(208.45, rate, short_s, devices=slices, device_w=_SLICE_W) / 3.6e6
    yield Finding("chat, small model, at the rate stated for its length", 9.30e-5, at_100, "kWh",
                  0.01, note="Table 1 follows from the rate at 1000 tokens only")  # fmt: skip


def _footprints() -> Iterator[Finding]:
    chat = _kwh(0, "small")
    slices, short_s, _, rate, _, _ = _MODELS["small"]
    hours = (short_s + _USES[0][1] / rate) / 3600 * slices
    yield Finding("chat, small model, in use", 5.55e-5, chat * _GRID_KG, "kg CO2e", 0.01)
    yield Finding("chat, small model, in making", 3.11e-6, hours * 1.93e-3, "kg CO2e", 0.01)
    server_w = _SLICES * _SLICE_W + _CPUS * _CPU_W
    yield Finding("power of the server", 3110, server_w, "W", 0.01)
    server_kg = (_SLICES * 1.93e-3 + _CPUS * 1.67e-4) * 4 * 8760
    yield Finding("embodied carbon of the server", 4349, server_kg, "kg CO2e", 0.01)
    yield Finding("large chat over classic language model", 4600, _kwh(0, "large") / 3.70e-6,
                  "", 0.02)  # fmt: skip
    yield Finding("network, Table 22 over Table 1", 1.0, 0.172 / 0.0342, "", 0.01,
                  note="0.0342 kWh/GB in Table 1, 0.172 in Table 22, printed as Wh")  # fmt: skip


def _share_in(scenario: str) -> float:
    """Agents' share of today's energy, which is not printed, from one printed index."""
    none, all_ = (energy_index(SCENARIOS_2030[scenario], share) for share in (0.0, 1.0))
    return (_PRINTED[scenario][0] - none) / (all_ - none)


def _scenarios() -> Iterator[Finding]:
    """One printed index gives the share of agents, the other four test it. "steady" and "limited"
    are taken with 1.4 tokens; what their stated numbers give stands below."""
    share = _share_in("high-adoption")
    for name, (energy, carbon) in _PRINTED.items():
        ours = energy_index(SCENARIOS_2030[name], share)
        if name != "high-adoption":  # the share was taken from it
            yield Finding(f"energy in 2030, {name}", energy, ours, "", 0.03)
        yield Finding(f"carbon in 2030, {name}", carbon,
                      carbon_index(ours, SCENARIOS_2030[name]), "", 0.03)  # fmt: skip
    means = [w * sum(_SIZES[s] * _kwh(u, s) for s in _SIZES) for u, w in enumerate(_KINDS)]
    own = means[2] / sum(means)
    at_own = energy_index(SCENARIOS_2030["high-adoption"], own)
    note = f"agents use {own:.2f} of the stated portfolio; the printed index implies {share:.2f}"
    yield Finding("energy in 2030, high-adoption, with the stated portfolio", 2440, at_own, "",
                  0.03, note=note)  # fmt: skip
    for name, tokens in (("steady", 1.33), ("limited", 1.13)):
        stated = replace(SCENARIOS_2030[name], tokens=tokens)
        yield Finding(f"energy in 2030, {name}, with the stated {tokens} tokens",
                      _PRINTED[name][0], energy_index(stated, share), "", 0.03,
                      note="no share of agents gives the printed index; 1.4 would")  # fmt: skip


def _check(data: Path | None) -> list[Finding]:
    return [*_inferences(), *_footprints(), *_scenarios()]


PAPER = Paper(
    name="capgemini-projection",
    row=38,
    title="Exploring the sustainable scaling of AI dilemma: a projective study of corporations' AI "
    "environmental impacts",
    source="Desroches et al., arXiv 2501.14334 v2, Tables 1, 8 and 11, and its scenarios",
    claim="nine generative inferences from 9.3e-5 to 9.6e-2 kWh, and up to 24.4 times the "
    "electricity by 2030",
    composition="occupied_energy_j (batch 1, a GPU for each user), Scenario and its indices",
    verdict=Verdict.PARTLY,
    check=_check,
    seconds=0.01,
)
