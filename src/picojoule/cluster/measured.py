"""PhaseTables of models that were measured while served, and which table a cluster gets."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from picojoule.chips import load_chip
from picojoule.cluster.config import Cluster
from picojoule.cluster.ledger_phases import Size, kv_room, phase_table, size_of
from picojoule.cluster.phases import PhaseTable
from picojoule.errors import InputError, nearest
from picojoule.quantity import Evidence

__all__ = ["Measured", "Power", "Served", "measured", "table_for"]

_PROMPTS = np.array([1, 128, 512, 1024, 2048, 4096, 8192, 16384], dtype=float)
_BATCHES = np.array([1, 2, 4, 8, 16, 24, 32, 48, 64], dtype=float)


class Power(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Calibrated power of one chip, by `calibration`. error: mean, a model left out."""

    active_w: float
    pj_per_mac: float
    pj_per_byte: float
    error: float
    peak_active_w: float
    peak_pj_per_mac: float
    peak_limit_w: float


class Served(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Calibrated latency of one model on `tensor_parallel` chips."""

    model: str
    chip: str
    tensor_parallel: int
    prefill: tuple[float, float, float]
    step: tuple[float, float, float, float]
    error: float


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shipped file."""

    source: str
    model: dict[str, dict[str, Any]]
    power: dict[str, Power]
    served: tuple[Served, ...]


def measured() -> Measured:
    """The shipped constants."""
    text = (resources.files("picojoule.cluster") / "measured.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Measured)


def table_for(cluster: Cluster) -> PhaseTable:
    """The measured table of the cluster's model, else the one of its ledger.

    Joules of a measured model on a chip without calibrated power are those of the ledger. Raises
    InputError for a model that is neither measured nor a config, or that doesn't fit.
    """
    known = measured()
    config: Any = known.model.get(cluster.model, cluster.model)
    if cluster.model not in known.model and not Path(cluster.model).exists():
        raise InputError(
            f"no model {cluster.model!r}", expected="a measured model or a config.json",
            got=cluster.model, fix=nearest(cluster.model, known.model),
        )  # fmt: skip
    tp, dtype, share = cluster.tensor_parallel, cluster.dtype, cluster.memory_share
    served = next((s for s in known.served if (s.model, s.chip, s.tensor_parallel)
                   == (cluster.model, cluster.chip, tp)), None)  # fmt: skip
    if served is None or dtype not in ("float16", "bfloat16"):
        return phase_table(config, cluster.chip, tp, dtype, share)
    size = size_of(config, dtype)
    power = known.power.get(cluster.chip)
    room = kv_room(size, load_chip(cluster.chip), tp, share)
    if power is None:
        return _timed(phase_table(config, cluster.chip, tp, dtype, share), served, known.source)
    return _calibrated(served, power, size, room, known.source)


def _calibrated(served: Served, power: Power, size: Size, room: int, source: str) -> PhaseTable:
    tp, mac_j, byte_j = served.tensor_parallel, power.pj_per_mac * 1e-12, power.pj_per_byte * 1e-12
    weights_j = byte_j * size.weights_b
    return PhaseTable(
        name=f"{served.model} on {tp} × {served.chip}", chips=tp,
        prompt_tokens=_PROMPTS, prefill_s=_prefill_s(served, _PROMPTS),
        prefill_j=mac_j * size.parameters * _PROMPTS,
        batch=_BATCHES, step_s=_step_s(served, _BATCHES),
        step_j=weights_j + mac_j * size.parameters * _BATCHES,
        context_s=served.step[3], context_j=byte_j * size.kv_b,
        idle_w=tp * load_chip(served.chip).idle_w.value, active_w=tp * power.active_w,
        kv_tokens=room, kv_bytes=size.kv_b, evidence=Evidence.CALIBRATED, source=source,
        low=1 - power.error, high=1 + power.error,
    )  # fmt: skip


def _timed(table: PhaseTable, served: Served, source: str) -> PhaseTable:
    """Measured seconds, the ledger's joules."""
    return replace(
        table, name=f"{served.model} on {table.chips} × {served.chip}",
        prefill_s=_prefill_s(served, table.prompt_tokens), step_s=_step_s(served, table.batch),
        context_s=served.step[3], source=f"time: {source}; joules: {table.source}",
    )  # fmt: skip


def _prefill_s(served: Served, tokens: Any) -> Any:
    a, b, c = served.prefill
    return a + b * tokens + c * tokens**2


def _step_s(served: Served, batch: Any) -> Any:
    d, e, g, _ = served.step
    return d + e * batch + g * batch**2
