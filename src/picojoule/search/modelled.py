"""Candidates for hardware that is not here: accuracy is verified, energy is predicted.

Formats by layer that no runtime on this machine has kernels for. The model runs in this process
with its numbers rounded as they would be stored, and is judged like every other candidate. It is
never chosen, timed or exported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from picojoule.chips import Chip
from picojoule.deploy import Array
from picojoule.deploy.runtime import summarise
from picojoule.quantity import Quantity
from picojoule.search.attempt import Attempt, cosine, predictor, score, verified
from picojoule.search.candidate import Candidate, Recipe
from picojoule.search.damage import Damage, damage, layer_plan
from picojoule.search.lab import Lab
from picojoule.search.mixed import layers_of, plans
from picojoule.search.trials import Trials
from picojoule.spec import Spec
from picojoule.transforms.quantize import Quantize, bake, card_of

__all__ = ["accepted", "attempt_modelled", "compared", "hopeless", "predict_mixed"]


def predict_mixed(
    spec: Spec, lab: Lab, chip: Chip, store: Trials, formats: Sequence[str],
    energy_budget_j: float | None, threads: int, notes: list[str],
) -> dict[Recipe, Quantity]:  # fmt: skip
    """Recipes with formats by layer, least damage first, and the joules predicted of each.

    Damage is measured once for all chips, and kept with the trials. Raises InputError for a budget
    that nothing meets.
    """
    if lab.is_onnx:
        notes.append("no formats by layer: an ONNX file has no module tree")
        return {}
    graph = lab.graph(0.0)
    sites, others = layers_of(spec.model, graph)
    with _threads(threads):
        found = _damage(spec, [s.name for s in sites], store, formats)
    notes += [f"{name} keeps its format: {why}" for name, why in found.skipped.items()]
    if others:
        notes.append(f"no formats by layer for what is no linear layer or convolution: "
                     f"{', '.join(others)}")  # fmt: skip
    made = sorted(plans(graph, chip, sites, found, energy_budget_j), key=lambda plan: plan.damage)
    if remarked := sorted((p for p in made if p.notes), key=lambda plan: plan.energy.value):
        notes.append(f"{len(remarked)} of {len(made)} plans of formats by layer have remarks; "
                     f"of {remarked[0].name}: {'; '.join(remarked[0].notes)}")  # fmt: skip
    return {Recipe("modelled", plan.name, formats=plan.formats): plan.energy for plan in made}


def attempt_modelled(
    recipe: Recipe, lab: Lab, spec: Spec, *, threads: int, predicted: Quantity,
    reference: Attempt | None, max_drop: float,
) -> Attempt:  # fmt: skip
    """Round the model's numbers, and verify. Raises SpecError when evaluate is at fault."""
    plan = {name: layer_plan(fmt) for name, fmt in recipe.formats}
    changed = Quantize(spec.calibration).apply(spec.model, plan)
    words = summarise(Counter(q.weight for q in card_of(changed).quantized))
    local = _Local(bake(changed))
    with _threads(threads):
        accuracy = score(spec, predictor(local))
        least = cosine(reference, lab.source(0.0), local)
    made = Candidate(
        recipe, "modelled", effective_precision=words, predicted_energy=predicted, cosine_min=least
    )
    return Attempt(accepted(verified(made, accuracy, reference, max_drop)), accuracy)


def hopeless(recipe: Recipe, attempts: Sequence[Attempt], predicted: Quantity) -> Attempt | None:
    """A skipped attempt of what is predicted to lose more than one that was rejected, or None."""
    tried = [a.candidate for a in attempts if a.candidate.recipe.formats]
    rejected = [c.name for c in tried if c.status == "rejected"]
    if not (recipe.formats and rejected):
        return None
    why = f"predicted to lose more accuracy than {rejected[0]}, which was rejected"
    return Attempt(Candidate(recipe, "skipped", why, predicted_energy=predicted))


def accepted(candidate: Candidate) -> Candidate:
    """A verified candidate with formats by layer is modelled; others stay."""
    is_modelled = candidate.status == "verified" and candidate.recipe.formats
    return candidate.become("modelled") if is_modelled else candidate


def compared(candidates: Sequence[Candidate], chip: Chip) -> list[Candidate]:
    """The candidates; modelled ones say how they stand among themselves."""
    modelled = [c for c in candidates if c.status == "modelled"]
    return [
        replace(c, reason=_standing(c, modelled, chip)) if c in modelled else c for c in candidates
    ]


def _standing(c: Candidate, others: Sequence[Candidate], chip: Chip) -> str:
    only = f"modelled only, nothing here runs it as {chip.name} would"
    better = [o for o in others if _beats(o, c)]
    if not better:
        return f"{only}; none is as accurate for fewer predicted joules"
    return f"{only}; {max(better, key=_accuracy).name} is as accurate for fewer predicted joules"


def _beats(a: Candidate, b: Candidate) -> bool:
    left, right = (_accuracy(a), -_joules(a)), (_accuracy(b), -_joules(b))
    return left != right and all(x >= y for x, y in zip(left, right, strict=True))


def _accuracy(c: Candidate) -> float:
    return c.accuracy[0] if c.accuracy else -np.inf


def _joules(c: Candidate) -> float:
    return c.predicted_energy.value if c.predicted_energy else np.inf


def _damage(spec: Spec, layers: list[str], store: Trials, formats: Sequence[str]) -> Damage:
    key = f"damage of {', '.join(formats)}"
    if (kept := store.recall(key)) is not None:
        error = np.array(kept["error"], float).reshape(len(kept["layers"]), len(formats))
        return Damage(tuple(kept["layers"]), tuple(formats), error, kept["skipped"])
    found = damage(spec.model, layers, spec.calibration, formats)
    rows = [[x if np.isfinite(x) else None for x in row] for row in found.error.tolist()]
    plain = {"layers": found.layers, "error": rows, "skipped": dict(found.skipped)}
    store.remember(key, plain)
    return found


class _Local:
    """A module that answers like a worker."""

    def __init__(self, module: Any) -> None:
        self._module = module.eval()

    def predict(self, *arrays: Array) -> list[Array]:
        """The tensors that the module returns."""
        import torch
        from torch.utils._pytree import tree_leaves

        with torch.no_grad():
            made = tree_leaves(self._module(*(torch.tensor(a) for a in arrays)))
        return [t.numpy() for t in made if isinstance(t, torch.Tensor)]


@contextmanager
def _threads(count: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
