"""What of a kernel fits in the buffer: query rows at a time, and the share that spills."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from picojoule.cost.cascade.design import Array, Design, Kernel
from picojoule.cost.cascade.einsum import Cascade, Einsum, Ranks
from picojoule.cost.cascade.passes import crossing, pass_of
from picojoule.errors import InputError

__all__ = ["Tile", "Tiler", "inside"]

_KEYS = frozenset({"M", "M1", "M0"})


class Tile(NamedTuple):
    """rows: query rows in the buffer at a time. spilled: the share of the tensors that are kept
    between passes which the buffer can't hold, so that it goes through main memory."""

    rows: int
    spilled: float


def inside(design: Design, kernel: Kernel) -> Cascade:
    """The cascade of one kernel. Tensors of other kernels come from outside."""
    names = {name for stage in kernel for name in stage}
    einsums = tuple(e for e in design.cascade.einsums if e.name in names)
    return Cascade(f"{design.name} {'+'.join(e.name for e in einsums)}", einsums)


class Tiler(NamedTuple):
    """The tile of one kernel. extents: of all ranks of one head."""

    design: Design
    array: Array
    cascade: Cascade
    extents: Mapping[str, int]

    def tile(self) -> Tile:
        """Rows and spill. Raises InputError when the buffer can't hold the rows of one tile."""
        row_b, fixed_b = self._row_b(), self._fixed_b()
        if self.design.overbook:
            return self._overbooked(row_b, fixed_b)
        fit = int((self.array.buffer_bytes - fixed_b) // (row_b * self.step)) if row_b else math.inf
        if fit < 1:
            raise InputError(
                f"{self.cascade.name}: the buffer can't hold {self.step} rows",
                got=f"{self.array.buffer_bytes:.0f} bytes",
                expected=f"at least {math.ceil(fixed_b + row_b * self.step)} bytes",
                fix="a larger buffer, a smaller array, or a design with fewer passes",
            )
        return Tile(self.step * _largest_divisor(self._steps(), fit), 0.0)

    @property
    def step(self) -> int:
        """Rows that the arrays take at a time: one where only the 1D array works, along keys."""
        two_d = any(e.name in self.design.matrix for e in self.cascade.einsums)
        return self.array.side if two_d else 1

    def _steps(self) -> int:
        return -(-self.extents["P"] // self.step)

    def _overbooked(self, row_b: float, fixed_b: float) -> Tile:
        fit = int(self.array.buffer_bytes // (row_b * self.step)) if row_b else math.inf
        rows = self.step * _largest_divisor(self._steps(), max(fit, 1))
        return Tile(rows, max(0.0, 1 - self.array.buffer_bytes / (rows * row_b + fixed_b)))

    def _row_b(self) -> float:
        """Bytes that each query row needs for as long as keys go by."""
        kept = max(
            (self._size(tensors, drop="P") for tensors in crossing(self.cascade, self.design.rank)),
            default=0,
        )
        waiting = {
            t for t, ranks in self._outside().items() if "P" in ranks and not _KEYS & {*ranks}
        } - {t for t, _ in self.design.tiles}
        carried = self.cascade.recurrences
        return self.array.word_bytes * (
            kept + self._size(waiting, drop="P") + self._size(carried, drop="P", keys=False)
        )

    def _fixed_b(self) -> float:
        """Bytes of the tiles of tensors that stream by."""
        widths = {t: _without(r, {"B", "P", *_KEYS}) for t, r in self._named().items()}
        elements = sum(
            copies * self.array.side * self._extent(widths[tensor])
            for tensor, copies in self.design.tiles
            if tensor in widths
        )
        return self.array.word_bytes * elements

    def _outside(self) -> dict[str, Ranks]:
        made = {e.name for e in self.cascade.einsums}
        return {t: r for e in self.cascade.einsums for t, r in e.reads.items() if t not in made}

    def _named(self) -> dict[str, Ranks]:
        return {**self._outside(), **{e.name: e.ranks for e in self.cascade.einsums}}

    def _size(self, tensors: Iterable[str], *, drop: str, keys: bool = True) -> int:
        out = {"B", drop, *(() if keys else _KEYS)}
        return sum(self._extent(_without(self._named()[t], out)) for t in tensors)

    def _extent(self, ranks: Ranks) -> int:
        return math.prod(self.extents[r] for r in ranks)

    def trips(self, ranks: Ranks, rows: int) -> int:
        """How often a tensor from outside is read from main memory: once per tile that can't
        share it with the next one."""
        side, by_array = self.array.side, self.design.reuse == "array"
        if "P" not in ranks:
            return math.ceil(self.extents["P"] / (side if by_array else rows))
        if not _KEYS & {*ranks} and by_array:
            return self.extents["M1"]
        return 1

    def reads_through_buffer(self, einsum: Einsum) -> int:
        """How many readers take what `einsum` makes from the buffer: those of a later pass or of
        the other array. The others take it as it is made. Only tensors along the keys are kept."""
        if self.design.rank not in einsum.ranks:
            return 0
        when, matrix = pass_of(self.cascade, self.design.rank), self.design.matrix
        return sum(
            when[r.name] > when[einsum.name] or (r.name in matrix) != (einsum.name in matrix)
            for r in self.cascade.readers(einsum.name)
        )

    def bytes_of(self, ranks: Ranks) -> float:
        """Bytes of a whole tensor of these ranks. Padded keys and carried steps need none."""
        exact = {**self.extents, "M1": 1, "M0": self.extents["M"]}
        return self.array.word_bytes * math.prod(exact[r] for r in ranks)


def _without(ranks: Ranks, drop: set[str]) -> Ranks:
    return tuple(r for r in ranks if r not in drop)


def _largest_divisor(n: int, limit: float) -> int:
    """The largest divisor of `n` that is at most `limit`: tiles of one size."""
    return max(d for d in range(1, n + 1) if n % d == 0 and d <= limit)
