"""Make the layers of a torch model sparse: after training, or while it is trained further.

    sites(model)  ->  a plan  ->  apply(model, plan)  ->  the same model with masked weights

Masked weights are parametrised, so that training leaves them masked; `bake` makes them plain.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picojoule.errors import InputError, nearest
from picojoule.extras import require
from picojoule.transforms.sparsify.pattern import Pattern, Unstructured
from picojoule.transforms.sparsify.saliency import magnitude

__all__ = ["LayerSeen", "Sparse", "SparseCard", "SparsePlan", "Sparsify", "by_magnitude"]

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class LayerSeen:
    """What a saliency may look at. weight: (out, in, ...). inputs: (samples, in × kernel), empty
    without calibration. gradient, squared_gradient: of the loss, empty without one.
    """

    weight: Floats
    inputs: Floats
    gradient: Floats
    squared_gradient: Floats


Saliency = Callable[[LayerSeen], Floats]


def by_magnitude(seen: LayerSeen) -> Floats:
    """|w|."""
    return magnitude(seen.weight)


@dataclass(frozen=True, slots=True)
class Sparse:
    """What one layer gets."""

    density: float
    pattern: Pattern = field(default_factory=Unstructured)


SparsePlan = Mapping[str, Sparse]


@dataclass(frozen=True, slots=True)
class SparseCard:
    """density: of each layer made sparse, as it came out. skipped: layer -> why."""

    density: Mapping[str, float]
    skipped: Mapping[str, str]

    def __str__(self) -> str:
        done = [f"{name}: density {d:.4g}" for name, d in self.density.items()]
        return "\n".join([*done, *(f"{n}: skipped, {why}" for n, why in self.skipped.items())])


@dataclass(frozen=True, slots=True, eq=False)
class Sparsify:
    """The transform. saliency: scores of a layer's weights, larger is kept.

    calibration: batches, each a tensor or a tuple of the model's inputs. loss: of the model's
    output for one batch; with it, saliencies get gradients.
    """

    saliency: Saliency = by_magnitude
    calibration: Iterable[Any] = ()
    loss: Callable[[Any, Any], Any] | None = None

    def sites(self, model: Any) -> list[str]:
        """Names of linear and convolution layers, in the model's order."""
        torch = require("torch", "torch")
        kinds = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
        return [name for name, m in model.named_modules() if isinstance(m, kinds)]

    def apply(self, model: Any, plan: SparsePlan) -> Any:
        """A copy of `model` with masks on the planned layers; its `sparsity_card` says which.

        A pattern that does not fit a layer leaves it dense, named on the card. Raises InputError
        for a name that is no layer, and for calibration data or scores that are not finite.
        """
        from picojoule.transforms.sparsify.masks import collect, put

        known = self.sites(model)
        if unknown := [name for name in plan if name not in known]:
            raise InputError(f"no layer {unknown[0]!r} to sparsify", fix=nearest(unknown[0], known))
        changed = copy.deepcopy(model)
        seen = collect(changed, list(plan), self.calibration, self.loss)
        done: dict[str, float] = {}
        skipped = {name: "not in the plan" for name in known if name not in plan}
        for name, wanted in plan.items():
            score = self.saliency(seen[name])
            if not np.isfinite(score).all():
                raise InputError("scores are not finite", where=name)
            try:
                mask = wanted.pattern.mask(score, wanted.density)
            except InputError as error:
                skipped[name] = str(error).replace("\n", ";")
                continue
            put(changed.get_submodule(name), mask)
            done[name] = float(mask.mean())
        changed.sparsity_card = SparseCard(done, skipped)
        return changed
