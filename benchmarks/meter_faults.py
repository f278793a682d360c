"""Faults of sensors: simulated by the thousand, and on one sysfs tree beside two other tools.

    python benchmarks/meter_faults.py [--sequences 20000] [--venv DIR]

First: random sequences of faults, as in tests/unit/test_accumulate.py. Then a fake RAPL tree, in
which 50 J are used every second while picojoule, codecarbon and zeus read it once a second, each
in a process that `chmod` can lock out. The two are installed in a virtual
environment of their own (DIR, or a temporary one). codecarbon's class is told the folder, and
zeus's constant `RAPL_DIR` is replaced. zeus watches for wraps in real time, so it takes 15 s each.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("picojoule", "codecarbon", "zeus")
STEP_J, STEPS, WRAP_UJ = 50, 12, 262_143_328_850
# Root may read anything, whatever chmod says, unless it gives that up.
_DROP = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
UNPRIVILEGED = _DROP if os.geteuid() == 0 else ()


@dataclass(frozen=True)
class Scenario:
    """start_uj: of the counter; unreadable: steps at which reads fail; zero_at: when it resets."""

    name: str
    start_uj: int = 100_000_000_000
    unreadable: tuple[int, ...] = ()
    zero_at: int | None = None

    def value_uj(self, step: int) -> int:
        used_uj = step * STEP_J * 1_000_000
        if self.zero_at is not None and step >= self.zero_at:
            return (step - self.zero_at) * STEP_J * 1_000_000
        return (self.start_uj + used_uj) % WRAP_UJ


SCENARIOS = (
    Scenario("none"),
    Scenario("wrap", start_uj=WRAP_UJ - 320_000_000),
    Scenario("one failed read", unreadable=(6,)),
    Scenario("permission lost half-way", unreadable=tuple(range(6, STEPS))),
    Scenario("reset to zero", zero_at=6),
)


# The tools, each in a process of its own: one line in, one document out.


def child(tool: str, root: str) -> None:
    reader = {"picojoule": of_picojoule, "codecarbon": of_codecarbon, "zeus": of_zeus}[tool](root)
    for _ in sys.stdin:
        try:
            document = next(reader)
        except Exception as error:
            document = {"joules": None, "says": f"raises {type(error).__name__}"}
            reader = None
        print(json.dumps(document), flush=True)
        if reader is None:
            reader = iter(lambda d=document: d, None)


def of_picojoule(root):
    from picojoule.meter.accumulate import Accumulator, between
    from picojoule.meter.rapl import Rapl

    sensor = Rapl(root)
    meter = Accumulator(sensor.domains[0])
    begin = None
    while True:
        meter.add(sensor.read()[0])
        begin = begin or meter.mark()
        energy = between(begin, meter.mark())
        says = f"gap of {energy.gap_s:.0f} s: {energy.reasons[0]}" if energy.gap_s > 0.1 else ""
        says = says.split(": /", maxsplit=1)[0]
        joules = energy.energy_j if math.isfinite(energy.energy_j) else 0.0
        covered = energy.covered_s / max(1e-9, energy.covered_s + energy.gap_s)
        yield {"joules": joules, "says": says, "covered": covered}


def of_codecarbon(root):
    from codecarbon.core.cpu import IntelRAPL
    from codecarbon.core.units import Time
    from codecarbon.external.logger import logger

    logger.handlers.clear()  # they write to stdout
    rapl = IntelRAPL(rapl_dir=f"{root}/sys/class/powercap/intel-rapl")
    rapl.start()
    joules, then = 0.0, time.monotonic()
    yield {"joules": 0.0, "says": ""}
    while True:
        now = time.monotonic()
        details = rapl.get_cpu_details(Time.from_seconds(now - then))
        then = now
        joules += sum(v for k, v in details.items() if "Energy" in k) * 3.6e6
        yield {"joules": joules, "says": ""}


def of_zeus(root):
    from zeus.device.cpu import rapl

    rapl.RAPL_DIR = f"{root}/sys/class/powercap/intel-rapl"
    cpu = rapl.RAPLCPUs().cpus[0]
    first = cpu.get_total_energy_consumption().cpu_mj
    yield {"joules": 0.0, "says": ""}
    while True:
        yield {"joules": (cpu.get_total_energy_consumption().cpu_mj - first) / 1000, "says": ""}


# The driver


def play(scenario: Scenario, pythons: dict[str, Path], root: Path) -> dict[str, dict]:
    """Each tool's last word after the scenario; a tool that raised keeps what it said before."""
    zone = root / "sys/class/powercap/intel-rapl/intel-rapl:0"
    zone.mkdir(parents=True)
    (zone / "name").write_text("package-0\n")
    (zone / "max_energy_range_uj").write_text(f"{WRAP_UJ}\n")
    counter = zone / "energy_uj"
    counter.write_text(f"{scenario.value_uj(0)}\n")
    processes = {tool: start(tool, pythons[tool], root) for tool in TOOLS}
    words: dict[str, dict] = {}
    for step in range(STEPS):
        replacement = zone / "next"
        replacement.write_text(f"{scenario.value_uj(step)}\n")
        replacement.chmod(0o000 if step in scenario.unreadable else 0o644)
        replacement.replace(counter)  # at once, as sysfs does it
        for process in processes.values():
            process.stdin.write("read\n")
            process.stdin.flush()
        for tool, process in processes.items():
            word = answer(process)
            if word["joules"] is None:
                word["joules"] = words.get(tool, {}).get("joules")
            words[tool] = word
        time.sleep(1.0)
    for process in processes.values():
        process.stdin.close()
        process.terminate()
        process.wait()
    return words


def answer(process: subprocess.Popen) -> dict:
    """The next document; libraries print other lines, too."""
    for line in process.stdout:
        if line.startswith("{"):
            return json.loads(line)
    raise RuntimeError(f"{process.args} ended with {process.wait()}")


def start(tool: str, python: Path, root: Path) -> subprocess.Popen:
    path = str(ROOT / "src") if tool == "picojoule" else ""
    return subprocess.Popen(
        [*UNPRIVILEGED, python, __file__, "--child", tool, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": path, "HOME": str(root)},
    )


def versions(python: Path) -> str:
    code = "import importlib.metadata as m; print(*(f'{n} {m.version(n)}' for n in %r))"
    return subprocess.run(
        [python, "-c", code % (TOOLS[1:],)], capture_output=True, text=True, check=True
    ).stdout.strip()


def install(folder: Path) -> Path:
    """The python of an environment with the other tools."""
    python = folder / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *TOOLS[1:]], check=True)
    return python


def side_by_side(venv: Path) -> None:
    python = install(venv)
    pythons = {"picojoule": Path(sys.executable), "codecarbon": python, "zeus": python}
    true_j = STEP_J * (STEPS - 1)
    print(f"\n{versions(python)}; truth {true_j} J in {STEPS - 1} intervals\n")
    print("| fault | " + " | ".join(f"{t}, J | error | says" for t in TOOLS) + " |")
    print("|---|" + "---|" * 3 * len(TOOLS))
    for scenario in SCENARIOS:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            words = play(scenario, pythons, Path(folder) / "root")
        cells = [
            f"{_number(words[t])} | {_error(words[t], true_j)} | {words[t]['says']}" for t in TOOLS
        ]
        print(f"| {scenario.name} | " + " | ".join(cells) + " |", flush=True)


def _number(word: dict) -> str:
    return "none" if word["joules"] is None else f"{word['joules']:,.0f}"


def _error(word: dict, true_j: float) -> str:
    """Against the truth of the time that a tool says it covers: all of it, unless it says less."""
    if word["joules"] is None:
        return "-"
    covered_j = true_j * word.get("covered", 1.0)
    # The counter steps once a second, and the clock's seconds are a little longer.
    covered_j = round(covered_j / STEP_J) * STEP_J
    return f"{word['joules'] / covered_j - 1:+.1%}"


def simulated(sequences: int) -> None:
    sys.path.insert(0, str(ROOT / "tests/unit"))
    import test_accumulate as suite
    from faulty_source import MAX_W, dice, play, random_faults

    from picojoule.meter.accumulate import Accumulator, between
    from picojoule.meter.base import Quantum

    for quantum in Quantum:
        coverages, worst, negative, failures = [], 0.0, 0, 0
        began = time.process_time()
        for seed in range(sequences // 2):
            dice_ = dice(seed + 1_000_000)
            watts = dice_.uniform(1, 0.9 * MAX_W)
            played = play(random_faults(dice_, quantum), quantum, dice_.random() < 0.7, seed, watts)
            meter = Accumulator(played.domain, update_s=0.01, stuck_s=2.0)
            meter.add(played.samples[0])
            begin = meter.mark()
            for sample in played.samples[1:]:
                meter.add(sample)
            energy = between(begin, meter.mark())
            coverages.append(energy.covered_s / max(1e-9, energy.covered_s + energy.gap_s))
            negative += energy.energy_j < 0
            if energy.covered_s > 0 and not played.extra_j:
                worst = max(worst, abs(energy.energy_j / (watts * energy.covered_s) - 1))
            try:
                suite.check(played, watts, random.Random(seed))
            except AssertionError:
                failures += 1
        print(
            f"{quantum.value}: {sequences // 2:,} sequences, {failures} outside 0.1%, "
            f"worst {worst:.1e}, {negative} negative; time covered: "
            f"mean {sum(coverages) / len(coverages):.0%}, "
            f"{sum(c > 0.999 for c in coverages) / len(coverages):.0%} of sequences whole; "
            f"{time.process_time() - began:.0f} s of CPU"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sequences", type=int, default=20_000)
    parser.add_argument(
        "--venv", type=Path, help="where the other tools are, or shall be installed"
    )
    parser.add_argument("--child", nargs=2, metavar=("TOOL", "ROOT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child)
        return
    simulated(options.sequences)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        side_by_side(options.venv or Path(folder) / "venv")


if __name__ == "__main__":
    main()
