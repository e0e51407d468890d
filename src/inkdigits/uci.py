"""UCI's files of handwritten digits, plain or .gz, as arrays: optdigits, semeion, pendigits."""

from __future__ import annotations

import gzip
import zlib
from itertools import dropwhile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import DatasetError, reason_of

BITMAP_SIZE = 32  # px; the side of optdigits' bitmaps
SEMEION_SIZE = 16  # px
PEN_POINTS = 8  # of each digit of pendigits, equally spaced along the pen's way
MAX_BYTES = 64_000_000  # unpacked; the largest of these files has 3 MB


def read_counts(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read optdigits.tra, .hol or .tes: images (n, 8, 8) uint8 in 0..16, and labels (n,).

    Raises DatasetError, as all functions here, if the file is damaged or another one.
    """
    rows = _table(path, [line for line in _lines(path) if not line.startswith("#")])
    if rows.shape[1] != 65 or rows.min() < 0 or rows[:, :64].max() > 16 or rows[:, 64].max() > 9:
        raise DatasetError(f"'{path}' is not an optdigits file: each row needs 64 counts of 0..16 and a label")
    return rows[:, :64].reshape(-1, 8, 8).astype(np.uint8), rows[:, 64].astype(np.uint8)


def read_bitmaps(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read optdigits-orig: images (n, 32, 32) uint8, ink is 255, and labels (n,)."""
    lines = list(dropwhile(lambda line: not _is_row_of_bits(line), _lines(path)))  # without the header
    per_image = BITMAP_SIZE + 1
    bits, labels = [line for i, line in enumerate(lines) if (i + 1) % per_image], lines[BITMAP_SIZE::per_image]
    whole = len(lines) % per_image == 0 and all(_is_row_of_bits(line) for line in bits)
    if not labels or not whole or not all(len(x) == 1 and x.isdigit() for x in labels):
        raise DatasetError(f"'{path}' is not an optdigits-orig file: each digit needs 32 lines of 32 bits and a label")
    rows = np.frombuffer("".join(bits).encode(), np.uint8) - ord("0")
    return rows.reshape(-1, BITMAP_SIZE, BITMAP_SIZE) * np.uint8(255), np.array(labels).astype(np.uint8)


def read_semeion(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read semeion.data: images (n, 16, 16) uint8, ink is 255, and labels (n,)."""
    rows = _table(path, _lines(path), delimiter=None)
    n_pixels = SEMEION_SIZE**2
    if rows.shape[1] != n_pixels + 10 or not np.isin(rows, (0, 1)).all() or (rows[:, n_pixels:].sum(axis=1) != 1).any():
        raise DatasetError(f"'{path}' is not semeion.data: each row needs 256 bits and one bit among 10 for the label")
    images = rows[:, :n_pixels].reshape(-1, SEMEION_SIZE, SEMEION_SIZE).astype(np.uint8) * np.uint8(255)
    return images, rows[:, n_pixels:].argmax(axis=1).astype(np.uint8)


def read_pen_points(path: Path) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Read pendigits (with or without header and index): pen points (n, 8, 2), x and y in 0..1, y down; labels (n,)."""
    lines = [line for line in _lines(path) if "c1" not in line]
    n_values = 2 * PEN_POINTS + 1
    rows = _table(path, [line.replace('"', "") for line in lines])
    rows = rows[:, 1:] if rows.shape[1] == n_values + 1 else rows  # after an index
    if rows.shape[1] != n_values or rows.min() < 0 or rows[:, :-1].max() > 100 or rows[:, -1].max() > 9:
        raise DatasetError(f"'{path}' is not pendigits: each row needs 8 points x, y of 0..100 and a label")
    points = rows[:, :-1].reshape(-1, PEN_POINTS, 2) / 100
    points[:, :, 1] = 1 - points[:, :, 1]
    return points, rows[:, -1].astype(np.uint8)


def _lines(path: Path) -> list[str]:
    """Return the lines that are not empty."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        lines = [line.strip() for line in text.decode("ascii").splitlines() if line.strip()]
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DatasetError(f"cannot read '{path}': {reason_of(error)}; fetch it again") from error
    if len(text) > MAX_BYTES:
        raise DatasetError(f"cannot use '{path}': it has more than the {MAX_BYTES:,} bytes of any UCI file we read")
    return lines


def _table(path: Path, lines: list[str], delimiter: str | None = ",") -> NDArray[Any]:
    """Return lines as rows of whole numbers."""
    try:
        rows = np.loadtxt(lines if any(lines) else ["-1"], delimiter=delimiter, comments=None, ndmin=2)
    except ValueError as error:
        raise DatasetError(f"cannot read '{path}': {reason_of(error)}; fetch it again") from error
    whole = np.where(rows == np.floor(rows), rows, -1)  # what is no whole number or out of range is refused further up
    return whole.clip(-1, 1000).astype(np.int64)


def _is_row_of_bits(line: str) -> bool:
    return len(line) == BITMAP_SIZE and set(line) <= {"0", "1"}
