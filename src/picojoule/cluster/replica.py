"""One replica of a model that serves: continuous batching, exactly, in few operations per request.

The model of a replica, which `reference` runs again in the obvious way:

- Requests wait in order of arrival. The first one starts its prefill when no other prefill runs,
  fewer than `batch` requests are active, and its prompt and output fit in the free KV cache.
- A prefill has the replica to itself: decoding stands still. It makes the first output token.
- Between prefills all n active requests advance together, one token per step of
  step_s[n] + context_s × K seconds, K = Σ (prompt + output/2) of the active requests.
- A request leaves with its last token.

Because all active requests advance at one pace, one number `progress` (tokens that a request active
from the start would have made) tells when each is done: it joined at progress p, so it leaves at
p + tokens. A heap of these gives the next to leave, at O(log n) per request.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush

from picojoule.cluster.machine import Machine

__all__ = ["Item", "Knots", "Replica", "run"]

Item = tuple[int, float, float, float, int, int, int, float, int, float, float]
"""(number, ready_s, prefill_s, prefill_j, prompt, output, priority, mean context, room in KV,
first_s, arrival_s). ready_s: when it comes to this replica, and arrival_s to the row. first_s: when
another replica made its first token, or -1."""

Done = tuple[int, float, float, float, int, int, int]
"""(number, arrival_s, first_s, done_s, prompt, output, priority)."""

Knots = tuple[list[float], list[float]]
"""Times and joules so far: power is constant between two of them."""

_TIE = 1e-9  # tokens: requests that leave together, but for rounding


@dataclass(slots=True)
class Replica:
    """State between two windows. seconds: of (prefill, decode, idle).

    static_j: what idle servers draw, in each of these. joules: on top, of (prefill, decode).
    prefill_only: its requests leave with their first token, for another replica.
    """

    prefill_only: bool = False
    waiting: deque[Item] = field(default_factory=deque)
    active: list[tuple[float, int, float, Item]] = field(default_factory=list)
    progress: float = 0.0
    context: float = 0.0
    used: int = 0
    job: Item | None = None
    left: float = 0.0
    joules: tuple[float, float] = (0.0, 0.0)
    static_j: tuple[float, float, float] = (0.0, 0.0, 0.0)
    seconds: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def saved(self) -> Replica:
        """The same, to come back to."""
        return Replica(
            self.prefill_only, self.waiting.copy(), self.active.copy(), self.progress,
            self.context, self.used, self.job, self.left, self.joules, self.static_j, self.seconds,
        )  # fmt: skip

    @property
    def load(self) -> int:
        """Requests here."""
        return len(self.waiting) + len(self.active) + (self.job is not None)


def run(  # noqa: PLR0912, PLR0915  (the inner loop: a call per event would double its time)
    c: Replica, m: Machine, arrivals: list[Item], start: float, end: float
) -> tuple[Knots, list[Done]]:
    """Advance from `start` to `end` with `arrivals` in between, in order. Mutates `c`."""
    waiting, active, job, left = c.waiting, c.active, c.job, c.left
    progress, context, used, prefill_only = c.progress, c.context, c.used, c.prefill_only
    step_s, step_j, context_s, context_j = m.step_s, m.step_j, m.context_s, m.context_j
    base_w, decode_w, idle_w = m.base_w, m.decode_w, m.idle_w
    room, most = m.kv_tokens, m.batch
    prefill_j = decode_j = prefill_s = decode_s = idle_s = total = 0.0
    times, joules, done = [start], [0.0], []
    note_time, note_joules = times.append, joules.append
    now, i, count = start, 0, len(arrivals)
    next_s = arrivals[0][1] if count else end
    cost_s, cost_j = (0.0, 0.0) if job is None else m.prefill_cost(job[2], job[3], job[4])
    while True:
        while next_s <= now and i < count:
            waiting.append(arrivals[i])
            i += 1
            next_s = arrivals[i][1] if i < count else end
        if job is None and waiting and len(active) < most and used + waiting[0][8] <= room:
            job, left = waiting.popleft(), 1.0
            used += job[8]
            cost_s, cost_j = m.prefill_cost(job[2], job[3], job[4])
        if job is not None:
            need, dynamic = left * cost_s, left * cost_j
            whole = now + need <= end
            if not whole:
                need = end - now
                dynamic = cost_j * need / cost_s
                left -= need / cost_s
            prefill_s += need
            prefill_j += dynamic
            total += base_w * need + dynamic
            now = now + need if whole else end
            note_time(now)
            note_joules(total)
            if not whole:
                break
            first = now if job[9] < 0.0 else job[9]
            if job[5] == 1 or prefill_only:
                used -= job[8]
                done.append((job[0], job[10], first, now, job[4], job[5], job[6]))
            else:
                heappush(active, (progress + job[5] - 1, job[0], first, job))
                context += job[7]
            job = None
        elif active:
            n, leave = len(active), active[0][0]
            pace = step_s[n] + context_s * context
            steps = leave - progress
            until = now + steps * pace
            left_now = until <= next_s
            if not left_now:
                until = next_s
                steps = (until - now) / pace
            passed = until - now
            dynamic = (step_j[n] + context_j * context) * steps + decode_w * passed
            decode_s += passed
            decode_j += dynamic
            total += base_w * passed + dynamic
            progress += steps
            now = until
            note_time(now)
            note_joules(total)
            if left_now:
                progress = leave
                while active and active[0][0] <= leave + _TIE:
                    _, number, first, item = heappop(active)
                    context -= item[7]
                    used -= item[8]
                    done.append((number, item[10], first, now, item[4], item[5], item[6]))
                if not active:
                    progress = context = 0.0
            elif now >= end:
                break
        elif next_s < end or now < end:
            idle_s += next_s - now
            total += idle_w * (next_s - now)
            now = next_s
            note_time(now)
            note_joules(total)
        else:
            break
    while i < count:  # arrivals at the very end
        waiting.append(arrivals[i])
        i += 1
    c.job, c.left, c.progress, c.context, c.used = job, left, progress, context, used
    c.joules = (c.joules[0] + prefill_j, c.joules[1] + decode_j)
    c.seconds = (c.seconds[0] + prefill_s, c.seconds[1] + decode_s, c.seconds[2] + idle_s)
    c.static_j = (
        c.static_j[0] + base_w * prefill_s,
        c.static_j[1] + base_w * decode_s,
        c.static_j[2] + idle_w * idle_s,
    )
    return (times, joules), done
