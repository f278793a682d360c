"""One row of the diffusion table: which model runs how on which GPUs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from picojoule.calibrate.cells import Refused, choose, joules, number, whole
from picojoule.calibrate.diffusion.catalog import MODELS
from picojoule.calibrate.diffusion.workload import Counts, Pipeline, counts
from picojoule.calibrate.table import Row

__all__ = ["GPUS", "Config", "Gpu", "understood"]


@dataclass(frozen=True, slots=True)
class Gpu:
    """Datasheet: dense bf16 FLOP/s, memory bytes/s, board power limit."""

    flop_s: float
    bytes_s: float
    power_w: float


# NVIDIA datasheets: H100 SXM5, H200 SXM, DGX B200 (a system of eight, divided), A100 SXM4 80GB.
GPUS: Mapping[str, Gpu] = MappingProxyType(
    {
        "H100": Gpu(989.4e12, 3.35e12, 700.0),
        "H200": Gpu(989.4e12, 4.8e12, 700.0),
        "B200": Gpu(2250e12, 8.0e12, 1000.0),
        "A100": Gpu(312e12, 2.039e12, 400.0),
    }
)
_TASKS = {"text-to-image": "image", "text-to-video": "video"}


@dataclass(frozen=True, slots=True)
class Config:
    """What is asked. size: frames, height, width. Unit: one image or one video.

    time_s: measured seconds a batch, read when fitting, never when predicting; not compared.
    """

    model: str
    gpu: str
    gpus: int
    ulysses: int
    ring: int
    batch: int
    steps: int
    size: tuple[int, int, int]
    time_s: float = field(default=math.nan, compare=False)

    @property
    def pipeline(self) -> Pipeline:
        """The public configuration of the model."""
        return MODELS[self.model]

    @property
    def work(self) -> Counts:
        """Counts for one sample on each GPU."""
        return counts(self.pipeline, self.size, self.steps, self.gpus)


def understood(row: Row) -> tuple[Config, float]:
    """A configuration and its joules, NaN where not measured. Raises Refused."""
    name, pipe = choose(row, "model_id", MODELS)
    kind = "video" if pipe.size[0] > 1 else "image"
    if row.get("task") and choose(row, "task", _TASKS)[1] != kind:
        raise Refused(f"task is {row['task']}, but {name} makes one {kind} at a time")
    gpu, _ = choose(row, "gpu_model", GPUS)
    if row.get("weight_precision", "bfloat16") not in ("", "bfloat16", "float16"):
        raise Refused(f"weight_precision {row['weight_precision']!r} is not known: 16 bits are")
    gpus, ulysses, ring = _split(row, pipe)
    config = Config(
        name,
        gpu,
        gpus,
        ulysses,
        ring,
        batch=whole(row, "batch_size", 1, 4096),
        steps=whole(row, "inference_steps", 1, 1000, pipe.steps),
        size=(
            whole(row, "num_frames", 1, 4096, pipe.size[0]) if kind == "video" else 1,
            whole(row, f"{kind}_height", 64, 8192, pipe.size[1]),
            whole(row, f"{kind}_width", 64, 8192, pipe.size[2]),
        ),
        time_s=_optional(row, "batch_latency_s"),
    )
    energy_j = joules(row, f"energy_per_{kind}_joules")
    _consistent(row, kind, energy_j)
    return config, energy_j


def _split(row: Row, pipe: Pipeline) -> tuple[int, int, int]:
    gpus = whole(row, "num_gpus", 1, 64, 1)
    ring = whole(row, "ring_degree", 1, 64, 1)
    ulysses = whole(row, "ulysses_degree", 1, 64, max(1, gpus // ring))
    if ulysses * ring != gpus:
        raise Refused(f"num_gpus is {gpus}, but ulysses × ring is {ulysses} × {ring}")
    if pipe.heads % ulysses:
        raise Refused(f"{pipe.heads} attention heads can't be split over ulysses {ulysses}")
    return gpus, ulysses, ring


def _optional(row: Row, column: str) -> float:
    try:
        return number(row, column, 1e-6, 1e9, math.nan)
    except Refused:
        return math.nan


def _consistent(row: Row, kind: str, energy_j: float) -> None:
    """Joules are watts over throughput; a row in which they are not has a unit wrong."""
    power_w = _optional(row, "avg_power_watts")
    rate = _optional(row, f"throughput_{kind}s_per_sec")
    ratio = energy_j * rate / power_w
    if math.isfinite(ratio) and not 0.98 < ratio < 1.02:
        raise Refused(f"joules × throughput is {ratio:.3g} of the watts: units are inconsistent")
