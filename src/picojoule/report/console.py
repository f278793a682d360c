"""Printing: rich tables on a terminal, plain text in a pipe."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from picojoule.report.words import safe

__all__ = ["Col", "Sheet", "cell", "heading", "note_lines", "show", "to_text", "warning_line"]

PLAIN_WIDTH = 160
"""Columns of plain text where nothing says how wide the reader's window is."""


def show(view: RenderableType, stream: TextIO) -> None:
    """Print `view` to `stream`: colours and rules on a terminal, plain text elsewhere."""
    console = _console(stream)
    if console.is_terminal:
        console.print(view)
    else:
        stream.write(to_text(view))


def to_text(view: RenderableType, width: int | None = None) -> str:
    """`view` as plain text, without colours, rules or trailing spaces."""
    columns = os.environ.get("COLUMNS", "")
    width = width or (int(columns) if columns.isdecimal() else 0) or PLAIN_WIDTH
    console = _console(io.StringIO(), width=width, force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(view)
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def _console(stream: TextIO, **options: object) -> Console:
    # Names come from models: never read them as markup, emoji or things to highlight.
    plain = {"markup": False, "emoji": False, "highlight": False}
    return Console(file=stream, **plain, **options)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Col:
    """A column. drop: left out where space is short, the highest first; 0 stays.

    wrap: long text runs over several lines instead of being cut.
    """

    header: str
    right: bool = True
    drop: int = 0
    wrap: bool = False


@dataclass(slots=True)
class Sheet:
    """A table that leaves out its least important columns where they don't fit."""

    columns: Sequence[Col]
    rows: list[tuple[Sequence[str | Text], str]] = field(default_factory=list)
    sections: set[int] = field(default_factory=set)

    def add(self, *cells: str | Text, style: str = "") -> None:
        """Add a row."""
        self.rows.append((cells, style))

    def rule(self) -> None:
        """Draw a line, on a terminal, between the rows so far and the next."""
        self.sections.add(len(self.rows) - 1)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The widest version that fits."""
        drops = sorted((c.drop for c in self.columns if c.drop), reverse=True)
        for limit in [len(self.columns) + 1, *drops]:
            unbound = options.update(max_width=10 * PLAIN_WIDTH)
            needed = Measurement.get(console, unbound, self._table(limit, wrap_at=40)).maximum
            if needed <= options.max_width:
                break
        yield self._table(limit, ruled=console.is_terminal)

    def _table(self, limit: int, *, ruled: bool = False, wrap_at: int | None = None) -> Table:
        """The table of the columns whose drop is below `limit`."""
        style = box.SIMPLE_HEAD if ruled else None
        table = Table(box=style, header_style="bold", pad_edge=False, padding=(0, 1))
        kept = [i for i, column in enumerate(self.columns) if column.drop < limit]
        for i in kept:
            column = self.columns[i]
            side = "right" if column.right else "left"
            width = wrap_at if column.wrap else None
            table.add_column(column.header, justify=side, max_width=width)  # type: ignore[arg-type]
        for number, (cells, row_style) in enumerate(self.rows):
            lines = [_as_line(cells[i]) for i in kept]
            table.add_row(*lines, style=row_style, end_section=number in self.sections)
        return table


def _as_line(content: str | Text) -> Text:
    return cell(content) if isinstance(content, str) else content


def cell(text: object, style: str = "") -> Text:
    """One line of untrusted text, cut with an ellipsis where the column is too narrow."""
    return Text(safe(text), style=style, no_wrap=True, overflow="ellipsis")


def heading(text: str) -> Text:
    """A title line."""
    return Text(safe(text), style="bold")


def warning_line(text: str) -> Text:
    """A line that a reader must not miss."""
    return Text(safe(text), style="yellow")


def note_lines(notes: Iterable[object]) -> list[Text]:
    """Notes as bullets."""
    return [Text(f"• {safe(n)}", style="dim") for n in notes]
