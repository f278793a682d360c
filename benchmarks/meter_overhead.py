"""What metering itself costs: CPU time of a sampling meter, and the time of a window's two edges.

python benchmarks/meter_overhead.py [seconds]
targets: sampling at 100 ms < 0.5% of one CPU; enter and leave < 100 µs null, < 1 ms sysfs tree
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import picojoule as pj
from picojoule.meter.cputime import CpuTime
from picojoule.meter.jetson import Jetson
from picojoule.meter.null import Null
from picojoule.meter.rapl import Rapl
from picojoule.meter.session import meter

ENTRIES = 2000


def sysfs(root: Path) -> Path:
    """A two-socket server: 2 packages with core and dram each, psys; and a Jetson's three rails."""
    powercap = root / "sys/class/powercap"
    for key, name in (
        ("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "core"), ("intel-rapl:0:1", "dram"),
        ("intel-rapl:1", "package-1"), ("intel-rapl:1:0", "core"), ("intel-rapl:1:1", "dram"),
        ("intel-rapl:2", "psys"),
    ):  # fmt: skip
        write(powercap / key, name=name, energy_uj=123456789, max_energy_range_uj=262143328850)
    rails = root / "sys/class/hwmon/hwmon0"
    write(rails, name="ina3221")
    for i, label in enumerate(("VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"), 1):
        write(rails, **{f"in{i}_label": label, f"in{i}_input": 5000, f"curr{i}_input": 1000})
    return root


def write(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(f"{content}\n")


def edge_us(sensors: list) -> tuple[float, float]:
    """(Median, 99th percentile) microseconds of entering and leaving a window."""
    times = []
    with meter(sensors, sync=None) as m:
        for _ in range(ENTRIES):
            began = time.perf_counter_ns()
            with m.window("w"):
                pass
            times.append((time.perf_counter_ns() - began) / 1e3)
    return statistics.median(times), sorted(times)[int(0.99 * ENTRIES)]


def step_us(sensors: list) -> float:
    with meter(sensors, sync=None) as m:
        began = time.perf_counter_ns()
        for _ in range(100_000):
            m.step(32)
        return (time.perf_counter_ns() - began) / 1e3 / 100_000


def sampling_share(sensors: list, seconds: float) -> float:
    """CPU time of this process while only the meter's thread runs, over wall time."""
    with meter(sensors, period_s=0.1, timeline=True, sync=None):
        cpu, wall = time.process_time(), time.monotonic()
        time.sleep(seconds)
        return (time.process_time() - cpu) / (time.monotonic() - wall)


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    with tempfile.TemporaryDirectory() as folder:
        root = sysfs(Path(folder))
        kinds = {
            "null": lambda: [Null()],
            "sysfs (7 RAPL zones)": lambda: [Rapl(root)],
            "sysfs (RAPL and 3 rails)": lambda: [Rapl(root), Jetson(root)],
            "CPU time": lambda: [CpuTime()],
        }
        print(f"picojoule {pj.__version__}, {seconds:.0f} s of sampling every 100 ms, "
              f"{ENTRIES} windows")  # fmt: skip
        print(f"{'sensors':26} {'domains':>7} {'window µs':>10} {'p99 µs':>8} {'step µs':>8} "
              f"{'sampling CPU':>13}")  # fmt: skip
        for name, make in kinds.items():
            domains = sum(len(s.domains) for s in make())
            median, p99 = edge_us(make())
            share = sampling_share(make(), seconds)
            print(f"{name:26} {domains:7} {median:10.1f} {p99:8.1f} {step_us(make()):8.2f} "
                  f"{share:13.3%}")  # fmt: skip


if __name__ == "__main__":
    main()
