"""One HTML file that explains a result offline: no network, no server, no tracking.

Everything that comes from a model or a file is data: jinja2 escapes it in text, charts get it as
JSON that can't end its script tag, and a Content-Security-Policy forbids every request.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from picojoule.extras import require
from picojoule.ledger import Ledger
from picojoule.quantity import Evidence
from picojoule.report import front_words, words
from picojoule.report.chart_front import STATUS_COLOURS, pareto
from picojoule.report.chart_roofline import roofline
from picojoule.report.charts import Chart, energy_by, energy_by_layer
from picojoule.report.documents import OptimizeDocument
from picojoule.report.relative import cost_of, energy_span, speed_up
from picojoule.report.text import title_of
from picojoule.tree import TreeRow, evidence_shares, fold_repeats, module_tree, ranked

__all__ = ["fill", "front_page", "ledger_page"]


_TOP = 30


def ledger_page(ledger: Ledger, depth: int = 3) -> str:
    """The report of a ledger. Raises MissingExtra without the extra `report`."""
    total = ledger.total()
    layers = _layers(ledger)
    charts = {
        "layers": energy_by_layer(layers, _TOP),
        "components": energy_by(ledger, "component"),
        "levels": energy_by(ledger, "level"),
        "phases": energy_by(ledger, "phase") if len({*ledger["phase"].tolist()}) > 1 else None,
        "roofline": roofline(ledger),
    }
    rows = module_tree(layers, depth + 2 if layers is not ledger else depth)
    return fill(
        "ledger.html",
        charts,
        title=title_of(ledger),
        total=total,
        macs=sum(r.macs for r in rows if r.depth == 0),
        rows=rows,
        others=_others(layers),
        folded=layers is not ledger,
        shares=evidence_shares(ledger),
        settings=_settings(ledger),
        notes=[*ledger.meta.get("notes", ()), *ledger.meta.get("graph_notes", ())],
        uncounted=ledger.meta.get("uncounted") or (),
        constants=ledger.meta.get("constants") or (),
    )


def front_page(document: OptimizeDocument) -> str:
    """The report of a search. Raises MissingExtra without the extra `report`."""
    best, eager = document.find(document.baseline), document.find(document.reference)
    return fill(
        "front.html",
        {"pareto": pareto(document)},
        title=f"{document.model} on {document.chip}",
        doc=document,
        candidates=sorted(document.candidates, key=cost_of),
        chosen=document.find(document.chosen),
        best=best,
        eager=eager,
        highest=max(
            (s.value for c in document.candidates if (s := energy_span(c.energy))), default=0
        ),
        colours=STATUS_COLOURS,
        span=energy_span,
        speed_up=speed_up,
        say=front_words,
    )


def _layers(ledger: Ledger) -> Ledger:
    """The ledger to draw layers of: a hundred equal bars of a deep network say nothing."""
    return fold_repeats(ledger) if len({*ledger["module"].tolist()}) > 3 * _TOP else ledger


def _others(ledger: Ledger) -> TreeRow | None:
    """What the chart of layers has no room for."""
    rows = ranked(ledger, "module", _TOP)
    return rows[_TOP] if len(rows) > _TOP else None


def _settings(ledger: Ledger) -> dict[str, str]:
    """The scalars of a ledger's meta: the resolved configuration."""
    scalars = {k: v for k, v in ledger.meta.items() if isinstance(v, str | int | float | bool)}
    return {k: str(v) for k, v in scalars.items()}


def fill(template: str, charts: dict[str, Chart | None], **values: Any) -> str:
    """A page from a template: its values, and the charts that could be drawn."""
    drawn = {name: chart.to_dict() for name, chart in charts.items() if chart is not None}
    return str(
        _templates()
        .get_template(template)
        .render(
            values,
            charts=drawn,
            specs=_script_json(drawn),
            bundle=_bundle(),
            words=words,
            evidence=words.EVIDENCE_MEANING,
            unavailable=Evidence.UNAVAILABLE,
        )
    )


@cache
def _templates() -> Any:
    jinja2 = require("jinja2", "report")
    return jinja2.Environment(
        loader=jinja2.PackageLoader("picojoule.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _script_json(value: Any) -> Any:
    """JSON that can stand in a script element, whatever strings it holds."""
    text = json.dumps(value, allow_nan=False)
    safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return require("markupsafe", "report").Markup(safe)


@cache
def _bundle() -> Any:
    """Vega, Vega-Lite and Vega-Embed as one script; it takes seconds to make, so once."""
    alt, vlc = require("altair", "report"), require("vl_convert", "report")
    version = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    script = vlc.javascript_bundle(vl_version=version).replace("</script", "<\\/script")
    return require("markupsafe", "report").Markup(script)
