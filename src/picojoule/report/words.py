"""Numbers and names as short text, shared by the terminal and the HTML views."""

from __future__ import annotations

import math
from collections.abc import Iterable

from picojoule.quantity import Evidence, Quantity, format_si

__all__ = [
    "EVIDENCE_MEANING",
    "amount",
    "at_most",
    "bar",
    "interval",
    "percent",
    "safe",
    "shorten",
    "si_scale",
    "signed_percent",
]

EVIDENCE_MEANING = {
    Evidence.MEASURED: "read from a sensor",
    Evidence.CALIBRATED: "modelled, then scaled to a measurement",
    Evidence.MODELLED: "counts × sourced unit costs",
    Evidence.ASSUMED: "a default without a source for this chip",
    Evidence.UNAVAILABLE: "not known, and not in any sum",
}

_EIGHTHS = " ▏▎▍▌▋▊▉"


def safe(text: object) -> str:
    """Printable text: control characters of untrusted names must not reach a terminal."""
    return "".join(c if c.isprintable() else "�" for c in str(text))


def amount(value: float | None, unit: str = "") -> str:
    """`value` with an SI prefix, or a dash: 0.0041 J -> '4.10 mJ'; 4.1e9 -> '4.10 G'."""
    if value is None or not math.isfinite(value):
        return "–"
    return format_si(value, unit).strip()


def interval(quantity: Quantity) -> str:
    """'3.10 .. 5.20 mJ', or '' for an exact or unavailable quantity."""
    low, high = quantity.low, quantity.high
    if low == high or not (math.isfinite(low) and math.isfinite(high)):
        return ""
    (low_number, low_unit), (_, high_unit) = (
        format_si(end, quantity.unit).split(" ", 1) for end in (low, high)
    )
    shared = low_unit == high_unit or low == 0
    start = low_number if shared else f"{low_number} {low_unit}"
    return f"{start} .. {amount(high, quantity.unit)}"


def si_scale(largest: float, unit: str) -> tuple[float, str]:
    """What to divide by so that `largest` has one to three digits, and that unit:
    0.0041 J -> (0.001, 'mJ')."""
    if not (math.isfinite(largest) and largest > 0):
        return 1.0, unit
    number, prefixed = format_si(largest, unit).split(" ")
    return 10.0 ** (3 * round(math.log10(largest / float(number)) / 3)), prefixed


def percent(fraction: float | None, digits: int = 1) -> str:
    """0.123 -> '12.3%'."""
    known = fraction is not None and math.isfinite(fraction)
    return f"{fraction:.{digits}%}" if known else "–"


def signed_percent(fraction: float | None, digits: int = 1) -> str:
    """0.123 -> '+12.3%'; what rounds to nothing has no sign."""
    if fraction is None or not math.isfinite(fraction):
        return "∞" if fraction is not None and fraction > 0 else "–"
    text = f"{fraction:+.{digits}%}".replace("-", "−")
    return text[1:] if not any(c in "123456789" for c in text) else text


def bar(fraction: float, width: int = 10) -> str:
    """A bar of `width` cells in steps of an eighth."""
    if not math.isfinite(fraction) or fraction <= 0:
        return ""
    eighths = round(min(fraction, 1.0) * width * 8)
    full, part = divmod(eighths, 8)
    return "█" * full + (_EIGHTHS[part] if part else "") or _EIGHTHS[1]


def at_most(names: Iterable[object], limit: int = 8) -> str:
    """The first names, and how many more there are."""
    listed = [safe(n) for n in names]
    more = len(listed) - limit
    return ", ".join(listed[:limit]) + (f" and {more} more" if more > 0 else "")


def shorten(name: str, width: int) -> str:
    """The end of a long name, which says more than its start."""
    return name if len(name) <= width else "…" + name[1 - width :]
