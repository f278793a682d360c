"""PyTorch as it runs by default: one kernel after another, no compilation."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from picojoule.deploy.bf16 import to_bf16
from picojoule.deploy.program import flat_module, read_program, write_program
from picojoule.deploy.quiet import quiet
from picojoule.deploy.runtime import (
    Array,
    Precision,
    Runnable,
    Unbuildable,
    check_precision,
    summarise,
    zeros,
)
from picojoule.deploy.source import Source, first_line
from picojoule.extras import require

__all__ = ["TorchEager"]

_KERNELS = {
    "linear", "matmul", "mm", "addmm", "bmm", "baddbmm", "einsum", "_int_mm",
    "conv1d", "conv2d", "conv3d", "convolution", "_convolution", "mkldnn_convolution",
    "mkldnn_linear", "_convolution_pointwise", "_linear_pointwise", "_mkl_linear",
    "mkldnn_rnn_layer", "lstm", "gru", "scaled_dot_product_attention",
    "_scaled_dot_product_flash_attention_for_cpu",
}  # fmt: skip
_SHORT = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16", "uint8": "int8"}


class TorchEager:
    """fp32 and bf16 on PyTorch's own kernels."""

    name = "torch-eager"
    precisions: tuple[Precision, ...] = ("fp32", "bf16")

    def build(self, source: Source, precision: Precision, directory: Path, threads: int) -> None:
        """Write program.json and weights.safetensors. `threads` plays no part here."""
        check_precision(self, precision)
        write_program(float_module(source, precision), directory)

    def load(self, directory: Path, threads: int) -> Runnable:
        """Load the program. Sets torch's thread count, which is global to the process."""
        torch = require("torch", "torch")
        torch.set_num_threads(threads)
        module, inputs = read_program(directory)
        return TorchRunnable(module, zeros(inputs))


class TorchRunnable:
    """A module from flat tensors to a flat tuple of tensors, called with numpy arrays."""

    def __init__(self, module: Any, example: list[Array]) -> None:
        self._torch = require("torch", "torch")
        self._module, self._example = module, example

    def __call__(self, *arrays: Array) -> list[Array]:
        torch = self._torch
        # from_numpy shares memory and, for a read-only array, warns: those are copied.
        inputs = [torch.from_numpy(a if a.flags.writeable else a.copy()) for a in arrays]
        with torch.no_grad():
            return [output.numpy() for output in self._module(*inputs)]

    @property
    def effective_precision(self) -> str:
        """Counted over the kernels that one call dispatches."""
        mode = require("torch.utils._python_dispatch", "torch").TorchDispatchMode
        ops: Counter[str] = Counter()

        class Watch(mode):  # type: ignore[misc, valid-type]
            def __torch_dispatch__(
                self, func: Any, types: Any, args: Any = (), kwargs: Any = None
            ) -> Any:
                count_kernel(ops, func, args[0].dtype if args and hasattr(args[0], "dtype") else "")
                return func(*args, **(kwargs or {}))

        with Watch():
            self(*self._example)
        return summarise(ops)


def count_kernel(ops: Counter[str], op: Any, dtype: Any) -> None:
    """Add `op` to `ops` under the precision of its first input, if it is a matmul or conv."""
    name = str(op).split(".")[1] if "." in str(op) else ""
    if name in _KERNELS or name.startswith(("qconv", "qlinear")):
        word = str(dtype).removeprefix("torch.")
        ops[_SHORT.get(word, word)] += 1


def float_module(source: Source, precision: Precision) -> Any:
    """The program as a flat module in fp32 or bf16. Raises Unbuildable with the reason."""
    if source.program is None:
        raise Unbuildable(
            "a torch path can't run an ONNX file",
            where=str(source.onnx_file),
            fix="use onnxruntime or openvino, or pass the nn.Module",
        )
    module = flat_module(source.program)
    if precision != "bf16":
        return module
    torch = require("torch", "torch")
    try:
        with quiet(), torch.no_grad():
            to_bf16(module)(*(torch.tensor(array) for array in source.example))
    except Exception as error:  # an op that mixes dtypes, or has no bf16 kernel
        raise Unbuildable(
            f"the model doesn't run in bf16: {first_line(error)}", where="cast to bf16"
        ) from error
    return module
