"""inkdigits beside RapidOCR on photographed pages: rows that come out exactly, rows invented, time, memory.

A row is what is written on one line, its digits without spaces; rows count in any order, and what is read and stands
nowhere is invented. RapidOCR finds and reads text
as it is shipped; only the digits of its answer count, and what it finds side by side is one row. Sudokus are read by
inkdigits alone: their cells when the corners of the grid are given, and the time that is written below.

    python benchmarks/pages.py DIR [--model FILE]

DIR is laid out as tests/test_real_data.py expects it, with the folders pages and sudoku.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits import Reader, load_picture

CELL = 100  # px, a cell of a Sudoku after it was made square
INSIDE = slice(12, 88)  # px of it, without the grid's lines
CORNERS = ("topleft", "topright", "bottomright", "bottomleft")
ReadRows = Callable[[Path], list[str]]


def main() -> None:
    """Let each contestant read the pages in a process of its own, then inkdigits the Sudokus."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", help="of inkdigits: a model file; the bundled reader by default")
    parser.add_argument("--only", help=argparse.SUPPRESS)  # how a process is told its contestant
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure_pages(CONTESTANTS[options.only](options.model), options.folder / "pages")))
        return
    for name in CONTESTANTS:
        print(f"{name:12}{run_alone(name, options)}", flush=True)
    reader = Reader(options.model)
    right, cells, times, photos = measure_sudoku(reader, options.folder / "sudoku")
    print(f"Sudoku: {right} of {cells} cells ({right / cells:.4f}), the time of {times} of {photos}")


def measure_pages(read_rows: ReadRows, folder: Path) -> dict[str, Any]:
    """Read all pages, and compare their rows."""
    exact = invented = written = 0
    seconds = []
    for row in read_labels(folder):
        truth = [found for found in map(only_digits, row["reading"].split("|")) if found]
        started = time.perf_counter()
        read = read_rows(folder / row["file"])
        seconds.append(time.perf_counter() - started)
        right = count_exact(truth, read)
        written, exact, invented = written + len(truth), exact + right, invented + len(read) - right
    return {
        "rows": written,
        "exact": exact,
        "invented": invented,
        "median_s": float(np.median(seconds)),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


def count_exact(truth: Iterable[str], read: Iterable[str]) -> int:
    """Return how many rows came out exactly, each counted once, in any order.

    >>> count_exact(["12", "7", "7"], ["7", "12", "3"])
    2
    """
    return sum((Counter(truth) & Counter(read)).values())


def only_digits(text: str) -> str:
    """Return the digits of a text, without what stands between them."""
    return "".join(filter("0123456789".__contains__, text))


def read_labels(folder: Path) -> list[dict[str, str]]:
    """Return the rows of a folder's labels.csv."""
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def measure_sudoku(reader: Reader, folder: Path) -> tuple[int, int, int, int]:
    """Return how many cells are right, of how many, and how many times were found as a number, of how many."""
    right = cells = times = 0
    labels = read_labels(folder)
    for row in labels:
        gray = load_picture(folder / row["file"])
        grid = (folder / row["file"]).with_suffix(".txt").read_text(encoding="utf-8").split()
        read = [reader.read_digit(cell).text or "0" for cell in cut_cells(gray, row)]
        right, cells = right + sum(a == b for a, b in zip(grid, read, strict=True)), cells + len(grid)
        found = {number.text for number in reader.read(folder / row["file"]).numbers}
        times += only_digits(row["time_below_grid"]) in found
    return right, cells, times, len(labels)


def cut_cells(gray: NDArray[np.uint8], row: dict[str, str]) -> Iterable[NDArray[np.uint8]]:
    """Yield the 81 cells of a grid whose corners are given as shares of the picture's sides."""
    height, width = gray.shape
    corners = [[float(row[f"x_{name}"]) * width, float(row[f"y_{name}"]) * height] for name in CORNERS]
    side = 9 * CELL
    square = [[0, 0], [side, 0], [side, side], [0, side]]
    matrix = cv2.getPerspectiveTransform(np.float32(corners), np.float32(square))
    flat = cv2.warpPerspective(gray, matrix, (side, side), flags=cv2.INTER_AREA)
    for y in range(0, side, CELL):
        for x in range(0, side, CELL):
            yield np.asarray(flat[y : y + CELL, x : x + CELL][INSIDE, INSIDE], np.uint8)


def _rows_of(reader: Reader, picture: Path) -> list[str]:
    """Return the numbers of a page, those on one line joined."""
    rows: dict[int, str] = {}
    for number in reader.read(picture).numbers:
        rows[number.line] = rows.get(number.line, "") + number.text
    return [row for row in rows.values() if row]


def _inkdigits(model: str | None) -> ReadRows:
    reader = Reader(model)
    return lambda picture: _rows_of(reader, picture)


def _rapidocr(_: str | None) -> ReadRows:
    import logging

    import rapidocr

    logging.disable(logging.INFO)
    engine = rapidocr.RapidOCR()

    def read(picture: Path) -> list[str]:
        answer = engine(cv2.imread(str(picture)))
        boxes = [] if answer.boxes is None else [np.asarray(box) for box in answer.boxes]
        return join_rows(boxes, answer.txts or ())

    return read


def join_rows(boxes: Sequence[NDArray[np.floating]], texts: Sequence[str]) -> list[str]:
    """Return the digits of each row, from boxes (4, 2) of text: what has its middle beside the first of a row."""
    rows: list[list[tuple[float, float, float, str]]] = []  # left, top, bottom, digits
    for box, text in zip(boxes, texts, strict=True):
        left, (top, bottom) = box[:, 0].min(), (box[:, 1].min(), box[:, 1].max())
        beside = [row for row in rows if row[0][1] < (top + bottom) / 2 < row[0][2]]
        rows += [] if beside else [[]]
        (beside or rows[-1:])[0].append((left, top, bottom, only_digits(text)))
    joined = ["".join(digits for *_, digits in sorted(row)) for row in rows]
    return [row for row in joined if row]


def run_alone(name: str, options: argparse.Namespace) -> str:
    """Measure a contestant in a process of its own; say why one is left out."""
    command = [sys.executable, __file__, str(options.folder), "--only", name]
    command += ["--model", options.model] if options.model else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"left out: {(done.stderr.strip().splitlines() or [f'exit status {done.returncode}'])[-1]}"
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    return (
        f"{figures['exact']} of {figures['rows']} rows exact, {figures['invented']} invented, "
        f"{figures['median_s']:.2f} s a page, {figures['memory_mb']:.0f} MB at most"
    )


CONTESTANTS: dict[str, Callable[[str | None], ReadRows]] = {"inkdigits": _inkdigits, "RapidOCR": _rapidocr}


if __name__ == "__main__":
    main()
