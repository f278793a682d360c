"""Traces: both layouts, in chunks, and every wrong row with its line. Synthetic arrivals."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picojoule.cluster import (
    Requests,
    fit_arrivals,
    load_trace,
    ramped,
    read_trace,
    scaled,
    synthetic,
)
from picojoule.cluster.requests import join, with_priorities
from picojoule.errors import InputError

DATA = Path(os.environ.get("PICOJOULE_DATA", Path(__file__).parents[4] / "shared/data"))
AZURE = DATA / "azure_llm_2023"
needs_azure = pytest.mark.skipif(
    not AZURE.exists(), reason="the Azure LLM traces are not here: set PICOJOULE_DATA"
)
HEAD = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
OURS = "arrival_s,prompt_tokens,output_tokens,priority\n"


def write(tmp_path, text, name="t.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_azures_layout(tmp_path):
    text = HEAD + "2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:50.9951690,396,109\r\n"
    trace = load_trace(write(tmp_path, text))
    assert trace.arrival_s == pytest.approx([0, 4.314579])
    assert trace.prompt_tokens.tolist() == [374, 396]
    assert trace.priority.tolist() == [-1, -1]


def test_our_layout_with_priorities(tmp_path):
    trace = load_trace(write(tmp_path, OURS + "0.5,10,2,low\n0.5,11,3,high\n2,12,4,\n"))
    assert trace.arrival_s.tolist() == [0.5, 0.5, 2]
    assert trace.priority.tolist() == [0, 1, -1]


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_parquet_is_the_csv(tmp_path, chunk):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    stamps = np.array(["2023-11-16T18:15:46.68", "2023-11-16T18:15:47.5", "2023-11-16T18:16:00"],
                      dtype="datetime64[us]")  # fmt: skip
    columns = {"TIMESTAMP": stamps, "ContextTokens": [1, 2, 3], "GeneratedTokens": [4, 5, 6]}
    parquet.write_table(arrow.table(columns), tmp_path / "t.parquet")
    trace = join(list(read_trace(tmp_path / "t.parquet", chunk)))
    assert trace.arrival_s == pytest.approx([0, 0.82, 13.32])
    assert trace.output_tokens.tolist() == [4, 5, 6]


@needs_azure
@pytest.mark.parametrize(("name", "rows", "mean"), [("conv", 19366, 211.1), ("code", 8819, 27.9)])
def test_the_published_traces(name, rows, mean):
    path = AZURE / f"AzureLLMInferenceTrace_{name}.csv"
    whole, chunks = load_trace(path), list(read_trace(path, 1000))
    assert len(whole) == rows
    assert whole.output_tokens.mean() == pytest.approx(mean, abs=0.05)
    assert max(len(c) for c in chunks) == 1000
    assert np.array_equal(join(chunks).arrival_s, whole.arrival_s)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,c\n1,2,3\n", r"(?s)t.csv:1: unknown header.*TIMESTAMP"),
        (OURS + "0,1,1,low\n1,2\n", r"(?s)t.csv:3: malformed row.*'1,2'"),
        (OURS + "0,1,1,low\n1,x,3,low\n", "t.csv:3: malformed row"),
        (OURS + "0,1,1,urgent\n", "t.csv:2: malformed row"),
        (HEAD + "2023-11-16 18:15:46,1,1\nyesterday,1,1\n", "t.csv:3: malformed row"),
        (HEAD + "2023-11-16 18:15:46,1,1\n2023-11-16 18:15:45,1,1\n", "t.csv:3: .*negative"),
        (OURS + "0,1,1,low\n3,1,1,low\n2,1,1,low\n", r"(?s)t.csv:4: arrivals are not sorted.*2\.0"),
        (OURS + "-1,1,1,low\n", "t.csv:2: an arrival is negative"),
        (OURS + "nan,1,1,low\n", "t.csv:2: an arrival is not a number"),
        (OURS + "0,1,1,low\n1,0,1,low\n", "t.csv:3: prompt_tokens is not a count from 1"),
        (OURS + "0,1,-4,low\n", "t.csv:2: output_tokens is not a count from 1"),
        (OURS + "0,1,999999999999999999999999,low\n", "t.csv:2: malformed row"),
        (HEAD, "the trace has no requests"),
    ],
)
@pytest.mark.parametrize("chunk", [1, 100])
def test_wrong_rows_have_their_line(tmp_path, text, message, chunk):
    with pytest.raises(InputError, match=message.replace("negative", "(negative|sorted)")):
        list(read_trace(write(tmp_path, text), chunk))


def test_files_that_are_no_traces(tmp_path):
    with pytest.raises(InputError, match="can't read: No such file"):
        load_trace(tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"(?s)not a trace.*csv or .parquet"):
        read_trace(tmp_path / "t.xlsx")
    pytest.importorskip("pyarrow")
    with pytest.raises(InputError, match="malformed Parquet"):
        load_trace(write(tmp_path, "not parquet", "t.parquet"))
    binary = tmp_path / "b.csv"
    binary.write_bytes(HEAD.encode() + b"\xff\xfe\n")
    with pytest.raises(InputError, match="not UTF-8"):
        load_trace(binary)


def test_priorities_are_drawn_once_whatever_the_chunks():
    trace = Requests.of(np.arange(1000.0), np.ones(1000, int), np.ones(1000, int))
    (whole,) = with_priorities([trace], 0.3, 7)
    parts = join(list(with_priorities((trace[i : i + 33] for i in range(0, 1000, 33)), 0.3, 7)))
    assert np.array_equal(whole.priority, parts.priority)
    assert whole.priority.mean() == pytest.approx(0.7, abs=0.05)
    known = replace(trace, priority=np.ones(1000, np.int8))
    assert next(with_priorities([known], 0.3, 7)).priority.all()


def test_a_fit_finds_what_made_the_trace():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 100, (2, 500))
    plain = Requests.of(np.sort(rng.uniform(0, 1e5, 50_000)), rng.integers(1, 9, 50_000),
                        rng.integers(1, 9, 50_000))  # fmt: skip
    found = fit_arrivals(plain)
    assert found.rate_per_s == pytest.approx(0.5, rel=0.02)
    assert found.shape > 100  # plain Poisson has an infinite one
    bursty = replace(found, shape=4.0, correlation=0.8, rate_per_s=2.0, prompt_tokens=lengths[0],
                     output_tokens=lengths[1])  # fmt: skip
    again = fit_arrivals(join(list(synthetic(bursty, 400_000, seed=3))))
    assert again.rate_per_s == pytest.approx(2.0, rel=0.05)
    assert again.shape == pytest.approx(4.0, rel=0.15)
    assert again.correlation == pytest.approx(0.8, abs=0.06)


def test_synthetic_requests_follow_the_day_and_the_seed():
    source = fit_arrivals(Requests.of(np.arange(1, 1001.0), np.ones(1000, int), np.ones(1000, int)))
    day = replace(source, daily_swing=0.5)
    one, two = (join(list(synthetic(day, 86_400, seed=s))) for s in (1, 1))
    assert np.array_equal(one.arrival_s, two.arrival_s)
    hours = np.bincount((one.arrival_s // 3600).astype(int), minlength=24)
    assert hours[12] / hours[0] == pytest.approx(3, rel=0.15)  # 1.5 : 0.5
    assert (np.diff(one.arrival_s) >= 0).all()


@settings(max_examples=40, deadline=None)
@given(factor=st.floats(0.05, 4), seed=st.integers(0, 99))
def test_scaling_keeps_the_span_and_multiplies_the_load(factor, seed):
    rng = np.random.default_rng(seed)
    trace = Requests.of(np.sort(rng.uniform(0, 1000, 3000)), rng.integers(1, 99, 3000),
                        rng.integers(1, 99, 3000))  # fmt: skip
    more = scaled(trace, factor, seed)
    assert len(more) == pytest.approx(3000 * factor, abs=4 * 60)
    assert (np.diff(more.arrival_s) >= 0).all()
    assert set(zip(more.prompt_tokens, more.output_tokens, strict=True)) <= set(
        zip(trace.prompt_tokens, trace.output_tokens, strict=True)
    )


def test_a_ramp_lets_the_load_in():
    trace = Requests.of(np.linspace(0, 1000, 10_001), np.ones(10_001, int), np.ones(10_001, int))
    slow = ramped(trace, 500)
    early = (slow.arrival_s < 250).sum() / 2500
    assert early == pytest.approx(0.25, abs=0.03)
    assert (slow.arrival_s >= 500).sum() == (trace.arrival_s >= 500).sum()
    assert ramped(trace, 0) is trace


def test_impossible_loads():
    trace = Requests.of([0.0, 1.0], [1, 1], [1, 1])
    for factor in (0, -1, float("nan")):
        with pytest.raises(InputError, match="load factor must be positive"):
            scaled(trace, factor)
    with pytest.raises(InputError, match="too short to fit"):
        fit_arrivals(trace)
    with pytest.raises(InputError, match="differ in length"):
        Requests.of([0.0, 1.0], [1], [1, 1])
