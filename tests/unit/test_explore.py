"""Exploration against brute force; what must move with a parameter; resuming; wrong input."""

from __future__ import annotations

import itertools
import math
import random
import runpy
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spatial_fakes import chip, conv, matmul

from picojoule.chips import Chip, load_chip
from picojoule.cost import SpatialEstimator
from picojoule.cost.spatial import Effort
from picojoule.errors import InputError
from picojoule.formats import FP32, INT8
from picojoule.graph import Graph, Kind, Op, Operand, Role
from picojoule.quantity import Evidence
from picojoule.search.explore import (
    OBJECTIVES,
    area_mm2,
    hypervolume,
    load_space,
    non_dominated,
    parameters,
    price,
    run,
    space_of,
    vary,
)
from picojoule.search.explore import explore as search
from picojoule.search.explore.price import in_format
from picojoule.search.explore.tables import mac_um2, memory_um2, sram_exponents

GRAPH = Graph("two", (replace(conv(k=8, c=4, p=8), name="a"), replace(matmul(8, 12, 16), name="b")))
WORK = {"two": GRAPH}
VARY = {
    "memory.buffer.capacity_bytes": [512, 2048, 8192],
    "spatial.axes.x": [1, 2, 4],
    "spatial.axes.y": [1, 2],
}
CHIP = chip(levels={})
QUICK = Effort(loops=4, samples=0, spreads=2, starts=0)


def explore(*args, **options):
    return search(*args, effort=QUICK, **options)


def space(vary_=None, **table):
    return space_of(CHIP, {"node_nm": 45, "vary": vary_ or VARY, **table}, "here")


@pytest.fixture(scope="module")
def whole():
    return explore(space(), WORK)


class TestFront:
    def test_is_what_brute_force_finds(self, whole):
        """Every design priced here by hand, without the search, and compared pair by pair."""
        costs = {}
        for values in itertools.product(*VARY.values()):
            varied = vary(CHIP, dict(zip(VARY, values, strict=True)), 45)
            total = SpatialEstimator(effort=QUICK).estimate(in_format(GRAPH, INT8), varied).total()
            area = area_mm2(varied, 45).value
            costs[values] = (total.energy.value, total.time.value, area)
        best = {
            one for one, a in costs.items()
            if not any(all(y <= x for x, y in zip(a, b, strict=True)) and a != b
                       for b in costs.values())
        }  # fmt: skip
        assert {tuple(p.values.values()) for p in whole.front} == best
        assert 1 < len(best) < len(costs)
        assert whole.exhaustive
        assert len(whole.points) == len(costs) == whole.designs == 18

    def test_chips_differ(self, whole):
        assert len({p.chip for p in whole.points}) == len(whole.points)

    @given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=12))
    def test_non_dominated(self, rows):
        def beats(a, b):
            return all(x <= y for x, y in zip(a, b, strict=True)) and a != b

        assert non_dominated(rows) == [not any(beats(b, a) for b in rows) for a in rows]

    @given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=8))
    def test_hypervolume_counts_cells(self, rows):
        """On whole numbers the volume is the number of unit cubes above any row."""
        cells = sum(any(all(x <= c for x, c in zip(r, cell, strict=True)) for r in rows)
                    for cell in itertools.product(range(5), repeat=3))  # fmt: skip
        assert hypervolume(rows, [5, 5, 5]) == pytest.approx(cells)

    def test_best(self, whole):
        for objective in OBJECTIVES:
            least = min(p.cost.of(objective) for p in whole.points)
            assert whole.best(objective).cost.of(objective) == least
        with pytest.raises(InputError, match="no objective"):
            whole.best("speed")


class TestWhatMoves:
    def test_a_larger_buffer_costs_more_per_bit_and_more_area(self):
        sizes = [2**n for n in range(11, 18)]
        chips = [vary(CHIP, {"memory.buffer.capacity_bytes": s}, 45) for s in sizes]
        energies = [c.memory[1].read_pj_per_bit.value for c in chips]
        areas = [area_mm2(c, 45).value for c in chips]
        assert energies == sorted(set(energies))
        assert areas[1:] == sorted(set(areas[1:]))  # below 4 KiB a bit is no smaller than above
        assert [c.idle_w.value for c in chips[1:]] == sorted({c.idle_w.value for c in chips[1:]})

    def test_energy_follows_the_published_rows(self):
        """Horowitz, ISSCC 2014: 10 pJ per 64 bit at 8 KiB, 100 pJ at 1 MiB."""
        small = vary(CHIP, {"memory.buffer.capacity_bytes": 8192})
        large = vary(small, {"memory.buffer.capacity_bytes": 1048576})
        ratio = large.memory[1].read_pj_per_bit.value / small.memory[1].read_pj_per_bit.value
        assert ratio == pytest.approx(10)
        _, low, high = sram_exponents()
        assert low < 0.16 < 0.5 < high

    def test_intervals_widen_and_hold_the_value(self):
        for size in (512, 65536):
            after = vary(CHIP, {"memory.buffer.capacity_bytes": size}).memory[1].read_pj_per_bit
            before = CHIP.memory[1].read_pj_per_bit
            assert after.low < after.value < after.high
            assert after.high / after.low > before.high / before.low
            assert after.evidence is Evidence.ASSUMED  # 4 KiB to begin with: no published row

    def test_edges_of_a_level_follow(self):
        systolic = load_chip("systolic-32x32")
        larger = vary(systolic, {"memory.SRAM.capacity_bytes": 4 * 2097152})
        before, after = (c.spatial.level["SRAM"].fill_pj_per_bit for c in (systolic, larger))
        by = larger.memory[1].read_pj_per_bit.value / systolic.memory[1].read_pj_per_bit.value
        assert after.value / before.value == pytest.approx(by) != 1
        assert after.evidence is Evidence.MODELLED

    def test_what_is_varied_itself_stays(self):
        values = {"memory.buffer.capacity_bytes": 65536, "memory.buffer.read_pj_per_bit": 3.0}
        assert vary(CHIP, values).memory[1].read_pj_per_bit.value == 3.0
        assert vary(CHIP, {"spatial.axes.x": 8, "idle_w": 0.5}, 45).idle_w.value == 0.5

    def test_dram_stays(self):
        assert vary(CHIP, {"memory.DRAM.capacity_bytes": 4e9}).memory[0].read_pj_per_bit == (
            CHIP.memory[0].read_pj_per_bit
        )

    def test_rates_follow_the_array_and_the_clock(self):
        wide, fast = vary(CHIP, {"spatial.axes.x": 8}), vary(CHIP, {"spatial.clock_hz": 2e9})
        for other in (wide, fast):
            rate = other.compute[0].peak_op_s["int8"].value
            assert rate == pytest.approx(2 * CHIP.compute[0].peak_op_s["int8"].value)
        assert fast.memory[1].bandwidth_b_s.value == 2 * CHIP.memory[1].bandwidth_b_s.value
        assert fast.memory[0].bandwidth_b_s == CHIP.memory[0].bandwidth_b_s

    def test_a_faster_clock_is_never_slower(self):
        slow, fast = (vary(CHIP, {"spatial.clock_hz": f}) for f in (5e8, 2e9))
        times = [price(c, WORK, {"mapping": "latency"}).latency.value for c in (slow, fast)]
        assert times[1] <= times[0]

    def test_formats(self):
        """int16 is priced and sized from the int8 unit by a power law through 8 and 32 bits."""
        wide = vary(CHIP, {"format": "int16"}, 45)
        assert list(wide.compute[0].pj) == ["int16"]
        assert wide.compute[0].pj["int16"].value == pytest.approx(
            CHIP.compute[0].pj["int8"].value * (math.sqrt(0.2 * 3.1) + 0.1) / (0.2 + 0.1)
        )
        assert area_mm2(wide, 45).value > area_mm2(CHIP, 45).value
        costs = [price(c, WORK, {}, 45).energy.value for c in (CHIP, wide)]
        assert costs[1] > costs[0]

    def test_the_base_is_unchanged(self):
        systolic = load_chip("systolic-32x32")
        same = {"memory.SRAM.capacity_bytes": 2097152, "spatial.axes.rows": 32}
        assert vary(systolic, same, 45).hash == systolic.hash == vary(systolic, {}, 45).hash

    def test_every_path_can_be_checked(self):
        for path in parameters(load_chip("eyeriss")):
            assert path in ("format", "mapping") or "." in path or path.endswith("_w")


class TestArea:
    def test_eyeriss_silicon_is_in_the_interval(self):
        """JSSC 2017: 3.5 mm x 3.5 mm core in 65 nm, which also has wiring and control."""
        found = area_mm2(load_chip("eyeriss"), 65)
        assert found.low <= 12.25 <= found.high
        assert found.evidence is Evidence.ASSUMED
        assert found.value < 12.25  # a floor

    def test_fusemax_l3(self):
        """16 MiB at 45 nm: 94.18 mm² in the artefact."""
        assert memory_um2(2**24, 45).value * 8 * 2**24 * 1e-6 == pytest.approx(94.18, rel=1e-3)

    def test_unavailable_is_not_zero(self):
        for found in (
            area_mm2(load_chip("h100-sxm"), 7),  # no array
            area_mm2(CHIP, None),
            area_mm2(CHIP, 180),  # no published areas
            area_mm2(with_format(CHIP, "int4"), 45),
        ):
            assert math.isnan(found.value)
            assert found.evidence is Evidence.UNAVAILABLE

    def test_formats_in_order(self):
        kinds = ("int8", "int12", "int16", "int32", "float32")
        sizes = [mac_um2(k, 45).value for k in kinds]
        assert sizes == sorted(sizes)
        with pytest.raises(InputError, match="no area of a multiplier is published"):
            mac_um2("int4", 45)


def with_format(chip_: Chip, fmt: str) -> Chip:
    unit = chip_.compute[0]
    unit = msgspec.structs.replace(
        unit, pj={fmt: unit.pj["int8"]}, peak_op_s={fmt: unit.peak_op_s["int8"]}
    )
    return msgspec.structs.replace(chip_, compute=(unit,))


class TestSearch:
    @pytest.mark.parametrize("sampler", ["learn", "random"])
    def test_same_seed_same_front(self, sampler):
        pytest.importorskip("optuna")
        first, again, other = (
            explore(space(), WORK, budget=8, sampler=sampler, seed=s) for s in (1, 1, 2)
        )
        assert first == again
        assert [p.values for p in first.points] != [p.values for p in other.points]
        assert len(first.points) == 8
        assert not first.exhaustive

    def test_learning_finds_the_whole_front_of_a_used_up_space(self, whole):
        pytest.importorskip("optuna")
        found = explore(space(), WORK, budget=18, sampler="learn")
        assert {p.chip for p in found.front} == {p.chip for p in whole.front}
        assert found.exhaustive

    def test_an_executor_changes_nothing(self, whole):
        with ThreadPoolExecutor(2) as executor:
            assert explore(space(), WORK, executor=executor) == whole

    def test_resumes(self, tmp_path: Path, monkeypatch, whole):
        file, calls = tmp_path / "t" / "trials.jsonl", []

        def counted(*args):
            if len(calls) == 7:
                raise KeyboardInterrupt
            calls.append(args)
            return price(*args)

        monkeypatch.setattr(run, "price", counted)
        stopped = explore(space(), WORK, trials=file)
        assert len(stopped.points) == len(file.read_text().splitlines()) == 7
        assert "interrupted after 7 designs" in stopped.notes[0]
        with file.open("a") as stream:
            stream.write('{"study": "torn')
        monkeypatch.setattr(run, "price", lambda *args: calls.append(args) or price(*args))
        assert explore(space(), WORK, trials=file) == whole
        assert len(calls) == 18
        assert explore(space(), WORK, trials=file) == whole
        assert len(calls) == 18

    def test_trials_of_other_work_are_not_taken(self, tmp_path):
        file = tmp_path / "trials.jsonl"
        explore(space(), WORK, trials=file)
        other = explore(space(), {"one": Graph("one", GRAPH.ops[:1])}, trials=file)
        assert other.best("energy").cost.energy.value < min(
            p.cost.energy.value for p in explore(space(), WORK, trials=file).points
        )
        assert len(file.read_text().splitlines()) == 36

    def test_workloads_add_up(self):
        parts = {"a": Graph("a", GRAPH.ops[:1]), "b": Graph("b", GRAPH.ops[1:])}
        cost = price(CHIP, parts, {}, 45, QUICK)
        assert cost.energy.value == pytest.approx(sum(e for e, _ in cost.workloads.values()))
        assert cost.energy.value == pytest.approx(price(CHIP, WORK, {}, 45, QUICK).energy.value)

    def test_limits(self, whole):
        areas = sorted(p.cost.area.value for p in whole.points)
        found = explore(space(max={"area_mm2": areas[8]}), WORK)
        assert found.skipped == sum(a > areas[8] for a in areas) > 0
        assert len(found.points) + found.skipped == 18
        assert found.exhaustive
        fast = sorted(p.cost.latency.value for p in whole.points)[4]
        found = explore(space(max={"latency_s": fast}), WORK)
        assert all(p.cost.latency.value <= fast for p in found.front)
        assert any(p.status == "over the limit" for p in found.points)

    def test_chips_without_an_array(self):
        """A GPU's clock and memory: no area, but energy and latency."""
        vary_ = {"memory.HBM3.bandwidth_b_s": [1.7e12, 3.35e12, 6.7e12]}
        gpu = space_of(load_chip("h100-sxm"), {"vary": vary_}, "here")
        found = explore(gpu, {"mm": Graph("mm", (matmul(8, 64, 64),))}, objectives=["latency"])
        assert found.front[0].values == {"memory.HBM3.bandwidth_b_s": 6.7e12} or (
            len(found.front) > 1  # launch bound: they are equal
        )
        with pytest.raises(InputError, match=r"area of chip 'h100-sxm' is unavailable"):
            explore(gpu, WORK)

    def test_a_design_without_an_area_is_on_no_front_of_areas(self):
        """int4 multipliers have no published area: unavailable is not small."""
        both = with_format(CHIP, "int8")
        unit = both.compute[0]
        both = msgspec.structs.replace(both, compute=(msgspec.structs.replace(
            unit, pj={"int8": unit.pj["int8"], "int4": unit.pj["int8"]},
            peak_op_s={"int8": unit.peak_op_s["int8"], "int4": unit.peak_op_s["int8"]},
        ),))  # fmt: skip
        asked = space_of(both, {"node_nm": 45, "vary": {"format": ["int8", "int4"]}}, "here")
        found = explore(asked, WORK)
        assert [p.status for p in found.points] == ["front", "no price"]
        assert found.points[1].cost.missing == "no area"
        best = explore(asked, WORK, objectives=["energy"]).front
        assert [p.values["format"] for p in best] == ["int4"]  # fewer bits to move


class TestWrongInput:
    @pytest.mark.parametrize(
        ("vary_", "message"),
        [
            ({"spatial.rows": [1]}, "did you mean"),
            ({"spatial.axes.x": []}, "has no values"),
            ({"spatial.axes.x": {"from": 8, "to": 4, "times": 2}}, "is empty"),
            ({"spatial.axes.x": {"from": 4, "to": 8, "times": 1}}, "is empty"),
            ({"spatial.axes.x": {"from": 4, "to": 8}}, "is no range"),
            ({"spatial.axes.x": {"from": 1, "to": 10**6, "step": 1}}, "too many values"),
            ({"spatial.axes.x": [0]}, "can't be 0"),
            ({"spatial.axes.x": ["4"]}, "a whole number of at least 1"),
            ({"spatial.axes.x": [1.5]}, "can't be 1.5"),
            ({"spatial.axes.x": [2, 2]}, "twice"),
            ({"spatial.axes.x": [True]}, "can't be True"),
            ({"memory.buffer.capacity_bytes": [float("nan")]}, "can't be nan"),
            ({"memory.buffer.capacity_bytes": ["big"]}, "can't be 'big'"),
            ({"spatial.dataflow.stationary": ["wieght"]}, "can't be 'wieght'"),
            ({"format": ["int3"]}, "no energy of a multiplier"),
            ({"mapping": ["speed"]}, "no mapping 'speed'"),
            ({"mapping": {"from": 1, "to": 2, "step": 1}}, "is no range"),
        ],
    )
    def test_axes(self, vary_, message):
        with pytest.raises(InputError) as caught:
            space(vary_)
        assert message in str(caught.value)

    def test_the_nearest_path_is_named(self):
        with pytest.raises(InputError) as caught:
            space_of(load_chip("systolic-32x32"), {"vary": {"spatial.rows": [8]}}, "here")
        assert "spatial.axes.rows" in str(caught.value)

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ({"max": {"area": 1}}, "unknown limit 'area'"),
            ({"max": {"area_mm2": -1}}, "max.area_mm2 is not possible"),
            ({"max": 3}, "max is no table"),
            ({"node_nm": "45"}, "node_nm is not possible"),
            ({"vary": {}}, "nothing varies"),
        ],
    )
    def test_table(self, table, message):
        with pytest.raises(InputError) as caught:
            space_of(CHIP, {"vary": VARY, **table}, "here")
        assert message in str(caught.value)

    def test_search(self):
        for options, message in (
            ({"workloads": {}}, "nothing to run"),
            ({"budget": 0}, "no budget"),
            ({"objectives": ["speed"]}, "no objective 'speed'"),
            ({"objectives": []}, "not a set of objectives"),
            ({"sampler": "magic"}, "no sampler 'magic'"),
            ({"sampler": "all", "budget": 3}, "smaller than the space"),
        ):
            with pytest.raises(InputError, match=message):
                explore(space(), options.pop("workloads", WORK), **options)

    def test_limits_that_nothing_keeps_name_the_smallest(self, whole):
        least = min(p.cost.area.value for p in whole.points)
        with pytest.raises(InputError) as caught:
            explore(space(max={"area_mm2": least / 2}), WORK)
        assert f"at least {least:.4g} mm²" in str(caught.value)
        least = min(p.cost.energy.value for p in whole.points)
        with pytest.raises(InputError) as caught:
            explore(space(max={"energy_j": least / 2}), WORK)
        assert f"at least {least:.4g} J" in str(caught.value)

    def test_nothing_runs(self):
        """Vector work without a vector unit has no price, and the search says which op."""
        addition = Op("add", Kind.ELEMENTWISE, {"n": 4}, (
            Operand(("n",), FP32, Role.INPUT), Operand(("n",), FP32, Role.OUTPUT),
        ))  # fmt: skip
        with pytest.raises(InputError, match="no design can run the workloads") as caught:
            explore(space(), {"sum": Graph("sum", (addition,))})
        assert "sum: no price of add" in str(caught.value)

    def test_no_chip(self):
        """A buffer smaller than the registers makes no hierarchy."""
        with pytest.raises(InputError, match="no design makes a chip") as caught:
            explore(space({"memory.buffer.capacity_bytes": [4, 8]}), WORK)
        assert "not sorted" in str(caught.value)

    @pytest.mark.parametrize("line", ['{"study": 1}', '{"study": "a", "design": "b"}', "{}"])
    def test_trials_that_are_none(self, tmp_path, line):
        file = tmp_path / "trials.jsonl"
        file.write_text(line + "\n")
        what = "not a trial" if "study" in line else "not a line of this journal"
        with pytest.raises(InputError, match=rf"trials\.jsonl:1: {what}"):
            explore(space(), WORK, trials=file)

    def test_files(self, tmp_path):
        file = tmp_path / "space.toml"
        for text, message in (
            ("[explore", "bad TOML"),
            ("[chip]", r"no \[explore\] table"),
            ("[explore]\nchip = 'eyeriss'\nvry = 1", "unknown key explore.vry"),
            ("[explore]\nchip = 3\n[explore.vary]\nidle_w = [1]", "chip is not a name"),
            ("[explore]\nchip = 'nope.toml'\n[explore.vary]\nidle_w = [1]", "can't read"),
        ):
            file.write_text(text)
            with pytest.raises(InputError, match=message):
                load_space(file)
        with pytest.raises(InputError, match="can't read"):
            load_space(tmp_path / "none.toml")


def test_a_chip_file_may_hold_its_own_space(tmp_path):
    page = (Path(__file__).parents[2] / "docs/spatial.md").read_text()
    text = page.partition("```toml\n")[2].partition("```")[0]
    file = tmp_path / "own.toml"
    file.write_text(
        f"{text}\n[explore.vary]\nspatial.axes.rows = {{ from = 4, to = 16, times = 2 }}\n"
    )
    found = load_space(file)
    assert found.chip.name == "toy-array"
    assert found.axes[0].values == (4, 8, 16)
    assert found.size == 3


def test_the_example_runs_in_a_row():
    found = load_space(Path(__file__).parents[2] / "examples/explore.toml")
    drawn = random.Random(0).sample(range(found.size), 4)  # noqa: S311
    hashes = {vary(found.chip, found.named(found.design(n)), 45).hash for n in drawn}
    assert len(hashes) == 4
    assert np.prod([len(a.values) for a in found.axes]) == found.size


def test_the_page_runs(tmp_path, capsys):
    page = (Path(__file__).parents[2] / "docs/explore.md").read_text()
    file = tmp_path / "block.py"
    file.write_text(page.partition("```python\n")[2].partition("```")[0])
    runpy.run_path(str(file))
    assert "DesignFront(systolic-32x32" in capsys.readouterr().out


def test_the_page_shows_a_space_that_loads(tmp_path):
    page = (Path(__file__).parents[2] / "docs/explore.md").read_text()
    file = tmp_path / "space.toml"
    file.write_text(page.partition("```toml\n")[2].partition("```")[0])
    assert load_space(file).size == 6 * 3 * 4
