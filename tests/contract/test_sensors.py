"""One contract for every sensor, on fake hardware; then what each of them alone must know."""

from __future__ import annotations

import os
import plistlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from picojoule.errors import InputError, MissingExtra
from picojoule.meter.accumulate import Accumulator, between
from picojoule.meter.amd import Amd
from picojoule.meter.apple import Apple
from picojoule.meter.base import Domain, Quantum, Sample, Scope
from picojoule.meter.battery import Battery
from picojoule.meter.cpu_watts import CpuFacts
from picojoule.meter.cputime import CpuTime
from picojoule.meter.external import External
from picojoule.meter.find import all_sensors, find_sensors
from picojoule.meter.jetson import Jetson
from picojoule.meter.null import Null
from picojoule.meter.nvml import GpuState, Nvml
from picojoule.meter.nvml_api import NvmlFault, OpenNvml
from picojoule.meter.period import update_period_s
from picojoule.meter.rapl import Rapl
from picojoule.meter.replay import Replay
from picojoule.meter.replay import record as save
from picojoule.meter.scrape import Scrape, parse_metrics
from picojoule.meter.units import parse_title
from picojoule.quantity import Evidence


@dataclass
class Clock:
    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def write(path: Path, text: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")
    return path


def zone(root: Path, key: str, name: str, uj: int = 10**9, wraps_uj: int = 262_143_328_850) -> Path:
    folder = root / "sys/class/powercap" / key
    write(folder / "name", name)
    write(folder / "max_energy_range_uj", wraps_uj)
    return write(folder / "energy_uj", uj)


def hwmon(root: Path, number: int, driver: str, **files: object) -> Path:
    folder = root / f"sys/class/hwmon/hwmon{number}"
    write(folder / "name", driver)
    for name, value in files.items():
        write(folder / name, value)
    return folder


@dataclass
class FakeGpu:
    uuid: str = "GPU-aaaa"
    slices: tuple[str, ...] = ()
    mj: float | None = 5_000_000.0
    mw: float | None = 300_000.0
    max_mw: float | None = 700_000.0

    def energy_mj(self):
        return self.known(self.mj)

    def power_mw(self):
        return self.known(self.mw)

    def max_power_mw(self):
        return self.known(self.max_mw)

    def state(self):
        return GpuState(self.uuid, "H100", 700.0, 1980.0, 2619.0, 40.0)

    @staticmethod
    def known(value):
        if value is None:
            raise NvmlFault("Not Supported")
        return value


@dataclass
class FakeNvml:
    devices: list[FakeGpu]
    closed: int = 0

    def gpus(self):
        return self.devices

    def close(self):
        self.closed += 1


def nvml(clock=None, environ=None, **gpus):
    devices = [FakeGpu(uuid, **options) for uuid, options in gpus.items()] or [FakeGpu()]
    return Nvml(clock=clock or Clock(), environ=environ or {}, api=lambda: FakeNvml(devices))


@dataclass
class Case:
    """A sensor on fake hardware, what makes its energy rise, and what breaks it."""

    sensor: object
    use: object
    break_it: object = None
    never_fails: bool = False
    quantum: Quantum = Quantum.COUNTER_J
    extra: dict = field(default_factory=dict)


def rapl_case(root, clock):
    file = zone(root, "intel-rapl:0", "package-0")
    return Case(Rapl(root, clock=clock), lambda: write(file, 10**9 + 50_000_000), file.unlink)


def nvml_case(root, clock):
    gpu = FakeGpu()
    sensor = Nvml(clock=clock, environ={}, api=lambda: FakeNvml([gpu]))
    return Case(
        sensor, lambda: setattr(gpu, "mj", gpu.mj + 50_000), lambda: setattr(gpu, "mj", None)
    )


def amd_case(root, clock):
    folder = hwmon(root, 0, "amdgpu", power1_average=50_000_000)
    sensor = Amd(root, clock=clock, sleep=clock.sleep, environ={})
    return Case(sensor, None, (folder / "power1_average").unlink, quantum=Quantum.POWER_W)


def jetson_case(root, clock):
    folder = hwmon(root, 0, "ina3221", in1_label="VDD_IN", in1_input=5000, curr1_input=10_000)
    sensor = Jetson(root, clock=clock)
    return Case(sensor, None, (folder / "curr1_input").unlink, quantum=Quantum.POWER_W)


def battery_case(root, clock):
    folder = root / "sys/class/power_supply/BAT0"
    write(folder / "status", "Discharging")
    write(folder / "power_now", 50_000_000)
    sensor = Battery(root, clock=clock)
    broken = lambda: write(folder / "status", "Charging")  # noqa: E731
    return Case(sensor, None, broken, quantum=Quantum.POWER_W)


def record(milliwatts: float, milliseconds: float = 1000.0) -> bytes:
    chip = {"cpu_power": milliwatts, "gpu_power": 0.0, "ane_power": 0.0}
    return plistlib.dumps({"elapsed_ns": int(milliseconds * 1e6), "processor": chip}) + b"\0"


def apple_case(root, clock):
    file = root / "power.plist"
    file.write_bytes(record(50_000))
    sensor = Apple(file, clock=clock)

    def append():
        with file.open("ab") as opened:
            opened.write(record(50_000))

    return Case(sensor, append, lambda: clock.sleep(60), quantum=Quantum.POWER_W)


def external_case(root, clock):
    file = write(root / "plug.csv", "time (s),power (mW)\n0,50000")
    sensor = External(file, clock=clock, live=False)

    def append():
        with file.open("a") as opened:
            opened.write("1,50000\n")

    return Case(sensor, append, lambda: clock.sleep(60), quantum=Quantum.POWER_W)


def scrape_case(root, clock):
    pages = ['DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-aaaa"} 5000000']
    sensor = Scrape("http://127.0.0.1:9400/metrics", clock=clock, get=lambda *_: pages[0])
    return Case(
        sensor,
        lambda: pages.insert(0, pages[0].replace("5000000", "5050000")),
        lambda: pages.insert(0, "# nothing"),
    )


def replay_case(root, clock):
    domain = Domain("trace:0", "cpu", Scope.CHIP, Quantum.COUNTER_J)
    rows = [Sample("trace:0", 1000.0, 5000.0), Sample("trace:0", 1001.0, 5050.0)]
    save(root / "trace.csv", [domain], rows)
    return Case(Replay(root / "trace.csv"), None, lambda: None)


def proc(root: Path, busy_ticks: int, idle_ticks: int, own_ticks: int = 0, cores: int = 2) -> None:
    write(root / "proc/stat", f"cpu  {busy_ticks} 0 0 {idle_ticks} 0 0 0 0 0 0")
    cpu = "processor\t: {}\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\n"
    cpu += "cpu MHz\t\t: 3000.0\nphysical id\t: 0\ncore id\t\t: {}\n"
    write(root / "proc/cpuinfo", "\n".join(cpu.format(i, i % cores) for i in range(2 * cores)))
    pid = os.getpid()
    write(root / f"proc/{pid}/stat", f"{pid} (a b) S 1 " + "0 " * 9 + f"{own_ticks} 0 0 0")


def cputime_case(root, clock):
    proc(root, 0, 0)
    sensor = CpuTime(root, clock=clock, tdp_w=100.0)
    return Case(sensor, lambda: proc(root, 400, 0), (root / "proc/stat").unlink)


def null_case(root, clock):
    return Case(Null(), None, None)


CASES = {
    "rapl": rapl_case,
    "nvml": nvml_case,
    "amd": amd_case,
    "jetson": jetson_case,
    "battery": battery_case,
    "apple": apple_case,
    "external": external_case,
    "scrape": scrape_case,
    "replay": replay_case,
    "cputime": cputime_case,
    "null": null_case,
}


@pytest.fixture(params=CASES)
def case(request, tmp_path):
    clock = Clock()
    made = CASES[request.param](tmp_path, clock)
    made.extra = {"clock": clock, "kind": request.param}
    yield made
    made.sensor.close()


def test_domains_are_told_once_and_have_unique_names(case):
    domains = case.sensor.domains
    assert domains == case.sensor.domains
    assert len({d.name for d in domains}) == len(domains)
    assert all(d.max_w > 0 and d.resolution_j >= 0 for d in domains)
    assert case.sensor.name == case.extra["kind"]
    assert bool(domains) == (case.extra["kind"] != "null")


def test_read_gives_one_sample_per_domain_in_order(case):
    samples = case.sensor.read()
    assert [s.domain for s in samples] == [d.name for d in case.sensor.domains]
    assert all(s.value is None or s.value >= 0 for s in samples)
    assert all(s.value is not None or s.reason for s in samples)


def test_fifty_watts_for_a_second_are_fifty_joules(case):
    if not case.sensor.domains:
        return
    meter = Accumulator(case.sensor.domains[0])
    meter.add(case.sensor.read()[0])
    begin = meter.mark()
    case.extra["clock"].sleep(1.0)
    if case.use:
        case.use()
    meter.add(case.sensor.read()[0])
    energy = between(begin, meter.mark())
    assert energy.gap_s == 0
    assert energy.covered_s == pytest.approx(1.0)
    if case.extra["kind"] != "cputime":  # its joules are a model's; tested in test_cputime
        assert energy.energy_j == pytest.approx(50.0)


def test_a_failed_read_is_none_with_a_reason_and_never_zero(case):
    case.sensor.read()
    if case.break_it is None:
        return
    case.break_it()
    for _ in range(2):  # the replay has two rows
        samples = case.sensor.read()
    assert all(s.value is None and s.reason for s in samples if s.domain != "cputime")


def test_evidence_and_missing_are_words(case):
    assert isinstance(case.sensor.evidence, Evidence)
    assert (case.sensor.evidence <= Evidence.MEASURED) == (case.extra["kind"] != "cputime")
    assert all(isinstance(text, str) and text for text in case.sensor.missing)


def test_close_twice(case):
    case.sensor.close()
    case.sensor.close()


@pytest.mark.parametrize("kind", [Rapl, Amd, Jetson, Battery, CpuTime])
def test_no_hardware_is_no_error(kind, tmp_path):
    sensor = kind(tmp_path)
    assert sensor.domains == ()
    assert sensor.read() == ()
    assert sensor.missing
    assert sensor.present is False


# RAPL


def test_rapl_tree_has_no_double_counts(tmp_path):
    zone(tmp_path, "intel-rapl:0", "package-0")
    zone(tmp_path, "intel-rapl:0:0", "core")
    zone(tmp_path, "intel-rapl:0:1", "uncore")
    zone(tmp_path, "intel-rapl:0:2", "dram")
    zone(tmp_path, "intel-rapl:1", "psys")
    zone(tmp_path, "intel-rapl-mmio:0", "package-0")
    domains = {d.name: d for d in Rapl(tmp_path).domains}
    assert {n: d.parts_of for n, d in domains.items()} == {
        "rapl:package-0": "rapl:psys",
        "rapl:package-0/core": "rapl:package-0",
        "rapl:package-0/uncore": "rapl:package-0",
        "rapl:package-0/dram": "rapl:psys",
        "rapl:psys": None,
    }
    assert domains["rapl:psys"].scope is Scope.HOST
    assert domains["rapl:package-0/dram"].component == "dram"
    assert domains["rapl:package-0"].wraps_at_j == pytest.approx(262_143.32885)


def test_rapl_nested_tree_and_flat_links_are_the_same_zones(tmp_path):
    nested = tmp_path / "sys/class/powercap/intel-rapl"
    zone(tmp_path, "intel-rapl/intel-rapl:0", "package-0")
    zone(tmp_path, "intel-rapl/intel-rapl:0/intel-rapl:0:0", "core")
    (nested.parent / "intel-rapl:0").symlink_to(nested / "intel-rapl:0")
    (nested / "subsystem").symlink_to(nested.parent)
    assert [d.name for d in Rapl(tmp_path).domains] == ["rapl:package-0", "rapl:package-0/core"]


def test_rapl_dies_of_one_name_stay_apart(tmp_path):
    zone(tmp_path, "intel-rapl:0", "package-0")
    zone(tmp_path, "intel-rapl:1", "package-0")
    names = [d.name for d in Rapl(tmp_path).domains]
    assert names == ["rapl:package-0@intel-rapl:0", "rapl:package-0@intel-rapl:1"]


def test_rapl_dies_that_show_one_counter_are_counted_once(tmp_path):
    zone(tmp_path, "intel-rapl:0", "package-0-die-0", uj=50_000_000_000)
    zone(tmp_path, "intel-rapl:1", "package-0-die-1", uj=50_000_300_000)
    zone(tmp_path, "intel-rapl:2", "package-1-die-0", uj=70_000_000_000)
    sensor = Rapl(tmp_path)
    assert [d.parts_of for d in sensor.domains] == [None, "rapl:package-0-die-0", None]
    assert "counted once" in sensor.missing[0]


def test_rapl_says_which_command_grants_the_permission(tmp_path):
    zone(tmp_path, "intel-rapl:0", "package-0")
    denied = zone(tmp_path, "intel-rapl:1", "psys")

    def read(path):
        if path == denied:
            raise PermissionError(13, "Permission denied")
        return path.read_text()

    sensor = Rapl(tmp_path, read=read)
    assert [d.name for d in sensor.domains] == ["rapl:package-0"]
    assert sensor.domains[0].parts_of is None  # what contains it can't be read
    assert f"sudo chmod o+r {denied}" in sensor.missing[0]
    assert "udev" in sensor.missing[0]


def test_rapl_permission_lost_half_way_is_a_gap(tmp_path):
    clock, allowed = Clock(), [True]
    file = zone(tmp_path, "intel-rapl:0", "package-0")

    def read(path):
        if not allowed[0]:
            raise PermissionError(13, "Permission denied")
        return path.read_text()

    sensor = Rapl(tmp_path, clock=clock, read=read)
    meter = Accumulator(sensor.domains[0])
    marks = []
    for i in range(10):
        write(file, 10**9 + i * 50_000_000)
        allowed[0] = i < 5
        meter.add(sensor.read()[0])
        marks.append(meter.mark())
        clock.sleep(1)
    energy = between(marks[0], marks[-1])
    assert (energy.energy_j, energy.covered_s, energy.gap_s) == (pytest.approx(200), 4, 5)
    assert "permission denied" in energy.reasons[0]


# NVML


def test_nvml_without_the_counter_integrates_power():
    sensor = nvml(**{"GPU-old": {"mj": None}})
    assert sensor.domains[0].quantum is Quantum.POWER_W
    assert sensor.read()[0].value == 300.0
    assert "integrating its power" in sensor.missing[0]


def test_nvml_with_neither_is_missing():
    sensor = nvml(**{"GPU-v": {"mj": None, "mw": None}})
    assert sensor.domains == ()
    assert "neither" in sensor.missing[0]


@pytest.mark.parametrize(
    ("variable", "chosen"),
    [
        ("0", ["a"]),
        ("1,0", ["b", "a"]),
        ("", []),
        ("-1", []),
        ("0,-1,1", ["a"]),
        ("7", []),
        ("GPU-b", ["b"]),
        ("GPU-b, 0", ["b", "a"]),
        ("GPU-", []),
        ("MIG-b1", ["b"]),
        ("MIG-b1,MIG-b2", ["b"]),
        ("MIG-GPU-a/1/0", ["a"]),
        ("MIG-nope", []),
        ("nonsense", []),
    ],
)
def test_nvml_counts_only_the_gpus_allotted(variable, chosen):
    gpus = {"GPU-a": {}, "GPU-b": {"slices": ("MIG-b1", "MIG-b2")}}
    sensor = nvml(environ={"CUDA_VISIBLE_DEVICES": variable}, **gpus)
    assert [d.name for d in sensor.domains] == [f"nvml:GPU-{x}" for x in chosen]


def test_nvml_says_that_a_slice_shares_its_gpu():
    sensor = nvml(environ={"CUDA_VISIBLE_DEVICES": "MIG-b1"}, **{"GPU-b": {"slices": ("MIG-b1",)}})
    assert "shared" in sensor.missing[0]
    assert sensor.domains[0].scope is Scope.DEVICE


def test_nvml_without_library_or_driver():
    def no_library():
        raise MissingExtra("pynvml", "meters")

    def no_driver():
        raise NvmlFault("NVML Shared Library Not Found")

    assert "pip install 'picojoule[meters]'" in Nvml(environ={}, api=no_library).missing[0]
    assert "Not Found" in Nvml(environ={}, api=no_driver).missing[0]


class FakeLibrary:
    """As much of the module pynvml as is used, with two GPUs of which one has a slice."""

    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0

    class NVMLError(Exception):
        pass

    def __init__(self):
        self.open = 0

    def nvmlInit(self):
        self.open += 1

    def nvmlShutdown(self):
        self.open -= 1

    def nvmlDeviceGetCount(self):
        return 2

    def nvmlDeviceGetHandleByIndex(self, i):
        return f"GPU-{i}"

    def nvmlDeviceGetUUID(self, handle):
        return handle.encode()

    def nvmlDeviceGetName(self, handle):
        return "H100"

    def nvmlDeviceGetMaxMigDeviceCount(self, handle):
        if handle == "GPU-0":
            raise self.NVMLError("Not Supported")
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle, i):
        if i > 0:
            raise self.NVMLError("Not Found")
        return "MIG-1"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        return 5_000_000

    def nvmlDeviceGetPowerUsage(self, handle):
        return 300_000

    def nvmlDeviceGetPowerManagementLimitConstraints(self, handle):
        return [200_000, 700_000]

    def nvmlDeviceGetEnforcedPowerLimit(self, handle):
        return 650_000

    def nvmlDeviceGetClockInfo(self, handle, kind):
        return {1: 1980, 2: 2619}[kind]

    def nvmlDeviceGetTemperature(self, handle, kind):
        raise self.NVMLError("Not Supported")


def test_nvml_through_the_library():
    library = FakeLibrary()
    sensor = Nvml(clock=Clock(), environ={}, api=lambda: OpenNvml(library))
    assert [d.name for d in sensor.domains] == ["nvml:GPU-0", "nvml:GPU-1"]
    assert [s.value for s in sensor.read()] == [5000.0, 5000.0]
    assert sensor.state()[0] == GpuState("GPU-0", "H100", 650.0, 1980.0, 2619.0, None)
    assert "MIG-1" in sensor.missing[0]
    sensor.close()
    sensor.close()
    assert library.open == 0
    assert sensor.read()[0].value is None


def test_nvml_names_exist_in_the_library():
    library = pytest.importorskip("pynvml")
    names = {n for n in dir(FakeLibrary) if n.startswith(("nvml", "NVML"))}
    assert {n for n in names if not hasattr(library, n)} == set()


def test_nvml_state_and_limits():
    sensor = nvml()
    assert sensor.domains[0].max_w == 1400.0
    assert sensor.state()[0].power_limit_w == 700.0


# AMD


def amd(root, clock, joules_per_s, watts):
    folder = hwmon(root, 0, "amdgpu", energy1_input=10**9, power1_average=int(watts * 1e6))
    begin_s = clock.now_s

    def read(path):
        if path == folder / "energy1_input":
            return str(10**9 + joules_per_s * 1e6 * (clock.now_s - begin_s))
        return path.read_text()

    return Amd(root, clock=clock, sleep=clock.sleep, read=read, environ={})


def test_amd_trusts_a_counter_that_agrees_with_power(tmp_path):
    sensor = amd(tmp_path, Clock(), 100.0, 110.0)
    assert sensor.domains[0].quantum is Quantum.COUNTER_J
    assert sensor.missing == ()


@pytest.mark.parametrize(("counter_w", "reason"), [(0.0, "moved by 0 J"), (900.0, "says 900 W")])
def test_amd_does_not_trust_a_stuck_or_wrong_counter(tmp_path, counter_w, reason):
    sensor = amd(tmp_path, Clock(), counter_w, 110.0)
    assert sensor.domains[0].quantum is Quantum.POWER_W
    assert reason in sensor.missing[0]


def test_amd_counts_only_the_gpus_allotted(tmp_path):
    for i in range(3):
        hwmon(tmp_path, i, "amdgpu", power1_average=10**6)
    shown = Amd(tmp_path, environ={"HIP_VISIBLE_DEVICES": "2,0"}, sleep=lambda _: None)
    assert [d.name for d in shown.domains] == ["amd:hwmon0", "amd:hwmon2"]


def test_amd_sockets(tmp_path):
    files = {"energy1_label": "Ecore000", "energy1_input": 1, "energy2_label": "Esocket0"}
    hwmon(tmp_path, 0, "amd_energy", **files, energy2_input=5_000_000)
    sensor = Amd(tmp_path, environ={})
    assert [d.name for d in sensor.domains] == ["amd:socket-0"]
    assert sensor.read()[0].value == 5.0


# Jetson, battery, Apple


def test_jetson_rails_are_parts_of_the_module(tmp_path):
    rails = {"in1_label": "VDD_IN", "in2_label": "VDD_CPU_GPU_CV", "in3_label": "NC"}
    values = {f"{kind}{i}_input": 5000 for kind in ("in", "curr") for i in (1, 2, 3)}
    hwmon(tmp_path, 3, "ina3221", **rails, **values)
    domains = Jetson(tmp_path).domains
    assert [(d.name, d.parts_of) for d in domains] == [
        ("jetson:VDD_IN", None),
        ("jetson:VDD_CPU_GPU_CV", "jetson:VDD_IN"),
    ]
    assert Jetson(tmp_path).read()[0].value == 25.0


@pytest.mark.parametrize(
    ("files", "quantum", "value"),
    [
        ({"power_now": 8_000_000}, Quantum.POWER_W, 8.0),
        ({"power_now": -8_000_000}, Quantum.POWER_W, 8.0),
        ({"current_now": 1_000_000, "voltage_now": 12_000_000}, Quantum.POWER_W, 12.0),
    ],
)
def test_battery_watts(tmp_path, files, quantum, value):
    folder = tmp_path / "sys/class/power_supply/BAT0"
    for name, number in {"status": "Discharging", **files}.items():
        write(folder / name, number)
    sensor = Battery(tmp_path)
    assert sensor.domains[0].quantum is quantum
    assert sensor.read()[0].value == pytest.approx(value)
    write(folder / "status", "Full")
    assert sensor.read()[0].value is None


def test_battery_charge_is_a_counter_that_rises_as_it_falls(tmp_path):
    folder = tmp_path / "sys/class/power_supply/BAT1"
    write(folder / "status", "Discharging")
    file = write(folder / "energy_now", 50_000_000)
    sensor = Battery(tmp_path)
    first = sensor.read()[0].value
    write(file, 49_000_000)
    assert sensor.read()[0].value - first == pytest.approx(3600.0)


TEXT = """
*** Sampled system activity (Fri Nov 20 10:00:00 2026 +0000) (500.00ms elapsed) ***
CPU Power: 4000 mW
GPU Power: 2000 mW
ANE Power: 0 mW
Combined Power (CPU + GPU + ANE): 6000 mW
"""


def test_apple_text_ends_where_the_next_record_begins(tmp_path):
    clock, file = Clock(), write(tmp_path / "power.txt", TEXT)
    sensor = Apple(file, clock=clock)
    assert sensor.read()[0].value is None
    write(file, TEXT + TEXT.replace("4000", "9000"))
    assert [s.value for s in sensor.read()] == [4.0, 2.0, 0.0]


def test_apple_mean_of_records_since_the_read_before(tmp_path):
    file = tmp_path / "power.plist"
    file.write_bytes(record(1000, 100) + record(4000, 200) + record(1000, 100)[:50])
    sensor = Apple(file, clock=Clock())
    assert sensor.read()[0].value == pytest.approx(3.0)


def test_apple_without_a_source_says_the_command():
    assert "sudo powermetrics" in Apple(platform="darwin").missing[0]


# External, scrape, replay


@pytest.mark.parametrize(
    ("title", "kind", "scale"),
    [
        ("time_s", "time", 1.0), ("Time [ms]", "time", 1e-3), ("Power (mW)", "power", 1e-3),
        ("power_w", "power", 1.0), ("P (MW)", "power", 1e6), ("Energy (Wh)", "energy", 3600.0),
        ("energy_kWh", "energy", 3.6e6), ("uJ", "energy", 1e-6), ("watts", "power", 1.0),
    ],
)  # fmt: skip
def test_titles_with_units(title, kind, scale):
    column = parse_title(title)
    assert (column.kind, column.scale) == (kind, scale)


@pytest.mark.parametrize("title", ["power", "energy", "power (Wh)", "time (W)"])
def test_titles_without_the_right_unit_are_refused(title):
    with pytest.raises(InputError, match="unit"):
        parse_title(title)


def test_titles_of_other_things_are_ignored():
    assert parse_title("relay state") is None


@pytest.mark.parametrize("header", ["time_s,label", "power_w,power_mw", "a,b"])
def test_external_needs_one_column_of_power_or_energy(tmp_path, header):
    with pytest.raises(InputError):
        External(write(tmp_path / "x.csv", header))


def test_external_reads_a_pipe_line_by_line(tmp_path):
    reading, writing = os.pipe()
    clock = Clock()
    sensor = External(reading, header="time (ms);energy (Wh)", clock=clock)
    assert sensor.domains[0].quantum is Quantum.COUNTER_J
    assert sensor.read()[0].reason == "the meter has sent nothing"
    os.write(writing, b"0;1.0\n1000;1.5\n2000;2")
    assert sensor.read()[0].value == 5400.0
    os.write(writing, b".0\nrubbish\n")
    assert sensor.read()[0].value == 7200.0
    clock.sleep(10)
    assert sensor.read()[0].value is None
    os.write(writing, b"1;9\n")  # its clock went back
    assert sensor.read()[0].value is None
    os.close(writing)
    os.close(reading)


def test_external_missing_device_is_missing():
    sensor = External("/nonexistent/ttyUSB0")
    assert sensor.domains == ()
    assert "can't open" in sensor.missing[0]


def test_scrape_takes_the_counter_before_the_power():
    page = """
# HELP DCGM_FI_DEV_POWER_USAGE W
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-a"} 300.5
DCGM_FI_DEV_POWER_USAGE{gpu="1",UUID="GPU-b"} 100
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-a"} 1e6
kepler_node_cpu_joules_total{zone="package",path="p0"} 70
kepler_node_cpu_joules_total{zone="core",path="p1"} 60
scaph_host_power_microwatts "oops"
"""
    sensor = Scrape("http://localhost:9400/metrics", get=lambda *_: page)
    assert {s.domain: s.value for s in sensor.read()} == {
        "scrape:GPU-a,0": 1000.0,
        "scrape:GPU-b,1": 100.0,
        "scrape:package,p0": 70.0,
    }
    assert parse_metrics("garbage {", {}) == {}


@pytest.mark.parametrize("url", ["file:///etc/passwd", "localhost:9400", "ftp://host/x", ""])
def test_scrape_refuses_what_is_no_url(url):
    with pytest.raises(InputError, match="URL"):
        Scrape(url)


def test_scrape_of_a_dead_endpoint_is_missing():
    def dead(url, timeout_s):
        raise ConnectionRefusedError("refused")

    sensor = Scrape("http://127.0.0.1:9", get=dead)
    assert sensor.domains == ()
    assert "is the exporter running" in sensor.missing[0]


def test_scrape_fetches_over_the_network(tmp_path):
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/metrics" else 302)
            self.send_header("Location", "/metrics")
            self.end_headers()
            self.wfile.write(b'DCGM_FI_DEV_POWER_USAGE{gpu="0"} 42\n')

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        assert Scrape(f"{url}/metrics").read()[0].value == 42.0
        assert "status 302" in Scrape(f"{url}/elsewhere").missing[0]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_replay_gives_back_what_was_written(tmp_path):
    domains = [
        Domain("a", "cpu", Scope.CHIP, Quantum.COUNTER_J, None, 100.0, 0.5, 42.0),
        Domain("b", "gpu", Scope.DEVICE, Quantum.POWER_W, "a"),
    ]
    rows = [
        Sample("a", 0.1, 1 / 3), Sample("b", 0.1, 5.0),
        Sample("a", 0.2, None, "denied, twice"), Sample("b", 0.2, 6.0),
    ]  # fmt: skip
    save(tmp_path / "t.csv", domains, rows)
    sensor = Replay(tmp_path / "t.csv")
    assert sensor.domains == tuple(domains)
    assert len(sensor) == 2
    assert [*sensor.read(), *sensor.read()] == rows
    assert sensor.now() == 0.2
    assert all(s.value is None for s in sensor.read())


@pytest.mark.parametrize(
    "text",
    [
        "time_s,domain,value\n",
        "# not json\n",
        '# {"name": "a"}\n',
        '# {"name": "a", "component": "x", "scope": "chip", "quantum": "counter_j", "max_w": -1}\n',
        '# {"name": "a", "component": "x", "scope": "moon", "quantum": "counter_j"}\n',
        '# {"name": "a", "component": "x", "scope": "chip", "quantum": "counter_j"}\n1,b,2\n',
        '# {"name": "a", "component": "x", "scope": "chip", "quantum": "counter_j"}\n1,a,x\n',
        '# {"name": "a", "component": "x", "scope": "chip", "quantum": "counter_j"}\n1\n',
    ],
)
def test_replay_refuses_what_is_no_trace(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError):
        Replay(tmp_path / "t.csv")


# CPU time, the update period, and finding sensors


def test_cputime_is_the_model_at_the_load_since_the_last_read(tmp_path):
    clock = Clock()
    proc(tmp_path, 0, 0)
    facts = CpuFacts(tdp_w=100.0, cores=2, threads=4, node_nm=14)
    sensor = CpuTime(tmp_path, facts=facts, clock=clock)
    sensor.read()
    clock.sleep(10)
    proc(tmp_path, 4000, 0)  # four threads busy for ten seconds
    assert sensor.read()[0].value == pytest.approx(10 * (2 * 2.20 + 64.7), rel=0.01)
    assert sensor.evidence is Evidence.MODELLED


def test_cputime_of_a_process_is_its_share_of_the_dynamic_power(tmp_path):
    clock = Clock()
    proc(tmp_path, 0, 0)
    facts = CpuFacts(tdp_w=100.0, cores=2, threads=4, node_nm=14)
    sensor = CpuTime(tmp_path, of="process", facts=facts, clock=clock)
    assert sensor.domains[0].scope is Scope.PROCESS
    sensor.read()
    clock.sleep(10)
    proc(tmp_path, 4000, 0, own_ticks=1000)
    assert sensor.read()[0].value == pytest.approx(10 * 64.7 / 4, rel=0.01)


def test_cputime_that_guesses_its_tdp_says_assumed(tmp_path):
    proc(tmp_path, 0, 0)
    sensor = CpuTime(tmp_path)
    assert sensor.evidence is Evidence.ASSUMED
    assert "guess" in sensor.missing[0]
    low, high = sensor.error_factors
    assert low < CpuTime(tmp_path, tdp_w=100.0).error_factors[0]
    assert high > CpuTime(tmp_path, tdp_w=100.0).error_factors[1]


def test_update_period_is_measured(tmp_path):
    clock = Clock(0.0)
    file = zone(tmp_path, "intel-rapl:0", "package-0")

    def read(path):
        clock.sleep(0.001)
        return str(int(clock.now_s / 0.1) * 10**6) if path == file else path.read_text()

    sensor = Rapl(tmp_path, clock=clock, read=read)
    period_s = update_period_s(sensor, 1.0, clock)["rapl:package-0"]
    assert period_s == pytest.approx(0.1, abs=0.003)
    assert update_period_s(sensor, 0.05, clock) == {"rapl:package-0": None}


def test_find_sensors_puts_cpu_time_in_only_where_no_cpu_is_measured(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    proc(tmp_path, 0, 0)
    assert [s.name for s in find_sensors(tmp_path) if s.name != "nvml"] == ["cputime"]
    zone(tmp_path, "intel-rapl:0", "package-0")
    assert [s.name for s in find_sensors(tmp_path) if s.name != "nvml"] == ["rapl"]
    assert {"nvml", "rapl", "cputime"} <= {s.name for s in all_sensors(tmp_path)}
