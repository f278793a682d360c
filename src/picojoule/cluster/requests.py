"""Requests: what a serving cluster is asked for, as columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from picojoule.errors import InputError
from picojoule.ledger import Array

__all__ = ["HIGH", "LOW", "UNKNOWN", "Requests", "join", "with_priorities"]

LOW, HIGH, UNKNOWN = 0, 1, -1
"""Priorities. Public traces don't carry any, so UNKNOWN ones are drawn at the simulation's seed."""

_MAX_TOKENS = 10**8


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests in order of arrival; columns of one length.

    arrival_s: seconds since the start of the trace. prompt_tokens, output_tokens: at least 1; the
    prefill makes the first output token. priority: LOW, HIGH or UNKNOWN.
    """

    arrival_s: Array
    prompt_tokens: Array
    output_tokens: Array
    priority: Array

    @classmethod
    def of(
        cls,
        arrival_s: Any,
        prompt_tokens: Any,
        output_tokens: Any,
        priority: Any = UNKNOWN,
        where: str = "requests",
        first_row: int = 0,
    ) -> Requests:
        """Checked columns. first_row: number of the first row, for messages.

        Raises InputError, with the row, for arrivals that are negative, not finite or unsorted,
        and for token counts and priorities that can't be.
        """
        arrival = np.asarray(arrival_s, dtype=float)
        prompt, output = _whole(prompt_tokens), _whole(output_tokens)
        rank = np.broadcast_to(_whole(priority), arrival.shape)
        if not arrival.shape == prompt.shape == output.shape or arrival.ndim != 1:
            got = [c.shape for c in (arrival, prompt, output)]
            raise InputError("columns of requests differ in length", where=where, got=got)
        before = np.concatenate([arrival[:1], arrival[:-1]])
        _refuse(~np.isfinite(arrival), arrival, "an arrival is not a number", where, first_row)
        _refuse(arrival < 0, arrival, "an arrival is negative", where, first_row)
        _refuse(arrival < before, arrival, "arrivals are not sorted", where, first_row)
        for name, tokens in (("prompt_tokens", prompt), ("output_tokens", output)):
            bad = ~((tokens >= 1) & (tokens <= _MAX_TOKENS))
            _refuse(bad, tokens, f"{name} is not a count from 1", where, first_row)
        _refuse(~np.isin(rank, (LOW, HIGH, UNKNOWN)), rank, "unknown priority", where, first_row)
        return cls(arrival, prompt, output, rank.astype(np.int8))

    def __len__(self) -> int:
        return len(self.arrival_s)

    def __getitem__(self, rows: slice | Array) -> Requests:
        columns = (self.arrival_s, self.prompt_tokens, self.output_tokens, self.priority)
        return Requests(*(column[rows] for column in columns))

    def shifted(self, by_s: float) -> Requests:
        """The same requests, `by_s` later."""
        return replace(self, arrival_s=self.arrival_s + by_s)


def _whole(values: Any) -> Array:
    numbers = np.asarray(values)
    if numbers.dtype.kind in "iu":
        return numbers.astype(np.int64)
    whole = np.asarray(values, dtype=float)
    return np.where(np.isfinite(whole) & (whole == np.floor(whole)), whole, -9).astype(np.int64)


def _refuse(bad: Array, values: Array, what: str, where: str, first_row: int) -> None:
    if bad.any():
        i = int(np.argmax(bad))
        got = values[i].item()
        raise InputError(what, where=f"{where}:{first_row + i}", got=got)


def join(parts: Sequence[Requests]) -> Requests:
    """Parts one after another."""
    names = ("arrival_s", "prompt_tokens", "output_tokens", "priority")
    return Requests(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))


def with_priorities(chunks: Iterable[Requests], low_share: float, seed: int) -> Iterator[Requests]:
    """The chunks, with UNKNOWN priorities drawn: LOW with probability `low_share`.

    One draw per request in order of arrival, so chunking doesn't change what is drawn.
    """
    rng = np.random.default_rng([seed, 0x9017])
    for chunk in chunks:
        drawn = np.where(rng.random(len(chunk)) < low_share, LOW, HIGH).astype(np.int8)
        known = chunk.priority != UNKNOWN
        yield replace(chunk, priority=np.where(known, chunk.priority, drawn))
