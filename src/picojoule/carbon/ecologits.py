"""The request model of EcoLogits 0.11.3 (MPL-2.0; methodology CC BY-SA; JOSS 10(111), 7471).

A baseline: it knows neither the prompt, the GPU nor the load. `batch` is 64 there, always.

    GPU energy per token  = alpha exp(beta B) P_active + gamma            Wh, P in billions
    latency per token     = a P_active + b B + c                          s, or 1 / (tokens/s)
    request               = PUE (GPUs x E_gpu + latency x 1.2 kW x GPUs / 8 / B)
    embodied              = latency / (B x 3 years) x (GPUs / 8 x server + GPUs x GPU)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from picojoule.errors import InputError

__all__ = ["EcoLogits", "ecologits", "gpus_needed"]

ALPHA, BETA, GAMMA = 1.1665273170451914e-06, -0.011205921025579175, 4.052928146734005e-05
LATENCY = (0.0006785088094353663, 0.0003119310311688259, 0.019473717579473387)
GPU_MEMORY_GB, SERVER_GPUS, SERVER_W = 80, 8, 1200.0
LIFETIME_S = 3 * 365 * 86400
GPU_KG, SERVER_KG = 273.0, 5700.0
OVERHEAD = 1.2


@dataclass(frozen=True, slots=True)
class EcoLogits:
    """One request. it_energy_j is before PUE; water in L, embodied carbon in kg CO2e."""

    gpus: int
    latency_s: float
    it_energy_j: float
    energy_j: float
    water_l: float
    embodied_kg: float


def ecologits(
    active_b: float,
    total_b: float,
    output_tokens: float,
    *,
    pue: float = 1.2,
    wue_site: float = 0.0,
    wue_grid: float = 0.0,
    batch: float = 64,
    bits: float = 16,
    tokens_per_s: float | None = None,
    ttft_s: float = 0.0,
) -> EcoLogits:
    """A request of `output_tokens` to a model of `active_b` of `total_b` billion parameters.

    wue_site, wue_grid: L/kWh; the site's counts IT energy, the grid's what the building takes in.
    Raises InputError for a number that is not possible.
    """
    amounts = (active_b, total_b, output_tokens, batch, bits)
    if not all(0 < x < math.inf for x in amounts) or pue < 1:
        raise InputError("not a request", got=f"{amounts}, PUE {pue:g}",
                         expected="numbers above 0, and a PUE of 1 or more")  # fmt: skip
    gpus = gpus_needed(total_b, bits)
    gpu_j = 3600 * output_tokens * (ALPHA * math.exp(BETA * batch) * active_b + GAMMA)
    a, b, c = LATENCY
    per_token_s = a * active_b + b * batch + c if tokens_per_s is None else 1 / tokens_per_s
    latency_s = ttft_s + output_tokens * per_token_s
    it_energy_j = gpus * gpu_j + latency_s * SERVER_W * gpus / SERVER_GPUS / batch
    server_kg = gpus / SERVER_GPUS * SERVER_KG + gpus * GPU_KG
    return EcoLogits(
        gpus,
        latency_s,
        it_energy_j,
        pue * it_energy_j,
        it_energy_j / 3.6e6 * (wue_site + pue * wue_grid),
        latency_s / (batch * LIFETIME_S) * server_kg,
    )


def gpus_needed(total_b: float, bits: float = 16) -> int:
    """GPUs of 80 GB that hold the weights and a fifth more, rounded up to a power of two."""
    memory_gb = OVERHEAD * total_b * bits / 8
    return int(2 ** math.ceil(math.log2(math.ceil(memory_gb / GPU_MEMORY_GB))))
