"""Small random rows: few replicas, few requests, every kind of policy, ties on purpose."""

import numpy as np

from picojoule.cluster import PhaseTable, Requests, make_policy, simulate
from picojoule.cluster.config import Cluster, Control, Number, Server
from picojoule.cluster.policies import POLICIES
from picojoule.cluster.reference import reference
from picojoule.quantity import Evidence

CONSTANTS = {
    "polca": {"settle_s": 7.0},
    "sleep": {"per_server": 2.0, "hold_s": 5.0},
    "static-cap": {"cap_w": 100.0},
}


def small_table(rng=None, kv_tokens=3000):
    rng = rng or np.random.default_rng(0)
    return PhaseTable(
        name="small", chips=1, prompt_tokens=np.array([1.0, 200.0, 1000.0]),
        prefill_s=np.array([0.02, 0.1, 0.5]) * rng.uniform(0.3, 3),
        prefill_j=np.array([5.0, 30.0, 200.0]) * rng.uniform(0.3, 3),
        batch=np.array([1.0, 4.0, 16.0]),
        step_s=np.array([0.03, 0.035, 0.06]) * rng.uniform(0.5, 2),
        step_j=np.array([5.0, 6.0, 9.0]),
        context_s=float(rng.choice([0, 1e-6, 1e-5])),
        context_j=float(rng.choice([0, 1e-4])), idle_w=60.0, active_w=rng.uniform(60, 120),
        kv_tokens=kv_tokens, kv_bytes=1e6, evidence=Evidence.ASSUMED, source="random",
    )  # fmt: skip


def small_cluster(**changes):
    server = Server(chips=1, other_idle_w=Number(50, 50, 50, "a test"), sleep_w=20, wake_s=9)
    given = {
        "model": "small", "chip": "a100-sxm-80gb", "tensor_parallel": 1, "budget": "1 kW",
        "racks": 1, "servers_per_rack": 2, "max_batch": 8, "server": server,
    }  # fmt: skip
    return Cluster(**{**given, **changes})


def random_case(seed):
    """(trace, cluster, table, policy name)."""
    rng = np.random.default_rng(seed)
    table = small_table(rng, int(rng.integers(600, 4000)))
    n = int(rng.integers(1, 30))
    arrivals = np.sort(rng.uniform(0, rng.uniform(1, 25), n)).round(int(rng.integers(0, 6)))
    longest = int(rng.choice([3, 80, 200]))
    trace = Requests.of(
        arrivals, rng.integers(1, 900, n), rng.integers(1, longest, n), rng.integers(-1, 2, n)
    )
    chips, racks, per_rack = (int(rng.integers(1, 3)) for _ in range(3))
    server = Server(chips=chips, other_idle_w=Number(50, 50, 50, "a test"), sleep_w=20,
                    wake_s=float(rng.integers(1, 20)))  # fmt: skip
    idle_w = racks * per_rack * (50 + 60 * chips)
    control = Control(
        period_s=int(rng.integers(1, 4)), delay_s=int(rng.integers(0, 4)),
        actuation_s=int(rng.integers(1, 20)), brake_s=int(rng.integers(1, 6)),
        brake_release=rng.uniform(0.3, 0.9),
    )  # fmt: skip
    cluster = small_cluster(
        racks=racks, servers_per_rack=per_rack, server=server, control=control,
        budget=f"{idle_w * rng.uniform(1.05, 4):.6f} W", max_batch=int(rng.integers(1, 17)),
        low_priority_share=float(rng.choice([0, 0.3, 0.5, 1])),
        prefill_share=float(rng.choice([0, 0, 0.4])), transfer_b_s=1e9,
    )  # fmt: skip
    return trace, cluster, table, str(rng.choice(list(POLICIES)))


def both(seed):
    """(fast result, its requests by number, reference) of a random case."""
    trace, cluster, table, name = random_case(seed)
    rows = []
    fast = simulate(
        trace, cluster, policy=make_policy(name, CONSTANTS.get(name)), phases=table, seed=seed,
        sink=rows.append,
    )  # fmt: skip
    slow = reference(trace, cluster, make_policy(name, CONSTANTS.get(name)), table, seed)
    found = np.concatenate(rows) if rows else np.zeros((0, 7))
    return fast, found[np.argsort(found[:, 0])], slow


def disagreement(seed):
    """What differs between the two, or None."""
    fast, found, slow = both(seed)
    rows = slow.rows.reshape(-1, 7)
    energy = [fast.energy.by_phase[p] for p in ("prefill", "decode", "idle")]
    checks = {
        "requests": found.shape == rows.shape and np.allclose(found, rows, rtol=1e-9, atol=1e-7),
        "power": fast.power.row_w.shape == slow.row_w.shape
        and np.allclose(fast.power.row_w, slow.row_w, rtol=1e-7),
        "energy": np.allclose(energy, slow.energy_j, rtol=1e-8, atol=1e-6),
        "brakes": fast.brakes == slow.brakes,
        "orders": [(e.issued_s, e.acts_s, e.text) for e in fast.events] == slow.orders,
    }
    return [what for what, same in checks.items() if not same] or None
