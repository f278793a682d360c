"""Language models served: facts against published totals, physics against closed forms."""

import json
import re
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picojoule.calibrate.llm.architectures import architecture, architectures
from picojoule.calibrate.llm.deployment import BITS, Deployment, held_bytes, sequence_bytes
from picojoule.calibrate.llm.fit import fit_serving
from picojoule.calibrate.llm.fitted import Fitted, Row, Task
from picojoule.calibrate.llm.gpus import GPUS
from picojoule.calibrate.llm.priors import PRIORS, transformed, value
from picojoule.calibrate.llm.serving import Constants, experts_met
from picojoule.calibrate.sets import measured_set
from picojoule.calibrate.table import Table, write_table
from picojoule.calibrate.validate import leave_groups_out
from picojoule.cli.predict import predict
from picojoule.errors import InputError
from picojoule.report.console import to_text
from picojoule.report.documents_validate import validate_document
from picojoule.report.text_validate import validation_view

ENTRIES = {entry.ids[0]: entry for entry in architectures().values()}
every_entry = pytest.mark.parametrize("name", ENTRIES)
TASKS = {"chat": Task(300.0)}
PLAIN = {name: {"shared": prior.value} for name, prior in PRIORS.items()}
TYPICAL = Fitted(PLAIN, {}, TASKS)


def deployment(name="meta-llama/Llama-3.1-8B-Instruct", gpu="H100", batch=32.0, **more):
    asked = {"precision": "bfloat16", "output_tokens": 400.0, "prompt_tokens": 300.0, **more}
    return Deployment(architecture(name), GPUS[gpu], batch=batch, **asked)


def with_constants(**values):
    return Fitted({**PLAIN, **{k: {"shared": v} for k, v in values.items()}}, {}, TASKS)


@every_entry
def test_parameters_counted_from_the_description_are_those_published(name):
    entry = ENTRIES[name]
    assert entry.parameters / 1e9 == pytest.approx(entry.total_b, rel=0.02)
    if entry.active_b is not None:
        assert entry.active_parameters / 1e9 == pytest.approx(entry.active_b, rel=0.1)
    assert entry.source


def test_parameters_are_those_of_the_name():
    for name, entry in architectures().items():
        told = re.search(r"[-_](\d+(?:\.\d+)?)B\b", name, re.IGNORECASE)
        if told is None or "Llama-4" in name or "OLMoE" in name:
            continue  # no number, or that of active parameters
        assert entry.parameters / 1e9 == pytest.approx(float(told[1]), rel=0.35), name


def test_an_unknown_model_gets_its_neighbours():
    with pytest.raises(InputError, match="unknown model") as caught:
        architecture("meta-llama/Llama-3.1-8B-Instrukt")
    assert "meta-llama/Llama-3.1-8B-Instruct" in caught.value.fix


def test_memory_of_llama_8b_is_as_published():
    d = deployment()
    assert held_bytes(d) == pytest.approx(16.06e9, rel=0.01)  # 8.03 B parameters in bfloat16
    assert sequence_bytes(d, 1000.0) == 1000 * 131072  # 2 x 32 layers x 8 heads x 128 x 2 bytes
    assert sequence_bytes(replace(d, tensor=4), 1000.0) == 1000 * 131072 / 4


def test_latent_attention_caches_576_elements_a_token_and_copies_them():
    d = deployment("deepseek-ai/DeepSeek-V3", "B200", precision="fp8", tensor=8)
    assert sequence_bytes(d, 1.0) == 61 * 576 * 2


@pytest.mark.parametrize(("experts", "active", "tokens"), [(8, 2, 3), (128, 8, 16), (16, 1, 40)])
def test_experts_met_is_the_mean_of_draws(experts, active, tokens):
    rng = np.random.default_rng(7)
    draws = rng.random((4000, tokens, experts)).argpartition(active, axis=2)[:, :, :active]
    seen = [len(set(draw.ravel())) for draw in draws]
    met = experts_met(np.array([float(experts)]), np.array([float(active)]), np.array([tokens]))
    assert met[0] == pytest.approx(np.mean(seen), rel=0.01)


def test_a_dense_model_meets_no_experts():
    assert experts_met(np.zeros(1), np.zeros(1), np.ones(1))[0] == 0


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(ENTRIES)),
    st.sampled_from(sorted(GPUS)),
    st.sampled_from(sorted(BITS)),
    st.floats(1, 5000),
    st.floats(1, 2e4),
    st.sampled_from([1, 2, 8]),
)
def test_every_model_on_every_gpu_has_a_positive_step_within_the_power_limit(
    name, gpu, precision, batch, output, tensor
):
    d = deployment(name, gpu, batch, precision=precision, output_tokens=output, tensor=tensor)
    told = TYPICAL.price([d])
    for field in fields(told):
        assert np.isfinite(getattr(told, field.name)).all()
        assert (getattr(told, field.name) > 0).all()
    assert told.power_w[0] <= d.gpu.limit_w * tensor * 1.0001
    assert told.energy_j[0] == pytest.approx(told.power_w[0] * told.time_s[0] / batch)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(ENTRIES)), st.floats(1, 500), st.floats(1.01, 4))
def test_a_larger_batch_takes_longer_and_costs_less_a_token(name, batch, more):
    small, large = (deployment(name, batch=b, prompt_tokens=0.0) for b in (batch, batch * more))
    told = TYPICAL.price([small, large])
    assert told.time_s[1] >= told.time_s[0]
    assert told.energy_j[1] <= told.energy_j[0] * 1.0001


def test_a_step_takes_at_least_as_long_as_reading_the_weights():
    d = deployment(batch=1.0, prompt_tokens=0.0)
    read_s = (held_bytes(d) - 128256 * 4096 * 2) / d.gpu.memory_b_s  # all but the embedding
    assert TYPICAL.price([d]).decode_s[0] > read_s


def test_at_batch_one_a_perfect_chip_is_its_bandwidth():
    free = dict.fromkeys(
        ["layer_s", "step_s", "sequence_s", "request_s", "mixed_s", "logit_passes"], 1e-15
    )
    perfect = with_constants(memory_share=1.0, attention_memory_share=1.0, sharpness=50.0, **free)
    d = deployment(batch=1.0, prompt_tokens=0.0, output_tokens=1.0)
    read_s = (held_bytes(d) - 128256 * 4096 * 2) / d.gpu.memory_b_s
    assert perfect.price([d]).decode_s[0] == pytest.approx(read_s, rel=1e-3)


def test_two_pipeline_stages_make_twice_the_tokens_in_the_time_of_one():
    hostless = with_constants(step_s=1e-15, sequence_s=1e-15, request_s=1e-15)
    one, two = deployment(batch=64.0), deployment(batch=128.0, pipeline=2)
    told = hostless.price([one, two])
    assert told.time_s[1] == pytest.approx(told.time_s[0])
    assert told.energy_j[1] == pytest.approx(told.energy_j[0])


def test_windows_matter_only_beyond_their_length():
    short, long = (deployment("openai/gpt-oss-20b", output_tokens=n) for n in (60.0, 6000.0))
    token = short.architecture.layers * short.architecture.kv_elements * 2
    assert sequence_bytes(short, 100.0) == 100 * token
    assert sequence_bytes(long, 5000.0) < 0.6 * 5000 * token


@pytest.mark.parametrize("name", PRIORS)
def test_transforms_go_back_and_forth(name):
    assert value(name, np.array(transformed(name))) == pytest.approx(PRIORS[name].value)


def synthetic(noise, seed=3):
    """Rows of ten models, measured by a chip whose constants are not the priors."""
    truth = with_constants(memory_share=0.6, static_share=0.3, byte_j=9e-11, step_s=2e-3)
    names = [
        "meta-llama/Llama-3.1-8B-Instruct", "Qwen/Qwen3-14B", "google/gemma-2-9b-it",
        "Qwen/Qwen3-32B", "microsoft/phi-4", "mistralai/Mistral-7B-Instruct-v0.3",
        "openai/gpt-oss-20b", "Qwen/Qwen3-30B-A3B", "bigcode/starcoder2-15b", "Qwen/Qwen3-4B",
    ]  # fmt: skip
    plans = [deployment(name, batch=float(b)) for name in names for b in (8, 32, 128, 256)]
    told = truth.price(plans)
    rng = np.random.default_rng(seed)
    wrong = np.exp(rng.normal(0, noise, (2, len(plans))))
    rows = [
        Row(d.architecture.ids[0], d, "chat", time_s=float(t))
        for d, t in zip(plans, told.time_s * wrong[0], strict=True)
    ]
    return rows, told.energy_j * wrong[1]


def test_the_fit_finds_a_chip_that_is_not_the_prior():
    rows, energy_j = synthetic(noise=0.0)
    before = np.abs(TYPICAL.steps(rows).energy_j / energy_j - 1)
    fitted, left_out = fit_serving(rows, energy_j, TASKS)
    after = np.abs(fitted.steps(rows).energy_j / energy_j - 1)
    assert np.median(before) > 0.15
    assert np.median(after) < 0.02
    assert np.median(np.abs(left_out)) < 0.04


def test_left_out_residuals_are_those_of_fits_without_the_model():
    rows, energy_j = synthetic(noise=0.1)
    _, quick = fit_serving(rows, energy_j, TASKS)
    models = np.array([row.model for row in rows])
    for name in sorted(set(models))[:3]:
        mine, others = np.flatnonzero(models == name), np.flatnonzero(models != name)
        fitted, _ = fit_serving([rows[i] for i in others], energy_j[others], TASKS)
        exact = np.log(energy_j[mine] / fitted.steps([rows[i] for i in mine]).energy_j)
        np.testing.assert_allclose(quick[mine], exact, atol=0.05)


def test_given_rows_of_a_model_correct_its_other_batches_and_no_other_model():
    known = measured_set("mlenergy-v3").shipped()
    rows = [Row("a", deployment(batch=b), "lm-arena-chat") for b in (8.0, 32.0, 128.0, 512.0)] + [
        Row("b", deployment(), "lm-arena-chat")
    ]
    before = known.predict(rows).energy_j
    after = known.given(rows[:3], 1.5 * before[:3]).predict(rows).energy_j
    assert 1.2 < after[3] / before[3] < 1.5
    assert after[4] == before[4]


def test_a_gpu_without_rows_is_predicted_more_widely_and_says_so():
    known = measured_set("mlenergy-v3").shipped()
    seen, unseen = (Row("a", deployment(gpu=g), "lm-arena-chat") for g in ("H100", "H200"))
    told = known.predict([seen, unseen])
    width = np.log(told.high_j / told.low_j)
    assert width[1] > width[0]
    assert told.reasons[0] is None
    assert "H200" in told.reasons[1]


def test_predict_writes_every_row_and_counts_what_is_missing(tmp_path, capsys):
    good = {"task": "lm-arena-chat", "model_id": "Qwen/Qwen3-14B", "gpu_model": "B200",
            "num_gpus": "1", "max_num_seqs": "64"}  # fmt: skip
    rows = (good, {**good, "gpu_model": "abacus"})
    write_table(Table(tuple(good), rows), [{}, {}], tmp_path / "in.csv")
    code = predict(tmp_path / "in.csv", set_="mlenergy-v3", output=tmp_path / "o.csv", json=True)
    document = json.loads(capsys.readouterr().out)
    assert code == 0
    assert document["schema"] == "picojoule/predict/1"
    assert (document["rows"], document["predicted"]) == (2, 1)
    (reason,) = document["unavailable"]
    assert "abacus" in reason
    assert predict(tmp_path / "in.csv", set_="mlenergy-v3", output=tmp_path / "o.csv") == 0
    assert "1 of 2 rows predicted" in capsys.readouterr().out


class _Ends:
    """A set of two groups whose predictor always says 2 J, from 1 to 4."""

    name, unit, source = "ends", "J", "nobody"

    def group(self, config):
        return config[0]

    def part(self, config):
        return "somewhere"

    def suspect(self, config, ratio):
        return f"off by {ratio:g}"

    def fit(self, configs, energy_j):
        return self

    def predict(self, configs):
        from picojoule.calibrate.measured_set import Predictions

        n = len(configs)
        return Predictions(np.full(n, 2.0), np.full(n, 1.0), np.full(n, 4.0), (None,) * n)

    def baselines(self, train, energy_j, test):
        return {"always one": np.ones(len(test))}


def test_validation_shows_scores_rivals_coverage_and_the_worst_group(monkeypatch):
    monkeypatch.setattr("picojoule.report.documents_validate.measured_set", lambda _: _Ends())
    energy_j = np.array([2.0, 2.0, 5.0])
    found = leave_groups_out(_Ends(), (("a",), ("a",), ("b",)), energy_j, {"no model": 3})
    document = validate_document(found)
    assert document.scores.coverage == pytest.approx(2 / 3)
    assert document.scores.median == 0
    assert list(document.groups) == ["b", "a"]
    text = to_text(validation_view(document))
    for told in ("always one", "somewhere", "67%", "90%", "3 x no model", "off by 0.4"):
        assert told in text


def test_constants_have_a_prior_each():
    assert {f.name for f in fields(Constants)} == {*PRIORS, "stall_s"}


def test_a_table_that_cant_be_written_leaves_nothing(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="can't write: Is a directory"):
        write_table(Table(("a",), ()), [], tmp_path / "folder")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]
    write_table(Table(("a",), ()), [], tmp_path / "new" / "out.csv")
    assert (tmp_path / "new" / "out.csv").read_text().startswith("a,predicted_j")
