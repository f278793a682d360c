"""The JSON Schemas that `pj schema` prints.

The structs are the truth; the schemas in `schemas/` are generated from them
(`python -m picojoule.report.published`), and a test keeps the two equal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from picojoule.report import (
    documents,
    documents_audit,
    documents_chips,
    documents_cluster,
    documents_explore,
    documents_footprint,
    documents_meter,
    documents_papers,
    documents_validate,
)
from picojoule.report.documents import to_json

__all__ = ["DOCUMENTS", "json_schema"]

DOCUMENTS: dict[str, type[Struct]] = {
    "audit": documents_audit.AuditDocument,
    "chip": documents_chips.ChipDocument,
    "chips": documents_chips.ChipsDocument,
    "compare": documents.CompareDocument,
    "doctor": documents_meter.DoctorDocument,
    "explore": documents_explore.ExploreDocument,
    "factors": documents_footprint.FactorsDocument,
    "footprint": documents_footprint.FootprintDocument,
    "ledger": documents.LedgerDocument,
    "measure": documents_meter.MeasureDocument,
    "optimize": documents.OptimizeDocument,
    "papers": documents_papers.PapersDocument,
    "plan": documents_cluster.PlanDocument,
    "predict": documents_validate.PredictDocument,
    "profile": documents.ProfileDocument,
    "reproduce": documents_papers.ReproduceDocument,
    "run": documents_meter.RunDocument,
    "simulate": documents_cluster.SimulateDocument,
    "validate": documents_validate.ValidateDocument,
}


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of a document."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, **msgspec.json.schema(DOCUMENTS[name])}


if __name__ == "__main__":
    for _name in DOCUMENTS:
        _path = Path(__file__).with_name("schemas") / f"{_name}.json"
        _path.write_text(to_json(json_schema(_name)) + "\n")
