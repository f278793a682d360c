"""The catalogue is sound, and a bad chip file is refused with its line and the fix."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import msgspec
import pytest

from picojoule.chips import Chip, Constant, catalogue, chip_schema, load_chip
from picojoule.chips.load import MAX_BYTES
from picojoule.errors import ChipError
from picojoule.formats import parse_format
from picojoule.quantity import Evidence

TOY = """\
name = "toy"
title = "Toy"
kind = "npu"
idle_w = { value = 2, low = 1, high = 3, source = "book", evidence = "measured" }
max_w = { value = 9, low = 9, high = 9, source = "book", evidence = "modelled" }

[sources]
book = "The Book, page 7"

[[memory]]
name = "DRAM"
capacity_bytes = { value = 1e9, source = "book", evidence = "modelled" }
bandwidth_b_s = { value = 1e9, source = "book", evidence = "modelled" }
efficiency = { value = 0.5, low = 0.4, high = 1.0, source = "book", evidence = "assumed" }
read_pj_per_bit = { value = 10, low = 5, high = 20, source = "[book] row 3", evidence = "modelled" }
write_pj_per_bit = { value = 10, low = 5, high = 20, source = "as read", evidence = "modelled" }

[[compute]]
name = "core"
kinds = ["contraction", "vector"]
peak_op_s.fp32 = { value = 1e9, source = "book", evidence = "modelled" }
pj.fp32 = { value = 4, low = 2, high = 8, source = "book", evidence = "modelled" }
efficiency.dense = { value = 0.5, source = "book", evidence = "modelled" }

[runtime.bare]
fused = false
launch_s = { value = 1e-6, source = "book", evidence = "modelled" }
"""


def constants(tree: object) -> list[Constant]:
    if isinstance(tree, Constant):
        return [tree]
    if isinstance(tree, msgspec.Struct):
        tree = [getattr(tree, f) for f in tree.__struct_fields__]
    if isinstance(tree, dict):
        tree = list(tree.values())
    return [c for item in tree for c in constants(item)] if isinstance(tree, list | tuple) else []


def load_text(tmp_path: Path, text: str) -> Chip:
    file = tmp_path / "toy.toml"
    file.write_text(text)
    return load_chip(file)


def edited(old: str, new: str) -> str:
    assert TOY.count(old) == 1, old
    return TOY.replace(old, new)


def line_of(text: str) -> int:
    return next(i for i, line in enumerate(TOY.splitlines(), 1) if line.startswith(text))


def test_the_promised_chips_are_there() -> None:
    promised = {
        "h100-sxm", "a100-sxm-80gb", "v100-sxm2", "rtx-4090", "jetson-agx-orin",
        "jetson-orin-nano", "raspberry-pi-4", "stm32l4r5", "x86-avx512", "tpu-v4i",
    }  # fmt: skip
    assert promised <= set(catalogue())


@pytest.mark.parametrize("name", catalogue())
def test_catalogue_chip_is_sound(name: str) -> None:
    chip = load_chip(name)
    assert chip.name == name
    found = constants(chip)
    assert len(found) > 15
    for c in found:
        assert 0 < c.low <= c.value <= c.high
        assert len(c.source) > 3
        assert "[" not in c.source, "a short citation was not expanded"
        assert c.evidence <= Evidence.ASSUMED
    for unit in chip.compute:
        assert unit.peak_op_s.keys() == unit.pj.keys()
        assert all(parse_format(f).name == f for f in unit.pj)
    assert all(outer.capacity_bytes.value >= inner.capacity_bytes.value
               for outer, inner in zip(chip.memory, chip.memory[1:], strict=False))  # fmt: skip


@pytest.mark.parametrize("name", catalogue())
def test_energies_state_a_real_interval(name: str) -> None:
    chip = load_chip(name)
    energies = [c for u in chip.compute for c in u.pj.values()]
    energies += [m.read_pj_per_bit for m in chip.memory] + [chip.idle_w]
    assert all(c.low < c.value < c.high for c in energies)


def test_a_short_chip_file_is_enough(tmp_path: Path) -> None:
    assert len(TOY.splitlines()) <= 40
    chip = load_text(tmp_path, TOY)
    assert chip.compute[0].pj["float32"].value == 4
    assert chip.memory[0].read_pj_per_bit.source == "The Book, page 7: row 3"
    assert chip.memory[0].bandwidth_b_s.low == chip.memory[0].bandwidth_b_s.high == 1e9
    assert load_chip(str(tmp_path / "toy.toml")) == chip


def test_hash_follows_the_numbers_only(tmp_path: Path) -> None:
    plain = load_text(tmp_path, TOY).hash
    assert plain == load_text(tmp_path, edited("page 7", "page 8")).hash
    assert plain == load_text(tmp_path, edited('title = "Toy"', 'title = "Other"')).hash
    assert plain != load_text(tmp_path, edited("value = 4, low", "value = 5, low")).hash
    assert plain != load_text(tmp_path, edited("value = 4, low = 2", "value = 4, low = 3")).hash


LINE_CASES = {
    "missing constant": (edited("bandwidth_b_s", "# bandwidth_b_s"),
                         "missing constant 'bandwidth_b_s'", "[[memory]]"),
    "missing top constant": (edited("idle_w", "# idle_w"), "missing constant 'idle_w'", None),
    "negative": (edited("value = 2, low = 1", "value = -2, low = -3"), "idle_w", "idle_w"),
    "zero": (edited("value = 1e-6", "value = 0"), "above 0", "launch_s"),
    "nan": (edited("value = 4, low = 2", "value = nan, low = 2"), "finite", "pj.fp32"),
    "infinite": (edited("value = 4, low = 2", "value = inf, low = 2"), "finite", "pj.fp32"),
    "huge integer": (edited("value = 1e-6", f"value = 1{'0' * 400}"), "finite", "launch_s"),
    "text": (edited("value = 1e-6", 'value = "1e-6"'), "finite number", "launch_s"),
    "boolean": (edited("value = 1e-6", "value = true"), "finite number", "launch_s"),
    "low above value": (edited("value = 2, low = 1", "value = 2, low = 2.5"),
                        "low <= value <= high", "idle_w"),
    "no interval": (edited("value = 4, low = 2, high = 8", "value = 4"), "low, high", "pj.fp32"),
    "no source": (edited('value = 1e-6, source = "book"', "value = 1e-6"), "source", "launch_s"),
    "empty source": (edited('value = 1e-6, source = "book"', 'value = 1e-6, source = " "'),
                     "no source", "launch_s"),
    "evidence": (edited('"book", evidence = "measured"', '"book", evidence = "sure"'),
                 "measured, calibrated, modelled, assumed", "idle_w"),
    "unavailable": (edited('"book", evidence = "measured"', '"book", evidence = "unavailable"'),
                    "unknown evidence", "idle_w"),
    "format": (TOY.replace("fp32", "fp33"), "unknown number format", "peak_op_s"),
    "no energy for a format": (edited("pj.fp32", "pj.int8"), "missing constant", "peak_op_s"),
    "efficiency above 1": (edited("dense = { value = 0.5", "dense = { value = 1.5"),
                           "share of a peak", "efficiency.dense"),
    "unknown key": (edited("kinds = [", "kidns = ["), "kidns", "kinds"),
    "unknown constant key": (edited("value = 1e-6,", "value = 1e-6, lo = 1,"), "'lo'", "launch_s"),
    "plain number": (edited('{ value = 1e-6, source = "book", evidence = "modelled" }', "1e-6"),
                     "{ value=, low=, high=, source=, evidence= }", "launch_s"),
    "unknown kind": (edited('"npu"', '"brain"'), "brain", "kind"),
    "syntax": (edited("fused = false", "fused = "), "bad TOML", "fused"),
    "twice": (edited("fused = false", "fused = false\nfused = true"), "bad TOML", "launch_s"),
    "no memory": (TOY.replace("[[memory]]", "[sources.memory]"), "memory", None),
}  # fmt: skip


@pytest.mark.parametrize("case", LINE_CASES)
def test_bad_file_names_line_and_fix(case: str, tmp_path: Path) -> None:
    text, message, at = LINE_CASES[case]
    with pytest.raises(ChipError) as caught:
        load_text(tmp_path, text)
    assert caught.value.exit_code == 2
    assert message in str(caught.value)
    where = caught.value.where or ""
    assert where.startswith("toy.toml")
    if at is not None:
        assert where == f"toy.toml:{line_of(at)}"


def test_unknown_chip_suggests() -> None:
    with pytest.raises(ChipError, match="h100-sxm"):
        load_chip("h100")


def test_unknown_runtime_suggests() -> None:
    with pytest.raises(ChipError, match="torch-eager"):
        load_chip("h100-sxm").pick_runtime("torch-eagre")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"#" * (MAX_BYTES + 1), "too large"),
        (b"name = '\xff'", "UTF-8"),
        (b"", "memory"),
        (b"a = " + b"[" * 5000, "bad TOML"),
        (b"a = 1" + b"0" * 5000, "bad TOML"),
    ],
)
def test_hostile_files_are_refused(content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(content)
    with pytest.raises(ChipError, match=message):
        load_chip(file)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ChipError, match="can't read"):
            load_chip(path)


def test_schema_describes_the_file() -> None:
    schema = chip_schema()
    constant = schema["$defs"]["Constant"]
    assert constant["required"] == ["value", "source", "evidence"]
    assert "assumed" in constant["properties"]["evidence"]["enum"]
    assert msgspec.json.encode(schema)


def constants_in(value):
    if isinstance(value, Constant):
        yield value
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from constants_in(getattr(value, field))
    elif isinstance(value, dict | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from constants_in(item)


@pytest.mark.parametrize("name", catalogue())
def test_the_page_counts_the_evidence_of_each_chip(name):
    words = [c.evidence.word for c in constants_in(load_chip(name))]
    counts = " / ".join(str(words.count(w)) for w in ("calibrated", "modelled", "assumed"))
    page = (Path(__file__).parents[2] / "docs/chips.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
    assert row.endswith(f"| {counts} |")
    assert "measured" not in words


def test_what_may_be_explored_is_not_part_of_the_chip(tmp_path) -> None:
    source = resources.files("picojoule.chips") / "catalog" / "eyeriss.toml"
    file = tmp_path / "eyeriss.toml"
    file.write_text(source.read_text() + "\n[explore.vary]\nidle_w = [0.01, 0.02]\n")
    assert load_chip(file).hash == load_chip("eyeriss").hash
