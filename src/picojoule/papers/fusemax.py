"""FuseMax: attention in one pass on a spatial array, against FLAT and against no fusion."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from picojoule.cost.cascade import (
    FLAT,
    FUSEMAX,
    FUSEMAX_STALLED,
    ONE_PASS,
    THREE_PASS,
    Array,
    Cost,
    Design,
    Shape,
    evaluate,
    passes,
)
from picojoule.papers.paper import Finding, Paper, Verdict

CLOCK_HZ, BANDWIDTH_B_S = 940e6, 400 * 2**30
HEADS = {"BERT": 12, "TrXL": 16, "T5": 8, "XLM": 16}
BATCH, SIDE, MIB = 64, 256, 2**20
# pJ per action and per bit of the artefact's Accelergy tables; DRAM 249.6 pJ per 64 bit.
PJ = {"mac": 17.16, "add": 8.34, "max": 0.028, "divide": 36.25, "exp": 94.65}
DRAM_PJ_PER_BIT = 249.6 / 64

Row = dict[str, str]


def rows(data: Path, name: str) -> list[Row]:
    """Rows of one published table: model, seq_len, traffic (B), latency (s), energy (pJ)."""
    with (data / "fusemax" / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def cost(design: Design, row: Row, buffer_mib: int) -> Cost:
    """Our cost of the attention of one published row."""
    width = 128 if row["model"] == "XLM" else 64
    tokens = 1024 * (1024 if row["seq_len"] == "1M" else int(row["seq_len"].rstrip("K")))
    shape = Shape(BATCH * HEADS[row["model"]], tokens, tokens, width, width)
    return evaluate(design, shape, Array(SIDE, buffer_mib * MIB))


def error(design: Design, table: list[Row], buffer_mib: int = 16) -> float:
    """Largest relative difference of latency and traffic over the rows."""
    worst = 0.0
    for row in table:
        ours = cost(design, row, buffer_mib)
        latency_s = ours.latency_s(CLOCK_HZ, BANDWIDTH_B_S)
        for value, published in ((ours.traffic_b, "traffic"), (latency_s, "latency")):
            worst = max(worst, abs(value / float(row[published]) - 1))
    return worst


def check(data: Path | None) -> list[Finding]:
    """48 rows of FuseMax, 12 of FLAT, and the headline ratios."""
    if data is None:
        return []
    binding, stalled, flat = (rows(data, f"attn-{n}") for n in ("binding", "arch", "flat"))
    small = [r for r in flat if r["seq_len"] not in ("256K", "1M") and r["model"] != "XLM"]
    ends = [rows(data, f"end2end-{name}") for name in ("flat", "proposal")]
    return [
        Finding("passes over keys, FuseMax", 1, passes(ONE_PASS, "M1")),
        Finding("passes over keys, FLAT", 3, passes(THREE_PASS, "M")),
        Finding("error, 24 rows +Binding", 1e-9, error(FUSEMAX, binding), relation="<="),
        Finding("error, 24 rows +Architecture", 1e-9, error(FUSEMAX_STALLED, stalled), "", 0, "<="),
        Finding("error, 12 FLAT rows to 64K tokens", 1e-9, error(FLAT, small, 32), "", 0, "<="),
        Finding("speed-up over FLAT, its seconds as published", 6.72, _speed_up(flat, binding), "",
                1e-3),
        Finding("energy over FLAT, published joules alone", 0.787, _energy(flat, binding), "",
                1e-3),
        Finding("speed-up, end to end, our attention and published rest", 5.30,
                _speed_up(flat, binding, *ends), "", 1e-3),
        Finding("energy, end to end, published joules alone", 0.833, _energy(flat, binding, *ends),
                "", 1e-3),
        Finding("BERT-1K joules explained, FuseMax", 0.967, _explained(FUSEMAX, binding, 16), "",
                1e-3),
        Finding("BERT-1K joules explained, FLAT", 0.776, _explained(FLAT, flat, 32), "", 1e-3),
    ]  # fmt: skip


def _speed_up(
    flat: list[Row], ours: list[Row], flat_rest: Sequence[Row] = (), rest: Sequence[Row] = ()
) -> float:
    """Mean over the rows of FLAT's published latency over our FuseMax's."""
    ratios = []
    for i, (theirs, row) in enumerate(zip(flat, ours, strict=True)):
        a, b = float(theirs["latency"]), cost(FUSEMAX, row, 16).latency_s(CLOCK_HZ, BANDWIDTH_B_S)
        more = (float(flat_rest[i]["latency"]), float(rest[i]["latency"])) if rest else (0.0, 0.0)
        ratios.append((a + more[0]) / (b + more[1]))
    return sum(ratios) / len(ratios)


def _energy(
    flat: list[Row], ours: list[Row], flat_rest: Sequence[Row] = (), rest: Sequence[Row] = ()
) -> float:
    """Mean ratio of the published joules: register files and buffer are not in our model."""
    ratios = []
    for i, (theirs, row) in enumerate(zip(flat, ours, strict=True)):
        more = (float(flat_rest[i]["energy"]), float(rest[i]["energy"])) if rest else (0.0, 0.0)
        ratios.append((float(row["energy"]) + more[1]) / (float(theirs["energy"]) + more[0]))
    return sum(ratios) / len(ratios)


def _explained(design: Design, table: list[Row], buffer_mib: int) -> float:
    """Our joules of actions and DRAM over the published ones, BERT at 1K."""
    ours = cost(design, table[0], buffer_mib).energy_j(PJ, DRAM_PJ_PER_BIT)
    return ours / (float(table[0]["energy"]) * 1e-12)


PAPER = Paper(
    name="fusemax",
    row=181,
    title="FuseMax: leveraging extended einsums to optimize attention accelerator design",
    source="Nayak et al., MICRO 2024, arXiv 2406.10491; tables of its artefact (MIT)",
    claim="One pass over the keys on both arrays makes attention 6.7x faster than FLAT for 79% of "
    "its energy, and inference 5.3x for 83%.",
    composition="cost.cascade: ONE_PASS and THREE_PASS, FUSEMAX and FLAT designs, evaluate; "
    "energy ratios are arithmetic on the published joules",
    verdict=Verdict.REPRODUCED,
    check=check,
    needs=("fusemax",),
)
