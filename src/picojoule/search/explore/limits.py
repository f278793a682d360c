"""Why an exploration has nothing to show."""

from __future__ import annotations

import math
from collections.abc import Sequence

from picojoule.errors import InputError
from picojoule.search.explore.price import Cost
from picojoule.search.explore.space import Space

__all__ = ["no_design"]

_UNITS = {"energy": "J", "latency": "s", "area": "mm²"}


def no_design(space: Space, costs: Sequence[Cost], smallest_mm2: float, broken: str) -> InputError:
    """The limit that is too tight with the least that was found, or why nothing has a price.

    costs: of what was priced. smallest_mm2: of all chips that were looked at, infinite without
    any. broken: why a design makes no chip.
    """
    if not costs and math.isinf(smallest_mm2):
        return InputError("no design makes a chip that can be priced", got=broken)
    if not costs and "area" in space.most:
        return InputError(
            "no design is small enough", got=f"at most {space.most['area']:g} mm²",
            expected=f"at least {smallest_mm2:.4g} mm², the smallest of those looked at",
        )  # fmt: skip
    known = [c for c in costs if not c.missing]
    if not known:
        return InputError("no design can run the workloads", got=costs[0].missing)
    least = {o: min(c.of(o) for c in known) for o in space.most}
    over = {o: v for o, v in least.items() if v > space.most[o]} or least
    return InputError(
        "no design keeps all limits",
        got=", ".join(f"{o} ≤ {space.most[o]:.4g} {_UNITS[o]}" for o in over),
        expected=", ".join(
            f"at least {v:.4g} {_UNITS[o]}, the least {o} of any design" for o, v in over.items()
        ),
    )
