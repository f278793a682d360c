"""What a chip adds to a ledger's report: its constants with their sources, and its ceilings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from picojoule.chips import Chip, Constant
from picojoule.ledger import Ledger

__all__ = ["ceilings", "constant_rows", "constants", "with_appendix"]


def with_appendix(ledger: Ledger, chip: Chip) -> Ledger:
    """The ledger with `constants` and `roofline` in its meta, so that its report is complete."""
    appendix = {"constants": constant_rows(chip), "roofline": ceilings(chip)}
    return replace(ledger, meta={**ledger.meta, **appendix})


def constants(chip: Chip) -> list[tuple[str, Constant]]:
    """Every constant of a chip with its path: 'memory.hbm.read_pj_per_bit'."""
    return list(_walk(chip, ""))


def _walk(node: Any, path: str) -> Iterator[tuple[str, Constant]]:
    if isinstance(node, Constant):
        yield path, node
    for name, child in _children(node):
        yield from _walk(child, f"{path}.{name}" if path else name)


def _children(node: Any) -> list[tuple[str, Any]]:
    if isinstance(node, Mapping):
        return [(str(k), v) for k, v in node.items()]
    if isinstance(node, tuple):
        return [(getattr(v, "name", str(i)), v) for i, v in enumerate(node)]
    if isinstance(node, msgspec.Struct) and not isinstance(node, Constant):
        return [(f, getattr(node, f)) for f in node.__struct_fields__]
    return []


def constant_rows(chip: Chip) -> list[dict[str, Any]]:
    """The constants as JSON."""
    return [_row(*c) for c in constants(chip)]


def _row(name: str, constant: Constant) -> dict[str, Any]:
    return {
        "name": name,
        "value": constant.value,
        "low": constant.low,
        "high": constant.high,
        "source": constant.source,
        "evidence": constant.evidence.word,
    }


def ceilings(chip: Chip) -> dict[str, dict[str, float]]:
    """Peak MAC/s by format and bandwidth by memory level, for a roofline figure."""
    peaks: dict[str, float] = {}
    for unit in chip.compute:
        if "contraction" in unit.kinds:
            for name, peak in unit.peak_op_s.items():
                peaks[name] = max(peak.value, peaks.get(name, 0.0))
    bandwidth = {m.name: m.bandwidth_b_s.value for m in chip.memory}
    return {"peak_mac_s": peaks, "bandwidth_b_s": bandwidth}
