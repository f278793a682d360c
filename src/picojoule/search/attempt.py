"""Build one recipe and verify it: the exported artefact, in a process of its own, on the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from picojoule.deploy import (
    Array,
    Precision,
    Source,
    Unbuildable,
    Worker,
    WorkerError,
    build,
    write_card,
)
from picojoule.deploy.source import batch_of
from picojoule.errors import MissingExtra, SpecError
from picojoule.quantity import Quantity
from picojoule.search.candidate import Candidate, Recipe
from picojoule.spec import Spec
from picojoule.verify import Accuracy, drift, judge

__all__ = ["Attempt", "Predicts", "attempt", "cosine", "predictor", "score", "verified"]

_DRIFT_BATCHES = 16  # enough to see a broken model; task accuracy is judged on all samples


class Predicts(Protocol):
    """A worker, or what stands for one in this process."""

    def predict(self, *arrays: Array) -> list[Array]:
        """The outputs for `arrays`, of any number of samples."""
        ...


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
    worker = None
    try:
        made = source()
        worker, effective = _started(recipe, made, directory, threads)
        accuracy = score(spec, predictor(worker))
        least = cosine(reference, made, worker)
    except (Unbuildable, WorkerError, MissingExtra) as error:
        if worker is not None:
            worker.close()
        return Attempt(replace(blank, reason=_reason(error)))
    except BaseException:
        if worker is not None:
            worker.close()
        raise
    built = replace(
        blank,
        effective_precision=effective,
        size_bytes=_size(directory),
        cosine_min=least,
    )
    return Attempt(verified(built, accuracy, reference, max_drop), accuracy, worker)


def _started(recipe: Recipe, source: Source, directory: Path, threads: int) -> tuple[Worker, str]:
    """The artefact, built and loaded in its worker, and its precision as read back there."""
    notes = {"recipe": recipe.name}
    precision = cast(Precision, recipe.precision)
    card = build(source, recipe.runtime, precision, directory, threads=threads, notes=notes)
    worker = Worker(directory, threads=threads)
    try:
        effective = worker.start().effective_precision()
    except BaseException:
        worker.close()
        raise
    write_card(directory, {**card, "effective_precision": effective})
    return worker, effective


def verified(
    candidate: Candidate, accuracy: Accuracy, reference: Attempt | None, max_drop: float
) -> Candidate:
    """The candidate with its accuracy, its drop and what verification says of it."""
    measured = replace(
        candidate, accuracy=(accuracy.value, *accuracy.interval()), samples=accuracy.n
    )
    base = None if reference is None else reference.accuracy
    if base is None or _is_same_computation(candidate, accuracy, base):
        return replace(measured, drop=(0.0, 0.0, 0.0), status="verified", reason="")
    verdict = judge(base, accuracy, max_drop)
    judged = replace(measured, drop=(verdict.drop, verdict.low, verdict.high))
    if verdict.status == "accepted":
        return replace(judged, status="verified", reason="")
    return replace(judged, status=verdict.status, reason=f"accuracy: {verdict.reason}")


def _is_same_computation(candidate: Candidate, accuracy: Accuracy, base: Accuracy) -> bool:
    """The unpruned model in fp32 on another runtime, with equal scores and outputs: no sample
    could tell it from the original, so there is no drop to bound."""
    recipe, cosine = candidate.recipe, candidate.cosine_min
    is_exact = recipe.precision == "fp32" and not recipe.prune_ratio
    is_equal = cosine is not None and cosine > 1 - 1e-6
    return is_exact and is_equal and np.array_equal(accuracy.scores, base.scores)


def score(spec: Spec, predict: Callable[..., Any]) -> Accuracy:
    """spec.evaluate(predict), checked to be an Accuracy. Raises SpecError."""
    accuracy = spec.needs_evaluate()(predict)
    if not isinstance(accuracy, Accuracy):
        raise SpecError(
            "evaluate() returned the wrong type", where=spec.name,
            got=type(accuracy).__name__, expected="pj.Accuracy(per-sample scores)",
        )  # fmt: skip
    return accuracy


def predictor(worker: Predicts) -> Callable[..., Any]:
    """predict(*inputs) of a worker: tensors in, tensors out; arrays in, arrays out."""

    def predict(*inputs: Any) -> Any:
        outputs = worker.predict(*batch_of(inputs))
        if any(hasattr(x, "detach") for x in inputs):
            import torch

            tensors = tuple(torch.from_numpy(o) for o in outputs)
            return tensors[0] if len(tensors) == 1 else tensors
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    return predict


def cosine(reference: Attempt | None, source: Source, worker: Predicts) -> float | None:
    """The least cosine of an output to the reference's; None without a reference that runs."""
    if reference is None or reference.worker is None:
        return None
    return drift(_outputs(reference.worker, source), _outputs(worker, source)).cosine_min


def _outputs(worker: Predicts, source: Source) -> list[Any]:
    runs = [worker.predict(*batch) for batch in source.calibration[:_DRIFT_BATCHES]]
    return [np.stack([np.ravel(o) for o in column]) for column in zip(*runs, strict=True)]


def _size(directory: Path) -> int:
    """Bytes of the artefact, without the card and the example that lie beside it."""
    extra = {"card.json", "example.npz"}
    return sum(
        f.stat().st_size for f in directory.rglob("*") if f.is_file() and f.name not in extra
    )


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:500]
