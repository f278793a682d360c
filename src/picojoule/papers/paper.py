"""What one reproduced paper is: a claim, a composition, and findings with numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Literal

__all__ = ["Finding", "Paper", "Verdict", "verdict_of"]


class Verdict(StrEnum):
    """What became of a claim."""

    REPRODUCED = "reproduced"
    PARTLY = "partly"
    CONTRADICTED = "contradicted"
    NOT_CHECKABLE = "not checkable here"


@dataclass(frozen=True, slots=True)
class Finding:
    """One number beside what was published.

    what: the quantity. unit: its unit ("" for a ratio). published: the printed value, or the
    bound. ours: what the composition gives. tolerance: allowed relative difference for "=", and
    slack on the bound for "<=" and ">=". note: what was found, where it does not hold. derived:
    ours is arithmetic on the paper's own figures, which tells whether they agree and no more.
    """

    what: str
    published: float
    ours: float
    unit: str = ""
    tolerance: float = 0.0
    relation: Literal["=", "<=", ">="] = "="
    note: str = ""
    derived: bool = False

    @property
    def holds(self) -> bool:
        """Whether `ours relation published`, within the tolerance."""
        if not math.isfinite(self.ours):
            return False
        slack = self.tolerance * abs(self.published)
        match self.relation:
            case "=":
                return abs(self.ours - self.published) <= slack
            case "<=":
                return self.ours <= self.published + slack
            case ">=":
                return self.ours >= self.published - slack

    def unless_it_holds(self, note: str) -> Finding:
        """With this note where it does not hold, for a row of numbers of which some do."""
        return self if self.holds else replace(self, note=note)


@dataclass(frozen=True, slots=True)
class Paper:
    """One file of this folder.

    name: as in `pj reproduce NAME`. row: its row in docs/papers.md. title, source: the citation.
    claim: one sentence. composition: the primitives of picojoule that make it. verdict: what a
    run is expected to find; a test runs `check` and compares. check: runs the composition; its
    argument is the folder of public measurements. needs: the sub-folders and modules that it
    reads ("hawq_v3", "torch"). seconds: about how long it takes on one core.
    """

    name: str
    row: int
    title: str
    source: str
    claim: str
    composition: str
    verdict: Verdict
    check: Callable[[Path | None], Sequence[Finding]]
    needs: tuple[str, ...] = field(default=())
    seconds: float = 1.0


def verdict_of(findings: Sequence[Finding]) -> Verdict:
    """REPRODUCED if every finding holds, CONTRADICTED if none does.

    NOT_CHECKABLE without findings, or where the paper's own figures agree and nothing else was
    compared.
    """
    held = sum(finding.holds for finding in findings)
    if held == len(findings):
        only_derived = all(finding.derived for finding in findings)
        return Verdict.NOT_CHECKABLE if only_derived else Verdict.REPRODUCED
    return Verdict.PARTLY if held else Verdict.CONTRADICTED
