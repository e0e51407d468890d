"""Rows that slope: by how much, the page turned until they are level, and the way back to the picture's own px."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.readings import Box

LEVEL = math.tan(math.radians(3))  # px a px; lines that slope less are followed from digit to digit
STEEPEST = 16  # degrees; a page is held no further askew
STEP = 0.5  # degrees; digits ten heights apart rise by a tenth of their height
ROW = 0.25  # of a digit's height; digits of a row stand within so much of a straight line
CLEARLY = 1.3  # times as much in rows as on the level; scattered digits line up by chance, too
FEWEST = 5  # digits; fewer lie on any line
UNEVEN = 0.5  # of a digit's height; by so much a level row may seem to rise from its first digit to its last


@dataclass(frozen=True)
class Turn:
    """A turned page: from px of the picture (h, w) to px of the page whose rows are level."""

    matrix: NDArray[np.float64]  # (2, 3)
    size: tuple[int, int]  # px, width and height of the turned page
    shape: tuple[int, ...]  # px, height and width of the picture

    @classmethod
    def level(cls, shape: tuple[int, ...], slope: float) -> Turn:
        """Return the turn that makes rows level which fall by slope px for each px to the right."""
        height, width = shape[:2]
        degrees = math.degrees(math.atan(slope))
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        sine, cosine = abs(matrix[0, 1]), abs(matrix[0, 0])
        size = (math.ceil(width * cosine + height * sine), math.ceil(width * sine + height * cosine))
        matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
        return cls(np.asarray(matrix, np.float64), size, shape)

    def apply(self, ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn the ink of a page, (h, w) uint8."""
        return np.asarray(cv2.warpAffine(ink, self.matrix, self.size, flags=cv2.INTER_LINEAR), np.uint8)

    def apply_labels(self, labels: NDArray[np.int32]) -> NDArray[np.int32]:
        """Turn a labelled page, (h, w) int32; labels stay whole numbers."""
        exact = labels.astype(np.float32)  # OpenCV turns no int32; these are exact up to 16 million labels
        return np.asarray(cv2.warpAffine(exact, self.matrix, self.size, flags=cv2.INTER_NEAREST), np.int32)

    def box_of(self, mask: NDArray[np.bool_], left: int, top: int) -> Box:
        """Return the box in the picture of what a mask shows whose corner lies at left, top of the turned page."""
        y, x = np.nonzero(mask)
        back = cv2.invertAffineTransform(self.matrix)
        points = back[:, :2] @ np.stack([x + left, y + top]) + back[:, 2:]
        limits = np.array([[self.shape[1] - 1], [self.shape[0] - 1]])
        first = np.clip(np.rint(points.min(axis=1, keepdims=True)), 0, limits)
        last = np.clip(np.rint(points.max(axis=1, keepdims=True)), 0, limits)
        (x0,), (y0,) = first.astype(int).tolist()
        (x1,), (y1,) = last.astype(int).tolist()
        return x0, y0, x1 - x0 + 1, y1 - y0 + 1


def slope_of_rows(boxes: list[Box], height: float) -> float:
    """Return how far the rows fall for each px to the right, of digits of a usual height; 0 if none clearly does."""
    if len(boxes) < FEWEST:
        return 0.0
    x, y, width, box_height = np.array(boxes, np.float64).T
    slopes = np.tan(np.radians(np.arange(-STEEPEST, STEEPEST + STEP, STEP)))
    levels = (y + box_height / 2 - slopes[:, None] * (x + width / 2)) / (ROW * height)
    in_rows = [_in_rows(level) for level in levels]
    best = int(np.argmax(in_rows))
    return float(slopes[best]) if in_rows[best] >= CLEARLY * in_rows[len(slopes) // 2] else 0.0


def slope_of_row(boxes: list[Box]) -> float:
    """Return how far one row falls for each px to the right, by its digits in order; 0 unless it clearly does.

    It is the median of the slopes between digits half a row apart, which a few low digits do not change.
    """
    if len(boxes) < FEWEST:
        return 0.0
    x, y, width, height = np.array(boxes, np.float64).T
    x, y, half = x + width / 2, y + height / 2, len(boxes) // 2
    slope = float(np.median((y[half:] - y[:-half]) / np.maximum(x[half:] - x[:-half], 1)))
    return slope if abs(slope) * (x[-1] - x[0]) >= UNEVEN * np.median(height) else 0.0


def add_slopes(first: float, second: float) -> float:
    """Return the slope of what slopes by the second on a page that was turned by the first."""
    return math.tan(math.atan(first) + math.atan(second))


def _in_rows(levels: NDArray[np.float64]) -> int:
    """Return how many pairs of digits stand on a level, within a step of each other."""
    counts = np.bincount(np.rint(levels - levels.min()).astype(int))
    return int((np.convolve(counts, np.ones(3, int)) ** 2).sum())
