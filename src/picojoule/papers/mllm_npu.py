"""mllm-NPU: a prompt in chunks, with attention beside the NPU's products."""

from __future__ import annotations

from pathlib import Path

from picojoule.cost.pim import Task, chunks, in_order, makespan, out_of_order
from picojoule.papers.paper import Finding, Paper, Verdict

CHUNK, LAYERS = 256, 24
NPU_S, CPU_S = 1.0, 0.25  # assumed: a chunk's products, its attention to one chunk of keys


def prompt(length: int) -> list[Task]:
    """Chunk after chunk, layer after layer. Attention of a chunk awaits the keys of the earlier
    ones, and takes the longer the more of them there are."""
    tasks = []
    for c in range(chunks(length, CHUNK)[0]):
        for i in range(LAYERS):
            before = (f"feed {c} {i - 1}",) if i else ()
            keys = tuple(f"project {j} {i}" for j in range(c + 1))
            tasks.append(Task(f"project {c} {i}", "NPU", NPU_S / 3, before))
            tasks.append(Task(f"attend {c} {i}", "CPU", CPU_S * (c + 1), keys))
            tasks.append(Task(f"feed {c} {i}", "NPU", 2 * NPU_S / 3, (f"attend {c} {i}",)))
    return tasks


def check(data: Path | None) -> list[Finding]:
    """Out of order against in order on 4 chunks, and what padding costs."""
    tasks = prompt(1024)
    ordered, free = makespan(in_order(tasks)), makespan(out_of_order(tasks))
    busiest = sum(task.time_s for task in tasks if task.unit == "NPU")
    return [
        Finding("1024 tokens, out of order over in order", 1, free / ordered, "", 0, "<="),
        Finding("1024 tokens, out of order over the NPU's own work", 1, free / busiest, "", 0,
                ">="),
        Finding("chunks of 1025 tokens", 5, chunks(1025, CHUNK)[0]),
        Finding("padding of 1025 tokens", 255 / 1280, chunks(1025, CHUNK)[1], "", 1e-12),
        Finding("padding of 1024 tokens", 0, chunks(1024, CHUNK)[1]),
    ]  # fmt: skip


PAPER = Paper(
    name="mllm-npu",
    row=97,
    title="Fast on-device LLM inference with NPUs (mllm-NPU)",
    source="Xu et al., ASPLOS 2025, arXiv 2407.05858; its device numbers need its phones",
    claim="Chunks of fixed size whose parts run out of order on NPU and CPU shorten prefill.",
    composition="cost.pim: Task, out_of_order against in_order, chunks",
    verdict=Verdict.REPRODUCED,
    check=check,
)
