"""The mapper on ResNet-18 beside ZigZag 3.9.1: same network, same hardware, same accounting.

    python -m venv zigzag && zigzag/bin/pip install zigzag-dse==3.9.1 six picojoule
    zigzag/bin/python benchmarks/mapper.py            (without zigzag-dse: our half only)

ZigZag's mappings are replayed here and ours there, so that each side checks the other's costs.
Times are CPU seconds of one process; compare ratios, not seconds.
"""

from __future__ import annotations

import logging
import resource
import tempfile
import time
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

from picojoule.chips import load_chip
from picojoule.cost.spatial import Effort, Mapping, best_mapping, machine_of, nest_of, replay
from picojoule.formats import INT8
from picojoule.graph import Kind, Op, Operand, Role
from picojoule.graph.ir import Window

CHIP = "systolic-32x32"  # ZigZag's tpu_like.yaml
SLOTS = {"I": "input", "W": "weight", "O": "output"}
CONV = {"B": "n", "G": "g", "K": "k", "C": "c", "OX": "p", "OY": "q", "FX": "r", "FY": "s"}
GEMM = {"D": "m", "K": "n", "C": "k"}


def conv(k, c, p, r, stride=1):
    """An int8 convolution of a square image whose padding keeps p * stride rows."""
    dims = {"n": 1, "g": 1, "k": k, "c": c, "p": p, "q": p, "r": r, "s": r}
    slide = (Window("p", "r", stride), Window("q", "s", stride))
    stored = c * (p * stride) ** 2
    return Op("conv", Kind.CONV, dims, (
        Operand(("n", "g", "c", "p", "q"), INT8, Role.INPUT, windows=slide, stored=stored),
        Operand(("g", "k", "c", "r", "s"), INT8, Role.WEIGHT),
        Operand(("n", "g", "k", "p", "q"), INT8, Role.OUTPUT),
    ))  # fmt: skip


def linear(k, n):
    return Op("fc", Kind.MATMUL, {"m": 1, "n": n, "k": k}, (
        Operand(("m", "k"), INT8, Role.INPUT), Operand(("k", "n"), INT8, Role.WEIGHT),
        Operand(("m", "n"), INT8, Role.OUTPUT),
    ))  # fmt: skip


def resnet18():
    """The 21 contractions in the order of the ONNX file that comes with ZigZag."""
    ops = [conv(64, 3, 112, 7, 2), *[conv(64, 64, 56, 3)] * 4]
    for k, p in ((128, 28), (256, 14), (512, 7)):
        ops += [conv(k, k // 2, p, 3, 2), conv(k, k // 2, p, 1, 2), *[conv(k, k, p, 3)] * 3]
    return [*ops, linear(512, 1000)]


def ours(machine, mac_pj, objective="energy"):
    """Mapping and energy of each layer, equal shapes mapped once; CPU seconds; mappings scored."""
    start, known, scored = time.process_time(), {}, 0
    found = []
    for op in resnet18():
        if op.shape_key not in known:
            nest = nest_of(op)
            best = best_mapping(nest, machine, objective, mac_pj=mac_pj)
            cost = replay(nest, machine, best.mapping)
            known[op.shape_key] = (nest, best.mapping, cost.energy_pj + mac_pj * nest.macs, cost)
            scored += best.scored
        found.append(known[op.shape_key])
    return found, time.process_time() - start, scored


def bulk_rate(machine):
    """Mappings scored per CPU second in all 40,320 orders of 8 loops."""
    nest, effort = nest_of(resnet18()[1]), Effort(loops=8, samples=0, starts=0)
    start = time.process_time()
    scored = best_mapping(nest, machine, effort=effort).scored
    return scored / (time.process_time() - start)


def theirs():
    """ZigZag's evaluation of each layer, and CPU seconds."""
    import zigzag
    from zigzag.api import get_hardware_performance_zigzag

    logging.disable(logging.CRITICAL)
    inputs = Path(zigzag.__file__).parent / "inputs"
    names = ("workload/resnet18.onnx", "hardware/tpu_like.yaml", "mapping/tpu_like.yaml")
    files = [str(inputs / name) for name in names]
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        _, _, results = get_hardware_performance_zigzag(
            *files, opt="energy", dump_folder=folder, loma_show_progress_bar=False
        )
        seconds = time.process_time() - start
    return [evaluation for evaluation, _ in results[0][1]], seconds


def translated(evaluation, nest):
    """ZigZag's mapping as one of ours."""
    stationary = evaluation.temporal_mapping.mapping_dic_stationary
    levels = {SLOTS[str(o)]: loops for o, loops in stationary.items()}
    names = CONV if "p" in nest.names else GEMM
    loops = tuple((names[str(d)], float(t)) for level in levels["weight"] for d, t in level)
    held = {}
    for slot, parts in levels.items():
        ends = [sum(len(p) for p in parts[: i + 1]) for i in range(len(parts) - 1)]
        held[slot] = tuple(ends)
    turns = dict.fromkeys(nest.names, 1.0)
    for dim, t in loops:
        turns[dim] *= t
    units = {d: e / turns[d] for d, e in zip(nest.names, nest.extents, strict=True)}
    columns, rows = ("k", "c") if "p" in nest.names else ("n", "k")
    return Mapping((("columns", columns, units[columns]), ("rows", rows, units[rows])), loops, held)


def in_zigzag(evaluation, mapping):
    """Energy that ZigZag's cost model gives to our mapping."""
    from zigzag.cost_model.cost_model import CostModelEvaluation
    from zigzag.datatypes import LayerDim
    from zigzag.mapping.temporal_mapping import TemporalMapping, TemporalMappingType

    back = {ours: zig for zig, ours in (CONV if any(d == "p" for d, _ in mapping.loops) or any(
        d == "c" for _, d, _ in mapping.spread) else GEMM).items()}  # fmt: skip
    loops = [(LayerDim(back[d]), round(t)) for d, t in mapping.loops]
    parts = {}
    for operand in evaluation.layer.layer_operands:
        ends = [0, *mapping.held[SLOTS[str(operand)]], len(loops)]
        parts[operand] = [loops[a:b] for a, b in pairwise(ends)]
    temporal = TemporalMapping(parts, evaluation.layer, TemporalMappingType.UNEVEN)
    result = CostModelEvaluation(
        accelerator=evaluation.accelerator, layer=evaluation.layer,
        spatial_mapping=evaluation.spatial_mapping,
        spatial_mapping_int=evaluation.spatial_mapping_int, temporal_mapping=temporal,
        access_same_data_considered_as_no_access=True,
    )  # fmt: skip
    return result.energy_total


def main():
    chip = load_chip(CHIP)
    machine, mac_pj = machine_of(chip), chip.compute[0].pj["int8"].value
    found, seconds, scored = ours(machine, mac_pj)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    total = sum(energy for _, _, energy, _ in found)
    print(
        f"picojoule: {total:.7e} pJ, {sum(c.cycles for *_, c in found):,.0f} cycles, "
        f"{seconds:.2f} s, {scored:,} mappings ({scored / seconds:,.0f}/s), {peak:.0f} MB"
    )
    for objective in ("latency", "edp"):
        other, _, _ = ours(machine, mac_pj, objective)
        print(
            f"  least {objective}: {sum(e for _, _, e, _ in other):.4e} pJ, "
            f"{sum(c.cycles for *_, c in other):,.0f} cycles"
        )
    print(f"  in bulk: {bulk_rate(machine):,.0f} mappings/s")
    if find_spec("zigzag") is None:
        print("zigzag-dse is not installed: no comparison")
        return
    evaluations, zigzag_seconds = theirs()
    zigzag_total = sum(e.energy_total for e in evaluations)
    print(
        f"ZigZag:    {zigzag_total:.7e} pJ, {zigzag_seconds:.1f} s, "
        f"{zigzag_seconds / seconds:.0f} times as long"
    )
    there = 0.0
    print(
        "layer                              ZigZag pJ   its mapping here   ours here   ours there"
    )
    for evaluation, (nest, mapping, energy, _) in zip(evaluations, found, strict=True):
        cost = replay(nest, machine, translated(evaluation, nest))
        here, ours_there = cost.energy_pj + mac_pj * nest.macs, in_zigzag(evaluation, mapping)
        there += ours_there
        print(
            f"{str(evaluation.layer)[:30]:30} {evaluation.energy_total:14.3f} "
            f"{here / evaluation.energy_total - 1:+12.1e} {energy:17.3f} {ours_there:15.3f}"
        )
    print(
        f"in ZigZag's own accounting: ours {there:.3f}, ZigZag's {zigzag_total:.3f} pJ, "
        f"ratio {there / zigzag_total:.6f}"
    )


if __name__ == "__main__":
    main()
