"""ML.ENERGY benchmark v2: joules per request of language models on A100 (40 GB) and H100."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from picojoule.calibrate.cells import choose, joules, understand, whole
from picojoule.calibrate.llm.architectures import architectures
from picojoule.calibrate.llm.baselines import baselines
from picojoule.calibrate.llm.deployment import Deployment
from picojoule.calibrate.llm.fitted import Row, Task
from picojoule.calibrate.llm.gpus import GPUS
from picojoule.calibrate.llm.place import checked, positive, with_batch
from picojoule.calibrate.llm.predictor import ServingPredictor, fit_predictor
from picojoule.calibrate.llm.suspect import suspect
from picojoule.calibrate.measured_set import Floats, Parsed
from picojoule.calibrate.shipped import read_shipped
from picojoule.calibrate.table import Row as Cells
from picojoule.calibrate.table import Table, read_table
from picojoule.errors import InputError

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


class _Set:
    name = "mlenergy-v2"
    unit = "J per request"
    source = "ML.ENERGY leaderboard v2 (ml-energy/leaderboard, Apache-2.0); GPUs only"
    measured = ("Energy/req (J)", "Avg TPOT (s)", "Token tput (tok/s)")

    def find(self, folder: Path) -> Table:
        for path in ("mlenergy_v2/llm_text_generation.csv", "llm_text_generation.csv"):
            if (folder / path).exists():
                return read_table(folder / path)
        raise InputError("no llm_text_generation.csv of ML.ENERGY v2", where=str(folder))

    def parse(self, table: Table) -> Parsed:
        table.need("task", "Model", "GPU")
        return understand(table, _understood)

    def group(self, config: Row) -> str:
        return config.model

    def part(self, config: Row) -> str:
        return config.deployment.gpu.name

    def fit(self, configs: Sequence[Row], energy_j: Floats) -> ServingPredictor:
        return fit_predictor(configs, energy_j, _TASKS, per_request=True)

    def shipped(self) -> ServingPredictor:
        return read_shipped(self.name, ServingPredictor)

    def baselines(
        self, train: Sequence[Row], energy_j: Floats, test: Sequence[Row]
    ) -> dict[str, Floats]:
        return baselines(train, energy_j, test, per_request=True)

    def suspect(self, config: Row, ratio: float) -> str:
        return suspect(config, ratio)


SET = _Set()
