"""Artefacts on disk: cards, chunked calls, and what happens when something is wrong."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from picojoule.deploy import Unbuildable, artifact
from picojoule.deploy.artifact import Model, load, read_card, read_example, write_card
from picojoule.errors import InputError

CARD = {
    "schema": "picojoule/card/1",
    "runtime": "onnxruntime",
    "precision": "fp32",
    "effective_precision": "fp32, all 1 ops",
    "inputs": [{"shape": [4, 3], "dtype": "float32"}],
    "threads": 1,
}


class Doubler:
    """Doubles its input, and remembers how it was called."""

    effective_precision = "fp32"

    def __init__(self, extra=()):
        self.batches, self.extra = [], list(extra)

    def __call__(self, *arrays):
        self.batches.append(arrays)
        return [2 * array for array in arrays] + self.extra


def doubler(**options) -> Model:
    return Model(Doubler(**options), CARD)


def rows(n):
    return np.arange(3 * n, dtype=np.float32).reshape(n, 3)


@pytest.mark.parametrize("n", [1, 3, 4, 5, 8, 9])
def test_any_number_of_samples_runs_in_chunks(n):
    model = doubler()
    np.testing.assert_array_equal(model(rows(n)), 2 * rows(n))
    assert [batch[0].shape for batch in model.runnable.batches] == [(4, 3)] * -(-n // 4)


def test_the_last_chunk_is_padded_with_its_last_row():
    model = doubler()
    model(rows(5))
    (last,) = model.runnable.batches[1]
    np.testing.assert_array_equal(last, np.repeat(rows(5)[4:], 4, axis=0))


def test_outputs_come_back_as_what_went_in():
    torch = pytest.importorskip("torch")
    tensor = doubler()(torch.ones(5, 3))
    assert isinstance(tensor, torch.Tensor)
    assert tensor.shape == (5, 3)
    assert isinstance(doubler()(rows(4)), np.ndarray)


def test_several_outputs_are_a_tuple():
    outputs = doubler(extra=[np.zeros((4, 7))])(rows(6))
    assert [output.shape for output in outputs] == [(6, 3), (6, 7)]


def test_an_output_without_batch_axis_can_not_be_chunked():
    model = doubler(extra=[np.float32(1).reshape(())])
    assert len(model(rows(4))) == 2  # the built size needs no chunks
    with pytest.raises(InputError, match="no batch axis") as caught:
        model(rows(5))
    assert caught.value.where == "output 1"
    assert "exactly 4" in str(caught.value)


@pytest.mark.parametrize(
    ("inputs", "what", "got"),
    [
        ((rows(4), rows(4)), "wrong number of inputs", "2"),
        ((), "wrong number of inputs", "0"),
        ((rows(4).astype(np.float64),), "wrong shape or dtype", "float64 [4, 3]"),
        ((rows(4)[:, :2],), "wrong shape or dtype", "float32 [4, 2]"),
        ((rows(4)[None],), "wrong shape or dtype", "float32 [1, 4, 3]"),
        ((rows(0),), "number of samples", "[[0, 3]]"),
        (("text",), "an input must be", "str"),
    ],
)
def test_wrong_inputs_are_refused_with_both_sides(inputs, what, got):
    with pytest.raises(InputError, match=what) as caught:
        doubler()(*inputs)
    assert f"got {got}, expected" in str(caught.value)


def test_inputs_must_agree_on_the_number_of_samples():
    model = Model(Doubler(), {**CARD, "inputs": CARD["inputs"] * 2})
    with pytest.raises(InputError, match="share one number of samples"):
        model(rows(8), rows(4))


def test_card_round_trip(tmp_path):
    write_card(tmp_path, {**CARD, "note": "anything"})
    assert read_card(tmp_path) == {**CARD, "note": "anything"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "picojoule/card/9"}, "another kind of card"),
        ({"runtime": 7}, "'runtime'"),
        ({"effective_precision": None}, "'effective_precision'"),
        ({"threads": 0}, "'threads'"),
        ({"threads": "2"}, "'threads'"),
        ({"inputs": [{"shape": [4, -3], "dtype": "float32"}]}, "an input"),
        ({"inputs": [{"shape": [4, 3], "dtype": "object"}]}, "an input"),
        ({"inputs": [[4, 3]]}, "an input"),
    ],
)
def test_a_bad_card_is_refused_on_both_sides(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        write_card(tmp_path, {**CARD, **change})
    (tmp_path / "card.json").write_text(json.dumps({**CARD, **change}))
    with pytest.raises(InputError, match=message):
        read_card(tmp_path)


def test_a_missing_key_is_named(tmp_path):
    (tmp_path / "card.json").write_text(json.dumps({"schema": "picojoule/card/1"}))
    with pytest.raises(InputError, match="'runtime'") as caught:
        read_card(tmp_path)
    assert "nothing" in str(caught.value)


def test_no_artefact_and_no_json(tmp_path):
    with pytest.raises(InputError, match=r"no card\.json"):
        load(tmp_path)
    (tmp_path / "card.json").write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        load(tmp_path)
    (tmp_path / "card.json").write_text("[]")
    with pytest.raises(InputError, match="JSON object"):
        load(tmp_path)


def test_an_unknown_runtime_suggests_a_known_one(tmp_path):
    write_card(tmp_path, {**CARD, "runtime": "onnx-runtime"})
    with pytest.raises(InputError, match="unknown runtime") as caught:
        load(tmp_path)
    assert "onnxruntime" in str(caught.value)


def test_example_round_trip_and_no_pickle(tmp_path):
    artifact.write_example(tmp_path, (rows(2), np.arange(3)))
    first, second = read_example(tmp_path)
    np.testing.assert_array_equal(first, rows(2))
    np.testing.assert_array_equal(second, np.arange(3))
    np.savez(tmp_path / "example.npz", x0=np.array([object()]))
    with pytest.raises(InputError, match="no usable example"):
        read_example(tmp_path)
    (tmp_path / "example.npz").write_bytes(b"not a zip")
    with pytest.raises(InputError, match="no usable example"):
        read_example(tmp_path)
    (tmp_path / "example.npz").unlink()
    with pytest.raises(InputError, match="no usable example"):
        read_example(tmp_path)


@pytest.fixture
def tiny_onnx(tmp_path):
    """A .onnx file that multiplies by a matrix, with a symbolic batch size."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
        "tiny",
        [onnx.helper.make_tensor_value_info("x", kind, ["batch", 3])],
        [onnx.helper.make_tensor_value_info("y", kind, ["batch", 2])],
        [onnx.numpy_helper.from_array(rows(2).reshape(3, 2), "w")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    path = tmp_path / "tiny.onnx"
    onnx.save(model, str(path))
    return path


def test_an_onnx_file_becomes_an_artefact(tmp_path, tiny_onnx):
    from picojoule.deploy import save, source_of

    source = source_of(tiny_onnx, [rows(4)])
    card = save(source, "onnxruntime", "fp32", tmp_path / "out", threads=1, notes={"who": "me"})
    assert card["effective_precision"] == "fp32, all 1 ops"
    assert read_card(tmp_path / "out")["who"] == "me"
    model = load(tmp_path / "out")
    np.testing.assert_allclose(model(rows(6)), rows(6) @ rows(2).reshape(3, 2))
    assert model.effective_precision == "fp32, all 1 ops"
    with pytest.raises(Unbuildable, match="can't run an ONNX file"):
        save(source, "torch-eager", "fp32", tmp_path / "no", threads=1)


def test_an_onnx_file_with_other_inputs_is_refused(tiny_onnx):
    from picojoule.deploy import source_of

    with pytest.raises(InputError, match="another number of inputs"):
        source_of(tiny_onnx, [(rows(4), rows(4))]).onnx()
    with pytest.raises(InputError, match=r"no such \.onnx"):
        source_of(tiny_onnx.with_name("other.onnx"), [rows(4)])
    with pytest.raises(InputError, match="no input batch"):
        source_of(tiny_onnx, [])
    with pytest.raises(InputError, match="one shape"):
        source_of(tiny_onnx, [rows(4), rows(3)])


def test_importing_deploy_loads_no_framework():
    code = (
        "import sys, picojoule.deploy; "
        "print([m for m in ('torch', 'onnxruntime', 'openvino', 'onnx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
