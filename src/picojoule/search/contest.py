"""Time the verified candidates against each other, price them, and say what is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from picojoule.chips import Chip
from picojoule.meter import Timing, ratio
from picojoule.quantity import Evidence, Quantity, weakest
from picojoule.search.candidate import Candidate
from picojoule.search.front import pareto

__all__ = ["Outcome", "decide", "priced", "runs_here"]


@dataclass(frozen=True)
class Outcome:
    """Candidates with their last status; the best fp32 path; the choice and what can be said."""

    candidates: tuple[Candidate, ...]
    baseline: str | None
    chosen: str | None
    verdict: str


def priced(candidate: Candidate, timing: Timing, chip: Chip) -> Candidate:
    """The candidate with its times, and its joules per call on `chip`.

    On a CPU: measured CPU seconds × watts per busy core, so the evidence is that of the watts. On
    another kind of chip this machine's time says nothing, and the prediction stands. Without a
    clean burst there are neither times nor joules.
    """
    cpu, watts = timing.cpu_s, chip.active_w_per_core
    if cpu.evidence is Evidence.UNAVAILABLE:
        return candidate
    energy = candidate.predicted_energy
    if watts is not None and runs_here(chip):
        energy = Quantity(
            cpu.value * watts.value, cpu.low * watts.low, cpu.high * watts.high, "J",
            weakest(cpu.evidence, watts.evidence),
        )  # fmt: skip
    return replace(candidate, cpu_s=cpu, wall_s=timing.wall_s, energy=energy)


def runs_here(chip: Chip) -> bool:
    """Whether this machine's CPU time stands for the chip's."""
    return chip.kind == "cpu" and chip.active_w_per_core is not None


def decide(
    candidates: Sequence[Candidate], timings: Mapping[str, Timing], reference: str, chip: Chip
) -> Outcome:
    """Front, baseline, choice and verdict. A timing that is not conclusive decides nothing."""
    running = [c for c in candidates if c.status == "verified" and c.cpu_s is not None]
    rest = [_untimed(c, timings) for c in candidates if c not in running]
    if not running:
        return Outcome(tuple(rest), None, None, "INCONCLUSIVE: nothing could be timed")
    best = pareto(running)
    marked = [c.become("front" if i in best else "dominated") for i, c in enumerate(running)]
    baseline = _cheapest([c for c in marked if _is_fp32(c)])
    name = baseline.name if baseline else reference
    if not runs_here(chip):
        chosen, verdict = _predicted_choice(marked, baseline, chip)
        return Outcome((*marked, *rest), name, chosen, verdict)
    explained = [_explain(c, timings, name) for c in marked]
    chosen, verdict = _choose(explained, timings, name)
    return Outcome((*explained, *rest), name, chosen, verdict)


def _untimed(c: Candidate, timings: Mapping[str, Timing]) -> Candidate:
    if c.status != "verified":
        return c
    timing = timings.get(c.name)
    return c.become("inconclusive", timing.reason if timing else "not timed")


def _is_fp32(c: Candidate) -> bool:
    return c.recipe.precision == "fp32" and not c.recipe.prune_ratio


def _cheapest(candidates: Sequence[Candidate]) -> Candidate | None:
    known = [c for c in candidates if c.energy is not None]
    return min(known, key=lambda c: c.energy.value if c.energy else 0.0, default=None)


def _explain(c: Candidate, timings: Mapping[str, Timing], baseline: str) -> Candidate:
    """Why a dominated candidate loses, against the best fp32 path."""
    if c.status == "front" or c.name == baseline:
        return c
    r = ratio(timings[c.name], timings[baseline]) if baseline in timings else None
    if r is None or r.value != r.value or r.low <= 1:
        return c.become(c.status, "another is better or equal in everything")
    return c.become(c.status, f"saves nothing: {r.value:.2f}x the CPU time of the best fp32 path")


def _choose(
    candidates: Sequence[Candidate], timings: Mapping[str, Timing], baseline: str
) -> tuple[str | None, str]:
    best = _cheapest([c for c in candidates if c.status == "front"])
    if best is None:
        return None, "INCONCLUSIVE: no candidate has a known energy"
    if best.name == baseline:
        return baseline, f"nothing saves energy here: {baseline} is already the best"
    r = ratio(timings[best.name], timings[baseline])
    if r.value != r.value or r.low <= 1 <= r.high:
        doubt = timings[best.name].reason or timings[baseline].reason or "the interval contains 1x"
        return None, f"INCONCLUSIVE: {best.name} against {baseline}: {doubt}"
    if r.low > 1:
        return baseline, f"nothing saves energy here: {baseline} is already the best"
    return best.name, (
        f"{best.name} takes {r.value:.2f}x [{r.low:.2f} .. {r.high:.2f}] "
        f"the CPU time of {baseline}, the best fp32 path"
    )


def _predicted_choice(
    candidates: Sequence[Candidate], baseline: Candidate | None, chip: Chip
) -> tuple[str | None, str]:
    """For a chip that is not here: accuracy is verified, energy is a prediction and says so."""
    best = _cheapest([c for c in candidates if c.status == "front"])
    if best is None or best.energy is None or baseline is None or baseline.energy is None:
        return None, f"INCONCLUSIVE: no candidate has a predicted energy on {chip.name}"
    share = best.energy.value / baseline.energy.value
    return best.name, (
        f"{best.name} is predicted to use {share:.2f}x the energy of {baseline.name} on "
        f"{chip.name}; nothing was run there, and the times are of this machine"
    )
