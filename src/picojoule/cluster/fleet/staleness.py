"""How much an update that started from an old model may count."""

from __future__ import annotations

from picojoule.errors import InputError

__all__ = ["hinge", "polynomial"]


def polynomial(staleness: int, a: float = 0.5) -> float:
    """(staleness + 1)^-a: 1 for a fresh update, less for an old one (FedAsync, arXiv 1903.03934,
    section 5.2). Raises InputError for a below 0, which would favour the stale."""
    if a < 0 or staleness < 0:
        raise InputError(
            "staleness or its exponent is negative", got=(staleness, a), expected="both 0 or more"
        )
    return float((staleness + 1) ** -a)


def hinge(staleness: int, a: float = 10.0, b: float = 4.0) -> float:
    """1 up to a staleness of b, then 1/(a (staleness − b) + 1) (FedAsync, section 5.2)."""
    if a < 0 or b < 0 or staleness < 0:
        raise InputError("a number is negative", got=(staleness, a, b), expected="all 0 or more")
    return 1.0 if staleness <= b else 1.0 / (a * (staleness - b) + 1.0)
