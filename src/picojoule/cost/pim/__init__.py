"""Processing in memory: units inside the DRAM beside a host, and who runs what."""

from picojoule.cost.pim.channels import (
    Channel,
    Heads,
    attention_cycles,
    channel_loads,
    imbalance,
    least_loaded,
    read_placement,
    round_robin,
)
from picojoule.cost.pim.dispatch import Dispatch
from picojoule.cost.pim.experts import loads_by_expert, loads_by_token, split_experts
from picojoule.cost.pim.kv_fetch import (
    Fetch,
    cascade,
    dense_kv_bits,
    kv_bits,
    needs_low_bits,
    read_fetches,
)
from picojoule.cost.pim.schedule import (
    Placed,
    Task,
    chunks,
    halves,
    in_order,
    makespan,
    out_of_order,
)
from picojoule.cost.pim.sides import BreakEven, break_even, ops_per_byte, seen_from

__all__ = [
    "BreakEven", "Channel", "Dispatch", "Fetch", "Heads", "Placed", "Task", "attention_cycles",
    "break_even", "cascade", "channel_loads", "chunks", "dense_kv_bits", "halves", "imbalance",
    "in_order", "kv_bits", "least_loaded", "loads_by_expert", "loads_by_token", "makespan",
    "needs_low_bits", "ops_per_byte", "out_of_order", "read_fetches", "read_placement",
    "round_robin", "seen_from", "split_experts",
]  # fmt: skip
