"""Power policies: what watches the power of a row and acts on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from picojoule.cluster.policies.all_low import AllLow
from picojoule.cluster.policies.base import Command, PowerPolicy, SetAwake, SetClock, Telemetry
from picojoule.cluster.policies.none import NoPolicy
from picojoule.cluster.policies.one_threshold import OneThreshold, OneThresholdLow
from picojoule.cluster.policies.polca import Polca
from picojoule.cluster.policies.request_clock import RequestClock
from picojoule.cluster.policies.sleep import Sleep
from picojoule.cluster.policies.static_cap import StaticCap
from picojoule.errors import InputError, nearest

__all__ = [
    "POLICIES", "AllLow", "Command", "NoPolicy", "OneThreshold", "OneThresholdLow", "Polca",
    "PowerPolicy", "RequestClock", "SetAwake", "SetClock", "Sleep", "StaticCap", "Telemetry",
    "make_policy",
]  # fmt: skip

POLICIES: dict[str, type[Any]] = {
    "none": NoPolicy,
    "static-cap": StaticCap,
    "polca": Polca,
    "one-threshold": OneThreshold,
    "one-threshold-low": OneThresholdLow,
    "all-low": AllLow,
    "request-clock": RequestClock,
    "sleep": Sleep,
}
"""By the name that `pj simulate --policy` takes."""


def make_policy(name: str, constants: Mapping[str, float] | None = None) -> PowerPolicy:
    """A fresh policy. Raises InputError for an unknown name or constant, with the nearest."""
    if name not in POLICIES:
        raise InputError(f"no power policy {name!r}", fix=nearest(name, POLICIES))
    known = [f.name for f in fields(POLICIES[name]) if not f.name.startswith("_")]
    for key in constants or {}:
        if key not in known:
            raise InputError(f"policy {name!r} has no constant {key!r}", fix=nearest(key, known))
    policy: PowerPolicy = POLICIES[name](**(constants or {}))
    return policy
