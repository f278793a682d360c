"""Many independent simulations on any Executor; finished ones are kept, so a sweep resumes.

A journal is a file of JSON lines, {"point": ..., "found": ...}: a point that is in it isn't run
again. A torn last line, of a run that was killed, is ignored.
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
    is there. Raises what `run` raises, after the points that are done were kept.
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
    if journal is None or not journal.exists():
        return {}
    found = {}
    for line in journal.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
            found[_key(entry["point"])] = entry["found"]
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _append(journal: Path | None, key: str, found: Any) -> None:
    if journal is None:
        return
    try:
        torn = journal.exists() and journal.read_bytes()[-1:] not in (b"", b"\n")
        with journal.open("a", encoding="utf-8") as file:
            text = json.dumps({"point": json.loads(key), "found": found})
            file.write(("\n" if torn else "") + text + "\n")
    except OSError as error:
        raise InputError(f"can't write: {error.strerror}", where=str(journal)) from None
