"""The model and its pruned variants, each captured, traced and pruned once, when first needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from picojoule.deploy import Source, Unbuildable, source_of
from picojoule.errors import InputError, SpecError
from picojoule.graph import Graph
from picojoule.graph.trace import trace
from picojoule.spec import Spec
from picojoule.transforms import prune_channels

__all__ = ["Lab"]


class Lab:
    """Sources and graphs of one spec by pruning ratio; ratio 0 is the model as given."""

    def __init__(self, spec: Spec, directory: Path, round_to: int, seed: int) -> None:
        self._spec, self._directory = spec, directory
        self._round_to, self._seed = round_to, seed
        self._sources: dict[float, Source] = {}

    @property
    def is_onnx(self) -> bool:
        """Whether the model is an ONNX file, which torch can't run."""
        return isinstance(self._spec.model, Path)

    def prune_ratios(self, asked: tuple[float, ...]) -> tuple[tuple[float, ...], str]:
        """The ratios that can be pruned here, and the reason when there are none."""
        if self.is_onnx:
            return (), "not pruned: an ONNX file has no module tree"
        if self._spec.train is None:
            return (), "not pruned: the spec defines no train(model) to recover accuracy with"
        return asked, ""

    def graph(self, ratio: float) -> Graph:
        """What runs at a pruning ratio. Raises InputError when it can't be pruned."""
        if self.is_onnx:
            return trace(self.source(0.0).onnx())
        return trace(self._pruned(ratio), self._spec.calibration[0])

    def source(self, ratio: float) -> Source:
        """What runtimes build from; pruned variants are fine-tuned by the spec's train."""
        if ratio not in self._sources:
            model = self._spec.model if not ratio else self._tuned(ratio)
            folder = self._directory / "work" / f"prune{round(ratio * 100)}"
            self._sources[ratio] = source_of(model, self._spec.calibration, folder)
        return self._sources[ratio]

    def original(self) -> Callable[..., Any] | None:
        """The nn.Module itself as a predict function; None for an ONNX file."""
        if self.is_onnx:
            return None
        import torch

        def predict(*inputs: Any) -> Any:
            tensors = [torch.as_tensor(x) for x in inputs]
            with torch.no_grad():
                return self._spec.model.eval()(*tensors)

        return predict

    def _pruned(self, ratio: float) -> Any:
        if not ratio:
            return self._spec.model
        example = tuple(_tensor(x) for x in self._spec.calibration[0])
        return prune_channels(self._spec.model, example, ratio, round_to=self._round_to)

    def _tuned(self, ratio: float) -> Any:
        import torch

        try:
            model = self._pruned(ratio)
        except InputError as error:
            raise Unbuildable(error.what, got=error.got, fix=error.fix) from error
        torch.manual_seed(self._seed)
        if self._spec.train is None:
            raise SpecError("a pruned model needs train(model)", where=self._spec.name)
        self._spec.train(model)
        return model.eval()


def _tensor(value: Any) -> Any:
    import torch

    return torch.as_tensor(value)
