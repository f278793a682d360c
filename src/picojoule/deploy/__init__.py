"""Run models for real: four runtimes, artefacts on disk, and worker processes to time them in."""

from picojoule.deploy.artifact import Model, build, load, read_card, save, write_card
from picojoule.deploy.onnxruntime import OnnxRuntime
from picojoule.deploy.openvino import OpenVino
from picojoule.deploy.runtime import Array, Precision, Runnable, Runtime, Unbuildable
from picojoule.deploy.source import Source, source_of
from picojoule.deploy.torch_compile import TorchCompile
from picojoule.deploy.torch_eager import TorchEager
from picojoule.deploy.worker_client import Worker, WorkerError

__all__ = [
    "RUNTIMES",
    "Array",
    "Model",
    "Precision",
    "Runnable",
    "Runtime",
    "Source",
    "Unbuildable",
    "Worker",
    "WorkerError",
    "build",
    "load",
    "read_card",
    "save",
    "source_of",
    "write_card",
]

# By name. Importing this costs nothing: each runtime imports its library when it is used.
RUNTIMES: dict[str, Runtime] = {
    runtime.name: runtime for runtime in (TorchEager(), TorchCompile(), OnnxRuntime(), OpenVino())
}
