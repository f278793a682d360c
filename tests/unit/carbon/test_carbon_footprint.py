"""Footprints against products worked out by hand, and what is missing staying missing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picojoule.carbon import Contract, contract_of, footprint, load_factors, read_hourly
from picojoule.carbon.amounts import exact, parse_energy, parse_time
from picojoule.carbon.standards import ghg_table, sci
from picojoule.errors import InputError, LedgerError
from picojoule.ledger import Ledger, Row
from picojoule.quantity import Evidence, Quantity

KWH = 3.6e6


def row(name, joules, seconds=1.0, evidence=Evidence.MODELLED):
    low, high = (joules * 0.5, joules * 2) if joules == joules else (math.nan, math.nan)
    return Row(name, "mac", "alu", 1, joules, low, high, evidence, time_s=seconds, low_s=seconds,
               high_s=seconds)  # fmt: skip


def missing(name):
    return row(name, math.nan, evidence=Evidence.UNAVAILABLE)


class TestUse:
    def test_ten_kwh_in_france_by_hand(self):
        found = footprint(10 * KWH, "FRA", pue=1.2, wue=0.5)
        carbon = found.line("carbon", "electricity").quantity
        assert found.facility_energy.value == pytest.approx(12 * KWH)
        assert carbon.value == pytest.approx(12 * 56.04)
        assert (carbon.low, carbon.high) == pytest.approx((12 * 41.44, 12 * 56.04))
        assert found.line("water", "electricity").quantity.value == pytest.approx(12 * 3.674)
        # the site's water counts IT energy: PUE is not applied to it
        assert found.line("water", "site").quantity.value == pytest.approx(10 * 0.5)
        primary = found.line("primary_energy", "electricity").quantity
        assert primary.value == pytest.approx(12 * 9.313e6)
        resources = found.line("abiotic_depletion", "electricity").quantity
        assert resources.value == pytest.approx(12 * 4.858e-5)

    def test_a_region_is_found_by_name_in_any_case(self):
        assert footprint(KWH, "france").region.name == "FRA"

    def test_without_a_pue_its_range_is_assumed(self):
        found = footprint(KWH, "FRA")
        assert found.pue.evidence is Evidence.ASSUMED
        assert (found.pue.low, found.pue.high) == (1.0, 1.58)
        assert found.total().quantity.evidence is Evidence.ASSUMED
        assert any("PUE" in note for note in found.notes)

    def test_what_nobody_published_is_unavailable_and_not_zero(self):
        found = footprint(KWH, "AFG", pue=1)
        water = found.line("water", "electricity")
        assert water.quantity.evidence is Evidence.UNAVAILABLE
        assert math.isnan(water.quantity.value)
        assert "AFG" in water.missing
        assert found.total("water").missing == ("electricity", "site")
        assert math.isnan(found.total("water").quantity.value)

    def test_measured_energy_is_no_better_than_its_factor(self):
        joules = Quantity(KWH, 0.9 * KWH, 1.1 * KWH, "J", Evidence.MEASURED)
        found = footprint(joules, "FRA", pue=1).line("carbon", "electricity").quantity
        assert found.evidence is Evidence.MODELLED
        assert (found.low, found.high) == pytest.approx((0.9 * 41.44, 1.1 * 56.04))

    @given(st.floats(1e-9, 1e15), st.floats(1, 3))
    def test_every_line_is_proportional_to_the_energy(self, joules, pue):
        one, two = (footprint(e, "DEU", pue=pue, wue=1).lines for e in (joules, 2 * joules))
        for a, b in zip(one, two, strict=True):
            if a.quantity.evidence is not Evidence.UNAVAILABLE:
                assert b.quantity.value == pytest.approx(2 * a.quantity.value)
                assert a.quantity.low <= a.quantity.value <= a.quantity.high

    def test_network_energy_spans_the_paper_that_contradicts_itself(self):
        network = footprint(KWH, "FRA", data_gb=10).line("carbon", "network").quantity
        assert network.value == pytest.approx(10 * 0.0342 * 56.04)
        assert network.high == pytest.approx(10 * 0.172 * 56.04)


class TestContract:
    def test_nothing_stated_is_unavailable(self):
        market = footprint(KWH, "FRA").line("carbon", "electricity, by contract")
        assert market.quantity.evidence is Evidence.UNAVAILABLE
        assert "contract" in market.missing

    def test_a_share_of_wind_and_the_grid_for_the_rest(self):
        wind = contract_of("wind", 0.75, load_factors())
        found = footprint(KWH, "POL", pue=1, contract=wind)
        value = found.line("carbon", "electricity, by contract").quantity.value
        assert value == pytest.approx(0.75 * 11 + 0.25 * 661.9)
        assert found.total("carbon", "market").quantity.value == pytest.approx(value)
        assert found.total().quantity.value == pytest.approx(661.9)

    def test_the_residual_mix_goes_before_the_grids_mean(self, tmp_path):
        own = tmp_path / "own.toml"
        own.write_text('[[table]]\nkind = "residual"\nunit = "g/kWh"\nsource = "AIB"\n'
                       'vintage = 2024\nevidence = "modelled"\nrows = { POL = 800 }\n')  # fmt: skip
        found = footprint(KWH, "POL", pue=1, contract=Contract("c", exact(0.0), 0.5), factors=own)
        assert found.line("carbon", "electricity, by contract").quantity.value == 400

    @pytest.mark.parametrize(("text", "share"), [("wind", 0), ("wind", 1.1), ("-3", 1), ("nan", 1)])
    def test_impossible(self, text, share):
        with pytest.raises(InputError):
            contract_of(text, share, load_factors())


class TestMaking:
    def test_one_h100_is_a_range_over_three_sources(self):
        factor = load_factors().find("hardware", "h100-sxm")
        assert sorted(s.value for s in factor.sources) == [164, 273, 575.1]
        assert (factor.quantity.low, factor.quantity.high) == (164, 575.1)

    def test_share_by_hand(self):
        found = footprint(KWH, "FRA", device="h100-sxm", devices=8, time_s=parse_time("1d"),
                          lifetime_s=parse_time("4y"), utilisation=0.5)  # fmt: skip
        share = 8 / (4 * 365 * 0.5)
        device = found.line("carbon", "device").quantity
        assert device.value == pytest.approx(1000 * 273 * share)
        assert (device.low, device.high) == pytest.approx((164e3 * share, 575.1e3 * share))
        host = found.line("carbon", "its host").quantity
        assert host.value == pytest.approx(1000 * 5700 * share / 8)
        total = found.total().quantity.value
        assert total == pytest.approx(
            found.line("carbon", "electricity").quantity.value + device.value + host.value
        )

    def test_not_how_long_is_not_known(self):
        device = footprint(KWH, "FRA", device="h100-sxm").line("carbon", "device")
        assert device.quantity.evidence is Evidence.UNAVAILABLE
        assert "how long" in device.missing

    def test_the_chip_of_a_ledger_is_the_device(self):
        ledger = Ledger.of([row("a", 100, 3600)], chip="h100-sxm", model="net")
        found = footprint(ledger, "FRA", lifetime_s=3600e3)
        assert found.line("carbon", "device").quantity.value == pytest.approx(273)
        assert found.work.title == "net"
        unknown = footprint(Ledger.of([row("a", 100)], chip="stm32l4r5"), "FRA")
        assert "stm32l4r5" in unknown.line("carbon", "device").missing

    def test_runs_multiply_energy_and_time(self):
        ledger = Ledger.of([row("a", 100, 2)], chip="h100-sxm")
        one, many = footprint(ledger, "FRA"), footprint(ledger, "FRA", runs=1000)
        assert many.total().quantity.value == pytest.approx(1000 * one.total().quantity.value)


class TestWork:
    def test_a_gap_lowers_the_coverage_of_what_is_used(self):
        found = footprint(Ledger.of([row("a", 100), missing("b")]), "FRA")
        assert found.work.coverage == 0.5
        assert found.line("carbon", "electricity").coverage == 0.5
        assert found.total().coverage == 0.5
        assert any("50.0%" in note for note in found.notes)

    def test_nothing_known_is_refused(self):
        for ledger in (Ledger.of([missing("a")]), Ledger.of([])):
            with pytest.raises(LedgerError, match="without joules"):
                footprint(ledger, "FRA")

    def test_documents_say_the_same_as_their_ledger(self):
        ledger = Ledger.of([row("a", 100, 2), row("b", 50)], model="net")
        profile = {"schema": "picojoule/profile/1", "ledger": ledger.to_dict()}
        run = {"schema": "picojoule/run/1", "seconds": 3.0, "ledger": ledger.to_dict()}
        for document in (ledger.to_dict(), profile, run):
            assert footprint(document, "FRA").total() == footprint(ledger, "FRA").total()
        assert footprint(run, "FRA").work.time.value == 3.0

    def test_a_measurement_takes_its_own_energy(self):
        energy = Quantity(5.0, 4.0, 6.0, "J", Evidence.MEASURED)
        document = {
            "schema": "picojoule/measure/1",
            "name": "call",
            "energy": energy.to_dict(),
            "time": Quantity(0.1, 0.1, 0.1, "s", Evidence.MEASURED).to_dict(),
            "ledger": Ledger.of([row("a", 500)]).to_dict(),
        }
        work = footprint(document, "FRA").work
        assert (work.energy, work.time.value) == (energy, 0.1)

    @pytest.mark.parametrize(
        "what",
        [-1.0, math.nan, math.inf, True, "12kWh", {"schema": "picojoule/compare/1"}, {},
         {"schema": "picojoule/profile/1"}, exact(1.0, "kWh"), [1],
         {"schema": "picojoule/run/1", "seconds": -1,
          "ledger": Ledger.of([row("a", 1)]).to_dict()}],
    )  # fmt: skip
    def test_not_work(self, what):
        with pytest.raises(InputError):
            footprint(what, "FRA")

    @pytest.mark.parametrize(
        "bad",
        [{"pue": 0.99}, {"pue": math.nan}, {"pue": "gogle"}, {"wue": -1}, {"lifetime_s": 0},
         {"utilisation": 0}, {"utilisation": 1.1}, {"devices": 0}, {"runs": 0}, {"time_s": 0},
         {"device": "h200"}, {"data_gb": -1}, {"grid": "Frence"}],
    )  # fmt: skip
    def test_impossible(self, bad):
        with pytest.raises(InputError):
            footprint(KWH, **{"grid": "FRA", **bad})

    def test_an_unknown_region_names_the_nearest(self):
        with pytest.raises(InputError, match=r"(?s)Germny.*germany"):
            footprint(KWH, "Germny")


class TestStandards:
    def test_no_functional_unit_no_score(self):
        found = sci(footprint(KWH, "FRA"))
        assert found.score is None
        assert found.to_dict()["score"] is None
        assert "no functional unit" in found.why

    def test_score_by_hand(self):
        whole = footprint(KWH, "FRA", pue=1, device="laptop", time_s=3600, lifetime_s=3600e3)
        found = sci(whole, "page", 100)
        assert found.score is not None
        assert found.score.value == pytest.approx((56.04 + 181e3 / 1000) / 100)

    def test_a_contract_does_not_lower_it(self):
        options = {"device": "laptop", "time_s": 60}
        bare = sci(footprint(KWH, "POL", **options), "page", 1)
        wind = contract_of("wind", 1.0, load_factors())
        assert sci(footprint(KWH, "POL", contract=wind, **options), "page", 1).score == bare.score

    def test_no_hardware_no_score(self):
        found = sci(footprint(KWH, "FRA"), "page", 1)
        assert found.score is None
        assert "device" in found.why
        partly = Ledger.of([row("a", 1), missing("b")], chip="laptop")
        assert "50.0%" in sci(footprint(partly, "FRA"), "page", 1).why

    @pytest.mark.parametrize(("unit", "amount"), [("page", None), (None, 1), ("page", 0)])
    def test_half_a_unit(self, unit, amount):
        with pytest.raises(InputError):
            sci(footprint(KWH, "FRA"), unit, amount)

    def test_scopes_hold_the_same_carbon_wherever_the_machine_stands(self):
        found = footprint(KWH, "FRA", pue=1.1, device="laptop", time_s=60, data_gb=1)
        own, cloud = ({(x.scope, x.category): x.sum for x in ghg_table(found, s)}
                      for s in ("own", "cloud"))  # fmt: skip
        assert {scope for scope, _ in cloud} == {"3"}
        parts = [own["2", "electricity, by location"], own["3", "2 capital goods"]]
        together = cloud["3", "1 purchased services, by location"].quantity.value
        assert together == pytest.approx(sum(p.quantity.value for p in parts))
        upstream = next(v for (_, c), v in own.items() if c.startswith("3 fuel"))
        assert math.isnan(upstream.quantity.value)


class TestHourly:
    def read(self, tmp_path, text):
        path = tmp_path / "hours.csv"
        path.write_text(text)
        return read_hourly(path)

    def test_weighted_mean(self, tmp_path):
        hourly = self.read(tmp_path, "hour,g_per_kwh,kwh\n2025-03-01T00:00,100,3\n"
                           "2025-03-01T01:00,20,1\n")  # fmt: skip
        found = footprint(4 * KWH, "FRA", pue=1, hourly=hourly).line("carbon", "electricity")
        assert found.quantity.value == pytest.approx(320)
        assert found.quantity.low == found.quantity.high

    def test_without_kwh_it_may_have_been_any_hour(self, tmp_path):
        hourly = self.read(tmp_path, "hour,g_per_kwh\n2025-03-01T00:00,100\n2025-03-01T01:00,20\n")
        found = footprint(KWH, "FRA", pue=1, hourly=hourly).line("carbon", "electricity").quantity
        assert (found.low, found.value, found.high) == pytest.approx((20, 60, 100))
        assert found.evidence is Evidence.ASSUMED

    def test_an_unknown_hour_lowers_the_coverage(self, tmp_path):
        hourly = self.read(tmp_path, "hour,g_per_kwh,kwh\n2025-03-01T00:00,100,3\n"
                           "2025-03-01T01:00,,1\n")  # fmt: skip
        found = footprint(4 * KWH, "FRA", pue=1, hourly=hourly).line("carbon", "electricity")
        assert found.coverage == 0.75
        assert found.quantity.value == pytest.approx(300)

    @pytest.mark.parametrize(
        ("text", "said"),
        [("hour,g\n", ":1:"),
         ("hour,g_per_kwh\n", "no hours"),
         ("hour,g_per_kwh\nyesterday,1\n", ":2:"),
         ("hour,g_per_kwh\n2025-03-01T00:00,1\n2025-03-01T00:00,1\n", ":3:"),
         ("hour,g_per_kwh\n2025-03-01T00:00,1\n2025-03-01T02:00,1\n", ":3:"),
         ("hour,g_per_kwh\n2025-03-01T00:00,1\n2025-03-01T01:00,-1\n", ":3:"),
         ("hour,g_per_kwh\n2025-03-01T00:00,\n", "no hour has"),
         ("hour,g_per_kwh,kwh\n2025-03-01T00:00,1,2\n2025-03-01T01:00,1,\n", "all or none"),
         ("hour,g_per_kwh\n2025-03-01T00:00,1\n2025-03-01T01:00+02:00,1\n", ":3:"),
         ("hour,g_per_kwh\n" + "9" * 5000, ":2:")],
    )  # fmt: skip
    def test_malformed(self, tmp_path, text, said):
        with pytest.raises(InputError, match=said):
            self.read(tmp_path, text)


def test_amounts():
    assert parse_energy("12kWh") == 12 * KWH
    assert parse_energy("3.6e6 J") == KWH
    assert parse_time("4y") == 4 * 365 * 86400
    for text in ("-3kWh", "3", "3 apples", "1.2.3kWh", "", "infkWh"):
        with pytest.raises(InputError):
            parse_energy(text)
