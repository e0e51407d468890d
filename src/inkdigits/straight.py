"""Straight pieces of ink in a mask, as printed lines are made of: by direction, then by a Hough transform."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

STEEPEST = 16  # degrees; a page is held no further askew
STEP = 2  # degrees; a line between two directions rises by half a px over a piece
PIECE = 18  # px of the copy; the shortest straight piece: longer than most bars of digits, shorter than a box's side
MAX_PIECES = 600  # of one direction; what print or a texture has more is left in, for the sake of time
FANNED_OUT = 4  # degrees to either side; the lines of a page seen aslant differ by that much
ON_LINE = 1.5  # px of the copy, to either side
FINE_STEP = 0.125  # degrees
FITS = 3  # the first line is a step off, each fit finds more of the points on it
THICK = 2.0  # times the usual thickness; a bold stroke runs into the line there
WINDOW = 61  # px of the copy; twice as wide as a digit


@dataclass(frozen=True)
class Rule:
    """A printed line as it runs through a picture: one centre for each column (for each row if it runs down)."""

    start: int  # px, its first column
    centers: NDArray[np.float64]  # (n,) px
    thickness: float  # px
    down: bool  # runs from top to bottom
    covered: int = 0  # px of its length that are ink
    n_pieces: int = 1  # that many do they form
    strength: float = 0.0  # its usual ink, of 255

    @property
    def end(self) -> int:
        """Its last column, px."""
        return self.start + len(self.centers) - 1

    @property
    def slope(self) -> float:
        """How far it falls for each px to the right (moves right for each px down)."""
        return float(self.centers[-1] - self.centers[0]) / max(1, len(self.centers) - 1)

    def center(self, position: float) -> float:
        """Where it is at a column, as it would go on beyond its ends."""
        inside = min(max(position, self.start), self.end)
        return float(self.centers[round(inside) - self.start]) + (position - inside) * self.slope


def straight_pieces(cells: NDArray[np.uint8], degrees: int, gap: int, *, down: bool) -> list[Rule]:
    """Return the straight pieces of ink in about a direction."""
    found = np.zeros_like(cells)
    for near in range(degrees - FANNED_OUT, degrees + FANNED_OUT + 1, STEP):
        found |= straight_ink(cells, near)
    columns, tops, heights = _column_runs(found)
    if not columns.size:
        return []
    thin = heights <= THICK * np.median(heights) + 1
    points = _Points(columns[thin], (tops + (heights - 1) / 2)[thin], heights[thin])
    slopes = np.tan(np.radians(np.arange(degrees - FANNED_OUT, degrees + FANNED_OUT + FINE_STEP / 2, FINE_STEP)))
    return [points.through(on_it, down=down) for on_it in _straight_lines(points, slopes, gap)]


@dataclass(frozen=True)
class _Points:
    """The middles of the runs of ink in the columns of a mask."""

    columns: NDArray[np.int64]
    middles: NDArray[np.float64]
    heights: NDArray[np.int64]

    def through(self, on_it: NDArray[np.int64], *, down: bool) -> Rule:
        """Draw a line through some of them."""
        columns, where = np.unique(self.columns[on_it], return_inverse=True)
        centers = np.bincount(where, self.middles[on_it]) / np.bincount(where)
        start, end = int(columns[0]), int(columns[-1])
        line = np.interp(np.arange(start, end + 1), columns, _running_median(centers))
        return Rule(start, line, float(np.median(self.heights[on_it])), down, covered=len(columns))


def _column_runs(mask: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the column, the top and the height of all runs of ink in the columns of a mask."""
    framed = np.pad(np.ascontiguousarray(mask.T), ((0, 0), (1, 1))).astype(np.int8)
    steps = np.diff(framed, axis=1)
    columns, tops = np.nonzero(steps == 1)
    return columns, tops, np.nonzero(steps == -1)[1] - tops


def _straight_lines(points: _Points, slopes: NDArray[np.float64], gap: int) -> Iterator[NDArray[np.int64]]:
    """Yield the points of the straight pieces that most points lie on, the longest first (a Hough transform)."""
    levels = np.rint(points.middles - slopes[:, None] * points.columns).astype(np.int64)
    levels -= levels.min() - 1  # a free row at either end, for the rows beside a line
    n_levels = int(levels.max()) + 2
    cells = levels + np.arange(len(slopes))[:, None] * n_levels
    votes = np.bincount(cells.ravel(), minlength=len(slopes) * n_levels)
    alive = np.ones(len(points.columns), bool)
    for _ in range(MAX_PIECES):
        near = votes[:-2] + votes[1:-1] + votes[2:]
        best = int(near.argmax()) + 1
        if near[best - 1] < PIECE / 2:
            return
        slope, level = divmod(best, n_levels)
        peak = _unbroken(points.columns, np.flatnonzero(alive & (np.abs(levels[slope] - level) <= 1)), gap)
        on_it = _fit(points, alive, peak, gap)
        if len(on_it) >= PIECE / 2:
            yield on_it
        gone = on_it if len(on_it) >= PIECE / 2 else peak
        alive[gone] = False
        votes -= np.bincount(cells[:, gone].ravel(), minlength=len(votes))


def _unbroken(columns: NDArray[np.int64], chosen: NDArray[np.int64], gap: int) -> NDArray[np.int64]:
    """Return the longest sequence of points without a wider gap, px."""
    ordered = chosen[np.argsort(columns[chosen], kind="stable")]
    breaks = np.flatnonzero(np.diff(columns[ordered]) > gap) + 1
    return max(np.split(ordered, breaks), key=len)


def _fit(points: _Points, alive: NDArray[np.bool_], on_it: NDArray[np.int64], gap: int) -> NDArray[np.int64]:
    """Draw a straight line through points, and return those that lie on it, as far as it runs on."""
    for _ in range(FITS):
        if not on_it.size:
            break
        x, y = points.columns[on_it], points.middles[on_it]
        spread = x - x.mean()
        slope = float(spread @ y) / max(1.0, float(spread @ spread))
        off = points.middles - y.mean() - slope * (points.columns - x.mean())
        near = np.flatnonzero(alive & (np.abs(off) <= ON_LINE))
        on_it = _unbroken(points.columns, near, gap) if near.size else near
    return on_it


def straight_ink(cells: NDArray[np.uint8], degrees: int) -> NDArray[np.uint8]:
    """Return the ink that lies in straight pieces along a direction, (h, w) uint8."""
    _, pieces, shear = _sheared(cells, degrees, PIECE)
    back = cv2.warpAffine(pieces, shear, cells.shape[::-1], flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    return np.asarray(back, np.uint8) & cells


def count_straight_ink(cells: NDArray[np.uint8], degrees: int, length: int) -> int:
    """Return how much ink lies in straight pieces of a length along a direction, px."""
    level, pieces, _ = _sheared(cells, degrees, length)
    return cv2.countNonZero(level & pieces)


def _sheared(
    cells: NDArray[np.uint8], degrees: int, length: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float64]]:
    """Shear a mask until a direction is level; return it, what is straight there, and the shear's matrix (2, 3)."""
    height, width = cells.shape
    rise = -math.tan(math.radians(degrees))
    room = math.ceil(abs(rise) * width)
    shear = np.array([[1, 0, 0], [rise, 1, room if rise < 0 else 0]], np.float64)
    level = cv2.warpAffine(cells, shear, (width, height + room), flags=cv2.INTER_NEAREST)
    whole = cv2.dilate(level, np.ones((2, 3), np.uint8))  # a line between two directions steps down once in a piece
    whole = cv2.erode(whole, np.ones((1, 3), np.uint8))
    pieces = cv2.morphologyEx(whole, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    return np.asarray(level, np.uint8), np.asarray(pieces, np.uint8), shear


def _running_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth the middle of a piece: strokes that touch it pull it aside for less than half of a window."""
    half = min(WINDOW // 2, (len(values) - 1) // 2)
    padded = np.pad(values, half, mode="reflect", reflect_type="odd")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)
