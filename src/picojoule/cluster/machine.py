"""Machine: the constants of one replica of a model at one Setting, at the server's power plug."""

from __future__ import annotations

import math
from dataclasses import dataclass

from picojoule.cluster.config import Cluster
from picojoule.cluster.phases import PhaseTable
from picojoule.cluster.response import Factors, Setting, effect
from picojoule.errors import InputError
from picojoule.quantity import format_si

__all__ = ["Machine", "check_budget", "machine"]


@dataclass(frozen=True, slots=True)
class Machine:
    """Power and pace of one replica, with its part of the server around it.

    idle_w without work; base_w with work, and everything else on top of it. prefill, short: (factor
    on seconds, factor on dynamic joules, watts) of a prefill; short for prompts of up to
    short_tokens. They act on what is beyond lag_s; before it clock_w is drawn.
    around: the server's watts per watt of its chips.
    decode_w: watts on top of base_w during decode. step_s, step_j: of one decode step at each batch
    from 0. context_s, context_j: per cached token. batch, kv_tokens: room.
    """

    idle_w: float
    base_w: float
    clock_w: float
    around: float
    prefill: tuple[float, float, float]
    short: tuple[float, float, float]
    short_tokens: int
    lag_s: float
    decode_w: float
    step_s: list[float]
    step_j: list[float]
    context_s: float
    context_j: float
    batch: int
    kv_tokens: int

    def prefill_cost(self, seconds: float, joules: float, prompt: int) -> tuple[float, float]:
        """Seconds and joules above base_w of a prefill that takes these at full clock."""
        slower, less, watts = self.short if prompt <= self.short_tokens else self.prefill
        late = seconds - self.lag_s
        if late <= 0.0:
            return seconds, self.around * joules + self.clock_w * seconds
        dynamic = self.around * joules * (1.0 - (1.0 - less) * late / seconds)
        late *= slower
        return self.lag_s + late, dynamic + self.clock_w * self.lag_s + watts * late


def machine(
    cluster: Cluster,
    table: PhaseTable,
    setting: Setting,
    *,
    braked: bool = False,
    asleep: bool = False,
) -> Machine:
    """The machine of every replica in servers with `setting`.

    braked: the brake holds their clocks. asleep: they sleep whenever they have no work.
    """
    server, brake = cluster.server, cluster.control.brake_mhz
    found = effect(setting, table, cluster.response, brake if braked else math.inf)
    around = 1 + server.other_share.value
    base_w = server.other_idle_w.value / cluster.replicas + table.idle_w
    clock_w = (table.active_w - table.idle_w) * around
    decode = found.decode
    seconds, joules = table.steps(cluster.max_batch)

    def prefill(f: Factors) -> tuple[float, float, float]:
        return f.seconds, f.joules, clock_w * f.clock

    return Machine(
        idle_w=server.sleep_w / cluster.replicas if asleep else base_w,
        base_w=base_w,
        clock_w=clock_w,
        around=around,
        prefill=prefill(found.prefill),
        short=prefill(found.short),
        short_tokens=found.short_tokens,
        lag_s=found.lag_s,
        decode_w=clock_w * decode.clock,
        step_s=(seconds * decode.seconds).tolist(),
        step_j=(joules * decode.joules * around).tolist(),
        context_s=table.context_s * decode.seconds,
        context_j=table.context_j * decode.joules * around,
        batch=cluster.max_batch,
        kv_tokens=table.kv_tokens,
    )


def check_budget(cluster: Cluster, table: PhaseTable) -> None:
    """Raises InputError when the row draws more than its budget without any work."""
    idle_w = machine(cluster, table, Setting()).idle_w * cluster.servers * cluster.replicas
    if cluster.budget_w <= idle_w:
        raise InputError(
            "the budget is below the row's idle power",
            got=format_si(cluster.budget_w, "W"),
            expected=f"above {format_si(idle_w, 'W')} for {cluster.servers} servers",
            fix="give a larger budget, or fewer servers",
        )
