"""`compare_calls`: which of two functions uses fewer joules, or that the evidence can't tell.

Windows of A and B alternate, in random order within each pair, so that drift falls on both. Each
pair gives one ratio. The verdict rests on the exact interval of their median, which contains 1
just when the sign test finds no difference.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from picojoule.errors import Inconclusive
from picojoule.meter.protocol import check_evidence, running
from picojoule.meter.repeats import (
    Repeat,
    Runner,
    check_known,
    per_call,
    shortest_window_s,
    systematic,
    ticks,
    usual_domains,
)
from picojoule.meter.robust import MIN_VALUES, sign_test
from picojoule.meter.session import Meter, Sync
from picojoule.quantity import Evidence, Quantity

__all__ = ["PairedComparison", "compare_calls"]

Answer = Literal["less", "more", "same", "inconclusive"]

_MAX_PAIRS = 500


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """B against A, joules per call. ratio: B over A, with the 95% interval of the median pair.

    answer: B uses "less" or "more"; "same" when the whole interval is within ±relative of 1;
    else "inconclusive". p_value: sign test of no difference. n_pairs counted, n_dropped not.
    """

    a: Quantity
    b: Quantity
    ratio: Quantity
    time_ratio: Quantity
    p_value: float
    answer: Answer
    relative: float
    n_pairs: int
    n_dropped: int

    def or_refuse(self) -> PairedComparison:
        """This, or Inconclusive (exit code 3) when the evidence can't tell."""
        if self.answer == "inconclusive":
            raise Inconclusive(
                "the evidence can't tell A from B", got=f"B/A {self.ratio}",
                expected="an interval without 1", fix="a larger budget_s, or a quieter machine",
            )  # fmt: skip
        return self

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        plain = ("p_value", "answer", "relative", "n_pairs", "n_dropped")
        quantities = ("a", "b", "ratio", "time_ratio")
        return {
            **{n: getattr(self, n).to_dict() for n in quantities},
            **{n: getattr(self, n) for n in plain},
        }


def compare_calls(
    a: Callable[[], object],
    b: Callable[[], object],
    *,
    meter: Meter | Literal["auto"] = "auto",
    relative: float = 0.02,
    budget_s: float = 60.0,
    require: Evidence = Evidence.ASSUMED,
    sync: Sync = "auto",
    seed: int = 0,
    sleep: Callable[[float], object] = time.sleep,
) -> PairedComparison:
    """Compare the joules per call of `b` with those of `a`, in pairs of windows.

    Stops when the ratio is known to ±relative, not when it looks like a difference: that would
    find one in noise. seed: of the order. Raises as `measure` does.
    """
    with running(meter, sync) as m:
        check_evidence(m, require)
        deadline = m.clock() + budget_s
        tick_s = ticks(m, sleep)
        check_known(m)
        shortest_s = shortest_window_s(m, tick_s)
        runners = [Runner(m, fn, name, shortest_s) for fn, name in ((a, "A"), (b, "B"))]
        for runner in runners:
            runner.warm_up(m.clock() + 0.1 * budget_s)
        order, pairs = np.random.default_rng(seed), list[tuple[Repeat, Repeat]]()
        while len(pairs) < _MAX_PAIRS:
            pairs.append(_pair(runners, bool(order.integers(2))))
            if m.clock() >= deadline or _narrow(_ratios(pairs, runners), relative):
                break
        return _comparison(m, pairs, runners, relative)


def _pair(runners: Sequence[Runner], swap: bool) -> tuple[Repeat, Repeat]:
    if swap:
        second = runners[1].repeat()
        return runners[0].repeat(), second
    first = runners[0].repeat()
    return first, runners[1].repeat()


def _good(
    pairs: Sequence[tuple[Repeat, Repeat]], runners: Sequence[Runner]
) -> list[tuple[Repeat, Repeat]]:
    usual = usual_domains([w for pair in pairs for w in pair])
    shortest_s = 0.9 * runners[0].shortest_s
    return [p for p in pairs if not any(w.flaw(usual, shortest_s) or not w.joules > 0 for w in p)]


def _ratios(pairs: Sequence[tuple[Repeat, Repeat]], runners: Sequence[Runner]) -> list[float]:
    return [(b.joules / b.calls) / (a.joules / a.calls) for a, b in _good(pairs, runners)]


def _narrow(ratios: Sequence[float], relative: float) -> bool:
    ratio = per_call(ratios, "x", Evidence.MEASURED)
    return (ratio.high - ratio.low) / 2 <= relative * ratio.value


def _answer(ratio: Quantity, relative: float) -> Answer:
    if 1 / (1 + relative) <= ratio.low and ratio.high <= 1 + relative:
        return "same"
    if ratio.high < 1:
        return "less"
    return "more" if ratio.low > 1 else "inconclusive"


def _comparison(
    m: Meter, pairs: list[tuple[Repeat, Repeat]], runners: Sequence[Runner], relative: float
) -> PairedComparison:
    good = _good(pairs, runners)
    if len(good) < MIN_VALUES:
        raise Inconclusive(
            "too few usable pairs", got=len(good), expected=MIN_VALUES,
            fix="give it more time, or a quieter machine",
        )  # fmt: skip
    ratios = _ratios(good, runners)
    # A sensor that is off by a factor is off for both: the ratio doesn't have its interval.
    _, _, evidence = systematic(m, [w for pair in good for w in pair])
    ratio = per_call(ratios, "x", evidence)
    times = [(b.seconds / b.calls) / (a.seconds / a.calls) for a, b in good]
    return PairedComparison(
        a=per_call([w.joules / w.calls for w, _ in good], "J", evidence),
        b=per_call([w.joules / w.calls for _, w in good], "J", evidence),
        ratio=ratio,
        time_ratio=per_call(times, "x", Evidence.MEASURED),
        p_value=sign_test([math.log(r) for r in ratios]),
        answer=_answer(ratio, relative),
        relative=relative,
        n_pairs=len(good),
        n_dropped=len(pairs) - len(good),
    )
