"""A page's ink -> lines -> numbers -> digits, by what is connected and what stands close together."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.frame import erase_frame
from inkdigits.ink import WEAK_INK, pen_width, stroke_width
from inkdigits.readings import Box, union
from inkdigits.ruling import find_rules, slope_of, weighted_median
from inkdigits.straight import Rule
from inkdigits.tilt import LEVEL, Turn, add_slopes, slope_of_row, slope_of_rows
from inkdigits.tracing import erase_rules

MIN_DIGIT_SIZE = 5  # px, longer side; below, no one can tell digits apart
DRY_GAP = 0.75  # of the stroke width; digits of a number stand further apart
MIN_HEIGHT = 0.35  # of the usual digit's height; dots, commas and dashes stay below
DOT_SIZE = 0.25  # of the digit's height, longer side; what is larger in a crop of one digit is part of it
FRAME_MARGIN = 0.1  # of the crop's shorter side; a printed box cut a little too wide lies in it
FRAME_SHARE = 0.7  # of a part's ink in that margin; a digit that fills its crop has a third there
THICKEST_PEN = 0.4  # of the longer side; the boldest digits stay below
MAX_HEIGHT = 2.5  # of the usual digit's height; shadows and edges of the sheet are above
ALIKE = 1.5  # times as high, either way; the digits of a page differ by so much
BOLDEST = 2.0  # times the ink that the marks of a page usually have for each px of their height
PART_HEIGHT = 0.6  # a part this low may belong to the digit below or above it
PART_GAP = 0.25  # of the usual height; as far as the bar of a 5 stands from its body
NUMBER_GAP = 1.0  # of the line's height; digits further apart are two numbers
SAME_LINE = 0.4  # share of the lower digit's height that two neighbours of a line have in common
FAR = 2.0  # of the height; a digit so far off must stand in the course of a line that is as long
OFF_COURSE = 0.35  # of the height; as much as those of one line differ by
FAINT = 0.2  # of the usual pen's ink, its width times its strength; a crease or a fold has half of that
PATCH = 0.5  # thickness, as a share of the longer side, from which ink is a blot; bold digits reach 0.4
MARGIN = 2  # px; the soft edge of a digit is cut out with it
MAX_PARTS = 1500  # more marks are a texture or print; joining them pairwise would take seconds


@dataclass(frozen=True)
class DigitInk:
    """The ink of one digit without its neighbours, and where it stands."""

    ink: NDArray[np.uint8]  # (h, w), ink is 255
    box: Box
    touches_border: bool


@dataclass(frozen=True)
class PageInk:
    """What was found on a page: numbers in reading order, or the reason why there are none."""

    numbers: tuple[tuple[DigitInk, ...], ...]
    reason: str = ""
    lines: tuple[int, ...] = ()  # of each number the line it stands on, from the top
    slope: float = 0.0  # how far rows fall for each px to the right, where they were made level
    slopes: tuple[float, ...] = ()  # of each number how far its own row does
    rules: tuple[Rule, ...] = ()  # printed lines, which were taken out


@dataclass(frozen=True)
class _Part:
    """Connected ink, one or several components that belong together."""

    labels: tuple[int, ...]
    box: Box
    area: int

    @property
    def height(self) -> int:
        return self.box[3]


def find_numbers(ink: NDArray[np.uint8]) -> PageInk:
    """Find the numbers on a page's ink, (h, w) uint8: lines from top to bottom, numbers from left to right.

    Printed lines are taken out. Rows that slope are made level first; boxes are those of the page as it was given.
    """
    rules = find_rules(ink)
    ink = erase_rules(ink, rules)
    labels, parts = _connected_parts(ink)
    parts, reason = _plausible(parts, labels)
    if not parts:
        return PageInk((), reason, rules=tuple(rules))
    parts = [part for part in parts if not _is_shadow(part, labels)] or parts
    usual = _usual_height(parts, ink.shape)
    parts = _without_frames(parts, usual)
    slope = _slope(rules, parts, usual)
    if abs(slope) < LEVEL:
        return replace(_read_lines(parts, ink, labels, usual), rules=tuple(rules))
    turn = Turn.level(ink.shape, slope)
    labels = turn.apply_labels(labels)  # what hangs together was found before: turning blurs narrow gaps
    page = _read_lines(_boxed_anew(parts, labels), turn.apply(ink), labels, usual)
    numbers = tuple(tuple(_turn_back(digit, turn) for digit in number) for number in page.numbers)
    slopes = tuple(add_slopes(slope, own) for own in page.slopes)
    return replace(page, numbers=numbers, slope=slope, slopes=slopes, rules=tuple(rules))


def why_nothing(ink: NDArray[np.uint8]) -> str:
    """Return the reason why there is nothing to read in the ink of a crop, (h, w) uint8; empty where there may be."""
    labels, parts = _connected_parts(ink)
    return _plausible(parts, labels)[1]


def _read_lines(parts: list[_Part], ink: NDArray[np.uint8], labels: NDArray[np.int32], usual: float) -> PageInk:
    """Join parts to digits, lines and numbers."""
    parts = [part for part in parts if part.height <= MAX_HEIGHT * usual or not touches_border(part.box, ink.shape)]
    digits = [part for part in _join_parts(parts, usual) if part.height >= MIN_HEIGHT * usual]
    rows = _of_one_pen(_group_into_lines(digits), ink, labels)
    lines = [_group_into_numbers(row) for row in rows]
    slopes = [slope_of_row([part.box for part in row]) for row in rows]
    return PageInk(
        numbers=tuple(tuple(_cut_out(part, ink, labels) for part in number) for line in lines for number in line),
        lines=tuple(i for i, line in enumerate(lines) for _ in line),
        slopes=tuple(slope for line, slope in zip(lines, slopes, strict=True) for _ in line),
    )


def _slope(rules: list[Rule], parts: list[_Part], usual: float) -> float:
    """Return how far the rows of a page fall for each px to the right: as its lines do, else as its digits stand."""
    slope = slope_of(rules)
    if slope is not None:
        return slope
    return slope_of_rows([part.box for part in parts if part.height >= MIN_HEIGHT * usual], usual)


def _boxed_anew(parts: list[_Part], labels: NDArray[np.int32]) -> list[_Part]:
    """Return parts with their boxes on a turned page; each of them is one component."""
    known = [label for part in parts for label in part.labels]
    boxes, areas = _measure(labels, max(int(labels.max()), *known) + 1)  # some may have gone in the turn
    return [replace(part, box=boxes[label]) for part, label in zip(parts, known, strict=True) if areas[label]]


def _turn_back(digit: DigitInk, turn: Turn) -> DigitInk:
    """Return a digit of the turned page with the box that it has on the page as it was given."""
    left, top = max(0, digit.box[0] - MARGIN), max(0, digit.box[1] - MARGIN)
    box = turn.box_of(digit.ink >= WEAK_INK * 255, left, top)
    return replace(digit, box=box, touches_border=touches_border(box, turn.shape))


def find_digit(ink: NDArray[np.uint8]) -> DigitInk | str:
    """Find the one digit of a crop, or return the reason why there is none.

    All of the ink belongs to it but for dots and for bits of a frame at the border.
    """
    ink = erase_frame(ink)
    labels, parts = _connected_parts(ink)
    parts, reason = _plausible(parts, labels)
    if not parts:
        return reason
    inner = [part for part in parts if not _is_frame(part, labels)] or parts
    usual = max(part.height for part in inner)
    joined = _join_parts(inner, usual)
    kept = [part for part in joined if max(part.box[2:]) > DOT_SIZE * usual]
    return _cut_out(_merge(kept), ink, labels)


def touches_border(box: Box, shape: tuple[int, ...]) -> bool:
    """Whether a box reaches the edge of a picture of shape (h, w)."""
    x, y, width, height = box
    return x <= 0 or y <= 0 or x + width >= shape[1] or y + height >= shape[0]


def _connected_parts(ink: NDArray[np.uint8]) -> tuple[NDArray[np.int32], list[_Part]]:
    """Label the connected components; gaps as a dry pen leaves them, are closed first."""
    mask = (ink >= WEAK_INK * 255).astype(np.uint8)
    gap = int(DRY_GAP * pen_width(mask)) | 1
    padded = cv2.copyMakeBorder(mask, gap, gap, gap, gap, cv2.BORDER_CONSTANT)  # or ink near the border grows to it
    joined = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, np.ones((gap, gap), np.uint8))[gap:-gap, gap:-gap]
    n, labels = cv2.connectedComponents(joined, connectivity=8)
    boxes, areas = _measure(np.asarray(labels, np.int32), n)
    parts = [_Part((label,), boxes[label], areas[label]) for label in range(1, n)]  # 0 is the paper
    return np.asarray(labels * mask, np.int32), parts  # what was closed is not ink: the hole of a small 0


def _measure(labels: NDArray[np.int32], n: int) -> tuple[list[Box], list[int]]:
    """Return the box and the area of each of n labels; what is nowhere has an area of 0 and no box worth the name.

    OpenCV's statistics would go through all of the paper too, which takes four times as long.
    """
    points = cv2.findNonZero(labels)
    x, y = np.empty((2, 0), np.int32) if points is None else points.reshape(-1, 2).T
    own = labels[y, x]
    first, last = np.full((2, n), np.iinfo(np.int32).max, np.int32), np.full((2, n), -1, np.int32)
    for values, low, high in zip((x, y), first, last, strict=True):
        np.minimum.at(low, own, values)
        np.maximum.at(high, own, values)
    boxes = np.vstack([first, last - first + 1]).T.tolist()
    return [(x, y, width, height) for x, y, width, height in boxes], np.bincount(own, minlength=n).tolist()


def _plausible(parts: list[_Part], labels: NDArray[np.int32]) -> tuple[list[_Part], str]:
    """Leave out specks and patches; when nothing is left, say what there was."""
    if not parts:
        return [], "nothing to read: no ink stands out from the paper"
    large = [part for part in parts if max(part.box[2:]) >= MIN_DIGIT_SIZE]
    if not large:
        size = max(max(part.box[2:]) for part in parts)
        return [], f"too small: the largest mark is {size} px, a digit needs {MIN_DIGIT_SIZE}; use a larger picture"
    if len(large) > MAX_PARTS:
        return [], f"not a page of numbers: {len(large):,} separate marks; crop it to the part with the numbers"
    written = [part for part in large if _thickness(part, labels) <= PATCH]
    return written, "" if written else "not handwriting: a solid patch without strokes"


def _is_frame(part: _Part, labels: NDArray[np.int32]) -> bool:
    """Whether a part runs along the border: a piece of a printed box, a rule, the edge of the sheet."""
    if not touches_border(part.box, labels.shape):
        return False
    margin = max(2, int(FRAME_MARGIN * min(labels.shape)))
    inside = np.count_nonzero(_where(part, labels[margin:-margin, margin:-margin]))
    return bool(inside <= (1 - FRAME_SHARE) * part.area)


def _is_shadow(part: _Part, labels: NDArray[np.int32]) -> bool:
    """Whether a part comes from beyond the sheet: along or across it, or reaching in too thick for a pen."""
    if not touches_border(part.box, labels.shape):
        return False
    _, _, width, height = part.box
    from_edge_to_edge = width >= labels.shape[1] or height >= labels.shape[0]  # a margin line, a rule
    return from_edge_to_edge or _is_frame(part, labels) or _thickness(part, labels) > THICKEST_PEN


def _without_frames(parts: list[_Part], usual: float) -> list[_Part]:
    """Leave out boxes, tables, rings, backgrounds: what has several digits within."""
    high = [part for part in parts if part.height >= MIN_HEIGHT * usual]
    return [part for part in parts if sum(_is_within(other.box, part.box) for other in high) < 2] or parts


def _is_within(box: Box, other: Box) -> bool:
    (x, y, width, height), (left, top, wide, high) = box, other
    return box != other and left <= x and top <= y and x + width <= left + wide and y + height <= top + high


def _thickness(part: _Part, labels: NDArray[np.int32]) -> float:
    """Return the mean width of a part's strokes as a share of its longer side."""
    x, y, width, height = part.box
    mask = _where(part, labels[y : y + height, x : x + width]).astype(np.uint8)
    return stroke_width(mask) / max(width, height)


def _usual_height(parts: list[_Part], shape: tuple[int, ...]) -> float:
    """Return the height about which most of the ink stands: digits have more of it than specks.

    No part counts for more ink than strokes of its height have, else a table or a shadow outweighs all digits; what
    reaches the border does not count where there is something else.
    """
    whole = [part for part in parts if not touches_border(part.box, shape)] or parts
    heights = np.array([part.height for part in whole], np.float64)
    areas = np.array([part.area for part in whole], np.float64)
    ink = np.minimum(areas, BOLDEST * np.median(areas / heights) * heights)
    alike = np.abs(np.log(heights[:, None] / heights)) <= math.log(ALIKE)
    about = alike[int((alike @ ink).argmax())]
    return weighted_median(heights[about], ink[about])


def _join_parts(parts: list[_Part], usual: float) -> list[_Part]:
    """Join what belongs to one digit: crossing boxes, and low parts right above or below another."""
    joined: list[_Part] = []
    for part in sorted(parts, key=lambda part: -part.area):
        match = next((i for i, other in enumerate(joined) if _belong_together(part, other, usual)), None)
        if match is None:
            joined.append(part)
        else:
            joined[match] = _merge([joined[match], part])
    return joined


def _belong_together(part: _Part, other: _Part, usual: float) -> bool:
    overlap_x, overlap_y = _overlap(part.box, other.box, axis=0), _overlap(part.box, other.box, axis=1)
    height = union([part.box, other.box])[3]
    if overlap_x < 0.5 * min(part.box[2], other.box[2]) or height > MAX_HEIGHT * usual:
        return False
    if overlap_y > 0.5 * min(part.height, other.height):
        return True
    return (
        min(part.height, other.height) < PART_HEIGHT * usual
        and -overlap_y <= PART_GAP * usual
        and height <= 1.5 * usual
    )


def _overlap(a: Box, b: Box, *, axis: int) -> int:
    """Return how far two boxes overlap along x (0) or y (1) in px; a gap is negative."""
    return min(a[axis] + a[axis + 2], b[axis] + b[axis + 2]) - max(a[axis], b[axis])


def _merge(parts: list[_Part]) -> _Part:
    labels = tuple(label for part in parts for label in part.labels)
    return _Part(labels, union([part.box for part in parts]), sum(part.area for part in parts))


def _group_into_lines(digits: list[_Part]) -> list[list[_Part]]:
    """Append each digit, from left to right, to the line whose last digit it stands beside."""
    lines: list[list[_Part]] = []
    for digit in sorted(digits, key=lambda digit: digit.box[0]):
        beside = [line for line in lines if _shares_line(digit, line)]
        if beside:
            max(beside, key=lambda line: _overlap(digit.box, line[-1].box, axis=1)).append(digit)
        else:
            lines.append([digit])
    return sorted(lines, key=lambda line: line[0].box[1] + line[0].height / 2)


def _shares_line(digit: _Part, line: list[_Part]) -> bool:
    """Whether a digit stands beside the last of a line and, where it is far off, in the course of a long line."""
    last = line[-1]
    if _overlap(digit.box, last.box, axis=1) < SAME_LINE * min(digit.height, last.height):
        return False
    (x, y), (first_x, first_y), (last_x, last_y) = (_middle(part.box) for part in (digit, line[0], last))
    height, span = (digit.height + last.height) / 2, last_x - first_x
    if -_overlap(digit.box, last.box, axis=0) <= FAR * height or span < x - last_x:
        return True
    return abs(y - last_y - (last_y - first_y) / span * (x - last_x)) <= OFF_COURSE * height


def _middle(box: Box) -> tuple[float, float]:
    return box[0] + box[2] / 2, box[1] + box[3] / 2


def _of_one_pen(lines: list[list[_Part]], ink: NDArray[np.uint8], labels: NDArray[np.int32]) -> list[list[_Part]]:
    """Leave out of each line, and where it stands alone, what is far fainter and finer than the pen: creases, folds."""
    pens = [[_pen(part, ink, labels) for part in line] for line in lines]
    usual = float(np.median([pen for line in pens for pen in line])) if pens else 0.0
    kept = []
    for line, own in zip(lines, pens, strict=True):
        compared = sorted(own if len(own) > 1 else [*own, usual])
        least = FAINT * compared[len(compared) // 2]
        kept.append([part for part, pen in zip(line, own, strict=True) if pen >= least])
    return [line for line in kept if line]


def _pen(part: _Part, ink: NDArray[np.uint8], labels: NDArray[np.int32]) -> float:
    """Return how much ink a pen left for each px of a part's strokes: their width times their strength."""
    x, y, width, height = part.box
    mask = _where(part, labels[y : y + height, x : x + width])
    strength = float(ink[y : y + height, x : x + width][mask].mean()) if mask.any() else 0.0
    return stroke_width(mask.astype(np.uint8)) * strength


def _group_into_numbers(line: list[_Part]) -> list[list[_Part]]:
    height = float(np.median([digit.height for digit in line]))
    numbers = [[line[0]]]
    for previous, digit in pairwise(line):
        if -_overlap(previous.box, digit.box, axis=0) > NUMBER_GAP * height:
            numbers.append([])
        numbers[-1].append(digit)
    return numbers


def _cut_out(part: _Part, ink: NDArray[np.uint8], labels: NDArray[np.int32]) -> DigitInk:
    """Copy the ink of a part with its soft edge, without that of its neighbours."""
    x, y, width, height = part.box
    top, left = max(0, y - MARGIN), max(0, x - MARGIN)
    window = (slice(top, y + height + MARGIN), slice(left, x + width + MARGIN))
    own_or_paper = _where(part, labels[window]) | (labels[window] == 0)
    return DigitInk(ink[window] * own_or_paper, part.box, touches_border(part.box, ink.shape))


def _where(part: _Part, labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return where a labelled picture shows a part; most are one component, and comparing is faster than looking up."""
    return labels == part.labels[0] if len(part.labels) == 1 else np.isin(labels, part.labels)
