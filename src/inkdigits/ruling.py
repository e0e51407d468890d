"""Ruled and squared paper, printed boxes: which straight pieces of ink are printed lines, and how these run."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from inkdigits.ink import WEAK_INK
from inkdigits.straight import PIECE, STEEPEST, STEP, THICK, Rule, count_straight_ink, straight_pieces
from inkdigits.tracing import DARKER, follow

SEARCH_SIZE = 900  # px, longer side; lines are searched in a copy in which a cell is ink where any of its pixels is
BOX_GAP = 5  # px of the copy; more lie between the boxes of two rows
LONG_PIECE = 40  # px of the copy; tells how the lines run, where the bars of many 7s run otherwise
MAX_GAP = 0.1  # of the picture's side; further apart two pieces are two lines
OFF_LINE = 1.5  # px of the copy, and GAP_DRIFT more for each px of a gap: a piece this far off is on another line
GAP_DRIFT = 0.03
MIN_ASPECT = 25  # length / thickness; the bar of the boldest 7 has 8, a thin pen's longest has 20
MIN_PIECE_ASPECT = 8  # of the usual piece; a row of 7s has bars of 5, the boxes of a form 12
MIN_COVERED = 0.6  # of a line's length; the bars of a row of 5s cover less
MIN_LENGTH = 0.12  # of the picture's side along the line; a row of four boxes on a page is longer
SQUARES = 3  # lines across; the stroke of a 1 crosses two at most
BOLDER = 1.5  # times as thick as usual, and 1 px
MIN_SEEN = 0.3  # of the side of a box; digits hide the rest
UNBROKEN = 0.9  # of the side of a box is ink, its own or that of a digit upon it
DRAWN_THROUGH = 0.75  # of a line is ink; digits that stand in a row leave more gaps
MEETS = 4  # px of the copy; so close to a line ends the side of a box


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
    rules = [follow(ink.T if rule.down else ink, _enlarge(rule, size)) for rule in across + sides]
    return _printed_alike(rules)


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
    height, width = (side // size * size for side in ink.shape)
    most = cv2.dilate(mask, np.ones((size, size), np.uint8), anchor=(0, 0))  # of what lies below and to the right
    return np.ascontiguousarray(most[:height:size, :width:size]), size


def _direction(cells: NDArray[np.uint8]) -> int:
    """Return by how many degrees most straight ink falls to the right that is longer than strokes are."""
    directions = range(-STEEPEST, STEEPEST + 1, STEP)
    return max(directions, key=lambda degrees: (count_straight_ink(cells, degrees, LONG_PIECE), -abs(degrees)))


def _lines(cells: NDArray[np.uint8], degrees: int, gap: int, *, down: bool) -> list[Rule]:
    """Return the lines that run about in a direction: the longest pieces, and those that lie in their course."""
    lines: list[Rule] = []
    pieces = sorted(straight_pieces(cells, degrees, gap, down=down), key=lambda piece: -len(piece.centers))
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
