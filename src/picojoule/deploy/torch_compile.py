"""PyTorch compiled by Inductor with frozen weights: fp32, bf16, and int8 through PT2E."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
from picojoule.deploy.torch_eager import TorchRunnable, count_kernel, float_module
from picojoule.extras import require

__all__ = ["TorchCompile"]

_QUANTIZER = "torchao.quantization.pt2e.quantizer.x86_inductor_quantizer"


class TorchCompile:
    """fp32, bf16 and int8 (x86: static for convolutions, dynamic for transformers)."""

    name = "torch-compile"
    precisions: tuple[Precision, ...] = ("fp32", "bf16", "int8")

    def build(self, source: Source, precision: Precision, directory: Path, threads: int) -> None:
        """Write program.json and weights.safetensors; compilation waits until `load`."""
        check_precision(self, precision)
        _require_compiler()
        if precision != "int8":
            write_program(float_module(source, precision), directory)
            return
        float_module(source, "fp32")  # refuses an ONNX file, with the reason
        try:
            module = _quantised(source)
        except Exception as error:  # the quantiser raises bare assertions
            raise Unbuildable(
                f"torchao can't quantise this model: {first_line(error)}",
                where="torch-compile int8",
                fix="use openvino or onnxruntime for int8",
            ) from error
        write_program(module, directory)

    def load(self, directory: Path, threads: int) -> Runnable:
        """Compile for `threads` threads: 10-20 s the first time on a machine, then less.

        Sets torch's thread count, which is global to the process.
        """
        torch = require("torch", "torch")
        torch.set_num_threads(threads)
        module, inputs = read_program(directory)
        example, ops = zeros(inputs), Counter[str]()
        with _frozen_and_watched(ops):
            compiled = torch.compile(module, dynamic=False)
            TorchRunnable(compiled, example)(*example)
        return _Compiled(compiled, example, ops)


class _Compiled(TorchRunnable):
    def __init__(self, module: Any, example: list[Array], ops: Counter[str]) -> None:
        super().__init__(module, example)
        self._ops = ops

    @property
    def effective_precision(self) -> str:
        """Counted over the graph that Inductor generated code from."""
        return summarise(self._ops)


def _require_compiler() -> None:
    builder = require("torch._inductor.cpp_builder", "torch")
    try:
        builder.get_cpp_compiler()
    except Exception as error:  # InvalidCxxCompiler, which isn't public
        raise Unbuildable(
            "torch.compile needs a C++ compiler, and found none",
            fix="install g++ or clang, or use another runtime",
        ) from error


@contextlib.contextmanager
def _frozen_and_watched(ops: Counter[str]) -> Iterator[None]:
    """Inductor with weights frozen into the code; counts the final kernels into `ops`."""
    config = require("torch._inductor.config", "torch")
    passes = require("torch._inductor.custom_graph_pass", "torch")

    class Watch(passes.CustomGraphPass):  # type: ignore[misc, name-defined]
        def __call__(self, graph: Any) -> None:
            for node in graph.nodes:
                if node.op == "call_function":
                    count_kernel(ops, node.target, _input_dtype(node))

        def uuid(self) -> None:
            """No graph cache: a cached graph would skip the count. Kernels stay cached."""

    # Registers the rewrites that turn quantised patterns into int8 kernels.
    with quiet(), config.patch(freezing=True, post_grad_custom_pre_pass=Watch()):
        require(_QUANTIZER, "deploy")
        try:
            yield
        except Exception as error:  # a failing compiler, an op without a lowering
            raise Unbuildable(
                f"torch.compile failed: {first_line(error)}", fix="use another runtime"
            ) from error


def _input_dtype(node: Any) -> Any:
    values = (source.meta.get("val") for source in node.all_input_nodes)
    return next((value.dtype for value in values if hasattr(value, "dtype")), "")


def _quantised(source: Source) -> Any:
    torch = require("torch", "torch")
    with quiet():
        pt2e = require("torchao.quantization.pt2e.quantize_pt2e", "deploy")
        x86 = require(_QUANTIZER, "deploy")
        recipe = x86.get_default_x86_inductor_quantization_config(
            is_dynamic=not source.has_convolution
        )
        quantizer = x86.X86InductorQuantizer().set_global(recipe)
        prepared = pt2e.prepare_pt2e(flat_module(source.program), quantizer)
        with torch.no_grad():
            for batch in source.calibration:
                prepared(*(torch.tensor(array) for array in batch))
        return pt2e.convert_pt2e(prepared)
