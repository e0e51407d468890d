"""How well the bundled reader reads real digits: the figures of the README.

Run it on a folder in the layout of tests/test_real_data.py: python benchmarks/reading.py DIR
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits import Reader, evaluate, load_dataset

CANVAS = 200  # px
IMAGES = 1000


def main(folder: Path) -> None:
    """Print a row for each figure."""
    reader = Reader()
    judged = evaluate(reader.model, load_dataset(f"mnist:{folder / 'mnist'}"))
    print(f"MNIST test                         {judged.accuracy:.4f} of {len(judged.dataset)}")
    exam = np.load(folder / "nsysu" / "nsysu-dev.npz")
    right = [reader.read_digit(i).text == str(label) for i, label in zip(exam["images"], exam["labels"], strict=True)]
    print(f"exam digits (nsysu-dev)            {np.mean(right):.4f} of {len(right)}")
    for way in ("read", "read_digit"):
        right = read_photos(reader, folder / "numbers" / "single-photo", way)
        print(f"single digits on photos, {way:11}{sum(right)} of {len(right)}")
    same = count_same(reader, judged.dataset.images[:IMAGES])
    print(f"same answer wherever it stands     {same} of {IMAGES}")


def read_photos(reader: Reader, folder: Path, way: str) -> list[bool]:
    """Return whether each photo of a folder with labels.csv is read rightly, as a page or as a crop."""
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [getattr(reader, way)(folder / row["file"]).text == row["reading"] for row in rows]


def count_same(reader: Reader, images: NDArray[np.uint8]) -> int:
    """Return how many digits are read alike in the middle of a white canvas and elsewhere.

    Shifted by up to a quarter of the canvas, at 0.5 to 3 times the size, dark on light or light on dark, on grey to
    white paper.
    """
    random = np.random.default_rng(0)
    same = 0
    for image in images:
        scale, paper = random.uniform(0.5, 3), int(random.integers(128, 256))
        moved = paste(image, scale, tuple(random.integers(-CANVAS // 4, CANVAS // 4 + 1, 2)), paper)
        shown = moved if random.random() < 0.5 else 255 - moved
        same += reader.read(shown).text == reader.read(paste(image, 1, (0, 0), 255)).text
    return same


def paste(image: NDArray[np.uint8], scale: float, shift: tuple[int, ...], paper: int) -> NDArray[np.uint8]:
    """Return a digit (28, 28), ink bright, as dark ink on a canvas, shifted (x, y) from its middle."""
    size = round(28 * scale)
    enlarged = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    ink = np.zeros((CANVAS, CANVAS))
    left, top = (CANVAS // 2 - size // 2 + offset for offset in shift)
    ink[top : top + size, left : left + size] = enlarged
    return np.rint(paper * (1 - ink / 255)).astype(np.uint8)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
