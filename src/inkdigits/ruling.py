"""Ruled and squared paper, printed boxes: their lines are found, followed and taken out of the ink, strokes stay."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from inkdigits.ink import WEAK_INK

SEARCH_SIZE = 900  # px, longer side; lines are searched in a copy in which a cell is ink where any of its pixels is
STEEPEST = 16  # degrees; a page is held no further askew
STEP = 2  # degrees; a line between two directions rises by half a px over a piece
PIECE = 18  # px of the copy; the shortest straight piece: longer than most bars of digits, shorter than a box's side
BOX_GAP = 5  # px of the copy; more lie between the boxes of two rows
LONG_PIECE = 40  # px of the copy; tells how the lines run, where the bars of many 7s run otherwise
MAX_PIECES = 600  # of one direction; what print or a texture has more is left in, for the sake of time
MAX_GAP = 0.1  # of the picture's side; further apart two pieces are two lines
OFF_LINE = 1.5  # px of the copy, and GAP_DRIFT more for each px of a gap: a piece this far off is on another line
GAP_DRIFT = 0.03
MIN_ASPECT = 25  # length / thickness; the bar of the boldest 7 has 8, a thin pen's longest has 20
MIN_PIECE_ASPECT = 8  # of the usual piece; a row of 7s has bars of 5, the boxes of a form 12
MIN_COVERED = 0.6  # of a line's length; the bars of a row of 5s cover less
MIN_LENGTH = 0.12  # of the picture's side along the line; a row of four boxes on a page is longer
FANNED_OUT = 4  # degrees to either side; the lines of a page seen aslant differ by that much
ON_LINE = 1.5  # px of the copy, to either side
FINE_STEP = 0.125  # degrees
FITS = 3  # the first line is a step off, each fit finds more of the points on it
THICK = 2.0  # times the usual thickness; a bold stroke runs into the line there
WINDOW = 61  # px of the copy; twice as wide as a digit
SQUARES = 3  # lines across; the stroke of a 1 crosses two at most
BOLDER = 1.5  # times as thick as usual, and 1 px
MIN_SEEN = 0.3  # of the side of a box; digits hide the rest
UNBROKEN = 0.9  # of the side of a box is ink, its own or that of a digit upon it
DRAWN_THROUGH = 0.75  # of a line is ink; digits that stand in a row leave more gaps
MEETS = 4  # px of the copy; so close to a line ends the side of a box
BLOCK = 48  # px; so far a line is straight, however the paper bends
STROKE = 1.5  # of the line's thickness, and 1.5 px; where the ink is higher a stroke crosses or touches it
REACH = 2.0  # of the line's thickness; strokes that enter it so close to each other are one
DARKER = 1.5  # of the line's usual ink; a stroke lies upon it
FRINGE = 1  # px; the soft edge of a line


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


def find_rules(ink: NDArray[np.uint8]) -> list[Rule]:
    """Find the printed lines of a page's ink, (h, w) uint8.

    Lines across the page are told from strokes by their length; those that run down only count beside such lines, for
    a long stroke that runs down may be a 1.
    """
    cells, size = _search_copy(ink)
    degrees = _direction(cells)
    across = [rule for rule in _lines(cells, degrees, PIECE, down=False) if _is_rule(rule, cells.shape[1])]
    if not across:
        return []
    boxes = max(len(rule.centers) for rule in across) < cells.shape[1] / 2  # in rows, one above the other
    down = _lines(np.ascontiguousarray(cells.T), -degrees, BOX_GAP if boxes else PIECE, down=True)
    sides = [side for rule in down if (side := _as_side(rule, across, cells)) is not None]
    rules = [_follow(ink.T if rule.down else ink, _enlarge(rule, size)) for rule in across + sides]
    return _printed_alike(rules)


def erase_rules(ink: NDArray[np.uint8], rules: Sequence[Rule]) -> NDArray[np.uint8]:
    """Return the ink without the lines; where a stroke crosses or touches one, it stays whole."""
    ink = ink.copy()
    for rule in rules:
        crossing = [other for other in rules if other.down != rule.down]
        _erase(ink.T if rule.down else ink, rule, crossing)
    return ink


def slope_of(rules: list[Rule]) -> float | None:
    """Return how far most of the lines fall for each px to the right; None without lines across."""
    across = [(rule.slope, len(rule.centers)) for rule in rules if not rule.down]
    if not across:
        return None
    return weighted_median([slope for slope, _ in across], [length for _, length in across])


def _search_copy(ink: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """Return a smaller mask, and how many px a side of its cells is."""
    mask = (ink >= WEAK_INK * 255).astype(np.uint8)
    size = math.ceil(max(ink.shape) / SEARCH_SIZE)
    if size == 1:
        return mask, 1
    height, width = (side // size for side in ink.shape)
    cells = mask[: height * size, : width * size].reshape(height, size, width, size)
    return np.asarray(cells.max(axis=(1, 3)), np.uint8), size


def _direction(cells: NDArray[np.uint8]) -> int:
    """Return by how many degrees most straight ink falls to the right that is longer than strokes are."""
    directions = range(-STEEPEST, STEEPEST + 1, STEP)
    return max(directions, key=lambda degrees: (int(_straight(cells, degrees, LONG_PIECE).sum()), -abs(degrees)))


def _lines(cells: NDArray[np.uint8], degrees: int, gap: int, *, down: bool) -> list[Rule]:
    """Return the lines that run about in a direction: the longest pieces, and those that lie in their course."""
    lines: list[Rule] = []
    pieces = sorted(_pieces(cells, degrees, gap, down=down), key=lambda piece: -len(piece.centers))
    if not pieces:
        return lines
    usual = weighted_median([piece.thickness for piece in pieces], [len(piece.centers) for piece in pieces])
    widest = MAX_GAP * cells.shape[1]
    for piece in pieces:
        if piece.thickness > THICK * usual:
            continue
        i = next((i for i, line in enumerate(lines) if _runs_on(line, piece, widest)), None)
        if i is None:
            lines.append(piece)
        else:
            lines[i] = _join(lines[i], piece)
    return lines


def _pieces(cells: NDArray[np.uint8], degrees: int, gap: int, *, down: bool) -> list[Rule]:
    """Return the straight pieces of ink in about a direction."""
    found = np.zeros_like(cells)
    for near in range(degrees - FANNED_OUT, degrees + FANNED_OUT + 1, STEP):
        found |= _straight(cells, near)
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


def _straight(cells: NDArray[np.uint8], degrees: int, length: int = PIECE) -> NDArray[np.uint8]:
    """Return the ink that lies in straight pieces of a length along a direction, (h, w) uint8."""
    height, width = cells.shape
    rise = -math.tan(math.radians(degrees))
    room = math.ceil(abs(rise) * width)
    shear = np.array([[1, 0, 0], [rise, 1, room if rise < 0 else 0]], np.float64)
    level = cv2.warpAffine(cells, shear, (width, height + room), flags=cv2.INTER_NEAREST)
    whole = cv2.dilate(level, np.ones((2, 3), np.uint8))  # a line between two directions steps down once in a piece
    whole = cv2.erode(whole, np.ones((1, 3), np.uint8))
    opened = cv2.morphologyEx(whole, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    back = cv2.warpAffine(opened, shear, (width, height), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    return np.asarray(back, np.uint8) & cells


def _running_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth the middle of a piece: strokes that touch it pull it aside for less than half of a window."""
    half = min(WINDOW // 2, (len(values) - 1) // 2)
    padded = np.pad(values, half, mode="reflect", reflect_type="odd")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)


def _runs_on(line: Rule, piece: Rule, max_gap: float) -> bool:
    """Whether a piece lies in the course of a line, in one of its gaps or beyond its ends."""
    beyond = max(piece.start - line.end, line.start - piece.end)
    widest = BOX_GAP if line.down else min(max_gap, max(PIECE, len(line.centers) / 2))  # boxes of two rows are two
    if beyond > widest:
        return False
    return all(
        abs(line.center(end) - piece.center(end)) <= OFF_LINE + GAP_DRIFT * max(0, end - line.end, line.start - end)
        for end in (piece.start, piece.end)
    )


def _join(line: Rule, piece: Rule) -> Rule:
    """Draw a line on through a piece."""
    start, end = min(line.start, piece.start), max(line.end, piece.end)
    known = np.arange(line.start, line.end + 1)
    outside = np.arange(piece.start, piece.end + 1)
    new = (outside < line.start) | (outside > line.end)
    positions = np.concatenate([known, outside[new]])
    order = np.argsort(positions)
    centers = np.interp(
        np.arange(start, end + 1), positions[order], np.concatenate([line.centers, piece.centers[new]])[order]
    )
    return Rule(start, centers, line.thickness, line.down, line.covered + piece.covered, line.n_pieces + 1)


def _is_rule(rule: Rule, side: int) -> bool:
    """Whether a line across is longer than any stroke, has few gaps, and no pieces as stout as the bar of a digit."""
    length = len(rule.centers)
    return (
        length >= MIN_LENGTH * side
        and length >= MIN_ASPECT * rule.thickness
        and rule.covered >= MIN_COVERED * length
        and rule.covered >= MIN_PIECE_ASPECT * rule.thickness * rule.n_pieces
    )


def _as_side(rule: Rule, across: list[Rule], cells: NDArray[np.uint8]) -> Rule | None:
    """Return a line that runs down if it crosses several others, as on squared paper, or joins two, as a box's side."""
    levels = sorted(round(other.center(float(rule.centers[0]))) for other in across if _reaches(rule, other))
    start = max((level for level in levels if level <= rule.start + MEETS), default=rule.start)
    end = min((level for level in levels if level >= rule.end - MEETS), default=rule.end)
    crossed = sum(start <= level <= end for level in levels)
    joins_two = start in levels and end in levels and end > start
    if not joins_two and crossed < SQUARES:
        return None
    rows = np.arange(max(min(start, rule.start), 0), min(max(end, rule.end), len(cells) - 1) + 1)
    course = _course(rule, rows, across)
    columns = np.rint(course).astype(int).clip(1, cells.shape[1] - 2)
    ink = cells[rows, columns] | cells[rows, columns - 1] | cells[rows, columns + 1]
    if ink.mean() < UNBROKEN or len(rule.centers) < MIN_SEEN * len(rows):
        return None
    return replace(rule, start=int(rows[0]), centers=course)


def _course(rule: Rule, rows: NDArray[np.int64], across: list[Rule]) -> NDArray[np.float64]:
    """Return where a line that runs down passes rows; a short piece goes on at a right angle to the lines across."""
    slope = rule.slope if len(rule.centers) >= 2 * PIECE else -float(np.median([other.slope for other in across]))
    inside = np.clip(rows, rule.start, rule.end)
    return rule.centers[inside - rule.start] + (rows - inside) * slope


def _reaches(rule: Rule, other: Rule) -> bool:
    """Whether a line across is there where one that runs down would meet it."""
    x = rule.center(other.center(float(rule.centers[0])))
    return other.start - MEETS <= x <= other.end + MEETS


def _enlarge(rule: Rule, size: int) -> Rule:
    """Return a line of the copy as it runs in the picture."""
    positions = np.arange(rule.start * size, (rule.end + 1) * size)
    cells = (positions + 0.5) / size - 0.5
    centers = np.interp(cells, np.arange(rule.start, rule.end + 1), rule.centers)
    return Rule(positions[0].item(), (centers + 0.5) * size - 0.5, rule.thickness * size, rule.down)


def _follow(ink: NDArray[np.uint8], rule: Rule) -> Rule:
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


def _printed_alike(rules: list[Rule]) -> list[Rule]:
    """Leave out lines that turn out to be strokes: stout or with gaps, bolder or stronger than the others."""
    across = [rule for rule in rules if not rule.down and _is_drawn_through(rule)]
    if not across:
        return []
    lengths = [len(rule.centers) for rule in across]
    thickness = weighted_median([rule.thickness for rule in across], lengths)
    strength = weighted_median([rule.strength for rule in across], lengths)
    return [
        rule
        for rule in across + [rule for rule in rules if rule.down]
        if rule.thickness <= BOLDER * thickness + 1 and rule.strength <= DARKER * strength
    ]


def _is_drawn_through(rule: Rule) -> bool:
    length = len(rule.centers)
    return length >= MIN_ASPECT * rule.thickness and rule.covered >= DRAWN_THROUGH * length


def weighted_median(values: ArrayLike, weights: ArrayLike) -> float:
    """Return the value up to which half of the weight lies."""
    order = np.argsort(values)
    passed = np.cumsum(np.asarray(weights)[order])
    return float(np.asarray(values)[order][int(np.searchsorted(passed, passed[-1] / 2))])


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
    more = BLOCK if rule.down else round(MAX_GAP * side)
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
