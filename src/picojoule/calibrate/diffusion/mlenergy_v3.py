"""ML.ENERGY benchmark v3, diffusion: joules an image or a video on H100 and B200."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from picojoule.calibrate.cells import understand
from picojoule.calibrate.diffusion.catalog import MODELS
from picojoule.calibrate.diffusion.model import Constants, Lean, batch, fitted
from picojoule.calibrate.diffusion.rows import GPUS, Config, understood
from picojoule.calibrate.folds import folds
from picojoule.calibrate.interval import band
from picojoule.calibrate.measured_set import Floats, Parsed, Predictions, Predictor
from picojoule.calibrate.shipped import read_shipped
from picojoule.calibrate.table import Table, read_table
from picojoule.errors import InputError

__all__ = ["SET", "Diffusion"]


class Diffusion(msgspec.Struct, frozen=True):
    """Constants, and the log factors of a 90% interval for a model that was not fitted."""

    constants: Constants
    low: float
    high: float

    def predict(self, configs: Sequence[Config]) -> Predictions:
        """Joules an image or video, all GPUs together."""
        if not configs:
            return Predictions(np.empty(0), np.empty(0), np.empty(0), ())
        energy_j = batch(self.constants, configs)[1] / [c.batch for c in configs]
        reasons = tuple(self._warning(c) for c in configs)
        return Predictions(
            energy_j, energy_j * np.exp(self.low), energy_j * np.exp(self.high), reasons
        )

    def given(self, configs: Sequence[Config], energy_j: Floats) -> Predictor:
        """Lean the families of measured rows towards them; three rows count as much as the fit."""
        off = np.log(energy_j / self.predict(configs).energy_j)
        names = np.array([c.pipeline.family for c in configs])
        families, decoders = dict(self.constants.families), dict(self.constants.decoders)
        for name in np.unique(names):
            here = off[names == name]
            factor = float(np.exp(np.median(here) * here.size / (here.size + 3)))
            families[name] = _leaned(families.get(name, Lean()), factor)
            for decoder in {
                MODELS[c.model].decoder.name for c in configs if c.pipeline.family == name
            }:
                decoders[decoder] = _leaned(decoders.get(decoder, Lean()), factor)
        known = msgspec.structs.replace(self.constants, families=families, decoders=decoders)
        return msgspec.structs.replace(self, constants=known)

    def _warning(self, config: Config) -> str | None:
        if config.gpu not in self.constants.gpus:
            return f"no {config.gpu} was measured: the datasheet and other GPUs' unit costs"
        if config.pipeline.family not in self.constants.families:
            return f"no model of the {config.pipeline.family} family was measured"
        return None


def _leaned(lean: Lean, factor: float) -> Lean:
    return Lean(lean.time * factor, lean.energy * factor)


class _Set:
    name = "mlenergy-v3-diffusion"
    unit = "J per image or video"
    source = "ML.ENERGY benchmark v3, diffusion (ml-energy/benchmark, data card: Apache-2.0)"
    measured = (
        "avg_power_watts",
        "batch_latency_s",
        "energy_per_image_joules",
        "energy_per_video_joules",
        "throughput_images_per_sec",
        "throughput_videos_per_sec",
    )

    def find(self, folder: Path) -> Table:
        for path in ("mlenergy_v3/diffusion.csv", "diffusion.csv"):
            if (folder / path).exists():
                return read_table(folder / path)
        raise InputError("no diffusion.csv of ML.ENERGY v3", where=str(folder))

    def parse(self, table: Table) -> Parsed:
        table.need("model_id", "gpu_model", "batch_size")
        return understand(table, understood)

    def group(self, config: Config) -> str:
        return config.model

    def part(self, config: Config) -> str:
        return config.gpu

    def fit(self, configs: Sequence[Config], energy_j: Floats) -> Diffusion:
        constants = fitted(configs, energy_j)
        groups = [c.model for c in configs]
        off = np.log(energy_j / _left_out(configs, energy_j, groups, constants))
        return Diffusion(constants, *band(off, groups))

    def shipped(self) -> Diffusion:
        return read_shipped(self.name, Diffusion)

    def baselines(
        self, train: Sequence[Config], energy_j: Floats, test: Sequence[Config]
    ) -> dict[str, Floats]:
        columns = [np.array([_logs(c) for c in some]) for some in (train, test)]
        slope = np.linalg.lstsq(columns[0], np.log(energy_j), rcond=None)[0]
        return {
            "roofline at TDP": np.array([_roofline(c) for c in test]),
            "log-linear": np.asarray(np.exp(columns[1] @ slope), float),
        }

    def suspect(self, config: Config, ratio: float) -> str:
        """Why a prediction is off by predicted/measured = ratio, as far as is known."""
        family = config.pipeline.family
        if family == "hunyuan-dit" and ratio < 1:
            return "runs 1.4x longer than its counts at the others' rates: skips and 32-bit norms"
        if family == "pixart" and ratio > 1:
            return "its decoder is known only from Hunyuan-DiT, whose slow code looks like decoding"
        if family == "sana":
            return "no other model has linear attention or this decoder"
        if config.gpus == 1 and family in ("flux", "sd3"):
            return "one GPU uses another attention kernel than several"
        return "a denoiser whose code was not among the fitted ones"


def _left_out(
    configs: Sequence[Config], energy_j: Floats, groups: Sequence[str], near: Constants
) -> Floats:
    """Each row predicted by a fit without its model."""
    answer = np.empty(energy_j.size)
    for inside, outside in folds(groups):
        rows = outside or inside  # a single model can't be left out
        some = fitted([configs[i] for i in rows], energy_j[rows], near)
        asked = [configs[i] for i in inside]
        answer[inside] = batch(some, asked)[1] / [c.batch for c in asked]
    return answer


def _roofline(config: Config) -> float:
    gpu, work = GPUS[config.gpu], config.work
    macs = work.linear_macs + work.attention_macs + work.decode_macs + work.text_macs
    return config.gpus * gpu.power_w * 2 * macs / gpu.flop_s


def _logs(config: Config) -> list[float]:
    """Regressors: MACs without their split, GPUs, batch, GPU kind."""
    work = config.work
    macs = config.gpus * (work.linear_macs + work.attention_macs)
    logs = np.log([macs, config.gpus, config.batch, config.steps])
    return [1.0, *logs.tolist(), float(config.gpu == "B200")]


SET = _Set()
