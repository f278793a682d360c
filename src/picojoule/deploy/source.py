"""The model as every runtime gets it: an exported program or an ONNX file, and its inputs."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from picojoule.deploy.quiet import quiet
from picojoule.deploy.runtime import Array, Unbuildable
from picojoule.errors import InputError, TraceError
from picojoule.extras import require

__all__ = ["Source", "batch_of", "first_line", "source_of"]


@dataclass(frozen=True, eq=False)
class Source:
    """What every runtime builds from. Shapes are static: those of `example`.

    program: a torch.export.ExportedProgram, or None for a model given as an ONNX file.
    example: the inputs of one call. calibration: such batches, to choose int8 ranges with.
    has_convolution: convolutions carry the model (they are at least as many as the other
    matrix products), which decides between static and dynamic int8. A vision transformer has
    one, in its patch embedding, but they don't carry it.
    workdir: where intermediate files are cached.
    """

    example: tuple[Array, ...]
    calibration: tuple[tuple[Array, ...], ...]
    has_convolution: bool
    workdir: Path
    program: Any = None
    onnx_file: Path | None = None

    def onnx(self) -> Path:
        """The fp32 ONNX file with static shapes; made on the first call, then cached on disk.

        Raises Unbuildable when the model uses something that ONNX can't say.
        """
        path = self.workdir / "fp32.onnx"
        if not path.exists():
            partial = path.with_suffix(".partial")
            _export(self.program, partial) if self.program is not None else _freeze_shapes(
                self, partial
            )
            partial.rename(path)
        return path


def source_of(model: Any, calibration: Iterable[Any], workdir: str | Path | None = None) -> Source:
    """Capture `model`, an nn.Module or the path of an .onnx file, on its first batch.

    calibration: batches of inputs, each an array or tensor, or a tuple of them, all of one
    shape. workdir: where to cache intermediate files; a temporary folder unless given.
    Raises InputError for unusable batches, and TraceError when torch.export fails.
    """
    batches = tuple(batch_of(batch) for batch in calibration)
    _check_batches(batches)
    folder = Path(tempfile.mkdtemp(prefix="picojoule-")) if workdir is None else Path(workdir)
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(model, str | Path):
        path = _onnx_path(model)
        source = Source(batches[0], batches, _onnx_convolves(path), folder, onnx_file=path)
    else:
        program = _capture(model, batches[0])
        source = Source(batches[0], batches, _program_convolves(program), folder, program)
    if workdir is None:
        weakref.finalize(source, shutil.rmtree, folder, True)
    return source


def batch_of(batch: Any) -> tuple[Array, ...]:
    """One batch, given as an array or tensor or a tuple of them, as numpy arrays."""
    items = batch if isinstance(batch, tuple | list) else (batch,)
    return tuple(_array(item) for item in items)


def _array(item: Any) -> Array:
    if hasattr(item, "detach"):
        item = item.detach().cpu().numpy()
    if not isinstance(item, np.ndarray) or item.dtype == object:
        raise InputError(
            "an input must be a numpy array or a torch tensor",
            got=type(item).__name__,
            expected="array, tensor, or a tuple of them",
        )
    return item


def _signature(batch: Sequence[Array]) -> list[tuple[tuple[int, ...], str]]:
    return [(array.shape, array.dtype.name) for array in batch]


def _check_batches(batches: tuple[tuple[Array, ...], ...]) -> None:
    if not batches:
        raise InputError("no input batch was given", fix="pass at least one batch of inputs")
    for i, batch in enumerate(batches):
        if _signature(batch) != _signature(batches[0]):
            raise InputError(
                "batches must have one shape and dtype, because the built model has static shapes",
                where=f"calibration[{i}]",
                got=_signature(batch),
                expected=_signature(batches[0]),
                fix="pad the inputs, or drop the last, smaller batch",
            )


def _capture(model: Any, example: tuple[Array, ...]) -> Any:
    torch = require("torch", "torch")
    if not isinstance(model, torch.nn.Module):
        raise InputError(
            "a model must be an nn.Module or the path of an .onnx file", got=type(model).__name__
        )
    training = model.training
    inputs = tuple(torch.tensor(array) for array in example)
    try:
        with torch.no_grad(), quiet():
            return torch.export.export(model.eval(), inputs)
    except Exception as error:  # torch.export raises dozens of unrelated types
        raise TraceError(
            f"torch.export can't capture this model: {first_line(error)}",
            where=type(model).__name__,
            fix="remove control flow that depends on values, or pass an .onnx file",
        ) from error
    finally:
        model.train(training)


def first_line(error: BaseException) -> str:
    """An exception as one line: its type and the first line of its message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"


def _program_convolves(program: Any) -> bool:
    names = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    convolutions = sum("conv" in name for name in names)
    products = sum(name.startswith(("aten.linear", "aten.matmul", "aten.mm", "aten.addmm",
                                    "aten.bmm", "aten.einsum")) for name in names)  # fmt: skip
    return 0 < convolutions >= products


def _onnx_path(model: str | Path) -> Path:
    path = Path(model)
    if path.suffix != ".onnx" or not path.is_file():
        raise InputError("no such .onnx file", where=str(path))
    return path


def _onnx_convolves(path: Path) -> bool:
    graph = require("onnx", "deploy").load(str(path), load_external_data=False).graph
    kinds = [node.op_type for node in graph.node]
    return 0 < kinds.count("Conv") >= kinds.count("MatMul") + kinds.count("Gemm")


def _export(program: Any, path: Path) -> None:
    torch = require("torch", "torch")
    onnx, _ = require("onnx", "deploy"), require("onnxscript", "deploy")
    try:
        with quiet():
            exported = torch.onnx.export(program, dynamo=True, verbose=False).model_proto
            # The exporter transposes weights and leaves their old shapes behind, over which the
            # quantiser of ONNX Runtime stumbles. Every reader infers shapes for itself.
            exported.graph.ClearField("value_info")
            onnx.save(exported, str(path))
    except Exception as error:  # the exporter raises its own and everyone else's types
        raise Unbuildable(
            f"torch.onnx can't export this model: {first_line(error)}",
            where="ONNX export",
            fix="use torch-eager or torch-compile, which don't need ONNX",
        ) from error


def _freeze_shapes(source: Source, path: Path) -> None:
    """Copy the user's ONNX file with the shapes of the example written into its inputs."""
    onnx = require("onnx", "deploy")
    model = onnx.load(str(source.onnx_file))
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    if len(inputs) != len(source.example):
        raise InputError(
            "the ONNX file takes another number of inputs",
            where=str(source.onnx_file),
            got=f"{len(source.example)} arrays",
            expected=", ".join(value.name for value in inputs),
        )
    for value, array in zip(inputs, source.example, strict=True):
        dims = [onnx.TensorShapeProto.Dimension(dim_value=n) for n in array.shape]
        value.type.tensor_type.shape.CopyFrom(onnx.TensorShapeProto(dim=dims))
    onnx.save(model, str(path))
