"""python -m picojoule.calibrate.refit NAME --data DIR: fit a set's constants and store them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from picojoule.calibrate.measured_set import Predictor
from picojoule.calibrate.sets import SETS, measured_set
from picojoule.calibrate.shipped import write_shipped
from picojoule.errors import InputError

__all__ = ["main", "refit"]


def refit(name: str, folder: Path) -> tuple[Predictor, int]:
    """A predictor fitted to every usable row of a set in `folder`, and how many rows that is.

    Raises InputError: unknown set, no file, no usable row.
    """
    known = measured_set(name)
    table = known.find(folder)
    parsed = known.parse(table)
    rows = parsed.usable()
    if rows.size == 0:
        raise InputError("no row can be used", where=table.where, expected="measured rows")
    return known.fit([parsed.configs[i] for i in rows], parsed.energy_j[rows]), int(rows.size)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("name", choices=[*SETS, "all"])
    options.add_argument("--data", type=Path, required=True, help="Folder of public files.")
    asked = options.parse_args(arguments)
    for name in SETS if asked.name == "all" else [asked.name]:
        path = write_shipped(name, *refit(name, asked.data))
        sys.stderr.write(f"wrote {path}\n")


if __name__ == "__main__":
    main()
