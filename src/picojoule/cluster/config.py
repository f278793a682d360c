"""A cluster: one row of servers under one power budget, from a small TOML file.

    model = "llama2-70b"              # a measured one, or the path of a config.json
    chip = "a100-sxm-80gb"
    tensor_parallel = 8               # chips that hold one replica of the model
    budget = "260 kW"
    racks = 10
    servers_per_rack = 4

The other tables have defaults: see the structs below. A file is untrusted: its size is checked and
unknown keys are refused, with their line.
"""

from __future__ import annotations

import math
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from picojoule.chips import load_chip
from picojoule.chips.lines import key_lines, line_of
from picojoule.errors import InputError
from picojoule.files import read_text

__all__ = ["Cluster", "Control", "Number", "Response", "Server", "load_cluster", "parse_power"]

MAX_BYTES = 1_000_000
_MOST = 10_000


class Number(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value with its interval and where it is from."""

    value: float
    low: float
    high: float
    source: str

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.value <= self.high < math.inf:
            raise ValueError("expected 0 <= low <= value <= high")


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A server around its chips.

    Power is other_idle_w + chips + other_share × (chips - idle chips): fans, converters and hosts
    follow the chips. sleep_w: of the whole server, asleep. wake_s: from asleep to serving.
    """

    chips: int = 8
    other_idle_w: Number = Number(
        996, 700, 1300,
        "DGX A100 idle 1500 W (splitwise-sim's power model) less 8 idle chips of 63 W",
    )  # fmt: skip
    other_share: Number = Number(
        0.85, 0.4, 1.0,
        "6.5 kW nameplate with GPUs about half of it (POLCA, arXiv 2308.12908): at 8 × 400 W of"
        " chips the server draws its nameplate",
    )  # fmt: skip
    sleep_w: float = 150.0
    wake_s: float = 120.0


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sensors and actuators of the row. Delays act on whole seconds, the resolution of power.

    Telemetry is the row's mean power over the last period_s seconds, delay_s seconds late. A clock
    or cap that a policy asks for acts after actuation_s. Above the budget the row brakes: all
    chips go to brake_mhz after brake_s, until power is below brake_release of the budget.
    POLCA (arXiv 2308.12908): out-of-band actuation up to 40 s, brake 5 s, 288 MHz. How a brake is
    released isn't published: brake_release is assumed.
    """

    period_s: int = 2
    delay_s: int = 2
    actuation_s: int = 40
    inband_s: int = 1
    brake_s: int = 5
    brake_mhz: float = 288.0
    brake_release: float = 0.90

    def __post_init__(self) -> None:
        times = (self.period_s, self.actuation_s, self.inband_s, self.brake_s)
        if min(times) < 1 or self.delay_s < 0:
            raise ValueError("periods and latencies are whole seconds from 1")


class Response(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a phase answers to the SM clock f, at r = f / max_mhz.

        seconds        (w·r^-4 + 1 - w)^(1/4)    a smooth roofline; w = prefill or decode: the share
                                                 that the clock bounds
        joules         r^volts                   per operation: volts that follow the clock
        active - idle  r^(1 + volts)             what running clocks draw beside operations

    With these defaults 1110 MHz costs a decode step 4.5% of its time and a prefill 25%, and takes
    20% off a prefill at 400 W: POLCA publishes up to 20% of peak power for at most 7% of
    end-to-end time, BLOOM-176B 5%. cap_lag_s: how late a power cap acts.
    """

    max_mhz: float = 1410.0
    prefill: float = 0.9
    decode: float = 0.12
    volts: float = 0.2
    cap_lag_s: float = 0.3
    source: str = "assumed, after the published ranges of POLCA (arXiv 2308.12908)"

    def __post_init__(self) -> None:
        if not (0 <= self.prefill <= 1 and 0 <= self.decode <= 1 and self.max_mhz > 0):
            raise ValueError("shares are from 0 to 1 and the clock is above 0")


class Cluster(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row. installed: its servers, where the last rack is not full.

    low_priority_share: of the servers, and of requests without a priority. max_batch: requests
    that a replica of the model decodes together. memory_share: of chip memory that weights and KV
    cache may fill. prefill_share: of each group's replicas that only prefill (0: all do both).
    transfer_b_s: of KV cache, from those to the others. policies: constants of policies, by name.
    """

    model: str
    chip: str
    tensor_parallel: int
    budget: str
    racks: int
    servers_per_rack: int
    installed: int | None = None
    name: str = "row"
    dtype: str = "float16"
    low_priority_share: float = 0.5
    max_batch: int = 64
    memory_share: float = 0.9
    prefill_share: float = 0.0
    transfer_b_s: float = 25e9
    server: Server = Server()
    control: Control = Control()
    response: Response = Response()
    policies: dict[str, dict[str, float]] = {}

    def __post_init__(self) -> None:
        counts = (self.tensor_parallel, self.racks, self.servers_per_rack, self.max_batch)
        if min(counts) < 1 or max(*counts, self.racks * self.servers_per_rack) > _MOST:
            raise ValueError(f"counts are whole numbers from 1 to {_MOST}, servers in all as well")
        room = self.racks * self.servers_per_rack
        if self.installed is not None and not 1 <= self.installed <= room:
            raise ValueError(f"installed is from 1 to {room} servers")
        if self.server.chips % self.tensor_parallel:
            raise ValueError(f"tensor_parallel must divide server.chips = {self.server.chips}")
        if not (0 <= self.low_priority_share <= 1 and 0 <= self.prefill_share < 1):
            raise ValueError("shares are from 0 to 1")

    @property
    def servers(self) -> int:
        """Servers in the row."""
        return self.racks * self.servers_per_rack if self.installed is None else self.installed

    @property
    def replicas(self) -> int:
        """Replicas of the model in one server."""
        return self.server.chips // self.tensor_parallel

    @property
    def budget_w(self) -> float:
        """The row's power budget."""
        return parse_power(self.budget)

    def sized(self, servers: int, budget: str | None = None) -> Cluster:
        """The same row with another number of servers, in racks of the same size."""
        racks = -(-servers // self.servers_per_rack)
        return msgspec.structs.replace(
            self, installed=servers, racks=racks, budget=budget or self.budget
        )


def load_cluster(path: str | Path) -> Cluster:
    """The cluster in a TOML file. A config.json it names is looked for beside the file.

    Raises InputError, with file and line, for a file that can't be read, a key that is unknown,
    missing or impossible, and an unknown chip.
    """
    path = Path(path)
    text = read_text(path, MAX_BYTES)
    try:
        tree = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"bad TOML: {error}", where=str(path)) from None
    try:
        cluster = msgspec.convert(tree, Cluster)
    except msgspec.ValidationError as error:
        raise _shape_error(error, path, text) from None
    parse_power(cluster.budget, f"{path}:{line_of(('budget',), key_lines(text))}")
    load_chip(cluster.chip)
    beside = path.parent / cluster.model
    return msgspec.structs.replace(cluster, model=str(beside)) if beside.exists() else cluster


def _shape_error(error: msgspec.ValidationError, path: Path, text: str) -> InputError:
    """'Object contains unknown field `x` - at `$.server`' as an error with its line."""
    what, _, at = str(error).partition(" - at ")
    keys: tuple[Any, ...] = tuple(re.findall(r"[\w\-]+", at))
    if unknown := re.search(r"unknown field `([^`]+)`", what):
        keys = (*keys, unknown[1])
    line = line_of(keys, key_lines(text)) if keys else None
    where = str(path) if line is None else f"{path}:{line}"
    return InputError(what, where=where, fix="see docs/cluster.md for the keys of a cluster file")


_WATTS = {"w": 1.0, "kw": 1e3, "mw": 1e6}


def parse_power(text: str, where: str | None = None) -> float:
    """'400kW' -> 400000.0. Raises InputError for anything else than a positive power."""
    found = re.fullmatch(r"\s*([0-9.]+(?:e\d+)?)\s*(W|kW|MW)\s*", text, re.IGNORECASE)
    try:
        watts = float(found[1]) * _WATTS[found[2].lower()] if found else math.nan
    except ValueError:
        watts = math.nan
    if not (math.isfinite(watts) and watts > 0):
        raise InputError("not a power", where=where, got=repr(text), expected="as 400kW or 260 kW")
    return watts
