"""Views: what they say, what they refuse to hide, and that hostile names stay text."""

from __future__ import annotations

import io
import json
import math
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from report_fakes import cnn_ledger, optimize_document

from picojoule.chips import load_chip
from picojoule.comparison import compare
from picojoule.errors import InputError, MissingExtra
from picojoule.ledger import Ledger, Row
from picojoule.quantity import Evidence, Quantity
from picojoule.report import documents, published, words
from picojoule.report.appendix import ceilings, constants, with_appendix
from picojoule.report.console import show, to_text
from picojoule.report.documents import OptimizeDocument, Span, read_as
from picojoule.report.front_words import conclusion, energy_interval, energy_text, points
from picojoule.report.html import front_page, ledger_page
from picojoule.report.profile import compare_document, profile_document
from picojoule.report.relative import ratio, speed_up
from picojoule.report.text import BY, ledger_view
from picojoule.report.text_chips import catalogue_view, chip_view
from picojoule.report.text_compare import comparison_view, verdict_line
from picojoule.report.text_front import front_view
from picojoule.tree import OWN, evidence_shares, fold_repeats, module_tree, op_points, ranked

EVIL = "</script><img src=x onerror=alert(1)><!--<script>\x1b[31m{{ 7*7 }}[red]"


def row(op, joules, module="", component="mac", **more):
    evidence = more.pop("evidence", Evidence.MODELLED)
    low, high = more.pop("span", (joules, joules))
    base = {"level": "core", "count": 1.0, "low_j": low, "high_j": high}
    return Row(op=op, component=component, energy_j=joules, evidence=evidence, module=module,
               **{**base, **more})  # fmt: skip


def unavailable(op, module=""):
    nan = math.nan
    return row(op, nan, module, span=(nan, nan), evidence=Evidence.UNAVAILABLE)


@pytest.fixture(scope="module")
def ledger():
    return cnn_ledger()


@pytest.fixture
def front():
    return read_as(OptimizeDocument, optimize_document())


class TestTree:
    def test_parents_sum_their_descendants_and_leaves_the_total(self):
        tree = module_tree(Ledger.of([row("a", 1, "x.y"), row("b", 2, "x"), row("c", 4, "x.z.w")]))
        joules = {r.path: r.total.energy.value for r in tree}
        assert joules == {"x": 7, "x.y": 1, f"x.{OWN}": 2, "x.z": 4}

    def test_order_is_the_models_even_when_rows_interleave(self):
        tree = module_tree(Ledger.of([row("a", 1, "x.a"), row("b", 1, "y"), row("c", 1, "x.b")]))
        assert [r.path for r in tree] == ["x", "x.a", "x.b", "y"]

    def test_ops_at_the_root_have_a_row(self):
        tree = module_tree(Ledger.of([row("a", 1), row("b", 2, "x")]))
        assert [(r.name, r.total.energy.value) for r in tree] == [(OWN, 1), ("x", 2)]

    def test_depth_cuts(self, ledger):
        assert {r.depth for r in module_tree(ledger, 1)} == {0}
        assert max(r.depth for r in module_tree(ledger, 3)) == 2

    @pytest.mark.parametrize("depth", [1, 2, 3])
    def test_top_level_sums_to_the_total(self, ledger, depth):
        tops = [r.total.energy for r in module_tree(ledger, depth) if r.depth == 0]
        total = ledger.total().energy
        assert sum(e.value for e in tops) == pytest.approx(total.value)
        assert sum(e.low for e in tops) == pytest.approx(total.low)

    def test_ranked_lumps_the_rest_without_losing_joules(self, ledger):
        rows = ranked(ledger, "module", top=5)
        assert len(rows) == 6
        assert "others" in rows[-1].name
        total = sum(r.total.energy.value for r in rows)
        assert total == pytest.approx(ledger.total().energy.value)

    def test_groups_without_energy_come_last(self):
        rows = ranked(Ledger.of([unavailable("a", "x"), row("b", 1, "y")]))
        assert [r.path for r in rows] == ["y", "x"]

    def test_evidence_shares_add_up(self, ledger):
        shares = evidence_shares(ledger)
        assert sum(shares.values()) == pytest.approx(1)
        assert list(shares) == [Evidence.MODELLED, Evidence.ASSUMED]

    def test_fold_repeats_keeps_the_total(self, ledger):
        folded = fold_repeats(ledger)
        assert "layer1.*.conv2" in folded["module"]
        assert folded.total().energy.value == ledger.total().energy.value

    def test_one_op_in_two_phases_is_two_points(self):
        rows = [
            row("a", 1, count=8.0, phase=phase, time_s=1.0) for phase in ("prefill", "decode")
        ] + [
            row("a", 1, component="read", level="dram", count=n, phase=phase)
            for n, phase in ((2.0, "prefill"), (4.0, "decode"))
        ]  # fmt: skip
        assert [p.macs / p.bytes_moved for p in op_points(Ledger.of(rows))] == [4, 2]


class TestWords:
    @pytest.mark.parametrize(
        ("low", "high", "text"),
        [(3.1e-3, 5.2e-3, "3.10 .. 5.20 mJ"), (9e-4, 2e-3, "900 µJ .. 2.00 mJ"),
         (0.0, 2e-3, "0 .. 2.00 mJ"), (1.0, 1.0, "")],
    )  # fmt: skip
    def test_interval(self, low, high, text):
        assert words.interval(Quantity(low, low, high, "J", Evidence.MODELLED)) == text

    def test_unknown_is_a_dash_never_zero(self):
        assert words.amount(None) == words.amount(math.nan, "J") == "–"

    @pytest.mark.parametrize(
        ("value", "text"),
        [(0.123, "+12.3%"), (-0.5, "−50.0%"), (1e-9, "0.0%"), (-1e-9, "0.0%"), (math.inf, "∞")],
    )
    def test_signed_percent(self, value, text):
        assert words.signed_percent(value) == text

    def test_bar_never_hides_a_positive_share(self):
        assert words.bar(1e-9) == "▏"
        assert words.bar(0) == words.bar(math.nan) == ""
        assert words.bar(1, 4) == "████"
        assert words.bar(0.5, 5) == "██▌"

    @pytest.mark.parametrize("joules", [4.1e-3, 999.9, 1.0, 3e-13, 7e6])
    def test_si_scale_agrees_with_its_unit(self, joules):
        scale, unit = words.si_scale(joules, "J")
        assert words.amount(joules, "J").endswith(unit)
        assert 0.99 <= joules / scale < 1000

    def test_at_most(self):
        assert words.at_most("abcd", 2) == "a, b and 2 more"


class TestLedgerText:
    @pytest.mark.parametrize("by", BY)
    def test_every_breakdown_has_the_same_total(self, ledger, by):
        last = next(x for x in to_text(ledger_view(ledger, by=by)).splitlines() if "total" in x[:5])
        assert words.amount(ledger.total().energy.value, "J") in last

    def test_is_plain_text_in_a_pipe(self, ledger):
        stream = io.StringIO()
        show(ledger_view(ledger), stream)
        text = stream.getvalue()
        assert "\x1b" not in text
        assert not any(line != line.rstrip() for line in text.splitlines())
        assert not set("─│┏━") & set(text)

    def test_colours_on_a_terminal_unless_no_color(self, ledger, monkeypatch):
        class Terminal(io.StringIO):
            def isatty(self):
                return True

        def colours() -> bool:
            stream = Terminal()
            show(ledger_view(ledger), stream)
            return "\x1b[36m" in stream.getvalue()

        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.delenv("NO_COLOR", raising=False)
        assert colours()
        monkeypatch.setenv("NO_COLOR", "1")
        assert not colours()

    def test_missing_and_uncounted_ops_are_named(self):
        partial = Ledger.of([row("a", 1, "x"), unavailable("b", "y")], uncounted=["odd"])
        text = to_text(ledger_view(partial))
        assert "coverage 50.0% of 2 rows" in text
        assert "no energy known for: b" in text
        assert "priced by bytes moved only: odd" in text
        assert "–*" in text

    def test_notes_and_evidence_are_printed(self, ledger):
        text = to_text(ledger_view(ledger))
        assert "• the input batch is read once" in text
        assert "○ modelled" in text

    @pytest.mark.parametrize("rows", [[], [unavailable("a")]])
    def test_nothing_known_is_no_crash_and_no_zero(self, rows):
        text = to_text(ledger_view(Ledger.of(rows)))
        assert "nan" not in text

    def test_narrow_windows_lose_columns_not_names(self, ledger):
        text = to_text(ledger_view(ledger), width=50)
        assert "layer1" in text
        assert "MACs" not in text
        assert all(len(line) <= 50 for line in text.splitlines())

    def test_hostile_names_stay_text(self):
        text = to_text(ledger_view(Ledger.of([row("a", 1, EVIL)])), width=200)
        assert "\x1b" not in text
        assert "[red]" in text


class TestCompareText:
    def test_verdicts(self, ledger):
        grown = compare(ledger, cnn_ledger(1.03))
        assert "EXCEEDS" in verdict_line(grown, 0.02)
        assert "within" in verdict_line(grown, 0.04)
        other = compare(ledger, cnn_ledger(1.03, chip_hash="another"))
        assert "INCONCLUSIVE" in verdict_line(other, 0.02)
        assert "intervals are independent" in to_text(comparison_view(other))

    def test_new_and_gone_layers(self):
        old, new = Ledger.of([row("a", 1, "x")]), Ledger.of([row("b", 2, "y")])
        lines = to_text(comparison_view(compare(old, new))).splitlines()
        assert lines[1].split() == ["y", "–", "2.00", "J", "+2.00", "J", "new"]
        assert lines[2].split()[-1] == "gone"


class TestFrontText:
    def test_marks_statuses_and_reasons(self, front):
        text = to_text(front_view(front))
        assert "→  prune 30% + int8+bf16" in text
        assert "b  ort fp32" in text
        assert "e  eager" in text
        assert "rejected: compile int8: accuracy fell by 3.1 points" in text
        assert text.count("infeasible") == 2
        assert "skipped: prune 70% + int8: not built" in text

    def test_is_sorted_by_energy(self, front):
        lines = to_text(front_view(front)).splitlines()[2:]
        order = [line.split(" mJ")[0].split()[-1] for line in lines[:12]]
        assert order == sorted(order, key=float)
        assert "~110 mJ" in lines[12]

    def test_says_what_a_saving_is_worth(self, front):
        assert conclusion(front).startswith("use prune 30% + int8+bf16: 64% [59% .. 68%] less")

    def test_the_searchs_own_verdict_wins(self):
        document = {**optimize_document(), "verdict": "nothing saves energy here"}
        assert conclusion(read_as(OptimizeDocument, document)) == "nothing saves energy here"

    @pytest.mark.parametrize(("chosen", "said"), [(None, "no candidate"), ("ort fp32", "keep ort")])
    def test_no_saving_is_an_answer(self, chosen, said):
        document = {**optimize_document(), "chosen": chosen}
        assert conclusion(read_as(OptimizeDocument, document)).startswith(said)

    def test_ratio_has_the_widest_bounds(self):
        assert ratio(Span(4, 3, 5), Span(2, 1, 4)) == Span(2, 0.75, 5)
        assert ratio(Span(4, 3, 5), Span(2, 0, 4)) is None

    def test_a_candidate_is_exactly_as_fast_as_itself(self, front):
        assert speed_up(front.candidates[0], front.candidates[0]) == Span(1, 1, 1)

    def test_energy_has_evidence_and_interval(self, front):
        assert energy_text(front.find("eager")) == "610 mJ ○"
        assert energy_interval(front.find("eager")) == "573 .. 647 mJ"
        assert energy_text(front.find("eager int8")) == "~110 mJ ○"

    def test_points(self):
        assert points(-0.0123) == "−1.23 pt"


class TestChips:
    def test_catalogue_and_constants(self):
        chip = load_chip("h100-sxm")
        assert "h100-sxm" in to_text(catalogue_view([chip]))
        text = to_text(chip_view(chip))
        assert "idle_w" in text
        assert "datasheet" in text

    def test_every_constant_is_listed_with_its_source(self):
        chip = load_chip("h100-sxm")
        listed = constants(chip)
        assert len(listed) > 20
        assert all(c.source for _, c in listed)
        assert len({name for name, _ in listed}) == len(listed)

    def test_appendix(self, ledger):
        chip = load_chip("h100-sxm")
        meta = with_appendix(ledger, chip).meta
        assert meta["roofline"] == ceilings(chip)
        assert {"name", "source", "evidence"} <= set(meta["constants"][0])


class Elements(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.specs = ""
        self._reading = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [v for k, v in attrs if k in ("src", "href")]
        self._reading = ("id", "specs") in attrs

    def handle_data(self, data):
        self.specs += data if self._reading else ""

    def handle_endtag(self, tag):
        self._reading = False


@pytest.fixture(scope="module")
def pages(ledger):
    return [ledger_page(ledger), front_page(read_as(OptimizeDocument, optimize_document()))]


class TestHtml:
    def test_one_bundle_and_no_request(self, pages):
        for page in pages:
            found = Elements(page)
            assert found.tags.count("script") == 3
            assert found.links == []
            assert "default-src 'none'" in page
            assert "{{" not in page.split("<script")[0]

    def test_ledger_page_shows_what_the_ledger_says(self, pages):
        page = pages[0]
        assert words.amount(cnn_ledger().total().energy.value, "J") in page
        assert "O&#39;Connor et al." in page
        drawn = set(json.loads(Elements(page).specs))
        assert drawn == {"layers", "components", "levels", "roofline"}

    def test_front_page_lists_every_candidate_and_reason(self, pages):
        for candidate in optimize_document()["candidates"]:
            assert candidate["name"] in pages[1]
        assert "the budget of 600 s was spent" in pages[1]

    def test_hostile_names_stay_text(self):
        ledger = cnn_ledger(model=EVIL, notes=[EVIL], uncounted=[EVIL])
        columns = {c: np.array([EVIL + v for v in ledger[c].tolist()])
                   for c in ("module", "op", "level", "component")}  # fmt: skip
        page = ledger_page(replace(ledger, columns={**ledger.columns, **columns}))
        assert {"img"} & set(Elements(page).tags) == set()
        assert Elements(page).tags.count("script") == 3
        assert "49[red]" not in page
        layers = json.loads(Elements(page).specs)["layers"]
        assert layers["layer"][0]["data"]["values"][0]["layer"].startswith(EVIL)

        document = optimize_document()
        for candidate in document["candidates"]:
            candidate |= {"recipe": EVIL, "reason": EVIL}
        page = front_page(read_as(OptimizeDocument, document))
        assert Elements(page).tags.count("script") == 3
        assert "img" not in Elements(page).tags

    def test_nothing_known_is_said(self):
        page = ledger_page(Ledger.of([unavailable("lost")]))
        assert "No energy is known for lost" in page
        assert "No op has MACs" in page

    def test_deep_networks_are_folded(self):
        rows = [row(f"{i}", 1, f"layers.{i}.mlp") for i in range(100)]
        assert "layers.*.mlp" in ledger_page(Ledger.of(rows))

    def test_without_the_extra(self, monkeypatch, ledger):
        monkeypatch.setitem(sys.modules, "altair", None)
        with pytest.raises(MissingExtra, match="altair") as caught:
            ledger_page(ledger)
        assert "picojoule[report]" in str(caught.value)


class TestDocuments:
    @pytest.mark.parametrize("name", published.DOCUMENTS)
    def test_published_schema_is_the_structs(self, name):
        path = Path(documents.__file__).with_name("schemas") / f"{name}.json"
        assert json.loads(path.read_text()) == published.json_schema(name)

    def valid(self, name, document):
        text = documents.to_json(document)
        jsonschema.Draft202012Validator(published.json_schema(name)).validate(json.loads(text))
        return json.loads(text)

    def test_ledger_and_profile(self, ledger):
        partial = Ledger.of([row("a", 1), unavailable("b")])
        assert self.valid("ledger", partial.to_dict())["columns"]["energy_j"] == [1, None]
        profile = self.valid("profile", profile_document(ledger, depth=1))
        assert profile["layers"][0]["path"] == "stem"
        assert Ledger.from_dict(profile["ledger"]).total() == ledger.total()

    def test_compare(self, ledger):
        document = self.valid("compare", compare_document(compare(ledger, cnn_ledger(2)), 0.02))
        assert document["verdict"] == "exceeded"
        zero = Ledger.of([row("a", 1, span=(0, 2))])
        unbounded = self.valid("compare", compare_document(compare(zero, zero)))
        assert unbounded["relative_high"] is None
        assert unbounded["verdict"] is None

    def test_optimize(self, front):
        self.valid("optimize", front)
        self.valid("optimize", optimize_document())

    def test_numpy_in_meta(self):
        meta = {"n": np.int64(3), "a": np.array([1.0, np.nan]), "e": Evidence.MODELLED}
        assert json.loads(documents.to_json(meta)) == {"n": 3, "a": [1.0, None], "e": 2}

    def test_a_wrong_document_names_the_field(self):
        document = optimize_document()
        document["candidates"][3]["status"] = "great"
        with pytest.raises(InputError, match=r"candidates\[3\]\.status"):
            read_as(OptimizeDocument, document)

    def test_a_giant_name_is_refused(self, ledger):
        document = ledger.to_dict()
        document["columns"]["op"][0] = "x" * 5000
        with pytest.raises(InputError, match="4096"):
            read_as(documents.LedgerDocument, document)
