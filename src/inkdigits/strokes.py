"""Digits drawn with many pens: from skeletons of national forms, and along pen points that people left on a tablet.

The 1 with a long upstroke, the barred 7, the open 4 and 0 and the 9 with a straight tail are how much of the world
writes; a reader that has seen MNIST only takes them for something else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.prepare import prepare

CANVAS = 128  # px; large enough that a pen of 5 % has a smooth edge
PEN = (0.035, 0.13)  # of the digit's height; ball pen to marker
SHAKE = 0.035  # standard deviation of each point of a skeleton, of the digit's height
PEN_SHAKE = 0.01  # the same for pen points, which are somebody's own hand already
PEN_WIDTH = (0.45, 1.0)  # of the height; pendigits stretches each digit to a square
ONE_WIDTH = (0.2, 0.55)  # the same for a 1, which would else be a 7 without a bar
IN_THE_AIR = 0.15  # of the height; a 4, 5 or 7 that goes up further than this, late, has lifted the pen
STRETCHED, SQUARE = 0.25, (0.7, 1.05)  # share of digits that are stretched to be so wide for their height, as sets are
WITH_A_BASE = 0.3  # share of the 1s whose upstroke does not come near it
Stroke = Sequence[tuple[float, float]]  # points (x, y); the digit is 1 high, y grows downwards


def draw_digits(n: int, *, random_state: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return n drawn digits of national forms, images (n, 28, 28) uint8 and labels (n,) uint8."""
    random = np.random.default_rng(random_state)
    forms = [FORMS[i % len(FORMS)] for i in range(n)]
    drawn = [_draw(_shake(strokes_of(random, random.uniform(0.45, 0.75)), random), random) for _, strokes_of in forms]
    stretched = [_stretch(ink, random) if random.random() < STRETCHED else ink for ink in drawn]
    return np.stack([prepare(ink, "mnist-28") for ink in stretched]), np.array([label for label, _ in forms], np.uint8)


def draw_pen_points(
    points: NDArray[np.float64], labels: NDArray[np.uint8], *, preparation: str, random_state: int
) -> NDArray[np.uint8]:
    """Draw digits, (n, n_points, 2) in 0..1 with y down, each with a pen, width and slant of its own; prepare them."""
    random = np.random.default_rng(random_state)
    images = []
    for way, label in zip(points, labels, strict=True):
        shaken = way + random.normal(0, PEN_SHAKE, way.shape)
        shaken[:, 0] *= random.uniform(*(ONE_WIDTH if label == 1 else PEN_WIDTH))
        strokes = _lift_pen(shaken) if label in {4, 5, 7} else [shaken]
        images.append(prepare(_draw([_smooth(_smooth(stroke)) for stroke in strokes], random), preparation))
    return np.stack(images)


def _draw(strokes: Sequence[NDArray[np.float64]], random: np.random.Generator) -> NDArray[np.uint8]:
    """Draw strokes, each (n, 2), with one pen and slant; (CANVAS, CANVAS) uint8, ink is 255."""
    slant, pen = random.normal(0.1, 0.15), random.uniform(*PEN)
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    for points in strokes:
        slanted = np.stack([points[:, 0] + slant * (0.5 - points[:, 1]), points[:, 1]], axis=1)
        pixels = np.rint((slanted * 0.6 + 0.2) * CANVAS * 16).astype(np.int32)  # 4 bits of fraction
        cv2.polylines(canvas, [pixels], False, 255, max(2, round(pen * 0.6 * CANVAS)), cv2.LINE_AA, shift=4)
    return canvas


def _stretch(ink: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Return a digit, (h, w) uint8, nearly as wide as high, as semeion, optdigits and some programs store it."""
    x, y, width, height = cv2.boundingRect(ink)
    size = max(1, round(height * random.uniform(*SQUARE))), height
    return np.asarray(cv2.resize(ink[y : y + height, x : x + width], size, interpolation=cv2.INTER_AREA), np.uint8)


def _shake(strokes: list[Stroke], random: np.random.Generator) -> list[NDArray[np.float64]]:
    return [_smooth(np.array(stroke) + random.normal(0, SHAKE, (len(stroke), 2))) for stroke in strokes]


def _lift_pen(way: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Cut a way (n, 2) where the pen was in the air."""
    rises = way[:-1, 1] - way[1:, 1] > IN_THE_AIR
    cuts = [i + 1 for i, rise in enumerate(rises) if rise and i >= len(way) // 3]
    ends = [0, *cuts, len(way)]
    return [way[start:end] for start, end in pairwise(ends) if end - start > 1]


def _one_with_a_long_upstroke(random: np.random.Generator, width: float) -> list[Stroke]:  # noqa: ARG001
    """Draw the 1 of much of Europe; its upstroke may begin at the base line, and reach as far as the 1 is high."""
    far, bend = random.uniform(0.2, 0.9), random.uniform(0.4, 0.7)
    low = min(1.0, max(random.uniform(0.3, 1.0), far * random.uniform(0.9, 1.3)))  # a flat one would make it a 7
    top, foot = 0.5 + far / 2, 0.5 + far / 2 - random.uniform(-0.05, 0.25)
    one = [(top - far, low), (top - far * bend, low * bend), (top, 0.0), ((top + foot) / 2, 0.5), (foot, 1.0)]
    base = random.uniform(0.1, 0.4)
    return [one, [(foot - base, 1.0), (foot + base, 1.0)]] if low < 0.6 and random.random() < WITH_A_BASE else [one]


def _barred_seven(random: np.random.Generator, width: float) -> list[Stroke]:
    bar, reach = random.uniform(0.4, 0.6), random.uniform(0.15, 0.3)
    at = 0.5 + width / 2 - width * 0.6 * bar
    body = [(0.5 - width / 2, 0.0), (0.5, 0.0), (0.5 + width / 2, 0.0), (at, bar), (0.5 - width * 0.1, 1.0)]
    return [body, [(at - reach, bar), (at + reach, bar)]]


def _seven_with_a_serif(random: np.random.Generator, width: float) -> list[Stroke]:
    serif = random.uniform(0.08, 0.22)
    left, right = 0.5 - width / 2, 0.5 + width / 2
    return [[(left, serif), (left, 0.0)], [(left, 0.02), (0.5, 0.02), (right, 0.02), (0.55, 0.5), (0.5, 1.0)]]


def _open_four(random: np.random.Generator, width: float) -> list[Stroke]:
    cross, down = random.uniform(0.5, 0.7), random.uniform(0.1, 0.4)
    left, right = 0.5 - width / 2, 0.5 + width / 4
    return [
        [(left + random.uniform(0, 0.2), 0.0), (left, cross), (right + 0.2, cross)],
        [(right, down), (right, 0.6), (right - 0.05, 1.0)],
    ]


def _nine_with_a_straight_tail(random: np.random.Generator, width: float) -> list[Stroke]:
    turn = np.linspace(-0.2, -0.2 - 2 * np.pi, 9)
    radius_x, radius_y = width / 2, random.uniform(0.2, 0.3)
    loop = [(0.5 + radius_x * np.cos(a), radius_y - radius_y * np.sin(a)) for a in -turn]
    return [loop, [(0.5 + radius_x, radius_y * 0.6), (0.5 + radius_x, 0.55), (0.5 + radius_x, 1.0)]]


def _smooth(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round the corners of a polyline (n, 2) a little, as a hand does (Chaikin's corner cutting, once)."""
    near, far = 0.8 * points[:-1] + 0.2 * points[1:], 0.2 * points[:-1] + 0.8 * points[1:]
    cut = np.stack([near, far], axis=1).reshape(-1, 2)
    return np.concatenate([points[:1], cut[1:-1], points[-1:]])


def _curled_nine(random: np.random.Generator, width: float) -> list[Stroke]:
    """Draw the 9 that is a g: its loop may stay open, its tail comes back to the left."""
    turn = np.linspace(random.uniform(-0.4, 0.5), 2 * np.pi - random.uniform(-0.3, 0.6), 9)
    radius_x, radius_y = width / 2, random.uniform(0.17, 0.27)
    loop = [(0.5 + radius_x * np.cos(a), radius_y - radius_y * np.sin(a)) for a in turn]
    right, deep = 0.5 + radius_x, random.uniform(0.7, 0.95)
    tail = [(right, radius_y * 0.5), (right, deep * 0.7), (0.5 + radius_x / 2, 1.0), (0.5 - radius_x, deep)]
    return [[*loop, *tail]]


def _six_with_a_hook(random: np.random.Generator, width: float) -> list[Stroke]:
    """Draw the 6 that begins with a hook or a bar to the right, and has a small loop."""
    left, right, loop = 0.5 - width / 2, 0.5 + width / 2, random.uniform(0.45, 0.65)
    start = (right, random.uniform(-0.02, 0.12))
    back = [start, (0.5, 0.0), (left, random.uniform(0.25, 0.4)), (left, 0.8), (0.5, 1.0)]
    return [[*back, (right, 0.85), (right - 0.05, loop + 0.08), (0.5, loop), (left + 0.05, loop + 0.12)]]


def _slim_seven(random: np.random.Generator, width: float) -> list[Stroke]:
    right, foot = 0.5 + width / 3, random.uniform(0.3, 0.5)
    return [[(right - width * random.uniform(0.5, 0.8), 0.0), (right, 0.0), (0.55, 0.5), (foot, 1.0)]]


def _seven_with_a_long_serif(random: np.random.Generator, width: float) -> list[Stroke]:
    """Draw the slim 7 of East Asia: up or down the serif first, a round top, a steep stem."""
    half = width * random.uniform(0.22, 0.35)
    left, right = 0.5 - half, 0.5 + half
    serif, top, foot = random.uniform(0.18, 0.45), random.uniform(0.0, 0.08), random.uniform(0.35, 0.65)
    return [[(left, serif), (left, serif / 3), (0.5, 0.0), (right, top), (right - 0.03, 0.4), (foot, 1.0)]]


def _open_zero(random: np.random.Generator, width: float) -> list[Stroke]:
    start, gap = random.uniform(0.1, 0.6), random.uniform(0.15, 0.6)
    angles = np.linspace(start, start + 2 * np.pi - gap, 11)
    return [[(0.5 - width / 2 * np.sin(a), 0.5 - 0.5 * np.cos(a)) for a in angles]]


def _nine_like_a_p(random: np.random.Generator, width: float) -> list[Stroke]:
    """Draw the 9 that is a stem with a bowl to its right, in one stroke or two."""
    left, right, bowl = 0.5 - width / 3, 0.5 + width / 2, random.uniform(0.35, 0.55)
    stem = [(left, random.uniform(-0.02, 0.1)), (left, 0.5), (left - random.uniform(-0.05, 0.15), 1.0)]
    top = [(left - random.uniform(0, 0.15), 0.12), (0.5, 0.0), (right, bowl * 0.4), (0.5 + width / 6, bowl)]
    return [stem, [*top, (left, bowl + random.uniform(-0.05, 0.05))]]


def _five_with_a_flag(random: np.random.Generator, width: float) -> list[Stroke]:
    """Draw the 5 whose flag is most of it and whose belly is small, down to a mere tick."""
    left, belly, neck = 0.5 - width / 3, random.uniform(0.05, 0.5) * width, random.uniform(0.35, 0.7)
    foot = random.uniform(0.9, 1.0)
    body = [(left, 0.1), (left + 0.03, neck), (left + belly, neck + 0.05), (left + belly * 1.2, (neck + foot) / 2)]
    flag = [(left, random.uniform(0.0, 0.15)), (0.5, 0.05), (0.5 + width * random.uniform(0.4, 0.9), -0.02)]
    return [[*body, (left + belly / 2, foot), (left - 0.08, foot - 0.05)], flag]


def _seven_like_a_plus(random: np.random.Generator, width: float) -> list[Stroke]:
    """Draw the barred 7 of which the bar is more than the top."""
    top, bar, reach = random.uniform(0.05, 0.3), random.uniform(0.4, 0.65), width * random.uniform(0.35, 0.6)
    stem = [(0.6 - top, random.uniform(0.02, 0.15)), (0.6, 0.0), (0.53, bar), (0.5 - random.uniform(0, 0.15), 1.0)]
    return [stem, [(0.53 - reach, bar + random.uniform(-0.05, 0.1)), (0.53 + reach, bar - random.uniform(-0.05, 0.1))]]


def _two_with_a_curl(random: np.random.Generator, width: float) -> list[Stroke]:
    """Draw the 2 whose head is rolled in, and whose foot may be a loop."""
    left, right, head = 0.5 - width / 2, 0.5 + width / 2, random.uniform(0.25, 0.6)
    curl = [
        (0.5 + random.uniform(0, 0.3) * width, head),
        (left + 0.02, head + 0.03),
        (left, head / 2),
        (0.5, 0.0),
        (right, head / 2),
    ]
    foot = random.uniform(0.8, 1.0)
    return [[*curl, (0.5, 0.65), (left, foot), (left + width / 4, foot - 0.08), (0.5, 0.97), (right + 0.1, foot)]]


def _five_like_an_s(random: np.random.Generator, width: float) -> list[Stroke]:
    """Draw the 5 that is an S in one stroke; its top may be long and flat."""
    left, right, neck = 0.5 - width / 2, 0.5 + width / 2, random.uniform(0.35, 0.55)
    top = [(right + random.uniform(-0.05, 0.2), random.uniform(-0.05, 0.08)), (0.5, random.uniform(0.0, 0.1))]
    body = [(left + 0.05, random.uniform(0.1, 0.25)), (left + 0.05, neck - 0.05), (0.5, neck), (right - 0.05, 0.7)]
    return [[*top, *body, (0.5, 1.0), (left, random.uniform(0.8, 1.0))]]


def _three_with_a_flat_top(random: np.random.Generator, width: float) -> list[Stroke]:
    """Draw the 3 that begins like a 7."""
    left, right, neck = 0.5 - width / 2, 0.5 + width / 2, random.uniform(0.35, 0.5)
    top = [(left, random.uniform(0.0, 0.1)), (right - 0.03, random.uniform(-0.03, 0.05)), (0.5, neck)]
    return [[*top, (right - 0.05, neck + 0.1), (right, 0.75), (0.5, 1.0), (left, random.uniform(0.8, 1.0))]]


def _six_with_a_small_loop(random: np.random.Generator, width: float) -> list[Stroke]:
    """Draw the 6 that is a slanting stem with a small loop at its foot."""
    left, loop = 0.5 - width / 3, random.uniform(0.55, 0.75)
    right, top = left + width * random.uniform(0.4, 0.8), 0.5 + random.uniform(-0.1, 0.3)
    middle = (left + right) / 2
    stem = [(top, 0.0), ((top + left) / 2 - 0.05, 0.4), (left, loop), (left, 0.9), (middle, 1.0)]
    return [[*stem, (right, (1 + loop) / 2), (middle, loop), (left, loop + random.uniform(0.05, 0.2))]]


def _open_eight(random: np.random.Generator, width: float) -> list[Stroke]:
    """Draw the 8 that is an S with a way back up, which need not meet where it began."""
    left, right, neck = 0.5 - width / 2, 0.5 + width / 2, random.uniform(0.4, 0.55)
    down = [(right - random.uniform(0, 0.1), 0.12), (0.5, 0.0), (left, 0.2), (0.5, neck), (right, 0.75), (0.5, 1.0)]
    back = [
        (left, 0.75),
        (0.5, neck),
        (right - 0.05, 0.2),
        (right + random.uniform(-0.1, 0.2), random.uniform(-0.1, 0.1)),
    ]
    return [[*down, *back]]


def _four_like_lightning(random: np.random.Generator, width: float) -> list[Stroke]:
    """Draw the 4 in one stroke without lifting the pen: down to the left, across, down again."""
    left, right, cross = 0.5 - width / 2, 0.5 + width / 2, random.uniform(0.4, 0.65)
    corner = (right - random.uniform(0, 0.1), cross - random.uniform(0, 0.12))
    foot = (0.5 + random.uniform(-0.2, 0.15), 1.0)
    return [[(0.5 + random.uniform(-0.1, 0.2), 0.0), (left, cross), corner, ((corner[0] + foot[0]) / 2, 0.75), foot]]


def _nine_like_an_s(random: np.random.Generator, width: float) -> list[Stroke]:
    """Draw the 9 whose loop is a small curl, and whose tail runs back and forth like an S."""
    left, right, neck = 0.5 - width / 2, 0.5 + width / 2, random.uniform(0.4, 0.55)
    start = (right - random.uniform(0, 0.25) * width, random.uniform(0.1, 0.25))
    curl = [start, (0.5, 0.0), (left, 0.2), (0.5 - 0.1 * width, neck - 0.05), (right - 0.15 * width, neck - 0.1)]
    tail = [(right, neck), (right - 0.1 * width, 0.8), (0.5, 1.0), (left, random.uniform(0.85, 1.0))]
    return [[*curl, (right - 0.1 * width, 0.2), *tail]]


Form = Callable[[np.random.Generator, float], list[Stroke]]  # draws strokes of a width with proportions of its own
FORMS: tuple[tuple[int, Form], ...] = (  # the label, and the form
    (1, _one_with_a_long_upstroke),
    (1, _one_with_a_long_upstroke),  # twice: it differs more from hand to hand than the others
    (7, _barred_seven),
    (7, _seven_with_a_serif),
    (4, _open_four),
    (9, _nine_with_a_straight_tail),
    (9, _curled_nine),
    (6, _six_with_a_hook),
    (7, _slim_seven),
    (7, _seven_with_a_long_serif),
    (0, _open_zero),
    (9, _nine_like_a_p),
    (5, _five_with_a_flag),
    (7, _seven_like_a_plus),
    (2, _two_with_a_curl),
    (5, _five_like_an_s),
    (3, _three_with_a_flat_top),
    (6, _six_with_a_small_loop),
    (8, _open_eight),
    (4, _four_like_lightning),
    (9, _nine_like_an_s),
)
