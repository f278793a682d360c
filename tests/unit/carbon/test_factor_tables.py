"""Factor tables: the built-in ones are whole and plausible, a user's are checked and win."""

from __future__ import annotations

import pytest

from picojoule.carbon import load_factors
from picojoule.carbon.factor import UNITS
from picojoule.errors import InputError

TABLE = {
    "kind": '"grid"', "unit": '"g/kWh"', "source": '"a bill"', "vintage": "2025",
    "evidence": '"measured"', "rows": "{ FRA = 21 }",
}  # fmt: skip


def write(tmp_path, **changes):
    path = tmp_path / "own.toml"
    fields = {k: v for k, v in {**TABLE, **changes}.items() if v is not None}
    path.write_text("[[table]]\n" + "\n".join(f"{k} = {v}" for k, v in fields.items()))
    return path


def test_every_built_in_factor_has_a_year_and_a_source():
    factors = load_factors().by_key
    assert len([k for k, _ in factors if k == "grid"]) > 200
    for factor in factors.values():
        assert factor.quantity.low <= factor.quantity.value <= factor.quantity.high
        for source in factor.sources:
            assert source.text
            assert 2000 <= source.vintage <= 2026


def test_intensities_are_those_of_electricity():
    for name in load_factors().names("grid"):
        assert 10 < load_factors().find("grid", name).quantity.value < 1400, name


def test_known_values():
    grid = {n: load_factors().find("grid", n) for n in ("FRA", "USA", "WOR", "EU27")}
    assert grid["FRA"].quantity.value == 56.04
    assert grid["FRA"].vintage == 2023
    assert (grid["USA"].quantity.low, grid["USA"].quantity.high) == (369.5, 547)
    assert grid["EU27"].quantity.value == 410


def test_a_gap_that_was_published_as_zero_is_left_out():
    assert load_factors().of("grid", "CAF") is None


def test_a_users_table_wins_and_the_rest_stays(tmp_path):
    factors = load_factors(write(tmp_path))
    france = factors.find("grid", "FRA")
    assert (france.quantity.value, france.quantity.low, france.quantity.high) == (21, 21, 21)
    assert france.title == "France"
    assert factors.find("grid", "DEU").quantity.value == 380.9
    assert load_factors().find("grid", "FRA").quantity.value == 56.04


def test_a_row_may_be_an_interval(tmp_path):
    found = load_factors(write(tmp_path, rows="{ my-site = [5, 8, 11] }")).find("grid", "MY-SITE")
    assert (found.quantity.low, found.quantity.value, found.quantity.high) == (5, 8, 11)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"source": None}, "source"), ({"vintage": None}, "vintage"), ({"source": '" "'}, "source"),
     ({"vintage": "25"}, "vintage"), ({"kind": '"gird"'}, "grid"), ({"unit": '"kg/kWh"'}, "g/kWh"),
     ({"evidence": '"sure"'}, "evidence"), ({"rows": "{ FRA = -1 }"}, "FRA"),
     ({"rows": "{ FRA = nan }"}, "FRA"), ({"rows": "{ FRA = inf }"}, "FRA"),
     ({"rows": "{ FRA = 0 }"}, "FRA"), ({"rows": "{ FRA = [3, 2, 1] }"}, "FRA"),
     ({"rows": "{ FRA = [1, 2] }"}, "rows"), ({"rows": '{ FRA = "1" }'}, "rows"),
     ({"rows": "3"}, "rows"), ({"colour": "3"}, "colour"), ({"rows": "{"}, "TOML"),
     ({"kind": '"pue"', "unit": '""', "rows": "{ x = 0.9 }"}, "x is not possible")],
)  # fmt: skip
def test_a_wrong_table_says_where(tmp_path, changes, said):
    with pytest.raises(InputError, match=said) as caught:
        load_factors(write(tmp_path, **changes))
    assert "own.toml" in str(caught.value)


def test_files_that_are_no_files(tmp_path):
    with pytest.raises(InputError, match="can't read"):
        load_factors(tmp_path / "none.toml")
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * 1_000_001)
    with pytest.raises(InputError, match="too large"):
        load_factors(large)
    large.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="TOML"):
        load_factors(large)
    large.write_text('[hosts]\nx = { name = "y", devices = 0 }\n' + write(tmp_path).read_text())
    with pytest.raises(InputError, match="x is not possible"):
        load_factors(large)


def test_each_kind_has_a_factor_but_the_residual_mix():
    kinds = {kind for kind, _ in load_factors().by_key}
    assert set(UNITS) - kinds == {"residual"}
