"""Digits drawn again: thinned to the line in the middle of their strokes, which another pen goes along.

A pen is as wide all along its way, as on a page's canvas; the strokes of scanned digits are not.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.prepare import prepare

FINE = 5  # times that an image is enlarged before it is thinned
INK = 110  # of 255; what is stronger is a stroke
FILLED = 1.8  # half widths of the strokes from ink to paper; where strokes cross it is 1.4, where a loop ran full more
PEN = (2, 20)  # px of the enlarged image, in which digits are 100 px high
NEIGHBOURS = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)  # the bit of each, clockwise from the north


def redraw_digits(images: NDArray[np.uint8], *, random_state: int) -> NDArray[np.uint8]:
    """Return digits, (n, 28, 28) uint8 as MNIST has them, drawn again, each with a pen of its own."""
    random = np.random.default_rng(random_state)
    pens = random.uniform(*PEN, len(images)).round().astype(int).tolist()
    again = [_draw(find_middle(image), pen) for image, pen in zip(images, pens, strict=True)]
    return np.asarray(again, np.uint8).reshape(images.shape)


def find_middle(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the line in the middle of a digit's strokes at FINE times the size, a px of margin around it.

    A pen that is wide for small digits fills their loops; a filled loop is traced as a loop. It is where ink is much
    wider than the strokes are elsewhere.
    """
    large = cv2.resize(image, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_CUBIC)
    strokes = np.pad((large > INK).astype(np.uint8), 1)
    reach = cv2.distanceTransform(strokes, cv2.DIST_L2, 5)
    middle = _thin(strokes)
    half_width = float(np.median(reach[middle > 0])) if strokes.any() else 0.0
    filled = reach > FILLED * half_width
    return (_thin(np.where(filled, np.uint8(0), strokes)) if filled.any() else middle) > 0


def _draw(line: NDArray[np.bool_], pen: int) -> NDArray[np.uint8]:
    """Draw along a line with a round pen; (28, 28) uint8, prepared."""
    tip = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (pen, pen))
    canvas = cv2.dilate(np.pad(line.astype(np.uint8) * 255, PEN[1]), tip)
    return prepare(np.asarray(canvas, np.uint8), "mnist-28")


def _thin(strokes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the middle line of strokes, (h, w) of 0 and 1 (Zhang and Suen, 1984)."""
    line, before = strokes, -1
    while before != (before := int(line.sum())):
        for removable in REMOVABLE:
            around = cv2.filter2D(line, -1, NEIGHBOURS, borderType=cv2.BORDER_CONSTANT)
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
