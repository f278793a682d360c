"""A PhaseTable from the ledger: `pj.estimate` of the model on the chip at several sizes.

Tensor parallelism over p chips divides a replica's time by p and adds two all-reduces per layer and
step, each 2(p-1)/p of the hidden state over the link (Megatron-LM, arXiv 1909.08053, section 3)
plus a latency. Dynamic joules are those of the whole model: splitting saves none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from picojoule.chips import Chip, load_chip
from picojoule.cluster.phases import PhaseTable
from picojoule.cost import estimate
from picojoule.cost.interval import static_w
from picojoule.errors import InputError
from picojoule.formats import parse_format
from picojoule.graph.from_hf import from_hf, parameters
from picojoule.graph.hf.fields import read_config
from picojoule.graph.hf.reading import read_decoder
from picojoule.graph.ir import Graph, Phase, Role
from picojoule.ledger import Array
from picojoule.quantity import Quantity, format_si

__all__ = ["Size", "kv_room", "phase_table", "size_of"]

PROMPTS = (32, 128, 256, 384, 512, 1024, 2048, 4096, 8192, 16384)
BATCHES = (1, 4, 16, 32, 64, 128)
CONTEXT = 1024
REDUCE_S = 10e-6
"""Latency of one all-reduce inside a server: assumed, the order of NCCL's small-message times."""
LINK_B_S = 300e9
"""NVLink of an A100, one direction (NVIDIA: 600 GB/s total). Assumed for other chips."""


class Size(msgspec.Struct, frozen=True):
    """What a model needs. weights_b: bytes; kv_b: bytes per cached token."""

    parameters: int
    weights_b: float
    kv_b: float
    layers: int
    hidden: int


def size_of(config: str | Path | Mapping[str, Any], dtype: str) -> Size:
    """Sizes of the model that `config` describes. Raises TraceError for a wrong config."""
    total = parameters(config).total
    decoder = read_decoder(*read_config(config))
    short, long = (_state_b(config, dtype, n) for n in (1024, 2048))
    width_b = parse_format(dtype).bits_per_element() / 8
    return Size(total, total * width_b, (long - short) / 1024, len(decoder.layers), decoder.hidden)


def _graph(config: Any, dtype: str, batch: int, *, prompt: int = 0, context: int = 0) -> Graph:
    phase = Phase.PREFILL if prompt else Phase.DECODE
    return from_hf(config, batch=batch, prompt=prompt, context=context, phase=phase, dtype=dtype,
                   logits="last" if prompt else "all")  # fmt: skip


def _state_b(config: Any, dtype: str, context: int) -> float:
    """Bytes of cache that one decode step reads."""
    ops = _graph(config, dtype, 1, context=context).ops
    return sum(op.bytes_of(o) for op in ops for o in op.operands if o.role is Role.STATE)


def kv_room(size: Size, chip: Chip, chips: int, memory_share: float) -> int:
    """Cached tokens that fit beside the weights. Raises InputError when the weights don't fit."""
    memory_b = chips * memory_share * max(m.capacity_bytes.value for m in chip.memory)
    if size.weights_b >= memory_b:
        need, have = format_si(size.weights_b, "B"), format_si(memory_b, "B")
        fewest = int(size.weights_b / (memory_b / chips)) + 1
        raise InputError(
            f"the model does not fit on {chips} × {chip.name}", got=f"{need} of weights",
            expected=f"below {have}", fix=f"tensor_parallel = {fewest} or more, or a smaller dtype",
        )  # fmt: skip
    return int((memory_b - size.weights_b) // size.kv_b)


def phase_table(
    config: str | Path | Mapping[str, Any],
    chip: str | Chip,
    tensor_parallel: int = 1,
    dtype: str = "float16",
    memory_share: float = 0.9,
) -> PhaseTable:
    """The table of the model that `config` describes, predicted by the chip's roofline.

    Raises TraceError and ChipError for a wrong config or chip, InputError when it doesn't fit.
    """
    chip = chip if isinstance(chip, Chip) else load_chip(chip)
    size = size_of(config, dtype)
    room = kv_room(size, chip, tensor_parallel, memory_share)
    idle_w = tensor_parallel * chip.idle_w.value
    active_w = tensor_parallel * static_w(chip).value
    return PhaseTable(
        name=f"{size.parameters / 1e9:.0f}B on {tensor_parallel} × {chip.name}",
        chips=tensor_parallel, kv_tokens=room, kv_bytes=size.kv_b, idle_w=idle_w, active_w=active_w,
        source=f"roofline of {chip.name}", **_columns(config, chip, tensor_parallel, dtype, size),
    )  # fmt: skip


def _columns(config: Any, chip: Chip, tp: int, dtype: str, size: Size) -> dict[str, Any]:
    """Prefills of PROMPTS; decode at BATCHES with CONTEXT, and what context adds, by difference."""

    def cost(batch: int, tokens: int, **length: int) -> tuple[Array, Quantity]:
        """(seconds, dynamic joules), and all joules with their interval."""
        ledger = estimate(_graph(config, dtype, batch, **length), chip)
        total, static = ledger.total(), ledger.where(component="static").total()
        seconds = total.time.value / tp + _reduce_s(size, tp, tokens)
        return np.array([seconds, total.energy.value - static.energy.value]), total.energy

    prefill = np.array([cost(1, n, prompt=n)[0] for n in PROMPTS])
    steps = [cost(b, b, context=CONTEXT) for b in BATCHES]
    near = np.array([found for found, _ in steps])
    far, _ = cost(BATCHES[-1], BATCHES[-1], context=2 * CONTEXT)
    each = (far - near[-1]) / (BATCHES[-1] * CONTEXT)  # of one cached token
    bare = near - each * (np.array(BATCHES) * CONTEXT)[:, None]
    energy = steps[2][1]
    return {
        "prompt_tokens": np.array(PROMPTS), "batch": np.array(BATCHES),
        "prefill_s": prefill[:, 0], "prefill_j": prefill[:, 1],
        "step_s": bare[:, 0], "step_j": bare[:, 1],
        "context_s": float(each[0]), "context_j": float(each[1]),
        "evidence": energy.evidence,
        "low": energy.low / energy.value, "high": energy.high / energy.value,
    }  # fmt: skip


def _reduce_s(size: Size, chips: int, tokens: int) -> float:
    if chips == 1:
        return 0.0
    sent_b = 2 * (chips - 1) / chips * tokens * size.hidden * 2
    return 2 * size.layers * (REDUCE_S + sent_b / LINK_B_S)
