"""Units inside the memory: which side runs an op, what the rows say, and bad descriptions."""

from __future__ import annotations

import dataclasses
import json
import math
from importlib import resources
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picojoule.chips import Chip, load_chip
from picojoule.cost import Roofline
from picojoule.cost.pim import Dispatch, break_even, ops_per_byte, seen_from
from picojoule.cost.pim.channels import Channel
from picojoule.errors import ChipError, InputError
from picojoule.formats import parse_format
from picojoule.graph import Graph, Kind, Op, Operand, Phase, Role
from picojoule.graph.attention_loops import Attention
from picojoule.graph.from_hf import from_hf
from picojoule.ledger import Ledger
from picojoule.papers.duplex import MIXTRAL

HALF = parse_format("float16")
CHIPS = ("neupims", "duplex")


def product(rows: int, k: int = 4096, n: int = 4096, weight: Role = Role.WEIGHT) -> Op:
    operands = (
        Operand(("m", "k"), HALF, Role.INPUT),
        Operand(("k", "n"), HALF, weight),
        Operand(("m", "n"), HALF, Role.OUTPUT),
    )
    return Op(f"product {rows}", Kind.MATMUL, {"m": rows, "n": n, "k": k}, operands)


def graph(*ops: Op) -> Graph:
    return Graph("ops", ops)


def ran_on(op: Op, chip: Chip, **options: str) -> str:
    ledger = Dispatch(**options).estimate(graph(op), chip)
    (level,) = set(ledger.where(component="mac")["level"].tolist())
    return level


def text_of(name: str) -> str:
    return (resources.files("picojoule.chips") / "catalog" / f"{name}.toml").read_text()


@pytest.fixture(scope="module")
def neupims() -> Chip:
    return load_chip("neupims")


def test_few_rows_run_in_the_banks_and_many_on_the_host(neupims: Chip) -> None:
    assert ran_on(product(1), neupims) == "bank multipliers"
    assert ran_on(product(512), neupims) == "systolic arrays"


def test_a_product_of_activations_is_the_hosts(neupims: Chip) -> None:
    assert ran_on(product(1, weight=Role.INPUT), neupims) == "systolic arrays"


def test_rows_name_the_places_that_bytes_come_from(neupims: Chip) -> None:
    op = product(2)
    rows = Dispatch().estimate(graph(op), neupims)
    bytes_at = {
        (level, operand): total
        for level, operand, total in zip(rows["level"], rows["operand"], rows["count"], strict=True)
        if level.startswith("HBM")
    }
    assert bytes_at == {
        ("HBM bank", "weight"): 2 * 4096 * 4096,
        ("HBM", "input"): 2 * 2 * 4096,
        ("HBM", "output"): 2 * 2 * 4096,
    }


def test_a_gemv_in_the_banks_by_hand(neupims: Chip) -> None:
    unit = neupims.pim.unit[0]
    total = Dispatch().estimate(graph(product(1)), neupims).total()
    macs, bits, moved_bits = 4096**2, 16 * 4096**2, 16 * 2 * 4096
    busy_s = macs / (16384e9 * 0.174)
    elapsed_s = busy_s + unit.launch_s.value
    assert total.time.value == pytest.approx(elapsed_s, rel=1e-12)
    pj = 0.32 * macs + 0.55 * bits + 3.59 * moved_bits
    assert total.energy.value == pytest.approx(pj * 1e-12 + 30 * elapsed_s, rel=1e-12)


def test_never_slower_than_the_host_alone() -> None:
    chip = load_chip("duplex")
    for batch in (1, 32, 512):
        model = from_hf(MIXTRAL, batch=batch, context=1024, phase=Phase.DECODE)
        host = Roofline().estimate(model, chip).total()
        both = Dispatch().estimate(model, chip).total()
        least = Dispatch(by="energy").estimate(model, chip).total()
        assert both.time.value <= host.time.value * (1 + 1e-12)
        assert least.energy.value <= min(host.energy.value, both.energy.value) * (1 + 1e-12)
        assert both.coverage == 1


@given(rows=st.integers(1, 64), n=st.sampled_from([512, 4096]), name=st.sampled_from(CHIPS))
def test_the_choice_is_that_of_break_even(rows: int, n: int, name: str) -> None:
    """Without launches, inputs and outputs, and away from the exact meeting point."""
    chip = load_chip(name)
    kind = "float16" if name == "neupims" else "bfloat16"
    fmt = parse_format(kind)
    only_weight = tuple(
        dataclasses.replace(o, format=fmt, stored=None if o.role is Role.WEIGHT else 1)
        for o in product(rows, 8192, n * 16).operands
    )
    op = dataclasses.replace(product(rows, 8192, n * 16), operands=only_weight)
    launch_s = chip.pim.unit[0].launch_s
    tiny = {"launch_s": msgspec.structs.replace(launch_s, value=1e-15, low=1e-15, high=1e-15)}
    unit = msgspec.structs.replace(chip.pim.unit[0], **tiny)
    runtimes = {k: msgspec.structs.replace(r, **tiny) for k, r in chip.runtime.items()}
    part = msgspec.structs.replace(chip.pim, unit=(unit,))
    chip = msgspec.structs.replace(chip, pim=part, runtime=runtimes)
    (meets,) = break_even(chip, kind)
    ratio = ops_per_byte(op) / meets.value
    if not 0.99 < ratio < 1.01:
        assert (ran_on(op, chip) == unit.name) == (ratio < 1)


def test_break_even_in_closed_form(neupims: Chip) -> None:
    (meets,) = break_even(neupims)
    assert meets.value == pytest.approx(2 * 16384e9 * 0.174 / (1.024e12 * 0.85))
    assert meets.low < meets.value < meets.high
    duplex = load_chip("duplex")
    peak, bandwidth = duplex.pim.unit[0].peak_op_s["bfloat16"], duplex.memory[0].bandwidth_b_s
    assert 2 * peak.value / bandwidth.value == pytest.approx(8 * 4)  # 8 op/B at 4 times the rate


@pytest.mark.parametrize(("bandwidth", "macs", "expected"), [
    (1e10, 1e10, 0.0), (1e10, 1e18, 0.0), (1e15, 1e18, math.inf),
])  # fmt: skip
def test_break_even_where_one_side_always_wins(neupims, bandwidth, macs, expected) -> None:
    unit = neupims.pim.unit[0]
    at = msgspec.structs.replace
    unit = at(
        unit,
        bandwidth_b_s=at(unit.bandwidth_b_s, value=bandwidth, low=bandwidth, high=bandwidth),
        peak_op_s={"float16": at(unit.peak_op_s["float16"], value=macs, low=macs, high=macs)},
    )
    chip = at(neupims, pim=at(neupims.pim, unit=(unit,)))
    assert break_even(chip)[0].value == expected


def test_operations_per_byte() -> None:
    assert ops_per_byte(product(1)) == 1  # two operations for each two-byte weight
    assert ops_per_byte(dataclasses.replace(product(8), repeat=3)) == 8
    assert ops_per_byte(product(1, weight=Role.INPUT)) == math.inf


def test_scores_of_attention_in_memory_cross_the_interface(neupims: Chip) -> None:
    loops = Attention(b=32, m=1, n=2048, k=128, v=128, format=HALF, cached=True).loops()
    ledger = Dispatch().estimate(graph(*(Op(*loop) for loop in loops)), neupims)
    scores = ledger.where(op="scores", level="HBM", operand="output")
    assert scores["count"].tolist() == [32 * 2048 * 2]
    assert ledger.where(op="softmax", component="vector")["level"].tolist() == ["vector units"]


def test_the_banks_efficiency_is_the_channels_cycles(neupims: Chip) -> None:
    """184 cycles for a page of 512 in each of 32 banks, on 32 x 16 multipliers of a channel."""
    c = Channel()
    share = c.banks * c.page / (c.product_cycles * c.banks * 16)
    assert neupims.pim.unit[0].efficiency.read.value == pytest.approx(share, rel=2e-3)


def test_energy_by_place_adds_up_the_path() -> None:
    """AttAcc's path in pJ/bit; 4.4, 26.3 and 28.7 pJ/B are what it states at each place."""
    activate, cell, bank_group, global_io, tsv, interface = 0.11, 0.44, 1.01, 1.23, 0.5, 0.3
    bank = activate + cell
    die = bank + bank_group + global_io + tsv
    assert load_chip("neupims").pim.unit[0].read_pj_per_bit.value == pytest.approx(bank)
    assert load_chip("duplex").pim.unit[0].read_pj_per_bit.value == pytest.approx(die)
    for name in CHIPS:
        assert load_chip(name).memory[0].read_pj_per_bit.value == pytest.approx(die + interface)


def test_a_unit_sees_the_interface_and_its_own_place(neupims: Chip) -> None:
    side = seen_from(neupims.pim.unit[0], neupims)
    assert [m.name for m in side.memory] == ["HBM", "HBM bank"]
    assert [m.roles for m in side.memory] == [("input", "output"), ("weight", "state")]
    assert side.pim is None


def test_meta_reports_break_even_and_what_does_not_fit(neupims: Chip) -> None:
    meta = Dispatch().estimate(graph(product(1, 200_000, 200_000)), neupims).meta
    assert meta["break_even"][0]["unit"] == "bank multipliers"
    assert "HBM has 32.0 GB" in " ".join(meta["notes"])
    assert meta["method"] == "host or memory, least time"


def test_a_format_that_the_units_lack_stays_with_the_host() -> None:
    op = dataclasses.replace(
        product(1),
        operands=tuple(dataclasses.replace(o, format=parse_format("float32"))
                       for o in product(1).operands),
    )  # fmt: skip
    ledger = Dispatch().estimate(graph(op), load_chip("neupims"))
    assert ledger.total().coverage < 1  # neither side computes in float32: never 0


def test_a_new_chip_fits_forty_lines() -> None:
    assert len([line for line in text_of("neupims").splitlines() if line]) <= 40


def test_the_hash_counts_the_part(neupims: Chip) -> None:
    assert msgspec.structs.replace(neupims, pim=None).hash != neupims.hash


def test_a_chip_without_the_part_is_refused() -> None:
    for call in (lambda c: Dispatch().estimate(graph(product(1)), c), break_even):
        with pytest.raises(ChipError, match=r"no \[pim\] part"):
            call(load_chip("h100-sxm"))


def test_unknown_choices_are_refused(neupims: Chip) -> None:
    with pytest.raises(InputError, match="dispatch by"):
        Dispatch(by="beauty").estimate(graph(product(1)), neupims)
    with pytest.raises(ChipError, match="no runtime"):
        Dispatch(runtime="cuda").estimate(graph(product(1)), neupims)
    with pytest.raises(ChipError, match="int8"):
        break_even(neupims, "int8")


BAD = {
    "zero bandwidth": ("value = 3.2768e13", "value = 0", "above 0"),
    "no energy": ("pj.float16 = { value = 0.32, low = 0.16, high = 1.5", "pj.int8 = { value = 0.32,"
                  " low = 0.16, high = 1.5", "missing constant"),
    "no interval": ("value = 0.55, low = 0.28, high = 1.1", "value = 0.55", "low, high"),
    "share above 1": ("value = 0.174", "value = 1.74", "share of a peak"),
    "unknown place": ('at = "bank"', 'at = "moon"', "moon"),
    "no launch": ("launch_s = { value = 1e-7, low = 1e-8, high = 1e-6", "# launch_s =", "launch_s"),
    "unknown format": ("peak_op_s.float16 = { value = 1.6384e13", "peak_op_s.float17 = { value = "
                       "1.6384e13", "unknown number format"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_part_names_its_line(case: str, tmp_path: Path) -> None:
    old, new, message = BAD[case]
    text = text_of("neupims")
    assert text.count(old) == 1
    file = tmp_path / "chip.toml"
    file.write_text(text.replace(old, new))
    with pytest.raises(ChipError, match=message) as caught:
        load_chip(file)
    assert (caught.value.where or "").startswith("chip.toml:")


@pytest.mark.parametrize(("old", "new", "message"), [
    ('memory = "HBM"', 'memory = "DRAM"', "no memory level"),
    ('name = "bank multipliers"', 'name = "systolic arrays"', "names of its own"),
])  # fmt: skip
def test_a_part_that_fits_no_memory_is_refused(tmp_path, old, new, message) -> None:
    file = tmp_path / "chip.toml"
    file.write_text(text_of("neupims").replace(old, new))
    with pytest.raises(ChipError, match=message):
        Dispatch().estimate(graph(product(1)), load_chip(file))


def test_a_ledger_is_a_document(neupims: Chip) -> None:
    """Also where a unit always wins and its break-even is infinite."""
    unit = neupims.pim.unit[0]
    rates = {
        name: msgspec.structs.replace(c, value=1e18, high=1e18)
        for name, c in unit.peak_op_s.items()
    }
    part = msgspec.structs.replace(
        neupims.pim, unit=(msgspec.structs.replace(unit, peak_op_s=rates),)
    )
    chip = msgspec.structs.replace(neupims, pim=part)
    document = Dispatch().estimate(graph(product(512)), chip).to_dict()
    assert document["meta"]["break_even"][0]["ops_per_byte"] is None
    assert "Infinity" not in json.dumps(document)
    assert Ledger.from_dict(json.loads(json.dumps(document))).total().coverage == 1
