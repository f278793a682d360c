"""pj explore as a user meets it: table, document, page, resuming, errors."""

from __future__ import annotations

import json

import pytest
from test_explore import VARY, WORK, explore, space

from picojoule.chips import catalogue, load_chip
from picojoule.cli.explore import explore as verb
from picojoule.errors import InputError
from picojoule.report.console import to_text
from picojoule.report.documents import read_as
from picojoule.report.documents_explore import ExploreDocument, explore_document
from picojoule.report.text_explore import explore_view, short_names
from picojoule.search.explore import to_toml

SPACE = """
[explore]
chip = "systolic-32x32"
node_nm = 45
[explore.vary]
spatial.axes.rows = [8, 16]
memory.SRAM.capacity_bytes = [65536, 131072]
"""


@pytest.fixture(scope="module")
def front():
    return explore(space(max={"area_mm2": 0.011}), WORK)


@pytest.fixture
def model(tmp_path):
    """A linear layer of 64 x 32 as an ONNX file."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    shapes = {"x": [4, 64], "w": [64, 32], "y": [4, 32]}
    x, _, y = (helper.make_tensor_value_info(k, TensorProto.FLOAT, s) for k, s in shapes.items())
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    weights = helper.make_tensor("w", TensorProto.FLOAT, [64, 32], [0.5] * 2048)
    made = helper.make_model(helper.make_graph([node], "net", [x], [y], [weights]))
    onnx.save(made, tmp_path / "net.onnx")
    (tmp_path / "space.toml").write_text(SPACE)
    return tmp_path / "net.onnx"


def test_document(front):
    document = json.loads(json.dumps(explore_document(front), allow_nan=False))
    read = read_as(ExploreDocument, document, where="here")
    assert len(read.points) == len(front.points)
    assert read.skipped == front.skipped > 0
    assert {p.status for p in read.points} <= {"front", "dominated"}


def test_view(front):
    text = to_text(explore_view(front))
    assert "capacity_bytes  x  y" in text
    assert f"{len(front.front)} on the front of energy, latency, area" in text
    assert f"{front.skipped} too large or no chip" in text
    assert f"{front.front[0].cost.area.value:.3g} mm²" in text
    assert "a floor" in text


@pytest.mark.parametrize("name", catalogue())
def test_chips_go_to_files_and_back(name, tmp_path):
    chip = load_chip(name)
    file = tmp_path / "chip.toml"
    file.write_text(to_toml(chip, 'a "title"\n\x7f'))
    again = load_chip(file)
    assert again.hash == chip.hash
    assert again.title == 'a "title"\n\x7f'


def test_short_names():
    assert short_names([*VARY]) == {
        "memory.buffer.capacity_bytes": "capacity_bytes",
        "spatial.axes.x": "x",
        "spatial.axes.y": "y",
    }
    assert list(short_names(["memory.a.size", "memory.b.size"]).values()) == ["a.size", "b.size"]


def test_command(model, capsys):
    pytest.importorskip("altair")
    out = model.parent / "found"
    options = {"workload": (str(model),), "output": out}
    assert verb(model.parent / "space.toml", **options) == 0
    table = capsys.readouterr().out
    assert "looked at all of 4 designs, priced 4" in table
    document = json.loads((out / "report.json").read_text())
    assert document["schema"] == "picojoule/explore/1"
    page = (out / "report.html").read_text()
    assert "systolic-32x32" in page
    assert "chart-designs" in page
    assert len((out / "trials.jsonl").read_text().splitlines()) == 4
    chips = {load_chip(file).hash for file in (out / "chips").iterdir()}
    assert chips == {p["chip"] for p in document["points"] if p["status"] == "front"}
    assert verb(model.parent / "space.toml", json=True, **options) == 0
    assert json.loads(capsys.readouterr().out) == document
    assert len((out / "trials.jsonl").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workload": ()}, "nothing to run"),
        ({"workload": ("sqeezenet",)}, "did you mean squeezenet"),
        ({"workload": ("vanillanet:99",)}, "no such vanillanet"),
        ({"workload": ("net", "net")}, "twice"),
        ({"workload": ("net",), "workers": 0}, "--workers"),
        ({"workload": ("net",), "objective": "speed"}, "no objective 'speed'"),
    ],
)
def test_wrong_commands(model, options, message):
    options["workload"] = tuple(w.replace("net", str(model)) if w == "net" else w
                                for w in options["workload"])  # fmt: skip
    with pytest.raises(InputError) as caught:
        verb(model.parent / "space.toml", **options)
    assert message in str(caught.value)
