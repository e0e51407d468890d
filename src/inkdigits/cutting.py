"""A prepared line cut into pieces: what hangs together, wide parts where little ink joins them; and runs of pieces.

A run may be a digit. Which runs are digits is for the network of single digits to say: `number_reader` takes the best
path through them, as the first readers of cheques did (Casey and Lecolinet, A Survey of Methods and Strategies in
Character Segmentation, 1996).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.prepare import LINE_DIGITS, erase_cell
from inkdigits.readings import Box, union

LOWEST = 0.35  # of the digits' height; dots, commas and dashes stay below
WIDE = 0.7  # of the digits' height; a wider part may be two digits, 0s and 2s of one hand are as wide
NARROW = 0.6  # of the digits' height; a narrower part may be a piece of a digit
WIDEST = 1.4  # of the digits' height; no digit is wider
APART = 4  # px between two cuts; half of the finest digit
MOST_CUTS = 8  # of one part
LONGEST = 4  # pieces of a run


@dataclass(frozen=True)
class Run:
    """Pieces first to last - 1, side by side: their ink (h, w) uint8, and their box in the line."""

    first: int
    last: int
    ink: NDArray[np.uint8]
    box: Box


def cut_line(line: NDArray[np.uint8]) -> list[Run]:
    """Return all runs of pieces of a prepared line, (LINE_HEIGHT, w) uint8, that may be a digit.

    Every piece is a run; a path from the first piece to the last takes runs that follow each other.
    """
    labels, boxes = _pieces(line)
    return [_run(line, labels, boxes, first, last) for first, last in _spans(boxes)]


def _pieces(line: NDArray[np.uint8]) -> tuple[NDArray[np.int32], list[Box]]:
    """Label the pieces from left to right, (h, w) int32 from 1; return their boxes, too."""
    mask = erase_cell(_mask(line))
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    boxes = [tuple(map(int, row[:4])) for row in statistics]
    high = [part for part in range(1, len(boxes)) if boxes[part][3] >= LOWEST * LINE_DIGITS]
    labels = np.zeros(line.shape, np.int32)
    for part in sorted(high, key=lambda part: boxes[part][0]):
        own = parts == part
        edges = [0, *_cuts(own.astype(np.uint8)), line.shape[1]]
        for left, right in pairwise(edges):
            labels[:, left:right][own[:, left:right]] = labels.max() + 1
    return labels, [_box_of((labels == label).astype(np.uint8)) for label in range(1, int(labels.max()) + 1)]


def _mask(line: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return where there is ink rather than paper and what is printed on it (Otsu, 1979), (h, w) uint8."""
    return np.asarray(cv2.threshold(line, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1], np.uint8)


def _cuts(part: NDArray[np.uint8]) -> list[int]:
    """Return the columns at which a wide part may be cut: where it is lower than on either side, the lowest first.

    Zeros that touch have more ink there than in their middles, but it reaches less far.
    """
    x, _, width, _ = _box_of(part)
    if width <= WIDE * LINE_DIGITS:
        return []
    reach = np.convolve(_reach(part), np.ones(3) / 3, "same")
    inner = range(x + APART, x + width - APART)
    low = [i for i in inner if reach[i] <= reach[i - 1] and reach[i] < reach[i + 1]]
    kept: list[int] = []
    for column in sorted(low, key=lambda i: float(reach[i])):
        if all(abs(column - other) >= APART for other in kept) and len(kept) < MOST_CUTS:
            kept.append(column)
    return sorted(kept)


def _reach(mask: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return how far it is in each column from the highest ink to the lowest, both included; 0 without any."""
    ink = mask > 0
    lowest = len(mask) - ink[::-1].argmax(axis=0)
    return np.where(ink.any(axis=0), lowest - ink.argmax(axis=0), 0)


def _spans(boxes: list[Box]) -> list[tuple[int, int]]:
    """Return the runs of pieces that are not too wide: single ones, and several where one is narrow."""
    spans = [(i, i + 1) for i in range(len(boxes))]
    for i in range(len(boxes)):
        for j in range(i + 2, min(i + LONGEST, len(boxes)) + 1):
            width = union(boxes[i:j])[2]
            narrow = any(box[2] < NARROW * LINE_DIGITS for box in boxes[i:j])
            if narrow and width <= WIDEST * LINE_DIGITS:
                spans.append((i, j))
    return spans


def _run(line: NDArray[np.uint8], labels: NDArray[np.int32], boxes: list[Box], first: int, last: int) -> Run:
    x, y, width, height = box = union(boxes[first:last])
    window = slice(y, y + height), slice(x, x + width)
    own = (labels[window] > first) & (labels[window] <= last)
    near = cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8))  # the soft edge of strokes
    others = (labels[window] > 0) & ~own
    return Run(first, last, np.where(others, np.uint8(0), line[window] * near), box)


def _box_of(mask: NDArray[np.uint8]) -> Box:
    x, y, width, height = cv2.boundingRect(mask)
    return x, y, width, height
