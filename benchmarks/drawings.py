"""MNIST's test digits replayed as drawings: `python benchmarks/drawings.py MNIST_DIR [N]`.

Each digit is thinned to the line in its middle, and drawn along it on the page's paper with three widths of its pen.
What the page would send is read, and set beside what the reader says of the images themselves.
"""

from __future__ import annotations

import sys

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits import Reader
from inkdigits.datasets import load_mnist

PAPER = (400, 600)  # px, height and width of what the page sends
PENS = {"finest": 8, "usual": 26, "boldest": 60}  # in the paper's 900 units
DIGIT = 280  # px; the side that the 28 px of an image are drawn at
FINE = 5  # times that an image is enlarged before it is thinned


def main(folder: str, n: int) -> None:
    """Print a line per pen."""
    mnist = load_mnist(folder)
    test = mnist[mnist.n_train : mnist.n_train + n]
    reader = Reader()
    itself = reader.model.predict(test.images) == test.labels
    print(f"the images themselves: {itself.mean():.2%} of {n}")
    lines = [thin(image) for image in test.images]
    for name, width in PENS.items():
        drawings = [draw(line, round(width * PAPER[1] / 900)) for line in lines]
        read = [
            reader.read_number(drawing).text == str(label) for drawing, label in zip(drawings, test.labels, strict=True)
        ]
        print(f"drawn with the {name} pen: {np.mean(read):.2%}")


def thin(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the middle line of a digit's strokes (Zhang and Suen, 1984), at FINE times the size."""
    big = cv2.resize(image, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_CUBIC)
    line = np.pad(big > 110, 1)
    while True:
        before = line.sum()
        for step in (0, 1):
            line &= ~_removable(line, step)
        if line.sum() == before:
            return line


def _removable(line: NDArray[np.bool_], step: int) -> NDArray[np.bool_]:
    """Return the pixels of the edge without which the line stays whole."""
    shifts = [(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)]  # from the north, clockwise
    around = np.stack([np.roll(line, (-dy, -dx), (0, 1)) for dy, dx in shifts])
    north, east, south, west = around[0], around[2], around[4], around[6]
    begins = (~around & np.roll(around, -1, axis=0)).sum(axis=0)
    neighbours = around.sum(axis=0)
    if step == 0:
        corner = ~(north & east & south) & ~(east & south & west)
    else:
        corner = ~(north & east & west) & ~(north & south & west)
    return np.asarray(line & (begins == 1) & (neighbours >= 2) & (neighbours <= 6) & corner)


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
