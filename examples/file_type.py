"""File types, with the real ONNX model that the magika package ships, on files of this machine.

The files are those of the Python installation; the right answer is their extension.

pj optimize examples/file_type.py
"""

import json
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import picojoule as pj

package = Path(find_spec("magika").submodule_search_locations[0])
model = next(package.glob("models/*/model.onnx"))
labels = json.loads(model.with_name("config.min.json").read_text())["target_labels_space"]

TYPES = {
    ".py": "python", ".h": "c", ".json": "json", ".so": "elf", ".html": "html", ".css": "css",
    ".js": "javascript", ".md": "markdown", ".rst": "rst", ".whl": "zip", ".exe": "pebin",
    ".pyc": "pythonbytecode", ".csv": "csv", ".toml": "toml", ".yaml": "yaml", ".png": "png",
}  # fmt: skip
PER_TYPE, SIDE, PADDING = 40, 1024, 256


def features(path: Path) -> np.ndarray:
    """First and last 1,024 bytes, stripped of white space and padded: magika's input, int32."""
    content = path.read_bytes()
    head, tail = content[:4096].lstrip()[:SIDE], content[-4096:].rstrip()[-SIDE:]
    row = np.full(2 * SIDE, PADDING, np.int32)
    row[: len(head)] = list(head)
    row[2 * SIDE - len(tail) :] = list(tail)
    return row


def collect() -> tuple[np.ndarray, np.ndarray]:
    stdlib, packages = (Path(sysconfig.get_path(p)) for p in ("stdlib", "purelib"))
    roots = [
        stdlib,
        packages / "numpy",
        packages / "sklearn",
        packages / "matplotlib",
        packages / "onnx",
    ]
    files = sorted({f for root in roots for f in root.rglob("*.*") if f.suffix in TYPES})
    x, y = [], []
    for suffix, label in TYPES.items():
        sized = [f for f in files if f.suffix == suffix and f.stat().st_size > 500][:PER_TYPE]
        x += [features(f) for f in sized]
        y += [labels.index(label)] * len(sized)
    return np.stack(x), np.array(y)


x, y = collect()
calibration = [row[None] for row in x[::5]]


def evaluate(predict) -> pj.Accuracy:
    return pj.Accuracy(predict(x).argmax(1) == y)
