"""`pj footprint` and `pj factors`, as a user meets them."""

from __future__ import annotations

import json

import jsonschema
import msgspec
import pytest

from picojoule.cli.factors import factors
from picojoule.cli.footprint import footprint
from picojoule.errors import InputError
from picojoule.ledger import Ledger, Row
from picojoule.quantity import Evidence
from picojoule.report.documents_footprint import FactorsDocument, FootprintDocument

ROW = Row("fc", "mac", "alu", 1, 3.6e6, 1.8e6, 7.2e6, Evidence.MODELLED, time_s=60, low_s=60,
          high_s=60)  # fmt: skip


@pytest.fixture
def report(tmp_path):
    ledger = Ledger.of([ROW], model="net\x1b[2J", chip="h100-sxm")
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"schema": "picojoule/profile/1", "ledger": ledger.to_dict()}))
    return path


def valid(kind, text):
    document = json.loads(text)
    jsonschema.Draft202012Validator(msgspec.json.schema(kind)).validate(document)
    return document


def test_a_report_as_text(report, capsys):
    assert footprint(report, grid="FRA", pue="1.2", wue="google", units=100, unit="image") == 0
    text = capsys.readouterr().out
    assert "\x1b" not in text
    for said in ("France", "67.2 g CO2e", "h100-sxm", "per image", "scope 2", "2023"):
        assert said in text
    assert "575.1 kg" in text
    assert "164 kg" in text


def test_the_document(report, capsys):
    assert footprint(report, grid="FRA", pue="1.2", json=True) == 0
    document = valid(FootprintDocument, capsys.readouterr().out)
    assert document["schema"] == "picojoule/footprint/1"
    assert document["sci"]["score"] is None
    assert document["eco_score"] is None
    line = document["lines"][0]
    assert line["quantity"]["value"] == pytest.approx(1.2 * 56.04)
    assert line["factor"]["sources"][0]["vintage"] == 2023
    market = document["lines"][1]["quantity"]
    assert market == {"value": None, "low": None, "high": None, "unit": "g CO2e",
                      "evidence": "unavailable"}  # fmt: skip


def test_an_energy_with_all_options(tmp_path, capsys):
    card = tmp_path / "card.yaml"
    code = footprint(
        energy="12kWh", grid="POL", pue="azure", wue="0.3", contract="wind", contract_share="80%",
        device="h100-sxm", devices=8, time="2h", lifetime="3y", utilisation="50%", data_gb=3,
        unit="token", units=1e6, site="cloud", card=card, output=tmp_path / "out", json=True,
    )  # fmt: skip
    assert code == 0
    document = valid(FootprintDocument, capsys.readouterr().out)
    assert document["eco_score"] == "E"  # 1.4e-5 kWh a token
    assert document["sci"]["score"]["value"] > 0
    assert {row["scope"] for row in document["ghg"]} == {"3"}
    assert json.loads((tmp_path / "out/report.json").read_text()) == document
    assert 'geographical_location: "Poland"' in card.read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [({}, "of what"), ({"energy": "-3kWh"}, "negative"), ({"energy": "3"}, "not an energy"),
     ({"energy": "3kWh", "grid": "Frence"}, "france"), ({"energy": "3kWh", "pue": "0.9"}, "PUE"),
     ({"energy": "3kWh", "lifetime": "0y"}, "must live"),
     ({"energy": "3kWh", "device": "h200"}, "h100-sxm"),
     ({"energy": "3kWh", "contract": "coil"}, "coal"),
     ({"energy": "1e400kWh"}, "must be finite"),
     ({"energy": "3kWh", "contract_share": "50%"}, "of which contract"),
     ({"energy": "3kWh", "unit": "token"}, "functional unit")],
)  # fmt: skip
def test_wrong_options(options, said):
    with pytest.raises(InputError, match=said):
        footprint(None, **options)


def test_files_that_are_no_reports(tmp_path):
    path = tmp_path / "x.json"
    profile = '"schema": "picojoule/profile/1"'
    for text in ("[]", "3", '{"schema": "picojoule/compare/1"}', f"{{{profile}}}", "{",
                 f'{{{profile}, "ledger": {{"columns": 3}}}}', '{"a": NaN}'):  # fmt: skip
        path.write_text(text)
        with pytest.raises(InputError):
            footprint(path)


def test_a_ledger_without_joules(tmp_path):
    nan = float("nan")
    gap = Row("a", "mac", "alu", 1, nan, nan, nan, Evidence.UNAVAILABLE)
    path = tmp_path / "x.json"
    path.write_text(json.dumps(Ledger.of([gap]).to_dict()))
    with pytest.raises(InputError, match="without joules"):
        footprint(path)


def test_factors(capsys, tmp_path):
    assert factors("FRA") == 0
    text = capsys.readouterr().out
    assert "56.04 g/kWh" in text
    assert "2023" in text
    assert factors(kind="hardware", json=True) == 0
    document = valid(FactorsDocument, capsys.readouterr().out)
    h100 = next(f for f in document["factors"] if f["name"] == "h100-sxm")
    assert (h100["low"], h100["value"], h100["high"]) == (164, 273, 575.1)
    assert len(h100["sources"]) == 3
    assert factors() == 0
    assert len(capsys.readouterr().out.splitlines()) > 500
    own = tmp_path / "own.toml"
    own.write_text('[[table]]\nkind = "grid"\nunit = "g/kWh"\nsource = "s"\nvintage = 2025\n'
                   'evidence = "measured"\nrows = { FRA = 7 }\n')  # fmt: skip
    assert factors("France", kind="grid", own=own) == 0
    assert "7 g/kWh" in capsys.readouterr().out


def test_factors_that_are_not():
    with pytest.raises(InputError, match="france"):
        factors("Frence")
    with pytest.raises(InputError, match="hardware"):
        factors(kind="hardwear")


def test_the_page_shows_parts_with_their_sources_and_escapes_names(report, tmp_path):
    pytest.importorskip("altair")
    hostile = report.read_text().replace("net\\u001b[2J", "<script>alert(1)</script>")
    report.write_text(hostile)
    assert footprint(report, grid="FRA", pue="1.2", output=tmp_path / "out", json=True) == 0
    page = (tmp_path / "out/report.html").read_text()
    assert "<script>alert(1)" not in page
    for said in (
        "electricity, by contract",
        "no contract was stated",
        "scope 2",
        "575.1",
        "IT equ",
    ):
        assert said in page
