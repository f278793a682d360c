"""The client of a worker process: a loaded artefact that can't take this process down with it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import picojoule
from picojoule.deploy.artifact import read_card
from picojoule.deploy.runtime import Array
from picojoule.deploy.wire import WireError, pack, unpack
from picojoule.errors import InputError, PicojouleError
from picojoule.meter import CallTime

__all__ = ["Worker", "WorkerError"]

_TAIL_BYTES = 2000
_POLL_S = 0.5  # how soon the death of a worker is noticed when a child of its keeps the pipe open
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class WorkerError(PicojouleError):
    """A worker died, took too long, or failed; the message ends with its stderr."""

    exit_code = 1


class Worker:
    """Runs the artefact in `directory` in a process of its own; use it in a `with` statement.

    threads: instead of the number on the card. start_timeout_s bounds loading, which for
    torch-compile includes compilation; timeout_s bounds each request. After a timeout or a
    death the worker is closed, and every call raises WorkerError.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        threads: int | None = None,
        timeout_s: float = 120,
        start_timeout_s: float = 600,
    ) -> None:
        self._folder = Path(directory)
        self._threads = threads or int(read_card(directory)["threads"])
        self._timeout_s, self._start_timeout_s = timeout_s, start_timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._deadline = 0.0

    def __enter__(self) -> Worker:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> Worker:
        """Start the process and wait until the model is loaded and has run once."""
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed in close)
        self._process = subprocess.Popen(
            [*self._program(), str(self._folder.resolve()), str(self._threads)],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=_environment(self._threads),
            start_new_session=True,  # so that its compiler processes can be ended with it
        )
        os.set_blocking(_fileno(self._process.stdin), False)
        self._deadline = time.monotonic() + self._start_timeout_s
        try:
            self._receive("load")
        except BaseException:
            self.close()
            raise
        return self

    def predict(self, *arrays: Array) -> list[Array]:
        """The outputs for `arrays`, of any number of samples (see artifact.Model)."""
        return self._ask({"op": "predict"}, arrays)[1]

    def burst(self, n: int) -> list[CallTime]:
        """Run the example input n times in a row; the times of each call."""
        header, _ = self._ask({"op": "burst", "n": n})
        return [CallTime(*call) for call in header["calls"]]

    def effective_precision(self) -> str:
        """What the kernels compute in, read back in the worker."""
        return str(self._ask({"op": "precision"})[0]["precision"])

    def close(self) -> None:
        """End the process and all that it started. Safe to call twice."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            os.write(_fileno(process.stdin), pack({"op": "close"}))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout, self._stderr):
            if stream is not None:
                stream.close()

    def _program(self) -> list[str]:
        return [sys.executable, "-P", "-m", "picojoule.deploy.worker"]

    def _ask(
        self, header: dict[str, Any], arrays: Sequence[Array] = ()
    ) -> tuple[dict[str, Any], list[Array]]:
        self._deadline = time.monotonic() + self._timeout_s
        self._write(pack(header, arrays), header["op"])
        return self._receive(header["op"])

    def _receive(self, what: str) -> tuple[dict[str, Any], list[Array]]:
        try:
            header, arrays = unpack(lambda n: self._read(n, what))
        except WireError as error:
            raise self._broken(f"answered {what} with garbage ({error.what})") from error
        if header.get("ok"):
            return header, arrays
        if header.get("input_error"):
            raise InputError(str(header.get("error")))
        raise WorkerError(f"{what} failed: {header.get('error')}", where=str(self._folder))

    def _read(self, n: int, what: str) -> bytes:
        data = bytearray()
        while len(data) < n:
            fd = _fileno(self._live().stdout)
            self._wait([fd], [], what)
            chunk = os.read(fd, min(n - len(data), 1 << 20))
            if not chunk:
                raise self._broken(f"died during {what}")
            data += chunk
        return bytes(data)

    def _write(self, data: bytes, what: str) -> None:
        view = memoryview(data)
        while view:
            fd = _fileno(self._live().stdin)
            self._wait([], [fd], what)
            try:
                view = view[os.write(fd, view) :]
            except BrokenPipeError as error:
                raise self._broken(f"died during {what}") from error

    def _wait(self, readable: list[int], writable: list[int], what: str) -> None:
        """Until a descriptor is ready; raises when the worker is dead or the deadline past."""
        while True:
            dead = self._live().poll() is not None
            left_s = self._deadline - time.monotonic()
            timeout_s = 0.0 if dead else max(0.0, min(_POLL_S, left_s))
            if any(select.select(readable, writable, [], timeout_s)):
                return
            if dead:
                raise self._broken(f"died during {what}")
            if left_s <= 0:
                raise self._broken(f"took too long to {what}")

    def _live(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise WorkerError("the worker isn't running", where=str(self._folder))
        return self._process

    def _broken(self, what: str) -> WorkerError:
        """Close the worker; the error to raise, with the tail of its stderr."""
        process = self._live()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_POLL_S)  # a dying process gets to say its last words
        self._stderr.seek(max(0, self._stderr.seek(0, os.SEEK_END) - _TAIL_BYTES))
        tail = self._stderr.read().decode(errors="replace").strip()
        code = process.returncode
        self.close()
        return WorkerError(
            f"the worker {what}" + ("" if code is None else f" (exit code {code})"),
            where=str(self._folder),
            got=f"stderr: {tail or 'empty'}",
        )


def _fileno(stream: Any) -> int:
    return int(stream.fileno())


def _environment(threads: int) -> dict[str, str]:
    """Ours, with the thread count fixed before any library reads it, and this picojoule first."""
    home = str(Path(picojoule.__file__).parents[1])
    path = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))
    pinned = dict.fromkeys(_THREAD_VARIABLES, str(threads))
    # libgomp's threads spin for 10 ms before they sleep, which made eager 30 times slower when
    # another program wanted a core. A spin of 1 ms costs nothing alone (measured: wall 1.00x).
    spin = {"GOMP_SPINCOUNT": "20000"}
    return {**spin, **os.environ, **pinned, "PYTHONPATH": path}
