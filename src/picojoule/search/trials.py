"""Finished trials, kept by Optuna: an interrupted search resumes, a team can share one database.

The study's name is the cache key: it holds everything that could make an old result wrong, which
are the weights, the data, evaluate's source, the library versions, the machine and the threads.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from picojoule.errors import InputError
from picojoule.extras import require
from picojoule.search.candidate import Candidate, Recipe
from picojoule.spec import Spec

__all__ = ["Finished", "Trials", "environment", "study_name"]

_LIBRARIES = (
    "picojoule", "torch", "torchao", "torch-pruning", "onnx", "onnxscript", "onnxruntime",
    "openvino", "nncf", "numpy",
)  # fmt: skip


@dataclass(frozen=True)
class Finished:
    """A trial's candidate and its per-sample scores (empty when it failed before scoring)."""

    candidate: Candidate
    scores: tuple[float, ...]


class Trials:
    """Finished trials of one search. Raises InputError when the storage can't be opened."""

    def __init__(self, storage: str, name: str) -> None:
        optuna = require("optuna", "search")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._optuna = optuna
        try:
            self._study = optuna.create_study(
                storage=storage, study_name=name, load_if_exists=True,
                directions=["maximize", "minimize"],
            )  # fmt: skip
        except Exception as error:  # whatever the database driver raises
            raise InputError(f"can't open the trial storage: {error}", got=storage) from error

    def finished(self) -> dict[Recipe, Finished]:
        """All trials that ended, by recipe; the latest wins."""
        found = {}
        for trial in self._study.get_trials(deepcopy=False):
            if (text := trial.user_attrs.get("candidate")) is not None:
                candidate = Candidate.from_dict(json.loads(text))
                scores = tuple(json.loads(trial.user_attrs["scores"]))
                found[candidate.recipe] = Finished(candidate, scores)
        return found

    def recall(self, key: str) -> Any:
        """What `remember` kept under `key`, or None."""
        return self._study.user_attrs.get(key)

    def remember(self, key: str, value: Any) -> None:
        """Keep a plain value with the study, for later searches of the same model and data."""
        self._study.set_user_attr(key, value)

    def record(self, candidate: Candidate, scores: tuple[float, ...]) -> None:
        """Keep a trial. Values are accuracy and predicted joules; a failed one has none."""
        recipe = candidate.recipe
        trial = self._study.ask()
        trial.set_user_attr("recipe", recipe.name)
        trial.set_user_attr("candidate", json.dumps(candidate.to_dict()))
        trial.set_user_attr("scores", json.dumps(scores))
        energy = candidate.predicted_energy
        if candidate.accuracy is None or energy is None or not np.isfinite(energy.value):
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial, [candidate.accuracy[0], energy.value])


def environment(threads: int) -> dict[str, str]:
    """Versions of what builds and runs the candidates, and the machine."""
    versions = {}
    for library in _LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            versions[library] = "absent"
    return {
        **versions, "python": platform.python_version(), "system": platform.system(),
        "machine": platform.machine(), "cpu": _cpu(), "cores": str(os.cpu_count()),
        "threads": str(threads),
    }  # fmt: skip


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "")


def study_name(spec: Spec, env: Mapping[str, str]) -> str:
    """Name of the study: the model's name and a digest of all that its results depend on."""
    digest = hashlib.sha256(json.dumps(dict(env), sort_keys=True).encode())
    if isinstance(spec.model, Path):
        digest.update(spec.model.read_bytes())
    else:
        digest.update(repr(spec.model).encode())
        for key, value in spec.model.state_dict().items():
            digest.update(key.encode())
            digest.update(_bytes(value))
    for batch in spec.calibration:
        for array in batch:
            digest.update(_bytes(array))
    for function in (spec.evaluate, spec.train):
        digest.update(_source(function))
    return f"{spec.name}-{digest.hexdigest()[:32]}"


def _bytes(value: Any) -> bytes:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
    return np.ascontiguousarray(np.asarray(value)).tobytes()


def _source(function: Any) -> bytes:
    """The file that a function comes from, since what it calls and loads is there too."""
    try:
        return Path(inspect.getsourcefile(function) or "").read_bytes()
    except (OSError, TypeError):
        return repr(getattr(function, "__qualname__", function)).encode()
