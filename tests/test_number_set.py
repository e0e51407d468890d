"""Folders of pictures with labels.csv: whole numbers and what is written there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inkdigits.datasets import load_dataset
from inkdigits.errors import DatasetError
from inkdigits.number_set import load_numbers
from inkdigits.pictures import save_picture


def write_labels(folder: Path, text: str, *, encoding: str = "utf-8") -> Path:
    """Put a labels.csv into a folder."""
    (folder / "labels.csv").write_text(text, encoding=encoding)
    return folder


def test_files_and_readings_come_in_the_order_of_the_table(tmp_path: Path) -> None:
    """Zeros in front are kept, a reading may be empty, further columns do not matter; Excel's mark does not either."""
    folder = write_labels(tmp_path, "note,file,reading\nfaint,b.png,007\n,a.png,\n", encoding="utf-8-sig")
    numbers = load_numbers(f"numbers:{folder}")
    assert numbers.paths == (tmp_path / "b.png", tmp_path / "a.png")
    assert (len(numbers), numbers.readings, numbers.name) == (2, ("007", ""), tmp_path.name)


def test_a_broken_picture_is_a_reason_in_its_place(tmp_path: Path) -> None:
    """The others are still there; what is broken says which file and why."""
    save_picture(tmp_path / "a.png", np.full((20, 30), 200, np.uint8))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    write_labels(tmp_path, "file,reading\nbroken.png,1\nmissing.png,2\na.png,3\n")
    broken, missing, whole = load_numbers(tmp_path).pictures()
    assert "broken.png" in str(broken)
    assert "missing.png" in str(missing)
    assert np.array_equal(whole, np.full((20, 30), 200, np.uint8))


@pytest.mark.parametrize("reading", ["12.5", "1 2", "12a", "\N{ARABIC-INDIC DIGIT ONE}", "?"])
def test_a_reading_is_digits(tmp_path: Path, reading: str) -> None:
    """Anything else is refused with the number of its line."""
    write_labels(tmp_path, f"file,reading\na.png,12\nb.png,{reading}\n")
    with pytest.raises(DatasetError, match=r"line 3 the file is 'b.png', the reading '.+'; give"):
        load_numbers(tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no column file and no column reading"),
        ("file;reading\na.png;12\n", "no column file and no column reading"),
        ("file,text\na.png,12\n", "no column reading"),
        ("file,reading\n", "lists no pictures"),
        ("file,reading\n,12\n", "in line 2 the file is ''"),
        ("file,reading\na.png\n", "in line 2 the file is 'a.png', the reading ''"),
    ],
)
def test_a_table_of_another_form_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """Missing columns, cells and lines are named."""
    with pytest.raises(DatasetError, match=reason):
        load_numbers(write_labels(tmp_path, text))


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    """The message says what the folder needs."""
    with pytest.raises(DatasetError, match=r"No such file.*file,reading"):
        load_numbers(tmp_path)


def test_a_table_in_another_encoding_is_refused(tmp_path: Path) -> None:
    """No traceback for what Excel saves as Latin-1."""
    with pytest.raises(DatasetError, match="save it as CSV in UTF-8"):
        load_numbers(write_labels(tmp_path, "file,reading\nä.png,1\n", encoding="latin-1"))


def test_numbers_are_no_digits() -> None:
    """Where images of digits are needed, the message says where whole numbers belong."""
    with pytest.raises(DatasetError, match=r"whole numbers, not digits: use it with --recipe adapt"):
        load_dataset("numbers:somewhere")
