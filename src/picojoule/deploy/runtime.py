"""What a runtime is: it builds a model at one precision, and loads what it built."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from picojoule.errors import PicojouleError

if TYPE_CHECKING:
    from picojoule.deploy.source import Source

__all__ = ["GROUP", "Array", "Precision", "Runnable", "Runtime", "Unbuildable", "summarise"]

Array = npt.NDArray[Any]
# "int8w" and "int4w": the weights of linear layers alone, what they multiply stays fp32.
Precision = Literal["fp32", "bf16", "int8", "int8+bf16", "int8w", "int4w"]

GROUP = 32  # weights that share one scale in "int4w"


class Unbuildable(PicojouleError):
    """This runtime can't build this model at this precision; the message has the reason."""

    exit_code = 1


class Runnable(Protocol):
    """A loaded model. Takes and returns numpy arrays of the shapes it was built for."""

    def __call__(self, *arrays: Array) -> list[Array]:
        """The outputs, in the model's order. The arrays are the caller's to keep."""
        ...

    @property
    def effective_precision(self) -> str:
        """What the matmul and convolution kernels really compute in, read back from the
        built model, never copied from the request: "int8 62%, bf16 38% of 21 ops"."""
        ...


class Runtime(Protocol):
    """One way to run a model. The only state is the name and what it supports."""

    @property
    def name(self) -> str:
        """As on the command line: "openvino"."""
        ...

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """What `build` accepts."""
        ...

    def build(self, source: Source, precision: Precision, directory: Path, threads: int) -> None:
        """Write into `directory` all that `load` needs; the original model isn't needed again.

        Raises Unbuildable with the reason.
        """
        ...

    def load(self, directory: Path, threads: int) -> Runnable:
        """Load what `build` wrote, to run on `threads` threads."""
        ...


def summarise(ops: Mapping[str, int]) -> str:
    """Counts of matmul- and convolution-like ops by precision, as one line.

    {"int8": 20, "fp32": 1} gives "int8 95%, fp32 5% of 21 ops"; one precision gives its name.
    """
    total = sum(ops.values())
    if total == 0:
        return "unknown: no matmul or convolution found"
    ranked = sorted(ops.items(), key=lambda item: (-item[1], item[0]))
    if len(ranked) == 1:
        return f"{ranked[0][0]}, all {total} ops"
    shares = ", ".join(f"{name} {100 * n / total:.0f}%" for name, n in ranked)
    return f"{shares} of {total} ops"


def check_precision(runtime: Runtime, precision: str) -> None:
    """Raise Unbuildable unless `runtime` knows `precision`."""
    if precision not in runtime.precisions:
        raise Unbuildable(
            f"{runtime.name} can't run {precision}",
            where=f"deploy/{runtime.name}",
            got=precision,
            expected=" or ".join(runtime.precisions),
            fix=_WHY_NOT.get((runtime.name, precision), "choose another precision or runtime"),
        )


def no_linear(runtime: str, precision: str, needed: str) -> Unbuildable:
    """The error of a model without a linear layer whose weights could be stored so."""
    return Unbuildable(
        f"no linear layer can have its weights alone in fewer bits: that takes {needed}",
        where=f"{runtime} {precision}",
        fix="use int8, which quantises convolutions and activations too",
    )


_WHY_NOT = {
    ("onnxruntime", "bf16"): "its CPU provider has no bf16 kernels: use openvino or torch-compile",
    ("torch-eager", "int8"): "eager int8 is slower than fp32 on a CPU: use torch-compile",
}


def zeros(specs: list[tuple[tuple[int, ...], str]]) -> list[Array]:
    """One array of zeros per (shape, dtype), to warm a model up."""
    return [np.zeros(shape, dtype) for shape, dtype in specs]
