"""A recipe says what is done to the model; a candidate is what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from picojoule.deploy import Precision
from picojoule.quantity import Evidence, Quantity

__all__ = ["Candidate", "Recipe", "Status"]

Status = Literal[
    "verified", "front", "dominated", "modelled", "rejected", "inconclusive", "infeasible",
    "skipped",
]  # fmt: skip


@dataclass(frozen=True, slots=True, order=True)
class Recipe:
    """A runtime, the precision asked of it, and the share of channels pruned before.

    formats: of each layer by name, for what no runtime runs; its precision is then the plan's name.
    """

    runtime: str
    precision: Precision | str
    prune_ratio: float = 0.0
    formats: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """'openvino int8', 'onnxruntime fp32, 50% of channels pruned'."""
        pruned = f", {self.prune_ratio:.0%} of channels pruned" if self.prune_ratio else ""
        return f"{self.runtime} {self.precision}{pruned}"

    @property
    def slug(self) -> str:
        """A name for a folder."""
        pruned = f"-prune{round(self.prune_ratio * 100)}" if self.prune_ratio else ""
        return f"{self.runtime}-{self.precision.replace('+', '-')}{pruned}"


@dataclass(frozen=True)
class Candidate:
    """A recipe with its results; what is not known is None. Times are per call of one batch.

    accuracy, drop: (value, low, high), n samples. energy: joules per call on the target.
    """

    recipe: Recipe
    status: Status
    reason: str = ""
    effective_precision: str | None = None
    predicted_energy: Quantity | None = None
    energy: Quantity | None = None
    accuracy: tuple[float, float, float] | None = None
    samples: int = 0
    drop: tuple[float, float, float] | None = None
    cosine_min: float | None = None
    cpu_s: Quantity | None = None
    wall_s: Quantity | None = None
    size_bytes: int | None = None

    @property
    def name(self) -> str:
        """The recipe's name."""
        return self.recipe.name

    def become(self, status: Status, reason: str = "") -> Candidate:
        """The same candidate with another status, and a reason if there is a new one."""
        return replace(self, status=status, reason=reason or self.reason)

    def to_dict(self) -> dict[str, Any]:
        """JSON form, as in `picojoule/optimize/1`."""
        accuracy = _span(self.accuracy)
        return {
            "name": self.name,
            "recipe": self.recipe.name,
            "runtime": self.recipe.runtime,
            "precision": self.recipe.precision,
            "effective_precision": self.effective_precision,
            "prune_ratio": self.recipe.prune_ratio,
            "formats": dict(self.recipe.formats),
            "status": self.status,
            "reason": self.reason,
            "accuracy": accuracy and {**accuracy, "n": self.samples},
            "drop": _span(self.drop),
            "cosine_min": self.cosine_min,
            "predicted_energy": self.predicted_energy and self.predicted_energy.to_dict(),
            "energy": self.energy and self.energy.to_dict(),
            "cpu_s": self.cpu_s and self.cpu_s.to_dict(),
            "wall_s": self.wall_s and self.wall_s.to_dict(),
            "size_bytes": self.size_bytes,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Candidate:
        """The inverse of to_dict."""
        d = document
        accuracy = d["accuracy"]
        return cls(
            Recipe(
                d["runtime"], d["precision"], d["prune_ratio"], tuple(d.get("formats", {}).items())
            ),
            d["status"],
            d["reason"],
            d["effective_precision"],
            _quantity(d["predicted_energy"]),
            _quantity(d["energy"]),
            _ends(accuracy),
            accuracy["n"] if accuracy else 0,
            _ends(d["drop"]),
            d["cosine_min"],
            _quantity(d["cpu_s"]),
            _quantity(d["wall_s"]),
            d["size_bytes"],
        )


def _span(ends: tuple[float, float, float] | None) -> dict[str, float] | None:
    return None if ends is None else dict(zip(("value", "low", "high"), ends, strict=True))


def _ends(span: Mapping[str, float] | None) -> tuple[float, float, float] | None:
    return None if span is None else (span["value"], span["low"], span["high"])


def _quantity(d: Mapping[str, Any] | None) -> Quantity | None:
    if d is None:
        return None
    value, low, high = (float("nan") if d[k] is None else d[k] for k in ("value", "low", "high"))
    return Quantity(value, low, high, d["unit"], Evidence.of(d["evidence"]))
