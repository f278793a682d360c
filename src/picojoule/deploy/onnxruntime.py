"""ONNX Runtime on its CPU provider: fp32, int8 in the variant that is fast there, and weights alone
in 8 or 4 bits."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from picojoule.deploy.quiet import quiet
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

__all__ = ["OnnxRuntime"]

_FILE = "model.onnx"
_INT8 = {
    "QLinearConv", "QLinearMatMul", "QGemm", "QAttention", "ConvInteger", "MatMulInteger",
    "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "NhwcQLinearConv", "DynamicQuantizeLSTM",
}  # fmt: skip
_FP32 = {
    "Conv", "FusedConv", "NhwcFusedConv", "ConvTranspose", "MatMul", "FusedMatMul", "Gemm",
    "FusedGemm", "LSTM", "GRU", "RNN", "Attention", "MultiHeadAttention",
}  # fmt: skip


class OnnxRuntime:
    """fp32, int8, int8w and int4w. The CPU provider has no bf16 kernels."""

    name = "onnxruntime"
    precisions: tuple[Precision, ...] = ("fp32", "int8", "int8w", "int4w")

    def build(self, source: Source, precision: Precision, directory: Path, threads: int) -> None:
        """Write model.onnx. `threads` plays no part here."""
        check_precision(self, precision)
        require("onnxruntime", "deploy")
        fp32, target = source.onnx(), directory / _FILE
        if precision == "fp32":
            target.write_bytes(fp32.read_bytes())
            return
        try:
            with quiet(), _prepared(fp32) as prepared:
                if precision.endswith("w"):
                    _weights_only(fp32, target, precision)
                elif source.has_convolution:
                    _static(prepared, target, source)
                else:
                    _dynamic(prepared, target)
        except Unbuildable:
            raise
        except Exception as error:  # the quantiser raises bare ValueError, KeyError and so on
            raise Unbuildable(
                f"ONNX Runtime can't quantise this model: {first_line(error)}",
                where=f"onnxruntime {precision}",
                fix="use openvino for int8, or another precision",
            ) from error

    def load(self, directory: Path, threads: int) -> Runnable:
        """Open a session with all graph optimisations on `threads` threads."""
        try:
            return _Session(directory / _FILE, threads)
        except Exception as error:  # its exceptions share no public base
            raise InputError(f"damaged model: {first_line(error)}", where=str(directory)) from error


class _Session:
    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        self._session = _session(path, threads)
        self._names = [value.name for value in self._session.get_inputs()]

    def __call__(self, *arrays: Array) -> list[Array]:
        outputs: list[Array] = self._session.run(None, dict(zip(self._names, arrays, strict=True)))
        return outputs

    @property
    def effective_precision(self) -> str:
        """Counted over the nodes that remain after graph optimisation."""
        onnx = require("onnx", "deploy")
        with tempfile.TemporaryDirectory() as folder:
            optimised = Path(folder) / _FILE
            _session(self._path, 1, optimised)
            nodes = onnx.load(str(optimised)).graph.node
        ops: Counter[str] = Counter()
        for node in nodes:
            if node.op_type in _INT8 | _FP32:
                ops["int8" if node.op_type in _INT8 else "fp32"] += 1
            elif node.op_type == "MatMulNBits":
                ops[_nbits(node)] += 1
        return summarise(ops)


def _nbits(node: Any) -> str:
    """'int4w', or with activations in int8 'int4w x int8': accuracy level 4 of the operator."""
    level = {a.name: a.i for a in node.attribute}
    return f"int{level['bits']}w" + (" x int8" if level.get("accuracy_level", 0) == 4 else "")


def _session(path: Path, threads: int, save_optimised_to: Path | None = None) -> Any:
    ort = require("onnxruntime", "deploy")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3  # errors only
    # By default a thread spins for 40 ms after each call in case another follows: for a 6 ms
    # model that is several times its own energy, and it takes the core of whatever runs next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if save_optimised_to is not None:
        options.optimized_model_filepath = str(save_optimised_to)
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@contextlib.contextmanager
def _prepared(fp32: Path) -> Iterator[Path]:
    """The model after folding and shape inference, which lets the quantiser fuse more."""
    preprocess = require("onnxruntime.quantization.shape_inference", "deploy").quant_pre_process
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _FILE
        # Shapes are static, so plain ONNX shape inference is enough.
        preprocess(str(fp32), str(path), skip_symbolic_shape=True)
        yield path


def _static(path: Path, target: Path, source: Source) -> None:
    """QDQ with unsigned activations and signed weights (U8S8): the form that VNNI multiplies.

    The signed form (S8S8) is 2.5 times slower on the same CPU.
    """
    quantization = require("onnxruntime.quantization", "deploy")
    quantization.quantize_static(
        str(path),
        str(target),
        _reader(quantization, path, source),
        quant_format=quantization.QuantFormat.QDQ,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        per_channel=True,
    )


def _reader(quantization: Any, path: Path, source: Source) -> Any:
    names = [value.name for value in _session(path, 1).get_inputs()]
    batches = iter(source.calibration)

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, Array] | None:
            batch = next(batches, None)
            return None if batch is None else dict(zip(names, batch, strict=True))

    return Reader()


def _dynamic(path: Path, target: Path) -> None:
    """Activation ranges at run time, for matrix products and LSTMs only.

    Static int8 with the default op types destroyed real sentence embeddings (cosine 0.47), and
    a ConvInteger, which dynamic mode makes of a convolution, is slower than fp32.
    """
    quantization = require("onnxruntime.quantization", "deploy")
    quantization.quantize_dynamic(
        str(path),
        str(target),
        op_types_to_quantize=["MatMul", "Gemm", "LSTM"],
        per_channel=True,
        weight_type=quantization.QuantType.QInt8,
    )


def _weights_only(fp32: Path, target: Path, precision: Precision) -> None:
    """MatMulNBits: constant weights in groups of 32 along the sum, each with its scale."""
    onnx = require("onnx", "deploy")
    module = require("onnxruntime.quantization.matmul_nbits_quantizer", "deploy")
    quantizer = module.MatMulNBitsQuantizer(
        onnx.load(str(fp32)),
        bits=int(precision[3]),
        block_size=GROUP,
        is_symmetric=True,
        accuracy_level=1,  # multiplies in fp32; level 4 would round the activations to int8
    )
    quantizer.process()
    model = quantizer.model.model
    if not any(node.op_type == "MatMulNBits" for node in model.graph.node):
        raise no_linear("onnxruntime", precision, "a MatMul by constant weights")
    onnx.save(model, str(target))
