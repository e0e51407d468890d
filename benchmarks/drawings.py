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

PAPER = (400, 600)  # px, height and width of what the page sends
PENS = {"finest": 8, "usual": 26, "boldest": 60}  # in the paper's 900 units
DIGIT = 280  # px; the side that the 28 px of an image are drawn at
FINE = 5  # times that an image is enlarged before it is thinned
INK = 110  # of 255; what is stronger is a stroke
FILLED = 1.8  # half widths of the strokes from ink to paper; where strokes cross it is 1.4, where a loop ran full more
NEIGHBOURS = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]])  # the bit of each, clockwise from the north


def main(folder: str, n: int) -> None:
    """Print a line per pen."""
    mnist = load_mnist(folder)
    test = mnist[mnist.n_train : mnist.n_train + n]
    reader = Reader()
    itself = reader.model.predict(test.images) == test.labels
    print(f"the images themselves: {itself.mean():.2%} of {n}")
    lines = [trace(image) for image in test.images]
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


def trace(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the middle line of a digit's strokes, at FINE times the size; a filled loop is traced as a loop.

    The pen that wrote MNIST's digits was wide for their size, and small loops ran full. They are where ink is much
    wider than the digit's strokes are elsewhere.
    """
    big = cv2.resize(image, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_CUBIC)
    strokes = np.pad((big > INK).astype(np.uint8), 1)
    reach = cv2.distanceTransform(strokes, cv2.DIST_L2, 5)
    half_width = float(np.median(reach[thin(strokes) > 0]))
    return thin(np.where(reach > FILLED * half_width, np.uint8(0), strokes)) > 0


def thin(strokes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the middle line of strokes, (h, w) of 0 and 1 (Zhang and Suen, 1984)."""
    line, before = strokes, -1
    while before != (before := int(line.sum())):
        for removable in REMOVABLE:
            around = cv2.filter2D(line, -1, NEIGHBOURS.astype(np.float32), borderType=cv2.BORDER_CONSTANT)
            line = np.where(removable[around], np.uint8(0), line)
    return line


def _removable(step: int) -> NDArray[np.bool_]:
    """Return for each neighbourhood whether its middle is an edge without which the line stays whole, (256,)."""
    around = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little").astype(bool).T
    north, east, south, west = around[::2]
    begins = (~around & np.roll(around, -1, axis=0)).sum(axis=0)
    neighbours = around.sum(axis=0)
    if step == 0:
        corner = ~(north & east & south) & ~(east & south & west)
    else:
        corner = ~(north & east & west) & ~(north & south & west)
    return np.asarray((begins == 1) & (neighbours >= 2) & (neighbours <= 6) & corner)


REMOVABLE = _removable(0), _removable(1)  # from the south-east, from the north-west


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
