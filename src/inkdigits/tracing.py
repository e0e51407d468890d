"""Printed lines are followed through the ink, px by px, and taken out of it; the strokes that cross them stay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from inkdigits.ink import WEAK_INK
from inkdigits.straight import PIECE, Rule

PROLONGED = 0.1  # of the picture's side; so far beyond its ends a line is looked for, digits hide it there
BLOCK = 48  # px; so far a line is straight, however the paper bends
STROKE = 1.5  # of the line's thickness, and 1.5 px; where the ink is higher a stroke crosses or touches it
REACH = 2.0  # of the line's thickness; strokes that enter it so close to each other are one
DARKER = 1.5  # of the line's usual ink; a stroke lies upon it
FRINGE = 1  # px; the soft edge of a line


def follow(ink: NDArray[np.uint8], rule: Rule) -> Rule:
    """Return a line exactly as it runs through the ink, as far as there is any, with how thick and strong it is."""
    columns, centers = _beyond_its_ends(rule, ink.shape[1])
    runs = _Runs.along(ink, columns, centers, _reach(rule))
    first, last = _unbroken_ends(runs.found, rule.start - int(columns[0]), rule.end - int(columns[0]))
    bare = runs.is_line
    return replace(
        rule,
        start=int(columns[first]),
        centers=(centers + _smooth(runs.off, bare))[first : last + 1],
        thickness=runs.thickness,
        strength=float(np.median(runs.strength[bare])) if bare.any() else 0.0,
        covered=int(runs.found[first : last + 1].sum()),
    )


def erase_rules(ink: NDArray[np.uint8], rules: Sequence[Rule]) -> NDArray[np.uint8]:
    """Return the ink without the lines; where a stroke crosses or touches one, it stays whole."""
    ink = ink.copy()
    for rule in rules:
        crossing = [other for other in rules if other.down != rule.down]
        _erase(ink.T if rule.down else ink, rule, crossing)
    return ink


def _unbroken_ends(found: NDArray[np.bool_], start: int, end: int) -> tuple[int, int]:
    """Return how far to either side of start..end ink is found without a gap as long as a piece."""
    known = found.copy()
    known[start : end + 1] = True
    there = np.flatnonzero(known)
    breaks = np.flatnonzero(np.diff(there) > PIECE)
    before, after = breaks[there[breaks] < start], breaks[there[breaks] >= end]
    first = there[before[-1] + 1] if before.size else there[0]
    last = there[after[0]] if after.size else there[-1]
    return int(first), int(last)


def _reach(rule: Rule) -> int:
    """Return how far from a line its ink is looked at, in px."""
    return math.ceil(STROKE * rule.thickness) + 4


def _erase(ink: NDArray[np.uint8], rule: Rule, crossing: list[Rule]) -> None:
    """Take a line out of the ink that it runs across, in place."""
    reach = _reach(rule)
    columns, centers = np.arange(rule.start, rule.end + 1), rule.centers
    runs = _Runs.along(ink, columns, centers, reach, rule.thickness)
    taken = runs.is_line & ~_bridges(runs, rule, _crossings(columns, centers, crossing))
    offsets = np.arange(-reach, reach + 1)[:, None]
    inside = (offsets >= runs.top - FRINGE) & (offsets <= runs.bottom + FRINGE) & taken
    rows = np.rint(centers).astype(int) + offsets
    inside &= (rows >= 0) & (rows < ink.shape[0])
    ink[rows[inside], np.broadcast_to(columns, rows.shape)[inside]] = 0


@dataclass(frozen=True)
class _Runs:
    """The ink at a line, column by column: how far it reaches up and down from the line's middle."""

    top: NDArray[np.int64]  # (n,) px from the middle
    bottom: NDArray[np.int64]
    found: NDArray[np.bool_]
    thickness: float  # px, of the line: most columns hold nothing else
    strength: NDArray[np.uint8]  # (n,) the strongest ink of each

    @classmethod
    def along(
        cls,
        ink: NDArray[np.uint8],
        columns: NDArray[np.int64],
        centers: NDArray[np.float64],
        reach: int,
        thickness: float | None = None,
    ) -> _Runs:
        """Follow a line through (h, w) uint8; ink starts within half of the reach of its middle."""
        offsets = np.arange(-reach, reach + 1)[:, None]
        rows = np.rint(centers).astype(int) + offsets
        band = np.where((rows >= 0) & (rows < ink.shape[0]), ink[np.clip(rows, 0, ink.shape[0] - 1), columns], 0)
        is_ink = band >= WEAK_INK * 255
        distance = np.where(is_ink, np.abs(offsets), 2 * reach)
        nearest = distance.argmin(axis=0)
        found = distance[nearest, np.arange(len(columns))] <= reach // 2
        top, bottom = nearest - _run(is_ink[::-1], 2 * reach - nearest), nearest + _run(is_ink, nearest)
        if thickness is None:
            heights = (bottom - top + 1)[found]
            thickness = float(np.median(heights)) if heights.size else 0.0
        own = (offsets >= top - reach) & (offsets <= bottom - reach)
        return cls(top - reach, bottom - reach, found, thickness, (band * own).max(axis=0))

    @property
    def off(self) -> NDArray[np.float64]:
        """How far below the middle the ink's own middle lies."""
        return (self.top + self.bottom) / 2

    @property
    def is_stroke(self) -> NDArray[np.bool_]:
        return self.found & (self.bottom - self.top + 1 > STROKE * self.thickness + 1.5)

    @property
    def is_line(self) -> NDArray[np.bool_]:
        return self.found & ~self.is_stroke


def _run(is_ink: NDArray[np.bool_], start: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each column how many rows below its start are ink without a gap."""
    below = np.arange(len(is_ink))[:, None] > start
    gap = below & ~is_ink
    first = np.where(gap.any(axis=0), gap.argmax(axis=0), len(is_ink))
    return np.asarray(first - start - 1)


def _beyond_its_ends(rule: Rule, side: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the columns of a line and its centres, both ends prolonged: digits hide where it ends."""
    more = BLOCK if rule.down else round(PROLONGED * side)
    columns = np.arange(max(0, rule.start - more), min(side, rule.end + more + 1))
    inside = np.clip(columns, rule.start, rule.end)
    return columns, rule.centers[inside - rule.start] + (columns - inside) * rule.slope


def _smooth(off: NDArray[np.float64], bare: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how far off a line is, by the medians of its blocks where nothing is written."""
    blocks = [np.flatnonzero(bare[i : i + BLOCK]) + i for i in range(0, len(off), BLOCK)]
    blocks = [block for block in blocks if len(block) >= BLOCK / 6]
    if not blocks:
        return np.zeros_like(off)
    middles = [float(block.mean()) for block in blocks]
    medians = [float(np.median(off[block])) for block in blocks]
    return np.interp(np.arange(len(off)), middles, medians)


def _crossings(columns: NDArray[np.int64], centers: NDArray[np.float64], crossing: list[Rule]) -> NDArray[np.bool_]:
    """Return the columns where other lines cross this one or end at it: they are no strokes."""
    crossed = np.zeros(len(columns), bool)
    for other in crossing:
        near = round(other.center(float(centers[len(centers) // 2]))) - int(columns[0])
        at = other.center(float(centers[min(max(near, 0), len(centers) - 1)])) - int(columns[0])
        wide = other.thickness / 2 + 1
        if other.start - BLOCK <= centers[min(max(round(at), 0), len(centers) - 1)] <= other.end + BLOCK:
            crossed[max(0, math.floor(at - wide)) : max(0, math.ceil(at + wide) + 1)] = True
    return crossed


def _bridges(runs: _Runs, rule: Rule, crossed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return where a stroke is hidden in the line: it enters at one side, and leaves at the other close by."""
    upon = runs.found & (runs.strength > DARKER * rule.strength) & ~crossed
    stroke = runs.is_stroke & ~crossed
    half = runs.thickness / 2 + 1
    above, below = stroke & (runs.top < -half - 1), stroke & (runs.bottom > half + 1)
    hidden = upon.copy()
    ends = np.flatnonzero(stroke)
    for left, right in pairwise(ends.tolist()):
        across = (above[left] and below[right]) or (below[left] and above[right])
        if 1 < right - left <= (REACH * runs.thickness + 1 if across else runs.thickness / 2 + 1):
            hidden[left:right] = True
    return hidden
