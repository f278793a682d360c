"""Journals and bounded text: files from outside are read whole, or refused and left as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from picojoule import journal
from picojoule.errors import InputError
from picojoule.files import read_text
from picojoule.journal import append_line, read_lines

START = b'{"point":'
LINE = b'{"point": 1}'


def test_what_is_appended_is_read(tmp_path: Path):
    file = tmp_path / "new" / "runs.jsonl"
    assert read_lines(file, START) == []
    for _ in range(2):
        append_line(file, LINE)
    assert read_lines(file, START) == [LINE, LINE]


@pytest.mark.parametrize("kept", range(1, len(LINE) + 1))
def test_a_torn_last_line_is_cut_off(tmp_path: Path, kept: int):
    file = tmp_path / "runs.jsonl"
    file.write_bytes(LINE + b"\n" + LINE[:kept])
    assert read_lines(file, START) == [LINE]
    append_line(file, LINE)
    assert file.read_bytes() == 2 * (LINE + b"\n")


@pytest.mark.parametrize("data", [b"notes", b"notes\n", b'{"a": 1}', LINE + b"\n\n", b"\x00"])
def test_no_other_file_is_taken_for_a_journal(tmp_path: Path, data: bytes):
    file = tmp_path / "notes"
    file.write_bytes(data)
    with pytest.raises(InputError, match="not a line of this journal"):
        read_lines(file, START)
    assert file.read_bytes() == data


def test_a_journal_that_is_too_large_or_a_folder(tmp_path: Path, monkeypatch):
    append_line(tmp_path / "runs.jsonl", LINE)
    monkeypatch.setattr(journal, "MAX_BYTES", len(LINE))
    with pytest.raises(InputError, match="too large"):
        read_lines(tmp_path / "runs.jsonl", START)
    monkeypatch.setattr(journal, "MAX_BYTES", 10**6)
    with pytest.raises(InputError, match="can't read"):
        read_lines(tmp_path, START)
    with pytest.raises(InputError, match="can't write"):
        append_line(tmp_path, LINE)


def test_text_is_bounded(tmp_path: Path):
    file = tmp_path / "text"
    file.write_bytes("µ".encode())
    assert read_text(file, 2) == "µ"
    with pytest.raises(InputError, match="too large"):
        read_text(file, 1)
    file.write_bytes(b"a\xff")
    with pytest.raises(InputError, match="byte 1"):
        read_text(file, 9)
    with pytest.raises(InputError, match="can't read"):
        read_text(tmp_path, 9)
