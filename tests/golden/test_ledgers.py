"""Ledgers of the zoo equal the stored ones.

After a change on purpose: PJ_UPDATE_GOLDEN=1 pytest tests/golden, and say in the
commit why joules moved.
"""

import json
import os
import sys
import warnings
from pathlib import Path

import pytest

import picojoule as pj

sys.path.insert(0, str(Path(__file__).parent))
zoo = pytest.importorskip("zoo", reason="needs the torch, deploy and models extras")

FOLDER = Path(__file__).parent / "ledgers"


def compact(ledger: pj.Ledger) -> dict[str, object]:
    """Joules and seconds by module, component and level, with 9 significant digits."""
    groups = ledger.group_by("phase", "module", "component", "level")
    rows = {
        " ".join(key): [float(f"{v:.9g}") for v in
                        (t.energy.value, t.energy.low, t.energy.high, t.time.value)]
        for key, t in groups.items()
    }  # fmt: skip
    total = ledger.total()
    return {
        "counts": dict(ledger.meta["counts"]), "coverage": total.coverage,
        "evidence": total.energy.evidence.word, "rows": rows,
    }  # fmt: skip


@pytest.mark.parametrize("name", list(zoo.ZOO))
def test_ledger_equals_the_stored_one(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter deprecates its own insides
        graph = zoo.ZOO[name]()
    found = json.loads(json.dumps(compact(pj.estimate(graph, zoo.CHIP))))
    path = FOLDER / f"{name}.json"
    if os.environ.get("PJ_UPDATE_GOLDEN") == "1":
        path.write_text(json.dumps(found, indent=1) + "\n")
    stored = json.loads(path.read_text())
    assert found["counts"] == stored["counts"]
    assert found["rows"].keys() == stored["rows"].keys()
    for key, row in stored["rows"].items():
        assert found["rows"][key] == pytest.approx(row, rel=1e-8), key
    assert (found["coverage"], found["evidence"]) == (stored["coverage"], stored["evidence"])
