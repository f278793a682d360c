"""Quantisation: Format × ScaleRule × Granularity × Rounding × Estimator, on arrays and models."""

from picojoule.transforms.quantize.estimator import ESTIMATORS, Estimator
from picojoule.transforms.quantize.granularity import (
    Block,
    Channel,
    Granularity,
    Group,
    Head,
    Permuted,
    Tensor,
    Token,
)
from picojoule.transforms.quantize.network import IntegerNetwork, to_integers
from picojoule.transforms.quantize.outputs import Outputs
from picojoule.transforms.quantize.plan import (
    Card,
    LayerPlan,
    Plan,
    Site,
    Stored,
    formats_of,
    uniform,
)
from picojoule.transforms.quantize.quantizer import Encoded, Quantizer, Subset
from picojoule.transforms.quantize.rounding import ROUNDINGS, Rounding
from picojoule.transforms.quantize.scale import RULES, Scale, ScaleRule, dyadic, power_of_two
from picojoule.transforms.quantize.transform import Quantize, bake, card_of

__all__ = [
    "ESTIMATORS",
    "ROUNDINGS",
    "RULES",
    "Block",
    "Card",
    "Channel",
    "Encoded",
    "Estimator",
    "Granularity",
    "Group",
    "Head",
    "IntegerNetwork",
    "LayerPlan",
    "Outputs",
    "Permuted",
    "Plan",
    "Quantize",
    "Quantizer",
    "Rounding",
    "Scale",
    "ScaleRule",
    "Site",
    "Stored",
    "Subset",
    "Tensor",
    "Token",
    "bake",
    "card_of",
    "dyadic",
    "formats_of",
    "power_of_two",
    "to_integers",
    "uniform",
]
