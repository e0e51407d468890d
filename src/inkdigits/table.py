"""Readings as a table, one row per number, written as CSV or Parquet: whole or not at all."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from inkdigits.errors import MissingExtraError, TableError, reason_of
from inkdigits.readings import PageReading

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last are wide


class Row(NamedTuple):
    """One number, or one page that has none: `text` is empty there, and None is what a missing number lacks."""

    file: str
    page: int
    status: str
    text: str
    confidence: float | None
    accepted: bool
    reason: str
    x: int | None  # px of the upright page, as the three below
    y: int | None
    width: int | None
    height: int | None


def rows_of(file: str, reading: PageReading) -> list[Row]:
    """Return the rows of a page: its numbers in reading order, or why there is none.

    Examples
    --------
    >>> rows_of("7.png", PageReading(status="declined", reason="nothing to read"))[0][:5]
    ('7.png', 1, 'declined', '', None)
    """
    file = as_utf8(file)
    if not reading.numbers:
        reason = as_utf8(reading.reason)
        return [Row(file, reading.page, reading.status, "", None, False, reason, None, None, None, None)]
    return [
        Row(
            file,
            reading.page,
            reading.status,
            number.text,
            number.confidence,
            number.accepted,
            number.reason,
            *number.box,
        )
        for number in reading.numbers
    ]


def as_utf8(text: str) -> str:
    """Return a file's name, which may be any bytes, as a text that can be written."""
    return text.encode("utf-8", "replace").decode()


def check_table(path: Path) -> None:
    """Raise, before the work, what would keep its table from being written: another ending, a missing library."""
    if path.suffix.lower() not in _WRITERS:
        raise TableError(f"cannot write '{path}': a table is .csv or .parquet; give it one of these endings")
    if path.suffix.lower() == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:
            raise MissingExtraError(
                f"cannot write '{path}': pyarrow is not installed; run pip install 'inkdigits[parquet]', or write .csv"
            ) from error


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Write rows to a file as its ending says, .csv or .parquet; a link is followed.

    Raises TableError if that fails, and leaves what was there.
    """
    check_table(path)
    unfinished = path.with_name(path.name + ".part")
    try:
        path = path.resolve()
        unfinished = path.with_name(path.name + ".part")
        _WRITERS[path.suffix.lower()](unfinished, rows)
        unfinished.replace(path)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        raise TableError(f"cannot write '{path}': {reason_of(error)}; choose another place") from error
    finally:
        with suppress(OSError, ValueError):
            unfinished.unlink()


def column_types(pa: Any) -> list[tuple[str, Any]]:
    """Return the columns of a row and their types in Arrow, whose library is given: it is an extra."""
    types = {"page": pa.int32(), "confidence": pa.float64(), "accepted": pa.bool_()}
    types |= dict.fromkeys(("x", "y", "width", "height"), pa.int32())
    return [(name, types.get(name, pa.string())) for name in Row._fields]


def _write_csv(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Row._fields)
        for row in rows:
            values = {**row._asdict(), "file": _without_formula(row.file), "accepted": str(row.accepted).lower()}
            writer.writerow(values.values())


def _write_parquet(path: Path, rows: Sequence[Row]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(column_types(pa))
    pq.write_table(pa.Table.from_pylist([row._asdict() for row in rows], schema=schema), path)


def _without_formula(file: str) -> str:
    """Return a path that no spreadsheet takes for a formula, and that leads to the same file."""
    return f"./{file}" if file.startswith(FORMULA_STARTS) else file


_WRITERS: dict[str, Callable[[Path, Sequence[Row]], None]] = {".csv": _write_csv, ".parquet": _write_parquet}
