"""Seconds and joules of a diffusion batch: counts × unit costs + static power × time.

Denoising runs at the slower of the GPU (matrices, softmax, activations through memory, exchange
between GPUs) and of the host that launches it; then every GPU decodes all samples. Each unit
cost is fitted as a factor of what the datasheet allows, with a prior at what such kernels reach,
and leans by GPU, by denoiser family and by decoder, as far as the rows insist.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from scipy.optimize import least_squares

from picojoule.calibrate.diffusion.rows import GPUS, Config
from picojoule.calibrate.measured_set import Floats

__all__ = ["Constants", "Lean", "Rates", "batch", "fitted"]


class Rates(msgspec.Struct, frozen=True):
    """Unit costs of a GPU. Those without a unit are multiples of the datasheet's time.

    linear, attention, text, decode: of FLOPs at peak. exponential: of a FLOP at peak, each.
    written, exchanged, merged: of 2 bytes through memory, for each number that a layer writes,
    that GPUs exchange, and that ring attention merges. layer_s, exchange_s, ring_s: host seconds
    a layer, an attention over GPUs, a step of a ring. static: share of the power limit drawn
    whatever runs. *_pj: picojoules a FLOP, a number written.
    """

    linear: float = 1 / 0.65
    attention: float = 1 / 0.5
    exponential: float = 20.0
    written: float = 6.0
    exchanged: float = 4.0
    merged: float = 4.0
    layer_s: float = 0.8e-3
    exchange_s: float = 0.7e-3
    ring_s: float = 0.15e-3
    decode: float = 4.0
    static: float = 0.22
    linear_pj: float = 0.55
    attention_pj: float = 0.65
    written_pj: float = 50.0
    decode_pj: float = 0.6


class Lean(msgspec.Struct, frozen=True):
    """How far a kind of code is from the general unit costs: factors of time and of energy."""

    time: float = 1.0
    energy: float = 1.0


class Constants(msgspec.Struct, frozen=True):
    """Everything fitted. general: of a GPU without rows. families: of denoisers."""

    general: Rates
    gpus: dict[str, Rates]
    families: dict[str, Lean]
    decoders: dict[str, Lean]


_NAMES = Rates.__struct_fields__
_PRIOR = np.log(msgspec.structs.astuple(Rates()))
# How well each prior is known (log): GEMM efficiency best, overheads of exchange worst.
_SPREAD = np.array([0.15, 0.3, 0.7, 0.5, 1, 1, 0.5, 0.5, 0.7, 1, 0.3, 0.3, 0.3, 0.7, 0.7])
_GPU, _FAMILY, _DECODER = 0.25, (0.2, 0.1), (0.6, 0.3)  # prior spread of the leanings
_NOISE, _WORTH, _TIME = 0.07, 15.0, 0.7  # of a row; rows a (model, GPU) is worth; weight of time


class _Work:
    """Columns of what a batch does on one GPU."""

    def __init__(self, configs: Sequence[Config]) -> None:
        work = [c.work for c in configs]
        per_sample = (
            "linear_macs attention_macs exponentials written hidden decode_macs text_macs".split()
        )
        self.gpus = np.array([c.gpus for c in configs], float)
        self.ring = np.array([c.ring for c in configs], float)
        self.batch = np.array([c.batch for c in configs], float)
        self.of = {
            name: self.batch * np.array([getattr(w, name) for w in work]) for name in per_sample
        }
        self.layers = np.array([w.layers for w in work])
        self.attentions = np.array([w.attentions for w in work])
        gpus = [GPUS[c.gpu] for c in configs]
        self.flop_s = np.array([g.flop_s for g in gpus])
        self.number_s = np.array([g.bytes_s / 2 for g in gpus])
        self.power_w = np.array([g.power_w for g in gpus])


def _laws(q: Floats, w: _Work, family: Floats, decoder: Floats) -> tuple[Floats, Floats]:
    """Seconds of a batch and its joules. q: unit costs (15, rows). Leanings: (2, rows)."""
    c = dict(zip(_NAMES, q, strict=True))
    of, several, rings = w.of, w.gpus > 1, w.ring > 1
    flops = 2 * of["linear_macs"] * c["linear"] + 2 * of["attention_macs"] * c["attention"]
    flops += 2 * of["exponentials"] * c["exponential"]
    # a ring merges partial outputs at each of its steps: tokens × width / ulysses in all
    merged = rings * of["hidden"] * w.ring * c["merged"]
    moved = of["written"] * c["written"] + several * of["hidden"] * c["exchanged"] + merged
    gpu_s = family[0] * (flops / w.flop_s + moved / w.number_s)
    host_s = w.layers * c["layer_s"]
    host_s += w.attentions * (several * c["exchange_s"] + (w.ring - 1) * c["ring_s"])
    rest_s = 2 * (of["decode_macs"] * c["decode"] * decoder[0] + of["text_macs"] * c["linear"])
    time_s = (gpu_s**4 + host_s**4) ** 0.25 + rest_s / w.flop_s
    picojoules = 2 * of["linear_macs"] * c["linear_pj"] + of["written"] * c["written_pj"]
    picojoules += 2 * of["attention_macs"] * c["attention_pj"]
    picojoules *= family[1]
    picojoules += 2 * of["decode_macs"] * c["decode_pj"] * decoder[1]
    picojoules += 2 * of["text_macs"] * c["linear_pj"]
    return time_s, w.gpus * (c["static"] * w.power_w * time_s + 1e-12 * picojoules)


def batch(constants: Constants, configs: Sequence[Config]) -> tuple[Floats, Floats]:
    """Seconds and joules of each configuration's batch, all GPUs together."""
    rates = [constants.gpus.get(c.gpu, constants.general) for c in configs]
    q = np.array([msgspec.structs.astuple(r) for r in rates]).T
    families = [constants.families.get(c.pipeline.family, Lean()) for c in configs]
    decoders = [constants.decoders.get(c.pipeline.decoder.name, Lean()) for c in configs]
    leans = [np.array([[x.time, x.energy] for x in some]).T for some in (families, decoders)]
    return _laws(q, _Work(configs), leans[0], leans[1])


def fitted(
    configs: Sequence[Config], energy_j: Floats, start: Constants | None = None
) -> Constants:
    """Fit to joules per sample, and to the seconds of rows that have them.

    energy_j: as measured, positive. start: constants to begin from.
    """
    where = _Index(configs)
    work = _Work(configs)
    energy = np.log(energy_j * work.batch)
    time_s = np.array([c.time_s for c in configs])
    timed = np.isfinite(time_s)
    weight = where.weights()

    def residuals(x: Floats) -> Floats:
        q, family, decoder = where.spread(x)
        seconds, joules = _laws(q, work, family, decoder)
        late = _TIME * weight[timed] * np.log(seconds[timed] / time_s[timed])
        return np.concatenate([late, weight * (np.log(joules) - energy), x / where.scale])

    first = np.zeros(where.scale.size) if start is None else where.vector(start)
    found = least_squares(residuals, first, ftol=1e-3, max_nfev=30)
    return where.constants(np.asarray(found.x, float))


class _Index:
    """Which entry of the fitted vector belongs to which row; the vector is 0 at the prior."""

    def __init__(self, configs: Sequence[Config]) -> None:
        self.gpus, self.gpu = _unique([c.gpu for c in configs])
        self.families, self.family = _unique([c.pipeline.family for c in configs])
        self.decoders, self.decoder = _unique([c.pipeline.decoder.name for c in configs])
        _, self.cell = _unique([f"{c.model} {c.gpu}" for c in configs])
        self.sizes = [15, 15 * len(self.gpus), 2 * len(self.families), 2 * len(self.decoders)]
        spreads = [_SPREAD, np.full(15, _GPU / np.sqrt(2)), np.array(_FAMILY), np.array(_DECODER)]
        self.scale = np.concatenate(
            [np.resize(s, size) for s, size in zip(spreads, self.sizes, strict=True)]
        )

    def _parts(self, x: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        general, gpus, families, decoders = np.split(x, np.cumsum(self.sizes)[:-1])
        rates = _PRIOR + general + gpus.reshape(-1, 15)
        return _PRIOR + general, rates, families.reshape(-1, 2), decoders.reshape(-1, 2)

    def spread(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Unit costs and leanings of each row."""
        _, rates, families, decoders = self._parts(x)
        return (
            np.exp(rates[self.gpu]).T,
            np.exp(families[self.family]).T,
            np.exp(decoders[self.decoder]).T,
        )

    def weights(self) -> Floats:
        """Every model on every GPU is worth the same, however many rows it has."""
        return np.asarray(np.sqrt(_WORTH / np.bincount(self.cell)[self.cell]) / _NOISE, float)

    def constants(self, x: Floats) -> Constants:
        general, rates, families, decoders = (np.exp(part) for part in self._parts(x))
        return Constants(
            Rates(*general.tolist()),
            {g: Rates(*r) for g, r in zip(self.gpus, rates.tolist(), strict=True)},
            {f: Lean(*v) for f, v in zip(self.families, families.tolist(), strict=True)},
            {d: Lean(*v) for d, v in zip(self.decoders, decoders.tolist(), strict=True)},
        )

    def vector(self, known: Constants) -> Floats:
        """The vector that `constants` made `known` from, as far as this has its names."""
        general = np.log(msgspec.structs.astuple(known.general))
        rates = [known.gpus.get(g, known.general) for g in self.gpus]
        leans = [known.families.get(f, Lean()) for f in self.families]
        leans += [known.decoders.get(d, Lean()) for d in self.decoders]
        return np.concatenate(
            [
                general - _PRIOR,
                (np.log([msgspec.structs.astuple(r) for r in rates]) - general).ravel(),
                np.log([[v.time, v.energy] for v in leans]).ravel(),
            ]
        )


def _unique(names: Sequence[str]) -> tuple[list[str], np.ndarray]:
    found, index = np.unique(list(names), return_inverse=True)
    return found.tolist(), index
