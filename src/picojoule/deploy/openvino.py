"""OpenVINO on the CPU: fp32, bf16, and through NNCF int8, or weights alone in 8 or 4 bits."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from picojoule.deploy.quiet import no_telemetry, quiet
from picojoule.deploy.runtime import (
    GROUP,
    Array,
    Precision,
    Runnable,
    Unbuildable,
    check_precision,
    no_linear,
    summarise,
)
from picojoule.deploy.source import Source, first_line
from picojoule.errors import InputError
from picojoule.extras import require

__all__ = ["OpenVino"]

_FILE = "model.xml"
# What the ops that aren't int8 compute in. Left alone, OpenVINO picks bf16 where the CPU has it.
_HINTS: dict[str, str] = {"fp32": "f32", "bf16": "bf16", "int8": "f32", "int8+bf16": "bf16",
                          "int8w": "f32", "int4w": "f32"}  # fmt: skip
_HINT_PATH = ["picojoule", "inference_precision"]
_KERNELS = {
    "Convolution",
    "Deconvolution",
    "FullyConnected",
    "MatMul",
    "RNNSeq",
    "RNNCell",
    "ScaledDotProductAttention",
}
_CONVOLUTIONS = [
    "Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData",
]  # fmt: skip
_UNPACKING = {"Convert", "Multiply", "Subtract", "Reshape"}
_MOVES = {"Const", "Input", "Output", "Reorder", "Reshape", "Transpose", "Convert"}
_FLOATS = {"f32", "bf16", "f16"}
_SHORT = {"f32": "fp32", "u8": "int8", "i8": "int8", "u4": "int4", "i4": "int4", "f16": "fp16"}


class OpenVino:
    """fp32, bf16, int8, int8 with bf16 for what stays in floating point, int8w and int4w."""

    name = "openvino"
    precisions: tuple[Precision, ...] = ("fp32", "bf16", "int8", "int8+bf16", "int8w", "int4w")

    def build(self, source: Source, precision: Precision, directory: Path, threads: int) -> None:
        """Write model.xml and model.bin. `threads` plays no part here."""
        check_precision(self, precision)
        openvino, onnx_file = _openvino(), source.onnx()
        try:
            model = openvino.Core().read_model(str(onnx_file))
            if precision.endswith("w"):
                model = _compressed(model, precision)
            elif precision.startswith("int8"):
                model = _quantised(model, source)
        except Unbuildable:
            raise
        except Exception as error:  # OpenVINO raises RuntimeError, NNCF its own and others
            raise Unbuildable(
                f"OpenVINO can't build this model: {first_line(error)}",
                where=f"openvino {precision}",
            ) from error
        model.set_rt_info(_HINTS[precision], _HINT_PATH)  # so that load knows it, from the file
        openvino.save_model(model, str(directory / _FILE), compress_to_fp16=False)

    def load(self, directory: Path, threads: int) -> Runnable:
        """Compile for low latency on `threads` threads."""
        core = _openvino().Core()
        try:
            model = core.read_model(str(directory / _FILE))
            hint = str(model.get_rt_info(_HINT_PATH).astype(str))
        except RuntimeError as error:
            raise InputError(f"damaged model: {first_line(error)}", where=str(directory)) from error
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": hint,
            # Else weights in few bits make it round activations to int8 too, where it likes.
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
        }
        return _Compiled(core.compile_model(model, "CPU", settings), hint)


class _Compiled:
    def __init__(self, compiled: Any, asked_hint: str) -> None:
        self._compiled, self._asked = compiled, asked_hint
        self._request = compiled.create_infer_request()

    def __call__(self, *arrays: Array) -> list[Array]:
        return list(self._request.infer(arrays, share_inputs=True).values())

    @property
    def effective_precision(self) -> str:
        """Counted over the compiled kernels; says so when the precision hint was ignored."""
        ops: Counter[str] = Counter()
        others: Counter[str] = Counter()
        for op in self._compiled.get_runtime_model().get_ordered_ops():
            info = op.get_rt_info()
            kind, word = info["layerType"].astype(str), info["runtimePrecision"].astype(str)
            if kind in _KERNELS:
                # The kernel is named after its weights: those alone, if floats come in.
                first = op.input_value(0).get_element_type().get_type_name()
                only = "w" if first in _FLOATS and word not in _FLOATS else ""
                ops[_SHORT.get(word, word) + only] += 1
            elif kind not in _MOVES and word in _FLOATS:
                others[_SHORT.get(word, word)] += 1
        text = summarise(ops)
        if set(others) - set(ops):  # what int8 with a bf16 hint does to softmax and the like
            text += f"; of the others, {summarise(others)}"
        hint = self._compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        used = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}.get(hint, hint)
        return text if used == self._asked else f"{text} (asked for {self._asked}, got {used})"


def _openvino() -> Any:
    no_telemetry()
    return require("openvino", "deploy")


def _quantised(model: Any, source: Source) -> Any:
    no_telemetry()
    nncf = require("nncf", "deploy")
    batches = nncf.Dataset([list(batch) for batch in source.calibration])
    kind = None if source.has_convolution else nncf.ModelType.TRANSFORMER
    with quiet():
        return nncf.quantize(model, batches, model_type=kind, subset_size=len(source.calibration))


def _compressed(model: Any, precision: Precision) -> Any:
    """Weights of linear layers in 8 bits by output, or in 4 bits in groups of 32.

    Embeddings and, with 4 bits, the last layer get 8 bits, as NNCF has it. Convolutions are left
    out: their weights would be unpacked to fp32 when the model is loaded.
    """
    no_telemetry()
    nncf = require("nncf", "deploy")
    advanced = require("nncf.quantization.advanced_parameters", "deploy")
    modes = nncf.CompressWeightsMode
    four: dict[str, Any] = {
        "mode": modes.INT4_SYM,
        "group_size": GROUP,
        "advanced_parameters": advanced.AdvancedCompressionParameters(
            group_size_fallback_mode=advanced.GroupSizeFallbackMode.IGNORE
        ),
    }
    convolutions = nncf.IgnoredScope(types=_CONVOLUTIONS, validate=False)
    with quiet():
        made = nncf.compress_weights(
            model,
            ignored_scope=convolutions,
            **(four if precision == "int4w" else {"mode": modes.INT8_ASYM}),
        )
    kinds = {"i4", "u4"} if precision == "int4w" else {"i8", "u8"}
    products = [op for op in made.get_ops() if op.get_type_name() == "MatMul"]
    if not any(_stored(op.input_value(1).get_node()) & kinds for op in products):
        needed = "a MatMul by constant weights"
        if precision == "int4w":
            needed += f", not the last, over features that {GROUP} divides"
        raise no_linear("openvino", precision, needed)
    return made


def _stored(node: Any) -> set[str]:
    """Types of the constants that `node` is unpacked from; empty for what is no weight."""
    if node.get_type_name() == "Constant":
        return {node.get_element_type().get_type_name()}
    if node.get_type_name() not in _UNPACKING:
        return set()
    parts = (node.input_value(i).get_node() for i in range(node.get_input_size()))
    return set().union(*(_stored(part) for part in parts))
