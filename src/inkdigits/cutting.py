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

from inkdigits.prepare import LINE_DIGITS, LINE_HEIGHT, erase_cell
from inkdigits.readings import Box, union

SLANTS = (-0.3, -0.15, 0.0, 0.15, 0.3, 0.45, 0.6)  # px a px; hands lean to the right more often and further
INK = 0.3  # of the strongest; with less, security print joins digits, with more, faint ones are lost
LOWEST = 0.3  # of the digits' height; dots, commas and dashes stay below
WIDE = 0.8  # of the digits' height; a wider part may be two digits, 0s and 2s of one hand are as wide
NARROW = 0.45  # of the digits' height; a narrower part may be a piece of a digit
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
    line, slant = _upright(line)
    labels, boxes = _pieces(line)
    runs = [_run(line, labels, boxes, i, j) for i, j in _spans(boxes)]
    return [_lean(run, slant) for run in runs]


def _upright(line: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """Return a line without its slant, and the slant: the one at which its ink stands in the fewest columns."""
    mask = (line > INK * 255).astype(np.uint8)
    slant = max(SLANTS, key=lambda slant: float((_shear(mask, slant).sum(axis=0, dtype=float) ** 2).sum()))
    return _shear(line, slant), slant


def _shear(line: NDArray[np.uint8], slant: float) -> NDArray[np.uint8]:
    if not slant:
        return line
    room = round(abs(slant) * LINE_HEIGHT / 2)  # the top moves to the left by as much as the foot to the right
    matrix = np.array([[1, slant, room - slant * LINE_HEIGHT / 2], [0, 1, 0]])
    size = (line.shape[1] + 2 * room, LINE_HEIGHT)
    return np.asarray(cv2.warpAffine(line, matrix, size, flags=cv2.INTER_LINEAR), np.uint8)


def _lean(run: Run, slant: float) -> Run:
    """Return a run with its box in the line as it was."""
    x, y, width, height = run.box
    room = round(abs(slant) * LINE_HEIGHT / 2)
    shift = room + slant * (y + height / 2 - LINE_HEIGHT / 2)
    return Run(run.first, run.last, run.ink, (round(x - shift), y, width, height))


def _pieces(line: NDArray[np.uint8]) -> tuple[NDArray[np.int32], list[Box]]:
    """Label the pieces from left to right, (h, w) int32 from 1; return their boxes, too."""
    mask = erase_cell((line > INK * 255).astype(np.uint8))
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    boxes = [tuple(map(int, row[:4])) for row in statistics]
    high = [part for part in range(1, len(boxes)) if boxes[part][3] >= LOWEST * LINE_DIGITS]
    labels = np.zeros(line.shape, np.int32)
    for part in sorted(high, key=lambda part: boxes[part][0]):
        own = parts == part
        edges = [0, *_cuts(own), line.shape[1]]
        for left, right in pairwise(edges):
            labels[:, left:right][own[:, left:right]] = labels.max() + 1
    return labels, [_box_of(labels == label) for label in range(1, int(labels.max()) + 1)]


def _cuts(part: NDArray[np.bool_]) -> list[int]:
    """Return the columns at which a wide part may be cut: where there is less ink than around, the least first."""
    columns = part.sum(axis=0)
    x, width = int(columns.argmax() and np.flatnonzero(columns)[0]), int((columns > 0).sum())
    if width <= WIDE * LINE_DIGITS:
        return []
    smooth = np.convolve(columns, np.ones(3) / 3, "same")
    inner = range(x + APART, x + width - APART)
    low = [i for i in inner if smooth[i] <= smooth[i - 1] and smooth[i] < smooth[i + 1]]
    kept: list[int] = []
    for column in sorted(low, key=lambda i: float(smooth[i])):
        if all(abs(column - other) >= APART for other in kept) and len(kept) < MOST_CUTS:
            kept.append(column)
    return sorted(kept)


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


def _box_of(mask: NDArray[np.bool_]) -> Box:
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return x, y, width, height
