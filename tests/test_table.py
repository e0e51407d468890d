"""A table of readings: a row per number, or per page that has none; as CSV and as Parquet, whole or not at all."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest

from inkdigits.errors import MissingExtraError, TableError
from inkdigits.readings import DigitReading, NumberReading, PageReading
from inkdigits.table import Row, check_table, rows_of, write_table

SURE = Row("a.pdf", 2, "ok", "07", 0.123456789012345678, True, "", 1, 2, 30, 40)
BLANK = Row("b, c.png", 1, "declined", "", None, False, 'nothing, "so to say"', None, None, None, None)


def number(text: str, reason: str = "") -> NumberReading:
    """Return a number whose digits are sure, or doubtful for a reason."""
    digits = tuple(
        DigitReading(
            text=digit,
            confidence=0.5,
            accepted=not reason,
            reason=reason,
            box=(10 * place, 5, 10, 20),
            probabilities=(),
            shown=np.zeros((28, 28), np.uint8),
        )
        for place, digit in enumerate(text)
    )
    return NumberReading.from_digits(digits)


def test_a_row_per_number() -> None:
    """The numbers of a page in reading order, each with its page, its own reason and its box."""
    page = PageReading(status="ok", reason="", numbers=(number("42"), number("7", "not sure")), page=3, pages=4)
    assert rows_of("a.pdf", page) == [
        Row("a.pdf", 3, "ok", "42", 0.25, True, "", 0, 5, 20, 20),
        Row("a.pdf", 3, "ok", "7", 0.5, False, "not sure", 0, 5, 10, 20),
    ]


def test_a_row_per_page_without_a_number() -> None:
    """A page that was declined, and a file that failed, have a row that says why."""
    declined = PageReading(status="declined", reason="nothing to read", page=2, pages=2)
    failed = PageReading(status="failed", reason="cannot read 'a.pdf'", page=0, pages=0)
    nothing = (None, None, None, None)
    assert rows_of("a.pdf", declined) == [Row("a.pdf", 2, "declined", "", None, False, "nothing to read", *nothing)]
    assert rows_of("a.pdf", failed) == [Row("a.pdf", 0, "failed", "", None, False, "cannot read 'a.pdf'", *nothing)]


def test_csv_as_everybody_reads_it(tmp_path: Path) -> None:
    """Names first, all digits of confidence, true and false, nothing where there is nothing, quotes where needed."""
    write_table(tmp_path / "t.csv", [SURE, BLANK])
    assert (tmp_path / "t.csv").read_bytes().decode() == (
        "file,page,status,text,confidence,accepted,reason,x,y,width,height\r\n"
        "a.pdf,2,ok,07,0.12345678901234568,true,,1,2,30,40\r\n"
        '"b, c.png",1,declined,,,false,"nothing, ""so to say""",,,,\r\n'
    )


@pytest.mark.parametrize("name", ["=1+1.png", "+1.png", "-1.png", "@a.png", "\t=1.png", "\uff1d1.png"])
def test_no_file_name_is_a_formula_in_csv(tmp_path: Path, name: str) -> None:
    """A spreadsheet would compute a name that starts so: it gets ./ before it, and leads to the same file."""
    write_table(tmp_path / "t.csv", [SURE._replace(file=name)])
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert row["file"] == f"./{name}"


def test_parquet_keeps_types_and_names(tmp_path: Path) -> None:
    """Rows come back as they were: numbers as numbers, leading zeros, null where there is nothing."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    odd = BLANK._replace(file="=1+1.png")
    write_table(tmp_path / "t.PARQUET", [SURE, odd])
    table = parquet.read_table(tmp_path / "t.PARQUET")
    assert [Row(**row) for row in table.to_pylist()] == [SURE, odd]
    assert [str(column.type) for column in table.columns] == [
        *("string", "int32", "string", "string", "double", "bool", "string"),
        *("int32", "int32", "int32", "int32"),
    ]


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_table_may_have_no_rows_or_odd_names(tmp_path: Path, name: str) -> None:
    """No rows are a table too; of a name that is no text, what is no character becomes a question mark."""
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    write_table(tmp_path / name, [])
    declined = PageReading(status="declined", reason="nothing in '\udcff'")
    [row] = rows_of("\udcff\n.png", declined)
    assert (row.file, row.reason) == ("?\n.png", "nothing in '?'")
    write_table(tmp_path / name, [row])


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_table_is_written_whole_or_not_at_all(tmp_path: Path, name: str) -> None:
    """Where writing fails in the middle, what was there stays, and nothing else is left."""
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    path = tmp_path / name
    path.write_text("before")
    with pytest.raises(TableError, match=r"^cannot write '.*': .*; choose another place$"):
        write_table(path, [SURE, SURE._replace(file="\udcff")])
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_table_in_a_folder_that_is_missing_is_refused(tmp_path: Path) -> None:
    """The system's reason is passed on."""
    with pytest.raises(TableError, match=r"t\.csv': No such file or directory; choose another place$"):
        write_table(tmp_path / "missing" / "t.csv", [SURE])


def test_a_link_is_followed(tmp_path: Path) -> None:
    """The table is written where a link leads, and the link stays one."""
    (tmp_path / "link.csv").symlink_to(tmp_path / "t.csv")
    write_table(tmp_path / "link.csv", [SURE])
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "t.csv").is_file()


def test_any_other_ending_is_refused_before_the_work() -> None:
    """The error says which endings there are."""
    with pytest.raises(TableError) as caught:
        check_table(Path("t.xlsx"))
    assert str(caught.value) == "cannot write 't.xlsx': a table is .csv or .parquet; give it one of these endings"


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra is not installed the error names it, before the work; CSV needs none."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'inkdigits\[parquet\]', or write \.csv$"):
        check_table(Path("t.parquet"))
    check_table(Path("t.csv"))
