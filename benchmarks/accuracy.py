"""Predicted against measured on every public set, groups left out: writes docs/accuracy.md.

python benchmarks/accuracy.py --data FOLDER [SET ...]
Also the error on a new board told by five measurements (Raspberry Pi 4, MLPerf), and the time of
`pj predict` on 10,000 rows. Takes ten minutes.
"""

import argparse
import time
from pathlib import Path

from picojoule.calibrate import Validation, validate
from picojoule.calibrate.mlperf.regimes import by_regime, new_boards
from picojoule.calibrate.predict import predict_table
from picojoule.calibrate.sets import SETS, measured_set
from picojoule.calibrate.table import Table
from picojoule.report.documents_validate import scores_document, validate_document
from picojoule.report.page_accuracy import accuracy_page

ROWS = 10_000
PAGE = Path(__file__).parents[1] / "docs/accuracy.md"


def by_kind(found: Validation, folder: Path):
    """Errors by what was new: a family, a system, an accelerator; a Pi 4 told by 5 of its rows."""
    kinds = {
        **by_regime(found),
        **{f"Raspberry Pi 4 from 5 of its rows, {machine}": scores
           for machine, scores in new_boards(folder, "BCM2711").items()},
    }  # fmt: skip
    for kind, s in kinds.items():
        print(f"  {kind}: {s.rows} rows, {s.median:.1%} / {s.mean:.1%}, covered {s.coverage:.0%}")
    return [(found.name, kind, scores_document(s)) for kind, s in kinds.items()]


def speed(folder: Path, name: str) -> float:
    known = measured_set(name)
    table = known.find(folder)
    columns = tuple(c for c in table.columns if c not in known.measured)
    rows = [{c: row[c] for c in columns} for row in table.rows]
    many = tuple(rows[i % len(rows)] for i in range(ROWS))
    began = time.perf_counter()
    predict_table(known, Table(columns, many))
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("sets", nargs="*", default=list(SETS))
    options = parser.parse_args()
    documents, more = [], []
    for name in options.sets:
        began = time.perf_counter()
        found = validate(options.data, name)
        documents.append(validate_document(found))
        if name == "mlperf-inference":
            more += by_kind(found, options.data)
        s, took = documents[-1].scores, time.perf_counter() - began
        fast = f"{ROWS} rows predicted in {speed(options.data, name):.2f} s"
        print(f"{name}: median {s.median:.1%} mean {s.mean:.1%} covered {s.coverage:.0%}", end=", ")
        print(f"{took:.0f} s; {fast}", flush=True)
    if set(options.sets) == set(SETS):
        PAGE.write_text(accuracy_page(documents, more))


if __name__ == "__main__":
    main()
