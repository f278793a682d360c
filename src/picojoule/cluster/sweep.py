"""Many independent simulations on any Executor; finished ones are kept, so a sweep resumes.

A journal is a file of JSON lines, {"point": ..., "found": ...}: a point that is in it isn't run
again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from picojoule.errors import InputError, nearest
from picojoule.extras import require
from picojoule.journal import append_line, read_lines

__all__ = ["ENGINES", "RayExecutor", "engine", "sweep"]

ENGINES = ("process", "serial", "ray")

Point = dict[str, Any]
"""JSON scalars by name: what tells one simulation of a sweep from another."""


@contextmanager
def engine(name: str = "process", workers: int | None = None) -> Iterator[Executor]:
    """An executor: this machine's processes, this process, or a Ray cluster.

    Raises InputError for another name, MissingExtra for ray when it isn't installed.
    """
    if name not in ENGINES:
        raise InputError(f"no engine {name!r}", fix=nearest(name, ENGINES))
    makers: dict[str, Callable[[], Executor]] = {
        "process": lambda: ProcessPoolExecutor(workers), "serial": _Serial, "ray": RayExecutor,
    }  # fmt: skip
    with makers[name]() as executor:
        yield executor


class _Serial(Executor):
    """Runs at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class RayExecutor(Executor):
    """Runs on the Ray cluster of RAY_ADDRESS, or on one of this machine's own."""

    def __init__(self) -> None:
        self._ray: Any = require("ray", "ray")
        self._ours = not self._ray.is_initialized()
        if self._ours:
            self._ray.init(log_to_driver=False, include_dashboard=False)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """A remote call; its future."""
        future: Future[Any] = self._ray.remote(lambda: fn(*args, **kwargs)).remote().future()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster, if we joined it."""
        if self._ours:
            self._ray.shutdown()


def sweep(
    run: Callable[[Point], Any],
    points: Sequence[Point],
    executor: Executor,
    journal: Path | None = None,
) -> list[Any]:
    """What `run` finds at each point, as JSON values, in the order of `points`.

    run: a function that pickles, of one point. Each result is written to `journal` as soon as it
    is there. Raises what `run` raises, after the points that are done were kept, and InputError for
    a file that is no journal.
    """
    known = _read(journal)
    keys = [_key(point) for point in points]
    todo = {key: point for key, point in zip(keys, points, strict=True) if key not in known}
    futures = {executor.submit(run, point): key for key, point in todo.items()}
    try:
        for future in as_completed(futures):
            future.result()
            _keep(future, futures[future], known, journal)
    finally:
        for future, key in futures.items():
            if not future.cancel() and key not in known and future.done():
                _keep(future, key, known, journal)
    return [known[key] for key in keys]


def _keep(future: Future[Any], key: str, known: dict[str, Any], journal: Path | None) -> None:
    if future.exception() is None:
        known[key] = json.loads(json.dumps(future.result()))
        _append(journal, key, known[key])


def _key(point: Point) -> str:
    return json.dumps(point, sort_keys=True)


def _read(journal: Path | None) -> dict[str, Any]:
    found = {}
    lines = [] if journal is None else read_lines(journal, b'{"point":')
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            found[_key(entry["point"])] = entry["found"]
        except (ValueError, KeyError, RecursionError) as error:
            raise InputError(
                f"not a finished run: {error}", where=f"{journal}:{number}",
                fix="name another file, or remove the line",
            ) from None  # fmt: skip
    return found


def _append(journal: Path | None, key: str, found: Any) -> None:
    if journal is not None:
        text = json.dumps({"point": json.loads(key), "found": found})
        append_line(journal, text.encode())
