"""Fetch traces: traffic by hand, cascade pruning, refetches, and bad rows with their line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picojoule.cost.pim import (
    Fetch,
    cascade,
    dense_kv_bits,
    kv_bits,
    needs_low_bits,
    read_fetches,
)
from picojoule.errors import InputError

HEADER = (
    "iteration_id,layer_id,head_id,embedding_length_D,sentence_length_L,key_fetch_num,"
    "quant_key_bit,quant_query_bit,auto_requant_thres,if_requant,auto_requant_incre,"
    "value_fetch_num,quant_value_bit,if_accumulate_importance,if_rescale_previous_importance,"
    "if_topk,topk\n"
)
ROW = "0,2,1,64.0,100,50,6,16,0.05,True,4,10,6,True,False,False,-1\n"


def write(folder: Path, body: str) -> Path:
    file = folder / "trace.csv"
    file.write_text(HEADER + body)
    return file


def test_traffic_by_hand(tmp_path: Path) -> None:
    name = "configs/some.yml" + "," * 16 + "\n"
    fetches = read_fetches(write(tmp_path, ROW + name))
    assert fetches == [Fetch(0, 2, 1, 64, 100, 50, 10, 6, 6, 4, True)]
    assert kv_bits(fetches) == 64 * (50 * (6 + 4) + 10 * 6)
    assert dense_kv_bits(fetches) == 2 * 64 * 100 * 12


def test_without_pruning_or_quantisation_nothing_is_saved(tmp_path: Path) -> None:
    row = "0,0,0,64.0,993,993,-1,-1,-1,False,-1,993,-1,True,False,False,-1\n"
    fetches = read_fetches(write(tmp_path, row))
    assert kv_bits(fetches, 16) == dense_kv_bits(fetches, 16)


@pytest.mark.parametrize("bad", [
    ROW.replace("64.0", "wide"),
    ROW.replace("64.0", "nan"),
    ROW.replace("64.0", "inf"),
    ROW.replace("64.0", "0"),
    ROW.replace(",50,", ",101,"),
    ROW.replace(",10,", ",-1,"),
    ROW.replace("0.05,True", "0.05,perhaps"),
    ROW.replace("True,4", "True,-1"),
    ROW.replace("50,6,16", "50,0,16"),
    "0,2,1,64.0,100\n",
])  # fmt: skip
def test_a_bad_row_names_its_line(tmp_path: Path, bad: str) -> None:
    with pytest.raises(InputError) as caught:
        read_fetches(write(tmp_path, ROW + bad + ROW))
    assert caught.value.where == "trace.csv:3"


def test_a_configuration_in_the_middle_is_a_bad_row(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a row"):
        read_fetches(write(tmp_path, ROW + "configs/some.yml" + "," * 16 + "\n" + ROW))


def test_impossible_bits_are_refused() -> None:
    for call in (kv_bits, dense_kv_bits):
        with pytest.raises(InputError, match="number of bits"):
            call([], 0)


def test_low_bits_are_for_flat_rows() -> None:
    rows = np.array([[0.9, 0.05, 0.05], [0.04, 0.03, 0.04]])
    assert needs_low_bits(rows, 0.05).tolist() == [False, True]


def test_cascade_by_hand() -> None:
    # Token 1 leaves after layer 0; its attention in layer 1 no longer counts.
    layers = [[[0.5, 0.1, 0.4]], [[0.1, 0.8, 0.3]], [[0.0, 0.9, 0.1]]]
    assert cascade(layers, [2, 1, 1]) == [[0, 1, 2], [0, 2], [2]]


@given(st.data())
def test_pruned_tokens_never_come_back(data) -> None:
    tokens = data.draw(st.integers(1, 8))
    keep = sorted(data.draw(st.lists(st.integers(1, tokens), min_size=1, max_size=5)), reverse=True)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    fetched = cascade([rng.dirichlet(np.ones(tokens), size=3) for _ in keep], keep)
    assert fetched[0] == list(range(tokens))
    for before, after, left in zip(fetched, fetched[1:], keep, strict=False):
        assert set(after) <= set(before)
        assert len(after) == left


@pytest.mark.parametrize(("layers", "keep"), [
    ([[0.5, 0.5]], [3]),
    ([[0.5, 0.5]], [0]),
    ([[0.5, 0.5], [0.5, 0.5]], [1, 2]),
    ([[0.5, 0.5], [1.0]], [1, 1]),
    ([[0.5, 0.5]], [1, 1]),
])  # fmt: skip
def test_impossible_cascades_are_refused(layers, keep) -> None:
    with pytest.raises(InputError):
        cascade(layers, keep)
