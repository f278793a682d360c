"""Phase tables: from the ledger and from measured runs; the power model, a model left out."""

import os
from pathlib import Path

import msgspec
import numpy as np
import pytest

from picojoule.cluster import calibration, load_cluster, phase_table, table_for
from picojoule.cluster.ledger_phases import size_of
from picojoule.cluster.measured import measured
from picojoule.errors import InputError
from picojoule.quantity import Evidence

ROOT = Path(__file__).parents[3]
FILE = (
    Path(os.environ.get("PICOJOULE_DATA", ROOT.parent / "shared/data"))
    / "splitwise_power/perf_model.csv"
)
needs_file = pytest.mark.skipif(
    not FILE.exists(), reason="Splitwise's perf_model.csv is not here: set PICOJOULE_DATA"
)
NAMES = {"a100-80gb": "a100-sxm-80gb", "h100-80gb": "h100-sxm"}
LIMIT_W = 400


@pytest.fixture(scope="module")
def sizes():
    return {name: size_of(config, "float16") for name, config in measured().model.items()}


@pytest.fixture(scope="module")
def rows():
    return calibration.read_splitwise(FILE)


def powered(rows, windows=True):
    """A100 rows with power; without prompts beyond the model's window, of which there are 15."""
    window = {n: c.get("max_position_embeddings", np.inf) for n, c in measured().model.items()}
    keep = (rows["hardware"] == "a100-80gb") & ~np.isnan(rows["average_power"])
    inside = np.array(
        [p <= window[m] for p, m in zip(rows["prompt_size"], rows["model"], strict=True)]
    )
    return calibration.where(rows, keep & (inside | (not windows)))


def test_sizes_are_the_published_ones(sizes):
    assert sizes["llama2-70b"].parameters == 68_976_648_192
    assert sizes["llama2-70b"].kv_b == 2 * 80 * 8 * 128 * 2
    assert sizes["bloom-176b"].parameters == 176_247_271_424
    assert sizes["bloom-176b"].kv_b == 2 * 70 * 14336 * 2


@needs_file
def test_zero_is_missing_and_derived_rows_are_dropped(rows):
    assert not any("pcap" in h for h in rows["hardware"])
    assert (~np.isnan(rows["average_power"])).sum() == 260
    assert set(rows["hardware"][~np.isnan(rows["average_power"])]) == {"a100-80gb"}
    assert np.nanmin(rows["average_power"]) > 0


@needs_file
def test_the_shipped_power_is_the_fit(rows, sizes):
    own = powered(rows)
    fit = calibration.fit_power(
        calibration.power_features(own, sizes), LIMIT_W * own["average_power"]
    )
    # The best rate up to a size counts all rows, also those without power.
    a100 = calibration.where(rows, rows["hardware"] == "a100-80gb")
    rate = calibration.prefill_rate(a100, sizes)[~np.isnan(a100["average_power"])]
    peak = calibration.fit_peak(rate, LIMIT_W * powered(rows, windows=False)["peak_power"])
    power = measured().power["a100-sxm-80gb"]
    shipped = [power.active_w, power.pj_per_mac, power.pj_per_byte]
    assert shipped == pytest.approx(fit * [1, 1e12, 1e12], rel=1e-3)
    shipped = [power.peak_active_w, power.peak_pj_per_mac, power.peak_limit_w]
    assert shipped == pytest.approx(peak * [1, 1e12, 1], rel=1e-3)


@needs_file
def test_mean_power_leave_one_model_out(rows, sizes):
    """Within 10% over all rows; Llama-2 from BLOOM alone, which hardly varies, is at 10.0%."""
    own = powered(rows)
    x, y = calibration.power_features(own, sizes), LIMIT_W * own["average_power"]
    errors = calibration.leave_one_out(
        own["model"], lambda m: calibration.fit_power(x[m], y[m]), lambda c, m: x[m] @ c / y[m] - 1
    )
    mean = {k: np.abs(e).mean() for k, e in errors.items()}
    assert np.abs(np.concatenate(list(errors.values()))).mean() == pytest.approx(0.083, abs=0.001)
    assert mean["bloom-176b"] == pytest.approx(0.037, abs=0.001)
    assert mean["llama2-70b"] == pytest.approx(0.100, abs=0.001)


@needs_file
def test_peak_power_leave_one_model_out(rows, sizes):
    a100 = calibration.where(rows, rows["hardware"] == "a100-80gb")
    have = ~np.isnan(a100["peak_power"])
    rate = calibration.prefill_rate(a100, sizes)[have]
    own = calibration.where(a100, have)
    y = LIMIT_W * own["peak_power"]
    errors = calibration.leave_one_out(
        own["model"],
        lambda m: calibration.fit_peak(rate[m], y[m]),
        lambda c, m: calibration.peak_power(c, rate[m]) / y[m] - 1,
    )
    assert all(np.abs(e).mean() < 0.06 for e in errors.values())


@needs_file
def test_the_rows_left_out_are_idle_gpus(rows, sizes):
    """Prompts of 8192 tokens on Llama-2, whose window is 4096: below 75 W, as idle as 63 W."""
    every, inside = powered(rows, windows=False), powered(rows)
    assert len(every["model"]) - len(inside["model"]) == 15
    out = calibration.where(
        every, (every["prompt_size"] == 8192) & (every["model"] == "llama2-70b")
    )
    assert (LIMIT_W * out["average_power"]).max() < 75


@needs_file
@pytest.mark.parametrize(
    "served", measured().served, ids=lambda s: f"{s.model}-{s.chip}-{s.tensor_parallel}"
)
def test_the_shipped_latencies_are_the_fit(rows, served):
    (hardware,) = [k for k, v in NAMES.items() if v == served.chip]
    own = calibration.where(rows, (rows["hardware"] == hardware) & (rows["model"] == served.model)
                            & (rows["tensor_parallel"] == served.tensor_parallel))  # fmt: skip
    one = calibration.where(own, own["batch_size"] == 1)
    prefill = calibration.fit_prefill(one["prompt_size"], one["prompt_time"] / 1e3)
    assert served.prefill == pytest.approx(prefill, rel=1e-3)
    d = calibration.where(own, own["token_size"] == 128)
    cached = d["batch_size"] * (d["prompt_size"] + 64)
    step = calibration.fit_step(d["batch_size"], cached, d["token_time"] / 1e3)
    assert served.step == pytest.approx(step, rel=1e-3)
    a, b, c = served.prefill
    errors = np.abs((a + b * one["prompt_size"] + c * one["prompt_size"] ** 2)
                    / (one["prompt_time"] / 1e3) - 1)  # fmt: skip
    e, f, g, h = served.step
    steps = e + f * d["batch_size"] + g * d["batch_size"] ** 2 + h * cached
    worse = max(errors.mean(), np.abs(steps / (d["token_time"] / 1e3) - 1).mean())
    assert worse == pytest.approx(served.error, abs=1e-3)


LLAMA_8B = ROOT / "examples" / "llama-3-8b.json"


def test_a_table_from_the_ledger():
    table = phase_table(LLAMA_8B, "h100-sxm")
    assert table.evidence in (Evidence.MODELLED, Evidence.ASSUMED)
    assert (np.diff(table.prefill_s) > 0).all()
    assert (np.diff(table.step_s) >= 0).all()
    assert table.context_s > 0
    assert table.low < 1 < table.high
    # A decode step at batch 1 reads every weight once: 16 GB at 90% of 3.35 TB/s, and its launches.
    assert 16e9 / 3.35e12 < table.step_s[0] < 2 * 16e9 / (0.9 * 3.35e12)


def test_tensor_parallelism_divides_time_and_saves_no_joules():
    one, four = (phase_table(LLAMA_8B, "h100-sxm", tp) for tp in (1, 4))
    assert four.prefill_j == pytest.approx(one.prefill_j)
    assert one.prefill_s[-1] / 4 < four.prefill_s[-1] < one.prefill_s[-1] / 2
    assert four.kv_tokens > 4 * one.kv_tokens
    assert four.idle_w == 4 * one.idle_w


def test_a_table_is_interpolated_between_what_was_priced():
    import picojoule as pj

    table = phase_table(LLAMA_8B, "h100-sxm", dtype="float16")
    for n in (300, 1500, 3000):
        ledger = pj.estimate(pj.trace(LLAMA_8B, prompt=n, dtype="float16"), on="h100-sxm")
        seconds, _ = table.prefill(np.array([n]))
        assert seconds[0] == pytest.approx(ledger.total().time.value, rel=0.10)
    for batch, context in ((8, 500), (48, 3000)):
        graph = pj.trace(LLAMA_8B, context=context, batch=batch, dtype="float16")
        seconds = table.steps(64)[0][batch] + table.context_s * batch * context
        measured_s = pj.estimate(graph, on="h100-sxm").total().time.value
        assert seconds == pytest.approx(measured_s, rel=0.10)


def test_a_model_that_does_not_fit():
    cluster = load_cluster(ROOT / "examples" / "cluster.toml")
    small = msgspec.structs.replace(cluster, tensor_parallel=1)
    with pytest.raises(InputError, match=r"(?s)does not fit on 1 × a100-sxm-80gb.*138 GB.*= 2"):
        table_for(small)
    with pytest.raises(InputError, match=r"(?s)no model 'llama2-7b'.*llama2-70b"):
        table_for(msgspec.structs.replace(cluster, model="llama2-7b"))


def test_measured_tables_win_and_say_so():
    cluster = load_cluster(ROOT / "examples" / "cluster.toml")
    table = table_for(cluster)
    assert table.evidence is Evidence.CALIBRATED
    assert "Splitwise" in table.source
    hopper = table_for(msgspec.structs.replace(cluster, chip="h100-sxm"))
    assert "Splitwise" in hopper.source
    assert "roofline" in hopper.source
    assert hopper.evidence is not Evidence.CALIBRATED
