"""Build one recipe and verify it: the exported artefact, in a process of its own, on the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from picojoule.deploy import Source, Unbuildable, Worker, WorkerError, save
from picojoule.deploy.source import batch_of
from picojoule.errors import MissingExtra, SpecError
from picojoule.quantity import Quantity
from picojoule.search.candidate import Candidate, Recipe
from picojoule.spec import Spec
from picojoule.verify import Accuracy, drift, judge

__all__ = ["Attempt", "attempt", "predictor", "score", "verified"]

_DRIFT_BATCHES = 16  # enough to see a broken model; task accuracy is judged on all samples


@dataclass(frozen=True)
class Attempt:
    """A candidate with its accuracy, and the worker that runs it (both None when it failed)."""

    candidate: Candidate
    accuracy: Accuracy | None = None
    worker: Worker | None = None


def attempt(
    recipe: Recipe,
    source: Callable[[], Source],
    spec: Spec,
    directory: Path,
    *,
    threads: int,
    predicted: Quantity | None,
    reference: Attempt | None,
    max_drop: float,
) -> Attempt:
    """Build, load and verify `recipe` in `directory`.

    reference: what accuracy and outputs are compared with; None for the reference itself. A recipe
    that can't be built or run comes back as infeasible with the reason. Raises SpecError when
    evaluate is at fault, since it would be for every recipe.
    """
    blank = Candidate(recipe, "infeasible", predicted_energy=predicted)
    try:
        made = source()
        card = save(made, recipe.runtime, recipe.precision, directory, threads=threads,  # type: ignore[arg-type]
                    notes={"recipe": recipe.name})  # fmt: skip
        worker = Worker(directory, threads=threads).start()
    except (Unbuildable, WorkerError, MissingExtra) as error:
        return Attempt(replace(blank, reason=_reason(error)))
    try:
        accuracy = score(spec, predictor(worker))
        outputs = _outputs(worker, made)
    except WorkerError as error:
        worker.close()
        return Attempt(replace(blank, reason=_reason(error)))
    except BaseException:
        worker.close()
        raise
    built = replace(
        blank,
        effective_precision=card["effective_precision"],
        size_bytes=_size(directory),
        cosine_min=None if reference is None else _cosine(reference, made, outputs),
    )
    return Attempt(verified(built, accuracy, reference, max_drop), accuracy, worker)


def verified(
    candidate: Candidate, accuracy: Accuracy, reference: Attempt | None, max_drop: float
) -> Candidate:
    """The candidate with its accuracy, its drop and what verification says of it."""
    base = accuracy if reference is None or reference.accuracy is None else reference.accuracy
    verdict = judge(base, accuracy, max_drop)
    same = base is accuracy
    return replace(
        candidate,
        accuracy=(accuracy.value, *accuracy.interval()),
        samples=accuracy.n,
        drop=(0.0, 0.0, 0.0) if same else (verdict.drop, verdict.low, verdict.high),
        status="verified" if same or verdict.status == "accepted" else verdict.status,
        reason="" if same or verdict.status == "accepted" else f"accuracy: {verdict.reason}",
    )


def score(spec: Spec, predict: Callable[..., Any]) -> Accuracy:
    """spec.evaluate(predict), checked to be an Accuracy. Raises SpecError."""
    accuracy = spec.needs_evaluate()(predict)
    if not isinstance(accuracy, Accuracy):
        raise SpecError(
            "evaluate() returned the wrong type", where=spec.name,
            got=type(accuracy).__name__, expected="pj.Accuracy(per-sample scores)",
        )  # fmt: skip
    return accuracy


def predictor(worker: Worker) -> Callable[..., Any]:
    """predict(*inputs) of a worker: tensors in, tensors out; arrays in, arrays out."""

    def predict(*inputs: Any) -> Any:
        outputs = worker.predict(*batch_of(inputs))
        if any(hasattr(x, "detach") for x in inputs):
            import torch

            tensors = tuple(torch.from_numpy(o) for o in outputs)
            return tensors[0] if len(tensors) == 1 else tensors
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    return predict


def _outputs(worker: Worker, source: Source) -> list[Any]:
    runs = [worker.predict(*batch) for batch in source.calibration[:_DRIFT_BATCHES]]
    return [np.stack([np.ravel(o) for o in column]) for column in zip(*runs, strict=True)]


def _cosine(reference: Attempt, source: Source, outputs: list[Any]) -> float | None:
    if reference.worker is None:
        return None
    return drift(_outputs(reference.worker, source), outputs).cosine_min


def _size(directory: Path) -> int:
    """Bytes of the artefact, without the card and the example that lie beside it."""
    extra = {"card.json", "example.npz"}
    return sum(
        f.stat().st_size for f in directory.rglob("*") if f.is_file() and f.name not in extra
    )


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:500]
