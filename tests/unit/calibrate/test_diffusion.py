"""Diffusion pipelines: published counts, laws that must hold, and errors on models left out."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from picojoule.calibrate.diffusion.catalog import MODELS
from picojoule.calibrate.diffusion.mlenergy_v3 import SET
from picojoule.calibrate.diffusion.model import batch
from picojoule.calibrate.diffusion.rows import GPUS, Config
from picojoule.calibrate.diffusion.workload import counts
from picojoule.calibrate.validate import validate

DATA = Path(os.environ.get("PICOJOULE_DATA", Path(__file__).parents[4] / "shared/data"))
FLUX = Config("black-forest-labs/FLUX.1-dev", "H100", 1, 1, 1, 1, 50, (1, 1024, 1024))


def joules(**changes):
    return float(SET.shipped().predict([dataclasses.replace(FLUX, **changes)]).energy_j[0])


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("black-forest-labs/FLUX.1-dev", 4096),  # 1024 / 16 squared
        ("Efficient-Large-Model/SANA1.5_1.6B_1024px_diffusers", 1024),  # 32x, arXiv 2410.10629
        ("Wan-AI/Wan2.1-T2V-14B-Diffusers", 32760),  # 21 x 30 x 52, arXiv 2503.20314
        ("zai-org/CogVideoX-2b", 17550),  # 13 x 30 x 45, arXiv 2408.06072
        ("tencent/HunyuanVideo", 118800),  # 33 x 45 x 80, arXiv 2412.03603
        ("zai-org/CogVideoX1.5-5B", 44880),  # 11 x 48 x 85: frames in pairs
    ],
)
def test_latent_tokens(name, tokens):
    pipe = MODELS[name]
    assert pipe.tokens(*pipe.size) == tokens


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        # all weights of these layers are in the MACs of a token: model cards' parameters
        ("PixArt-alpha/PixArt-Sigma-XL-2-1024-MS", 0.6),
        ("Efficient-Large-Model/SANA1.5_4.8B_1024px_diffusers", 4.8),
        ("Efficient-Large-Model/SANA1.5_1.6B_1024px_diffusers", 1.6),
        ("Wan-AI/Wan2.1-T2V-1.3B-Diffusers", 1.3),
        ("Wan-AI/Wan2.1-T2V-14B-Diffusers", 14.0),
        ("Tencent-Hunyuan/HunyuanDiT-v1.2-Diffusers", 1.5),
    ],
)
def test_weights_met_by_tokens_are_the_published_parameters(name, billions):
    weights = sum(b.layers * (b.token_weights + b.text_weights) for b in MODELS[name].blocks)
    assert weights / 1e9 == pytest.approx(billions, rel=0.08)


def test_the_decoder_of_latent_diffusion_costs_what_is_published():
    # 1.24 T MACs for 512 x 512, as profilers report for the decoder of Stable Diffusion
    decoder = MODELS["black-forest-labs/FLUX.1-dev"].decoder
    assert decoder.macs(512, 512) / 1e12 == pytest.approx(1.24, rel=0.03)


def test_counts_split_over_gpus_but_for_decoding_and_whole_text():
    flux, sd3 = MODELS[FLUX.model], MODELS["stabilityai/stable-diffusion-3.5-medium"]
    one, eight = (counts(flux, flux.size, 50, n) for n in (1, 8))
    assert eight.linear_macs * 8 == pytest.approx(one.linear_macs)
    assert eight.attention_macs * 8 == pytest.approx(one.attention_macs)
    assert eight.decode_macs == one.decode_macs
    whole = counts(sd3, sd3.size, 28, 8)  # 333 text tokens can't be divided
    assert whole.linear_macs * 8 > counts(sd3, sd3.size, 28, 1).linear_macs * 1.3


def test_attention_is_quadratic_in_frames_and_everything_linear_in_steps():
    pipe = MODELS["Wan-AI/Wan2.1-T2V-1.3B-Diffusers"]
    short, long = (counts(pipe, (f, 480, 832), 50) for f in (81, 165))  # 21 and 42 latent frames
    within = 2.0 * 1536 * pipe.tokens(81, 480, 832) ** 2 * 30 * 100
    assert long.attention_macs - 2 * short.attention_macs == pytest.approx(2 * within)
    assert counts(pipe, pipe.size, 100).linear_macs == 2 * counts(pipe, pipe.size, 50).linear_macs


def test_more_work_is_more_joules():
    assert joules() < joules(steps=60) < joules(steps=60, size=(1, 1536, 1024))
    assert joules(gpus=8, ulysses=8) > joules(), "every GPU decodes and holds its static power"
    assert joules(gpus=8, ring=8) > joules(gpus=8, ulysses=8), "a ring merges at every step"
    few = joules(model="black-forest-labs/FLUX.1-schnell", steps=4)
    assert joules() / 15 < few < joules() / 8


def test_power_is_within_the_board():
    configs = [dataclasses.replace(FLUX, model=m, gpu=g, batch=4) for m in MODELS for g in GPUS]
    configs = [dataclasses.replace(c, size=c.pipeline.size) for c in configs]
    seconds, energy_j = batch(SET.shipped().constants, configs)
    share = energy_j / seconds / [GPUS[c.gpu].power_w for c in configs]
    assert (share > 0.2).all()
    assert (share < 1.25).all(), "the law has no cap, so the last watts may be too many"


def test_given_rows_lean_their_family_only():
    known = SET.shipped()
    rows = [dataclasses.replace(FLUX, batch=b) for b in (1, 2, 4, 8, 16, 32)]
    before = known.predict(rows).energy_j
    leaned = known.given(rows, 1.5 * before)
    assert leaned.predict(rows).energy_j / before == pytest.approx(1.5 ** (6 / 9), rel=0.01)
    other = dataclasses.replace(FLUX, model="PixArt-alpha/PixArt-Sigma-XL-2-1024-MS", steps=20)
    assert leaned.predict([other]).energy_j == pytest.approx(known.predict([other]).energy_j)


def test_what_was_never_measured_is_predicted_with_a_warning():
    mochi = dataclasses.replace(FLUX, model="genmo/mochi-1-preview", size=(84, 480, 848))
    asked = [FLUX, mochi, dataclasses.replace(FLUX, gpu="A100")]
    answer = SET.shipped().predict(asked)
    assert np.isfinite(answer.energy_j).all()
    assert answer.reasons[0] is None
    assert "family" in answer.reasons[1]
    assert "A100" in answer.reasons[2]


def test_models_left_out():
    if not (DATA / "mlenergy_v3/diffusion.csv").exists():
        pytest.skip("the public measurements are not here: set PICOJOULE_DATA")
    parsed = SET.parse(SET.find(DATA))
    rows = [i for i in parsed.usable() if parsed.configs[i].gpu == "H100"]
    held = "tencent/HunyuanVideo"
    train = [i for i in rows if parsed.configs[i].model != held]
    test = [i for i in rows if parsed.configs[i].model == held]
    fit = SET.fit([parsed.configs[i] for i in train], parsed.energy_j[train])
    answer = fit.predict([parsed.configs[i] for i in test])
    error = np.abs(answer.energy_j / parsed.energy_j[test] - 1)
    assert np.median(error) < 0.15
    assert error.mean() < 0.25


def test_every_model_left_out_in_turn():
    if not (DATA / "mlenergy_v3/diffusion.csv").exists():
        pytest.skip("the public measurements are not here: set PICOJOULE_DATA")
    done = validate(DATA, SET.name)
    assert done.scores.median < 0.15
    assert done.scores.mean < 0.25
    assert 0.85 <= done.scores.coverage <= 0.95
    assert all(done.scores.mean < rival.mean for rival in done.rival_scores().values())
