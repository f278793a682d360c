"""FuseMax, FLAT and the unfused cascade against the tables of FuseMax's artefact (MIT).

PICOJOULE_DATA names the folder that has fusemax/.
"""

import os
from pathlib import Path

import pytest

from picojoule.cost.cascade import FLAT, FUSEMAX, FUSEMAX_STALLED, UNFUSED
from picojoule.papers.fusemax import BANDWIDTH_B_S, CLOCK_HZ, cost, rows

DATA = Path(os.environ.get("PICOJOULE_DATA", Path(__file__).parents[3] / "shared/data"))
pytestmark = pytest.mark.skipif(
    not (DATA / "fusemax").exists(), reason="FuseMax's tables are not here: set PICOJOULE_DATA"
)


def pairs(design, name, mib):
    """(row, our traffic over theirs, our latency over theirs)."""
    for row in rows(DATA, name):
        ours = cost(design, row, mib)
        traffic = ours.traffic_b / float(row["traffic"])
        yield row, traffic, ours.latency_s(CLOCK_HZ, BANDWIDTH_B_S) / float(row["latency"])


@pytest.mark.parametrize(
    ("design", "name"), [(FUSEMAX, "attn-binding"), (FUSEMAX_STALLED, "attn-arch")]
)
def test_all_rows_of_fusemax(design, name):
    found = list(pairs(design, name, 16))
    assert len(found) == 24
    for row, traffic, latency in found:
        assert traffic == pytest.approx(1, rel=1e-9), row
        assert latency == pytest.approx(1, rel=1e-9), row


def test_flat_to_64k_tokens():
    small = [p for p in pairs(FLAT, "attn-flat", 32) if p[0]["seq_len"] not in ("256K", "1M")]
    assert len(small) == 16
    for row, traffic, latency in small:
        assert latency == pytest.approx(1, rel=1e-9), row
        if row["model"] != "XLM":  # its published mapping keeps keys and values on chip
            assert traffic == pytest.approx(1, rel=1e-9), row


def test_flat_is_bound_by_the_1d_array_or_by_its_published_traffic():
    for row in rows(DATA, "attn-flat"):
        compute_s = cost(FLAT, row, 32).kernels[0].cycles / CLOCK_HZ
        memory_s = float(row["traffic"]) / BANDWIDTH_B_S
        assert float(row["latency"]) == pytest.approx(max(compute_s, memory_s), rel=1e-9), row


def test_unfused():
    for row, traffic, latency in pairs(UNFUSED, "attn-unfused", 32):
        large = row["seq_len"] in ("256K", "1M")  # there the published mapper reads some twice
        assert traffic == pytest.approx(1, rel=4e-3 if large else 1e-9), row
        assert latency == pytest.approx(1, rel=4e-3 if large else 1e-9), row
