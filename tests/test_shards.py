"""A shard is cut from the items alone, and its file depends on nothing but what was read."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import parquet

from inkdigits.errors import BatchError
from inkdigits.readings import DigitReading, NumberReading, PageReading
from inkdigits.shards import (
    MAX_REASONS,
    OTHER_REASONS,
    SHARD_FILES,
    Shard,
    Tally,
    cut,
    outcome_of,
    read_tally,
    write_shard,
)
from inkdigits.sources import Item
from inkdigits.table import Row, rows_of

SHARD = Shard(3, (Item("1.png", 5, "a"), Item("2.png", 6, "b")))


def page(*accepted: bool) -> PageReading:
    """Return a page with a 7 for each word on whether it is accepted."""
    digits = [
        DigitReading(
            text="7", confidence=0.5, accepted=yes, reason="" if yes else "not sure", box=(1, 2, 3, 4),
            probabilities=(), shown=None,  # type: ignore[arg-type]
        )
        for yes in accepted
    ]  # fmt: skip
    return PageReading(status="ok", reason="", numbers=tuple(NumberReading.from_digits((digit,)) for digit in digits))


def failed(reason: str) -> list[Row]:
    """Return the rows of a file that failed."""
    return rows_of("1.png", PageReading(status="failed", reason=reason))


def test_small_files_are_cut_by_number() -> None:
    """A shard holds SHARD_FILES of them, the last one the rest."""
    shards = list(cut(Item(f"{n}", 1, "") for n in range(SHARD_FILES * 2 + 1)))
    assert [(shard.number, len(shard.items)) for shard in shards] == [(0, SHARD_FILES), (1, SHARD_FILES), (2, 1)]


@pytest.mark.parametrize(
    ("reading", "outcome"),
    [
        (page(True, True), "read"),
        (page(True, False), "review"),
        (PageReading(status="declined", reason="no ink"), "declined"),
        (PageReading(status="failed", reason="damaged"), "failed"),
    ],
    ids=lambda value: str(value)[:10],
)
def test_every_file_ends_as_one_of_four(reading: PageReading, outcome: str) -> None:
    """Read, to review where a number is not to be acted on, declined, failed."""
    assert outcome_of(rows_of("a.png", reading)) == outcome


def test_what_was_written_is_counted(tmp_path: Path) -> None:
    """The file has a row per number, and its counts come back without reading them."""
    rows = [rows_of("1.png", page(True, False)), failed("damaged")]
    tally = write_shard(str(tmp_path), SHARD, rows, "terms")
    assert tally == Tally(files=2, review=1, failed=1, numbers=2, accepted=1, reasons={"damaged": 1})
    assert read_tally(str(tmp_path), SHARD, "terms") == tally
    table = parquet.read_table(tmp_path / "0000003.parquet")
    assert table.column_names == ["outcome", *Row._fields]
    assert table.column("outcome").to_pylist() == ["review", "review", "failed"]
    assert table.column("text").to_pylist() == ["7", "7", ""]


def test_a_shard_with_too_few_answers_is_not_written(tmp_path: Path) -> None:
    """No file is lost silently."""
    with pytest.raises(BatchError, match="1 files were answered of 2"):
        write_shard(str(tmp_path), SHARD, [failed("damaged")], "terms")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("harm", ["cut off", "other terms", "other items", "no shard"])
def test_what_is_not_this_shard_is_not_counted(tmp_path: Path, harm: str) -> None:
    """It is read again instead."""
    write_shard(str(tmp_path), SHARD, [failed("x"), failed("y")], "other" if harm == "other terms" else "terms")
    path = tmp_path / SHARD.name
    if harm == "cut off":
        path.write_bytes(path.read_bytes()[:-100])
    if harm == "no shard":
        path.write_bytes(b"")
    shard = Shard(3, SHARD.items[:1]) if harm == "other items" else SHARD
    assert read_tally(str(tmp_path), shard, "terms") is None


def test_when_and_where_a_file_lay_does_not_matter(tmp_path: Path) -> None:
    """The same names with other stamps and places make the same bytes."""
    rows = [failed("x"), failed("y")]
    write_shard(str(tmp_path / "a"), SHARD, rows, "terms")
    write_shard(
        str(tmp_path / "b"), Shard(3, tuple(item._replace(stamp="z", place=9) for item in SHARD.items)), rows, "terms"
    )
    assert (tmp_path / "a" / SHARD.name).read_bytes() == (tmp_path / "b" / SHARD.name).read_bytes()


def test_reasons_are_counted_up_to_a_number() -> None:
    """A million different ones take no memory, and are counted all the same."""
    tally = Tally.of([failed(f"reason {n}") for n in range(MAX_REASONS + 5)])
    assert (len(tally.reasons), tally.reasons[OTHER_REASONS]) == (MAX_REASONS + 1, 5)


def test_a_name_that_is_no_text_is_written(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are marked in the output."""
    shard = Shard(0, (Item("caf\udce9.png", 0, ""),))
    write_shard(str(tmp_path), shard, [rows_of(shard.items[0].file, page(True))], "terms")
    assert parquet.read_table(tmp_path / shard.name).column("file").to_pylist() == ["caf?.png"]


def test_a_blank_page_among_others_is_nothing_to_review() -> None:
    """The back of a sheet is declined; the file is read if the front is."""
    blank = rows_of("a.pdf", PageReading(status="declined", reason="nothing to read"))
    assert outcome_of([*rows_of("a.pdf", page(True)), *blank]) == "read"
    assert outcome_of([*rows_of("a.pdf", page(False)), *blank]) == "review"
    assert outcome_of([*blank, *blank]) == "declined"
