"""NumberSet: pictures of one number each and what is written there, from a folder with labels.csv."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import DatasetError, PictureError, one_line, reason_of
from inkdigits.pictures import load_picture

LABELS = "labels.csv"
COLUMNS = ("file", "reading")
DIGITS = re.compile("[0-9]*")  # str.isdigit would take Arabic ones, too
KIND = "numbers:"  # what a word of the command line begins with that names such a folder


@dataclass(frozen=True, eq=False)
class NumberSet:
    """Pictures of whole numbers, n of them, which are opened when they are needed.

    Attributes
    ----------
    name
        That of the folder.
    paths
        (n,) where each picture is.
    readings
        (n,) the digits that are written there; empty where there are none.
    """

    name: str
    paths: tuple[Path, ...]
    readings: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, positions: NDArray[np.intp]) -> NumberSet:
        """Return some of the numbers."""
        chosen = positions.tolist()
        return replace(
            self,
            paths=tuple(self.paths[i] for i in chosen),
            readings=tuple(self.readings[i] for i in chosen),
        )

    def pictures(self) -> Iterator[NDArray[np.uint8] | str]:
        """Yield each picture, upright and gray, (h, w) uint8; instead of one that cannot be read the reason."""
        for path in self.paths:
            try:
                yield load_picture(path)
            except PictureError as error:
                yield str(error)


def load_numbers(folder: str | Path) -> NumberSet:
    """Return the numbers that a folder's labels.csv lists: its columns `file` and `reading`, further ones are free.

    Parameters
    ----------
    folder
        The folder, or the word ``numbers:DIR`` of the command line. Files are named from there.

    Raises
    ------
    DatasetError
        If there is no such file or nothing in it, a column is missing, or a reading is no number. Whether the pictures
        can be read shows when they are.
    """
    root = Path(os.path.expanduser(str(folder).removeprefix(KIND)))  # noqa: PTH111 - no shell does it behind a colon
    rows = _read_rows(root / LABELS)
    if not rows:
        raise DatasetError(f"cannot use '{root / LABELS}': it lists no pictures; add a line for each")
    files, readings = zip(*rows, strict=True)
    return NumberSet(root.resolve().name, tuple(root / file for file in files), readings)


def _read_rows(path: Path) -> list[tuple[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # Excel begins a file with a byte order mark
            return list(_rows(csv.DictReader(file), path))
    except OSError as error:
        raise DatasetError(
            f"cannot read '{path}': {reason_of(error)}; it needs to list the pictures of the folder: file,reading"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"cannot read '{path}': {one_line(error)}; save it as CSV in UTF-8") from error


def _rows(table: csv.DictReader[str], path: Path) -> Iterator[tuple[str, str]]:
    """Yield file and reading of each line."""
    missing = [column for column in COLUMNS if column not in (table.fieldnames or ())]
    if missing:
        raise DatasetError(f"cannot use '{path}': it has no column {' and no column '.join(missing)}; add a header")
    for row in table:
        file, reading = row["file"], row["reading"]
        if not file or reading is None or not DIGITS.fullmatch(reading):
            raise DatasetError(
                f"cannot use '{path}': in line {table.line_num} the file is '{file}', the reading '{reading or ''}'; "
                "give the name of a picture, and the digits on it or nothing"
            )
        yield file, reading
