"""Realistic made-up data for the views: a 50-layer CNN's ledger and a search with 14 candidates."""

from __future__ import annotations

from picojoule.ledger import Ledger, Row
from picojoule.quantity import Evidence

BANDWIDTH, PEAK = 3.35e12, 9.9e14 / 2
MODELLED, ASSUMED = Evidence.MODELLED, Evidence.ASSUMED


def cnn_ledger(scale: float = 1.0, **meta) -> Ledger:
    """A ResNet-50 shape: 16 bottlenecks of three convolutions, with residual adds."""
    rows = list(_layer("stem.conv", "conv", 118e6, 1.6e6, 1.2e6, scale))
    for stage, (blocks, size) in enumerate([(3, 0.2e6), (4, 0.8e6), (6, 2.4e6), (3, 6.0e6)], 1):
        for block in range(blocks):
            path = f"layer{stage}.{block}"
            for i, work in enumerate((51e6, 115e6, 51e6), 1):
                heavy = work * (1.6 if block == 0 else 1)
                moved = size / (3 - i % 2)
                yield_rows = _layer(f"{path}.conv{i}", "conv", heavy, 2.4e6 / stage, moved, scale)
                rows.extend(yield_rows)
            rows.extend(_layer(path, "elementwise", 0, 1.6e6 / stage, 0, scale))
    rows.extend(_layer("head.fc", "matmul", 2.05e6, 4e3, 4.1e6, scale))
    notes = ["time is the slowest of compute and each memory level, plus launches",
             "the input batch is read once from main memory"]  # fmt: skip
    return Ledger.of(rows, **{"model": "resnet50", "chip": "h100-sxm", "runtime": "torch-compile",
                              "notes": notes, "chip_hash": "fake", "batch": 16,
                              "constants": CONSTANTS, "roofline": ROOFLINE, **meta})  # fmt: skip


CONSTANTS = [
    {"name": "mac_pj.bfloat16", "value": 0.32, "low": 0.22, "high": 0.48, "unit": "pJ",
     "source": "vendor datasheet, TDP at peak throughput", "evidence": "modelled"},
    {"name": "memory.hbm.read_pj_per_bit", "value": 3.9, "low": 3.5, "high": 5.5, "unit": "pJ/bit",
     "source": "O'Connor et al., MICRO 2017, table 3", "evidence": "modelled"},
    {"name": "launch_uj", "value": 40.0, "low": 10.0, "high": 90.0, "unit": "µJ",
     "source": "", "evidence": "assumed"},
]  # fmt: skip

ROOFLINE = {"peak_mac_s": {"bfloat16": PEAK, "int8": 2 * PEAK, "float32": PEAK / 15},
            "bandwidth_b_s": {"hbm": BANDWIDTH, "l2": 5.5e12}}  # fmt: skip


def _layer(module, kind, macs, activation_bytes, weight_bytes, scale):
    macs, activation_bytes = 16 * macs, 16 * activation_bytes
    seconds = max(macs / (PEAK * 0.3), (2 * activation_bytes + weight_bytes) / (BANDWIDTH * 0.7))

    def row(component, level, count, picojoules, operand="", time_s=0.0, evidence=MODELLED):
        energy = count * picojoules * 1e-12 * scale
        return Row(f"{module}.{kind}", component, level, count, energy, 0.7 * energy, 1.5 * energy,
                   evidence, module, "forward", kind, operand,
                   time_s, 0.8 * time_s, 1.3 * time_s)  # fmt: skip

    if macs:
        yield row("mac", "tensor core", macs, 0.32, "bfloat16", seconds)
    else:
        yield row("vector", "vector unit", activation_bytes / 2, 1.4, "bfloat16", seconds)
    yield row("read", "hbm", activation_bytes, 31, "input")
    if weight_bytes:
        yield row("read", "hbm", weight_bytes, 31, "weight")
    yield row("write", "hbm", activation_bytes, 31, "output")
    yield row("read", "l2", 3 * activation_bytes, 8, "input")
    yield row("launch", "host", 1, 4e7, time_s=2e-6, evidence=ASSUMED)
    yield row("static", "chip", seconds + 2e-6, 1.1e14)


def optimize_document() -> dict:
    """A MobileNetV2 search on a CPU: 14 candidates of every status."""
    rows = [
        # name, recipe, runtime, precision, effective, status, accuracy, joules, wall ms, MB, reason
        ("eager", "as given", "torch-eager", "fp32", "fp32, all 53 ops", "dominated",
         .918, .610, 15.2, 14.2, None),
        ("compile fp32", "as given", "torch-compile", "fp32", "fp32, all 53 ops", "dominated",
         .918, .292, 7.3, 14.2, None),
        ("ort fp32", "as given", "onnxruntime", "fp32", "fp32, all 53 ops", "front",
         .918, .196, 4.9, 14.1, None),
        ("openvino fp32", "as given", "openvino", "fp32", "fp32, all 53 ops", "dominated",
         .918, .212, 5.3, 14.1, None),
        ("openvino bf16", "as given", "openvino", "bf16", "bf16 97%, fp32 3% of 53 ops", "front",
         .917, .099, 2.45, 14.1, None),
        ("openvino int8", "static int8, per channel", "openvino", "int8",
         "int8 92%, fp32 8% of 53 ops", "dominated", .911, .137, 3.4, 4.0, None),
        ("openvino int8+bf16", "static int8, per channel", "openvino", "int8+bf16",
         "int8 92%, bf16 8% of 53 ops", "front", .911, .093, 2.3, 4.0, None),
        ("ort int8", "static int8, U8S8", "onnxruntime", "int8", "int8, all 53 ops", "inconclusive",
         .909, .100, 2.5, 3.9, "the accuracy drop lies between 0.2 and 1.6 points: needs about "
         "4,000 samples to decide, has 1,000"),
        ("compile int8", "PT2E static int8", "torch-compile", "int8",
         "int8 90%, fp32 10% of 53 ops",
         "rejected", .887, .180, 4.5, 4.1, "accuracy fell by 3.1 points, beyond the bound of 1"),
        ("prune 30% + int8+bf16", "channels −30%, then static int8", "openvino", "int8+bf16",
         "int8 92%, bf16 8% of 53 ops", "front", .909, .071, 1.76, 2.2, None),
        ("prune 50% + int8+bf16", "channels −50%, then static int8", "openvino", "int8+bf16",
         "int8 92%, bf16 8% of 53 ops", "rejected", .868, .052, 1.3, 1.3,
         "accuracy fell by 5.0 points, beyond the bound of 1"),
        ("prune 50% unstructured", "magnitude −50%, unstructured", "onnxruntime", "fp32",
         "fp32, all 53 ops", "dominated", .915, .198, 4.9, 14.1,
         "saves nothing here: this runtime stores and multiplies the zeros"),
        ("eager int8", "dynamic int8", "torch-eager", "int8", None, "infeasible",
         None, None, None, None, "torch-eager can't run int8: eager int8 is slower than fp32"),
        ("prune 70% + int8", "channels −70%, then static int8", "openvino", "int8", None, "skipped",
         None, None, None, None, "the budget of 600 s was spent"),
    ]  # fmt: skip
    return {
        "schema": "picojoule/optimize/1", "model": "mobilenet_v2", "chip": "x86-avx512",
        "max_drop": 0.01, "baseline": "ort fp32", "reference": "eager",
        "chosen": "prune 30% + int8+bf16", "candidates": [_candidate(*r) for r in rows],
        "notes": ["energy is modelled from CPU time: this machine has no readable energy counter"],
        "environment": {"cpu": "x86-64, AVX512-VNNI", "threads": 2, "torch": "2.13.0"},
        "seed": 0,
    }  # fmt: skip


def _candidate(name, recipe, runtime, precision, effective, status, score, joules, ms, mb, reason):
    def about(value, spread):
        return value and {
            "value": value, "low": value * (1 - spread), "high": value * (1 + spread)}  # fmt: skip

    known = {"unit": "J", "evidence": "modelled"}
    predicted = joules * 1.15 if joules else 0.11
    return {
        "name": name, "recipe": recipe, "runtime": runtime, "precision": precision,
        "effective_precision": effective, "status": status, "reason": reason,
        "prune_ratio": float(name[6:8]) / 100 if name.startswith("prune") else 0.0,
        "accuracy": score and
            {"value": score, "low": score - 0.008, "high": score + 0.007, "n": 1000},
        "drop": score and {"value": .918 - score, "low": .914 - score, "high": .9215 - score},
        "energy": joules and {**about(joules, 0.06), **known},
        "predicted_energy": {**about(predicted, 0.4), **known},
        "wall_s": about(ms and ms / 1e3, 0.04), "cpu_s": about(ms and 2 * ms / 1e3, 0.03),
        "size_bytes": mb and int(mb * 1e6),
    }  # fmt: skip
