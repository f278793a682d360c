"""pj run: the joules of a command."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

import picojoule as pj
from picojoule.cli.bounds import within
from picojoule.cli.doctor import Require
from picojoule.cli.terminal import Json, emit, say, wrote
from picojoule.errors import InputError

if TYPE_CHECKING:
    from picojoule.ledger import Ledger
    from picojoule.meter import Meter

__all__ = ["run"]

_TRACE = ".trace.json"
_STDERR = 2
_OTHERS = 0.05  # of all CPU time: below it, what others cost is small


def run(
    *command: Annotated[str, Parameter(help="The command and its arguments, after --.")],
    idle_s: Annotated[
        float, Parameter(help="Seconds of idle to measure first."), within(0, 86_400)
    ] = 2.0,
    period_s: Annotated[float, Parameter(help="Seconds between reads of a power sensor.")] = 0.1,
    export: Annotated[
        tuple[Path, ...],
        Parameter(help="File to write: .csv, .json, .parquet, .trace.json.", show_default=False),
    ] = (),
    prometheus: Annotated[
        int | None, Parameter(help="Port to serve metrics on while it runs."), within(0, 65_535)
    ] = None,
    require: Require = None,
    json: Json = False,
) -> int:
    """Run a command and say what it cost: pj run -- python train.py

    The result goes to stderr, after the command's own output.
    With --json it goes to stdout, and the command's stdout to stderr.
    Exits as the command does.
    """
    _check(command, export)
    with _meter(period_s, export, require) as m:
        if idle_s > 0:
            m.idle(idle_s)
        with _served(m, prometheus), m.window(Path(command[0]).name) as window:
            code = _wait(command, _STDERR if json else None)
    ledger, document = window.ledger(), _document(m, window, command, code)
    if json:
        emit(document, lambda: None, as_json=True)
    else:
        from picojoule.report.console import show

        show(view(m, window), sys.stderr)
    for path in export:
        _write(m, ledger, path)
    return code


def _check(command: tuple[str, ...], export: tuple[Path, ...]) -> None:
    if not command:
        raise InputError("no command to run", fix="pj run -- python train.py")
    from picojoule.meter.export import SUFFIXES

    for path in export:
        if not path.name.endswith((*SUFFIXES, _TRACE)):
            expected = ", ".join((*SUFFIXES, _TRACE))
            raise InputError("not a format to export", where=str(path), expected=expected,
                             got=path.suffix or "no suffix")  # fmt: skip


def _meter(period_s: float, export: tuple[Path, ...], require: str | None) -> Meter:
    from picojoule.meter.protocol import check_evidence
    from picojoule.meter.session import meter

    timeline = any(p.name.endswith(_TRACE) for p in export)
    m = meter(period_s=period_s, timeline=timeline, share="process", sync=None)
    if require is not None:
        check_evidence(m, pj.Evidence.of(require))
    return m


@contextlib.contextmanager
def _served(m: Meter, port: int | None) -> Iterator[None]:
    if port is None:
        yield
        return
    from picojoule.meter.expose import serve_prometheus

    with serve_prometheus(m, port) as url:
        say(f"metrics at {url}")
        yield


def _wait(command: tuple[str, ...], stdout: int | None) -> int:
    """Run the command to its end; its exit code, or 128 + the signal that ended it.

    Ctrl-C reaches it directly, as it shares our terminal; SIGTERM is passed on. Either way we
    stay, to say what it had cost.
    """
    try:
        child = subprocess.Popen(command, stdout=stdout)
    except OSError as error:
        raise InputError(f"can't run: {error.strerror}", where=command[0]) from None
    before = signal.signal(signal.SIGTERM, lambda number, _: child.send_signal(number))
    try:
        while True:
            try:
                code = child.wait()
                return code if code >= 0 else 128 - code
            except KeyboardInterrupt:
                continue
    finally:
        signal.signal(signal.SIGTERM, before)


def _document(m: Meter, window: Any, command: tuple[str, ...], code: int) -> dict[str, Any]:
    """JSON document `picojoule/run/1`."""
    share, attributed = window.share(), window.attributed().total()
    return {
        "schema": "picojoule/run/1",
        "command": list(command),
        "exit_code": code,
        "seconds": window.seconds,
        "energy": window.energy.to_dict(),
        "power": window.power.to_dict(),
        "idle": m.idle_power.to_dict(),
        "above_idle": m.above_idle(window).to_dict(),
        "share": {"of": share.of, "fraction": share.fraction, "low": share.low, "high": share.high},
        "attributed": {"energy": attributed.energy.to_dict(), "coverage": attributed.coverage},
        "ledger": window.ledger().to_dict(),
    }


def view(m: Meter, window: Any) -> Any:
    """Joules, seconds and watts per domain; idle and this process's share beside."""
    from rich.console import Group

    from picojoule.meter.window import per
    from picojoule.report.console import Col, Sheet, heading, note_lines, warning_line
    from picojoule.report.words import amount, interval

    ledger = window.ledger()
    sheet = Sheet([Col("domain", right=False), Col("scope", right=False), Col("energy"),
                   Col("interval", drop=1), Col("power"), Col("", right=False)])  # fmt: skip
    for key, total in ledger.group_by("operand", "component", "level").items():
        covered_s = ledger.where(operand=key[0], kind="window")["count"].sum()
        watts = per(total.energy, covered_s, "W")
        sheet.add(key[0], ", ".join(k for k in key[1:] if k), amount(total.energy.value, "J"),
                  interval(total.energy), amount(watts.value, "W"),
                  total.energy.evidence.glyph + ("*" if total.coverage < 1 else ""))  # fmt: skip
    whole = ledger.total()
    notes = [f"idle before: {m.idle_power}", f"above idle: {m.above_idle(window)}"]
    share = window.share()
    if share.fraction == share.fraction:
        mine = window.attributed().total().energy
        notes.append(f"its share of the CPU time was {share.fraction:.0%}; of CPU and DRAM: {mine}")
    if window.others > _OTHERS:
        notes.append(f"others used {window.others:.0%} of the machine's CPU time: theirs is in it")
    lost = [warning_line(f"gap in {n}: {', '.join(g['reasons'])}")
            for n, g in ledger.meta["gaps"].items()]  # fmt: skip
    lost += [warning_line(f"can't be read: {n}; see pj doctor") for n in ledger.meta["unread"]]
    title = f"{window.name}: {whole}, mean {window.power}"
    return Group(heading(title), sheet, *lost, *note_lines(notes))


def _write(m: Meter, ledger: Ledger, path: Path) -> None:
    from picojoule.meter.export import write_ledger, write_trace

    if path.name.endswith(_TRACE):
        write_trace(m, path)
    else:
        write_ledger(ledger, path)
    wrote(path)
