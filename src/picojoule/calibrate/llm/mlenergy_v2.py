"""ML.ENERGY benchmark v2: joules per request of language models on A100 (40 GB) and H100."""

from __future__ import annotations

import math

from picojoule.calibrate.cells import choose, joules, understand, whole
from picojoule.calibrate.llm.architectures import architectures
from picojoule.calibrate.llm.deployment import Deployment
from picojoule.calibrate.llm.fitted import Row, Task
from picojoule.calibrate.llm.gpus import GPUS
from picojoule.calibrate.llm.place import checked, positive, with_batch
from picojoule.calibrate.llm.serving_set import ServingSet
from picojoule.calibrate.measured_set import Parsed
from picojoule.calibrate.table import Row as Cells
from picojoule.calibrate.table import Table

__all__ = ["SET"]

# Priors, corrected by the fit: first turns of ShareGPT, and prompts of HumanEval+.
_TASKS = {
    "llm_text_generation/chat": Task(200.0),
    "llm_text_generation/code": Task(200.0),
}
_GREEDY = "llm_text_generation/code"  # temperature 0, as EvalPlus asks (the benchmark's client)
# Where a row does not tell: the usual length of an answer.
_OUTPUT_TOKENS = {"llm_text_generation/chat": 450.0, "llm_text_generation/code": 100.0}


def _understood(cells: Cells) -> tuple[Row, float]:
    task, holds = choose(cells, "task", _TASKS)
    model, known = choose(cells, "Model", architectures())
    output = positive(cells, "Avg Output Tokens")
    tokens = output or _OUTPUT_TOKENS[task]
    alone = checked(
        Deployment(
            known,
            choose(cells, "GPU", GPUS)[1],
            "bfloat16",
            batch=1.0,
            output_tokens=tokens,
            tensor=whole(cells, "TP", 1, 1024, 1),
            pipeline=whole(cells, "PP", 1, 1024, 1),
            greedy=task == _GREEDY,
        )
    )
    average, most = positive(cells, "Avg BS (reqs)"), positive(cells, "Max BS (reqs)")
    served, note = with_batch(alone, average, most, holds.prompt_tokens + tokens)
    assumed = None if output else f"output: {tokens:g} tokens, usual for {task}"
    tokens_s = positive(cells, "Token tput (tok/s)")
    row = Row(
        model,
        served,
        task,
        "; ".join(text for text in (note, assumed) if text) or None,
        served.batch / tokens_s if tokens_s else math.nan,
    )
    return row, joules(cells, "Energy/req (J)")


class _Set(ServingSet):
    name = "mlenergy-v2"
    unit = "J per request"
    source = "ML.ENERGY leaderboard v2 (ml-energy/leaderboard, Apache-2.0); GPUs only"
    measured = ("Energy/req (J)", "Avg TPOT (s)", "Token tput (tok/s)")
    file = "llm_text_generation.csv"
    tasks = _TASKS
    per_request = True

    def parse(self, table: Table) -> Parsed:
        table.need("task", "Model", "GPU")
        return understand(table, _understood)


SET = _Set()
