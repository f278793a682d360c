"""Spec files: what is wrong is named, with its place and its fix."""

import numpy as np
import pytest

from picojoule.errors import SpecError
from picojoule.spec import Spec, load_spec

MODEL = "import torch\nmodel = torch.nn.Linear(4, 2)\n"


def spec(tmp_path, text):
    path = tmp_path / "spec.py"
    path.write_text(text)
    return load_spec(path)


def test_a_whole_spec_loads(tmp_path):
    loaded = spec(tmp_path, MODEL + "calibration = [torch.zeros(1, 4)]\ndef evaluate(p): ...\n")
    assert loaded.name == "spec"
    assert loaded.calibration[0][0].shape == (1, 4)
    assert loaded.needs_evaluate() is not None
    assert loaded.train is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", "defines no `model`"),
        (MODEL, "no calibration data"),
        (MODEL + "calibration = []\n", "not a list of batches"),
        (MODEL + "calibration = [torch.zeros(1, 4), torch.zeros(2, 4)]\n", "batch 1"),
        (MODEL + "calibration = [torch.full((1, 4), float('nan'))]\n", "NaN or infinity"),
        (MODEL + "calibration = [torch.zeros(1, 4)]\nevaluate = 3\n", "evaluate is not a function"),
        ("model = 3\ncalibration = [1]\n", "wrong type|shape"),
        ("model = 'missing.onnx'\ncalibration = [[1]]\n", "not an .onnx file"),
        ("\n\nraise RuntimeError('boom')\n", r"spec.py:3: the spec failed: RuntimeError: boom"),
        ("x = (\n", r"spec.py:1: the spec failed: SyntaxError"),
    ],
)  # fmt: skip
def test_bad_specs(tmp_path, text, message):
    with pytest.raises(SpecError, match=message):
        spec(tmp_path, text)


def test_missing_file(tmp_path):
    with pytest.raises(SpecError, match="no such file"):
        load_spec(tmp_path / "nothing.py")


def test_no_evaluate_says_what_to_write():
    import torch

    made = Spec.of("m", torch.nn.Linear(2, 2), [np.zeros((1, 2))])
    with pytest.raises(SpecError, match="def evaluate"):
        made.needs_evaluate()
