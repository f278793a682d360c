"""docs/accuracy.md: how wrong predictions are, set by set. `benchmarks/accuracy.py` writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from picojoule.report.documents_validate import GroupDocument, ScoresDocument, ValidateDocument
from picojoule.report.words import percent, signed_percent

__all__ = ["accuracy_page"]

_WORST = 6
_COLUMNS = "rows | median | mean | 9 of 10 below | bias | covered"
_RULE = "---:|---:|---:|---:|---:|---:"
_HEAD = """# Accuracy
How far predicted joules are from measured ones, on groups (a model, a system, a GPU) that the \
fit never saw. Error is |predicted/measured − 1|; bias is the median of predicted/measured − 1; \
covered is the share of measurements inside the 90% interval. Written by `benchmarks/accuracy.py`; \
`pj validate --data FOLDER --set NAME` does the same on your own download.

Rivals are scored on the same rows: plain roofline at TDP, a log-linear regression fitted on the \
same training rows, and published formulas where they apply. They state no interval.

How each model works, what its parts are worth, and its limits: \
[served language models](serving.md); \
[diffusion, power limits, microcontrollers and kernel latencies](diffusion_limits_tiny.md). \
Where its facts come from: [sources](sources.md).
"""


def accuracy_page(
    documents: Sequence[ValidateDocument], more: Sequence[tuple[str, str, ScoresDocument]] = ()
) -> str:
    """Markdown: an overview, then a section a set. more: (set, what, scores) of other questions."""
    overview = [f"| set | unit | groups | {_COLUMNS} |", f"|---|---|---:|{_RULE}|"]
    for doc in documents:
        overview.append(
            f"| [{doc.set}](#{doc.set}) | {doc.unit} | {len(doc.groups)} | {_errors(doc.scores)} |"
        )
        overview += [
            f"| – {what} | | | {_errors(scores)} |" for name, what, scores in more
            if name == doc.set
        ]  # fmt: skip
    return "\n".join([_HEAD, *overview, "", *(_section(doc) for doc in documents)])


def _section(doc: ValidateDocument) -> str:
    rows = {"picojoule": doc.scores, **{f"*{name}*": s for name, s in doc.rivals.items()}}
    parts = {f"– {name}": s for name, s in doc.parts.items()} if len(doc.parts) > 1 else {}
    lines = [f"## {doc.set}", f"{doc.unit}; {doc.source}.", ""]
    lines += _table("", {**rows, **parts})
    lines += ["", "Worst groups, by median:", "", *_worst(doc.groups), ""]
    if doc.rejected:
        told = [f"{n} × {reason}" for reason, n in list(doc.rejected.items())[:_WORST]]
        rest = len(doc.rejected) - len(told)
        lines.append(f"Not used: {'; '.join(told)}{f'; {rest} other reasons' if rest else ''}.\n")
    return "\n".join(lines)


def _table(title: str, rows: Mapping[str, ScoresDocument]) -> list[str]:
    head = [f"| {title} | {_COLUMNS} |", f"|---|{_RULE}|"]
    return head + [f"| {_cell(name)} | {_errors(s)} |" for name, s in rows.items()]


def _worst(groups: Mapping[str, GroupDocument]) -> list[str]:
    head = [f"| group | {_COLUMNS} | suspected |", f"|---|{_RULE}|---|"]
    return head + [
        f"| {_cell(name)} | {_errors(g.scores)} | {_cell(g.suspected)} |"
        for name, g in list(groups.items())[:_WORST]
    ]


def _errors(s: ScoresDocument) -> str:
    shares = [percent(s.median), percent(s.mean), percent(s.p90), signed_percent(s.bias)]
    return " | ".join([str(s.rows), *shares, percent(s.coverage, 0)])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
