"""Quantise the layers of a torch model: after training, or to be trained further.

    sites(model)  ->  a plan  ->  apply(model, plan)  ->  the same model with quantisers in it

Weights and inputs of each planned layer pass through a quantiser; values are those that integer
or low-bit hardware would see, computed in floats. Without more training this is post-training
quantisation. Train the result and it is quantisation-aware: gradients use the estimators, learned
steps are parameters. `bake` makes weights plain tensors again.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from picojoule.errors import InputError, nearest
from picojoule.extras import require
from picojoule.transforms.quantize.plan import Card, Plan, Site, in_layer

__all__ = ["Quantize", "bake", "card_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Quantize:
    """The transform.

    calibration: batches, each a tensor or a tuple of a model's inputs; needed for static or
    learned scales of inputs, and for rules and roundings on the output error.
    """

    calibration: Iterable[Any] = ()

    def sites(self, model: Any) -> list[Site]:
        """Linear, convolution (1 to 3 dimensions) and embedding layers, in the model's order."""
        require("torch", "torch")
        from picojoule.transforms.quantize.layers import find

        return find(model)[0]

    def apply(self, model: Any, plan: Plan) -> Any:
        """A quantised copy of `model`; the input is unchanged. `card_of` says what was done.

        Layers that can't be quantised are left alone, and named on the card. Raises InputError
        for a name that is no layer, groups that don't divide a dimension, and calibration data
        that are not finite or missing, naming the layer.
        """
        require("torch", "torch")
        from picojoule.transforms.quantize.layers import attach, find, refusal

        changed = copy.deepcopy(model)
        sites, skipped = find(changed)
        known = {s.name: s for s in sites}
        modules = dict(changed.named_modules())
        if unknown := [n for n in plan if n not in modules]:
            raise InputError(
                f"no layer {unknown[0]!r} in the model", fix=nearest(unknown[0], known)
            )
        skipped |= {n: why for n in plan if n in known and (why := refusal(modules[n], plan[n]))}
        skipped |= {n: "not in the plan" for n in known if n not in plan}
        seen = self._observe(changed, {n: p for n, p in plan.items() if n not in skipped})
        skipped |= {n: "not reached by the calibration data" for n, s in seen.items() if s is None}
        done = []
        for name in (n for n in plan if n not in skipped):
            with in_layer(name):
                done.append(attach(modules[name], known[name], plan[name], seen.get(name)))
        changed.quantization_card = Card(tuple(done), skipped)
        return changed

    def _observe(self, model: Any, plan: Plan) -> dict[str, Any]:
        """What each layer that needs data has seen; None for those that never ran."""
        from picojoule.transforms.quantize.layers import needs_inputs
        from picojoule.transforms.quantize.observe import observe

        windows = [n for n, layer in plan.items() if needs_inputs(layer.weight)]
        static = [n for n, p in plan.items() if p.activation and p.activation.when != "dynamic"]
        if not (wanted := {*windows, *static}):
            return {}
        seen = observe(model, wanted, self.calibration, windows)
        return {name: seen.get(name) for name in wanted}


def card_of(model: Any) -> Card:
    """What `Quantize.apply` did to this model. Raises InputError if it did nothing."""
    card = getattr(model, "quantization_card", None)
    if not isinstance(card, Card):
        raise InputError("this model was not quantised", got=type(model).__name__)
    return card


def bake(model: Any) -> Any:
    """A copy with the quantised weights as plain parameters; quantisers of inputs stay."""
    require("torch", "torch")
    from picojoule.transforms.quantize.layers import bake as bake_layers

    return bake_layers(copy.deepcopy(model))
