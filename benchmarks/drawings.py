"""MNIST's test digits replayed as drawings: `python benchmarks/drawings.py MNIST_DIR [N]`.

Each digit is thinned to the line in its middle, and drawn along it on the page's paper with three widths of its pen.
What the page would send is read as a number, as the page asks for it, and as a single digit, and set beside what the
reader says of the images themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits import DigitReading, NumberReading, Reader
from inkdigits.datasets import load_mnist
from inkdigits.pictures import Picture
from inkdigits.redraw import FINE, find_middle

PAPER = (400, 600)  # px, height and width of what the page sends
PENS = {"finest": 8, "usual": 26, "boldest": 60}  # in the paper's 900 units
DIGIT = 280  # px; the side that the 28 px of an image are drawn at


def main(folder: str, n: int) -> None:
    """Print a line per pen."""
    mnist = load_mnist(folder)
    test = mnist[mnist.n_train : mnist.n_train + n]
    reader = Reader()
    itself = reader.model.predict(test.images) == test.labels
    print(f"the images themselves: {itself.mean():.2%} of {n}")
    lines = [find_middle(image) for image in test.images]
    for name, width in PENS.items():
        drawings = [draw(line, round(width * PAPER[1] / 900)) for line in lines]
        as_number, as_digit = (
            share_read(read, drawings, test.labels) for read in (reader.read_number, reader.read_digit)
        )
        print(f"drawn with the {name} pen: {as_number:.2%} as a number, {as_digit:.2%} as a digit")


def share_read(
    read: Callable[[Picture], NumberReading | DigitReading],
    drawings: list[NDArray[np.uint8]],
    labels: NDArray[np.uint8],
) -> float:
    """Return the share of drawings that are read as what they are."""
    return float(np.mean([read(drawing).text == str(label) for drawing, label in zip(drawings, labels, strict=True)]))


def draw(line: NDArray[np.bool_], width: int) -> NDArray[np.uint8]:
    """Draw along a line on the middle of the paper, dark on white."""
    paper = np.full(PAPER, 255, np.uint8)
    scale = DIGIT / (28 * FINE)
    points = {(int(x), int(y)) for y, x in np.argwhere(line)}
    left, top = (PAPER[1] - DIGIT) // 2, (PAPER[0] - DIGIT) // 2
    for x, y in points:
        here = round(left + x * scale), round(top + y * scale)
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1), (1, -1)):
            if (x + dx, y + dy) in points:
                there = round(left + (x + dx) * scale), round(top + (y + dy) * scale)
                cv2.line(paper, here, there, 0, width, cv2.LINE_AA)
    return paper


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
