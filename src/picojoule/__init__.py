"""picojoule: measure, predict and reduce the energy of neural networks.

A Graph says what runs, a Chip says what each action costs, a Ledger says where the joules go.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Public name -> module that defines it. Loaded on first use, so that `import picojoule` costs
# milliseconds and needs neither torch nor scipy.
_HOME = {
    "Accuracy": "picojoule.verify",
    "Chip": "picojoule.chips",
    "Evidence": "picojoule.quantity",
    "Front": "picojoule.search",
    "Graph": "picojoule.graph",
    "Ledger": "picojoule.ledger",
    "PicojouleError": "picojoule.errors",
    "compare": "picojoule.comparison",
    "estimate": "picojoule.cost",
    "doctor": "picojoule.meter",
    "footprint": "picojoule.carbon",
    "load": "picojoule.deploy",
    "load_chip": "picojoule.chips",
    "measure": "picojoule.meter",
    "meter": "picojoule.meter",
    "optimize": "picojoule.search",
    "predict": "picojoule.calibrate",
    "simulate": "picojoule.cluster",
    "trace": "picojoule.graph.trace",
    "validate": "picojoule.calibrate",
}

__all__ = sorted(_HOME)  # noqa: PLE0605  (a list, built from the table above)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'picojoule' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
