"""ML.ENERGY benchmark v3: joules per output token of language models on H100 and B200."""

from __future__ import annotations

import math
from dataclasses import replace

from picojoule.calibrate.cells import Refused, choose, joules, understand, whole
from picojoule.calibrate.llm.architectures import architectures
from picojoule.calibrate.llm.deployment import BITS, Deployment
from picojoule.calibrate.llm.fitted import Row, Task
from picojoule.calibrate.llm.gpus import GPUS
from picojoule.calibrate.llm.place import check_parameters, checked, positive, with_batch
from picojoule.calibrate.llm.serving_set import ServingSet
from picojoule.calibrate.measured_set import Parsed
from picojoule.calibrate.table import Row as Cells
from picojoule.calibrate.table import Table

__all__ = ["SET"]

# Priors of what a request holds; the fit corrects them. Text: about the mean of GPQA questions with
# their choices, of LMArena prompts, of code around a gap. An image of VisionArena: one megapixel.
# Videos: 32 frames of LLaVA-Video-178K. Which data sets: configs of ml-energy/benchmark.
_TASKS = {
    "gpqa": Task(250.0),
    "lm-arena-chat": Task(350.0),
    "sourcegraph-fim": Task(5000.0),
    "image-chat": Task(100.0, image_mpixels=1.0),
    "video-chat": Task(100.0, frame_mpixels=0.4),
}
# Different requests of a run; twice the batch is sent at least, so larger batches repeat them.
_DIFFERENT = {"gpqa": 198.0, "video-chat": 512.0}
# Where a row does not tell: the usual length of an answer.
_OUTPUT_TOKENS = {
    "gpqa": 6000.0,
    "lm-arena-chat": 600.0,
    "sourcegraph-fim": 250.0,
    "image-chat": 800.0,
    "video-chat": 350.0,
}
_PREFILL_RARE = (
    0.3  # prefills a step, below which the median time between tokens is of decode alone
)


def _understood(cells: Cells) -> tuple[Row, float]:
    task, holds = choose(cells, "task", _TASKS)
    model, known = choose(cells, "model_id", architectures())
    check_parameters(cells, known, "total_params_billions")
    output, most = positive(cells, "avg_output_len"), positive(cells, "max_num_seqs")
    tokens = output or _OUTPUT_TOKENS[task]
    tensor, data, expert = _split(cells)
    alone = checked(
        Deployment(
            known,
            choose(cells, "gpu_model", GPUS)[1],
            _precision(cells, model, known.precision),
            batch=1.0,
            output_tokens=tokens,
            tensor=tensor,
            data=data,
            expert=expert,
        )
    )
    average = positive(cells, "avg_batch_size")
    served, note = with_batch(alone, average, most, holds.prompt_tokens + tokens)
    fresh = min(1.0, _DIFFERENT.get(task, 1024.0) / (2.0 * (most or served.batch)))
    assumed = None if output else f"output: {tokens:g} tokens, usual for {task}"
    row = Row(
        model,
        replace(served, fresh_share=fresh),
        task,
        "; ".join(text for text in (note, assumed) if text) or None,
        *_times(cells, served),
    )
    return row, _joules(cells)


def _split(cells: Cells) -> tuple[int, int, int]:
    """Degrees of tensor, data and expert parallelism.

    With expert parallelism the table's tensor degree is 1, and attention is split over all GPUs
    of a replica (vLLM's --enable-expert-parallel).
    """
    gpus = whole(cells, "num_gpus", 1, 1024)
    data = whole(cells, "data_parallel", 1, 1024, 1)
    expert = whole(cells, "expert_parallel", 1, 1024, 1)
    tensor = whole(cells, "tensor_parallel", 1, 1024, 1 if expert > 1 else max(1, gpus // data))
    if gpus % data or (expert > 1 and expert != gpus) or (expert == 1 and tensor * data != gpus):
        raise Refused(
            f"num_gpus is {gpus}, which can't be {tensor} tensor x {data} data parallel"
            f" with {expert} expert parallel"
        )
    return gpus // data, data, expert


def _precision(cells: Cells, model: str, own: str) -> str:
    """Of the weights; without a cell, that of the release."""
    if not cells.get("weight_precision", "").strip():
        return "fp8" if "FP8" in model.upper() else own
    return choose(cells, "weight_precision", BITS)[0]


def _times(cells: Cells, served: Deployment) -> tuple[float, float]:
    """Measured seconds of a mean step, and of a step of decode alone."""
    tokens_s = positive(cells, "output_throughput_tokens_per_sec")
    between_ms = positive(cells, "median_itl_ms")
    rare = served.batch / served.output_tokens < _PREFILL_RARE
    return (
        served.batch / tokens_s if tokens_s else math.nan,
        between_ms / 1e3 if between_ms and rare else math.nan,
    )


def _joules(cells: Cells) -> float:
    """Per output token, as told twice: joules, and watts over tokens per second."""
    energy_j = joules(cells, "energy_per_token_joules")
    power_w = positive(cells, "avg_power_watts")
    tokens_s = positive(cells, "output_throughput_tokens_per_sec")
    if power_w and tokens_s and not 0.95 <= power_w / tokens_s / energy_j <= 1.05:
        raise Refused(
            f"inconsistent joules: {energy_j:g} a token, but {power_w:g} W at {tokens_s:g} tokens/s"
        )
    return energy_j


class _Set(ServingSet):
    name = "mlenergy-v3"
    unit = "J per output token"
    source = "ML.ENERGY benchmark v3 (ml-energy/benchmark; data card: Apache-2.0); GPUs only"
    measured = (
        "avg_power_watts",
        "energy_per_request_joules",
        "energy_per_token_joules",
        "median_itl_ms",
        "output_throughput_tokens_per_sec",
        "p90_itl_ms",
        "p95_itl_ms",
        "p99_itl_ms",
    )
    file = "llm.csv"
    tasks = _TASKS
    per_request = False

    def parse(self, table: Table) -> Parsed:
        table.need("task", "model_id", "gpu_model", "num_gpus")
        return understand(table, _understood)


SET = _Set()
