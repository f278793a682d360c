"""What the measured sets of served language models share: deployments in, groups are models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from picojoule.calibrate.llm.baselines import baselines
from picojoule.calibrate.llm.fitted import Row, Task
from picojoule.calibrate.llm.predictor import ServingPredictor, fit_predictor
from picojoule.calibrate.llm.suspect import suspect
from picojoule.calibrate.measured_set import Floats
from picojoule.calibrate.shipped import read_shipped
from picojoule.calibrate.table import Table, read_table
from picojoule.errors import InputError

__all__ = ["ServingSet"]


class ServingSet:
    """A MeasuredSet but for `parse`.

    file: the published table, in the folder or in one of the set's name. tasks: priors of what
    requests hold. per_request: joules are per request, else per output token.
    """

    name: str
    file: ClassVar[str]
    tasks: ClassVar[dict[str, Task]]
    per_request: ClassVar[bool]

    def find(self, folder: Path) -> Table:
        """The table. Raises InputError where it is not."""
        for path in (folder / self.name.replace("-", "_") / self.file, folder / self.file):
            if path.exists():
                return read_table(path)
        raise InputError(f"no {self.file} of ML.ENERGY {self.name[-2:]}", where=str(folder))

    def group(self, config: Row) -> str:
        """The model."""
        return config.model

    def part(self, config: Row) -> str:
        """The GPU."""
        return config.deployment.gpu.name

    def fit(self, configs: Sequence[Row], energy_j: Floats) -> ServingPredictor:
        """Constants and intervals from these rows, in J per request or per output token."""
        return fit_predictor(configs, energy_j, self.tasks, per_request=self.per_request)

    def shipped(self) -> ServingPredictor:
        """The predictor whose constants come with picojoule."""
        return read_shipped(self.name, ServingPredictor)

    def baselines(
        self, train: Sequence[Row], energy_j: Floats, test: Sequence[Row]
    ) -> dict[str, Floats]:
        """Joules of `test` by rival formulas."""
        return baselines(train, energy_j, test, per_request=self.per_request)

    def suspect(self, config: Row, ratio: float) -> str:
        """The part of the row that the model knows least. ratio: predicted over measured."""
        return suspect(config, ratio)
