"""`python -m picojoule.deploy.worker DIR [THREADS]`: one artefact in a process of its own.

A process per model, because thread pools, CPU time and crashes are per process. Requests come
on stdin and replies go to stdout, in the format of `wire`: predict, burst, precision, close.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

from picojoule.deploy.artifact import Model, load, read_example
from picojoule.deploy.runtime import Array, Runnable
from picojoule.deploy.wire import pack, unpack
from picojoule.errors import InputError, PicojouleError

__all__ = ["main", "run_burst"]

Reply = tuple[dict[str, Any], list[Array]]


def main(arguments: list[str]) -> int:
    """Load the artefact, say so, and answer requests until `close` or the end of stdin."""
    requests, replies = _claim_streams()
    folder = Path(arguments[0])
    threads = int(arguments[1]) if len(arguments) > 1 else None
    try:
        model, example = load(folder, threads), read_example(folder)
        model(*example)
    except Exception as error:  # reported to the client, in whatever form it comes
        replies.write(pack(_failure(error)))
        return 1
    replies.write(pack({"ok": True}))
    with contextlib.suppress(EOFError, BrokenPipeError):  # the client is gone
        while True:
            header, arrays = unpack(lambda n: _read_exactly(requests, n))
            if header.get("op") == "close":
                break
            replies.write(pack(*_answer(model, example, header, arrays)))
    return 0


def _claim_streams() -> tuple[BinaryIO, BinaryIO]:
    """Take stdin and stdout for the protocol; what libraries print goes to stderr from now on."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return requests, replies


def _read_exactly(stream: BinaryIO, n: int) -> bytes:
    data = stream.read(n)
    if len(data) < n:
        raise EOFError
    return data


def _answer(
    model: Model, example: tuple[Array, ...], header: dict[str, Any], arrays: list[Array]
) -> Reply:
    try:
        if header.get("op") == "predict":
            outputs = model(*arrays)
            return {"ok": True}, list(outputs) if isinstance(outputs, tuple) else [outputs]
        if header.get("op") == "burst":
            return {"ok": True, "calls": run_burst(model.runnable, example, int(header["n"]))}, []
        if header.get("op") == "precision":
            return {"ok": True, "precision": model.effective_precision}, []
        raise InputError("unknown request", got=header.get("op"))
    except Exception as error:  # reported to the client, in whatever form it comes
        return _failure(error), []


def _failure(error: Exception) -> dict[str, Any]:
    ours = isinstance(error, PicojouleError)
    text = str(error) if ours else f"{type(error).__name__}: {error}"
    return {"ok": False, "error": text, "input_error": isinstance(error, InputError)}


def run_burst(
    run: Runnable, example: tuple[Array, ...], n: int
) -> list[tuple[float, float, float | None]]:
    """(wall_s, cpu_s, wait_s) of each of n calls; CPU time and waiting are of all threads.

    wait_s is how long threads of this process were ready to run but had no core, as the mean of
    the burst, since asking per call would disturb quick ones; None where the kernel doesn't count.
    """
    times = []
    gc.disable()  # a collection in the middle of a call would be timed as the model's
    before = _queued_ns()
    try:
        for _ in range(n):
            cpu, wall = time.process_time(), time.perf_counter()
            run(*example)
            times.append((time.perf_counter() - wall, time.process_time() - cpu))
    finally:
        gc.enable()
    wait_s = _growth_s(before, _queued_ns())
    share = None if wait_s is None else wait_s / n
    return [(wall_s, cpu_s, share) for wall_s, cpu_s in times]


def _queued_ns() -> dict[str, int] | None:
    """Nanoseconds that each thread has waited on a run queue (Linux schedstat, 2nd field)."""
    waits: dict[str, int] = {}
    try:
        for thread in os.listdir("/proc/self/task"):
            path = f"/proc/self/task/{thread}/schedstat"
            # A thread may end between the listing and the read.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(path) as file:
                waits[thread] = int(file.read().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return waits or None


def _growth_s(before: dict[str, int] | None, after: dict[str, int] | None) -> float | None:
    if before is None or after is None:
        return None
    return sum(ns - before.get(thread, 0) for thread, ns in after.items()) * 1e-9


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
