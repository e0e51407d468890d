"""Digits drawn from skeletons: the national forms that American data sets lack, in endless shaken variants.

The 1 with a long upstroke, the barred 7, the open 4 and the 9 with a straight tail are how much of the world writes;
a reader that has seen MNIST only takes them for 7, 4, 9.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.prepare import prepare

CANVAS = 128  # px; large enough that a pen of 5 % has a smooth edge
PEN = (0.035, 0.13)  # of the digit's height; ball pen to marker
SHAKE = 0.035  # standard deviation of each point of a skeleton, of the digit's height
Stroke = Sequence[tuple[float, float]]  # points (x, y); the digit is 1 high, y grows downwards


def draw_digits(n: int, *, random_state: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return n drawn digits of national forms, images (n, 28, 28) uint8 and labels (n,) uint8."""
    random = np.random.default_rng(random_state)
    forms = [FORMS[i % len(FORMS)] for i in range(n)]
    images = [_draw_one(strokes_of, random) for _, strokes_of in forms]
    return np.stack(images), np.array([label for label, _ in forms], np.uint8)


def _draw_one(strokes_of: Callable[..., list[Stroke]], random: np.random.Generator) -> NDArray[np.uint8]:
    strokes = strokes_of(random, width=random.uniform(0.45, 0.75))
    slant, pen = random.normal(0.1, 0.15), random.uniform(*PEN)
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    for stroke in strokes:
        points = _smooth(np.array(stroke) + random.normal(0, SHAKE, (len(stroke), 2)))
        points[:, 0] += slant * (0.5 - points[:, 1])
        pixels = np.rint((points * 0.6 + 0.2) * CANVAS * 16).astype(np.int32)  # 4 bits of fraction
        cv2.polylines(canvas, [pixels], False, 255, max(2, round(pen * 0.6 * CANVAS)), cv2.LINE_AA, shift=4)
    return prepare(canvas, "mnist-28")


def _one_with_a_long_upstroke(random: np.random.Generator, width: float) -> list[Stroke]:  # noqa: ARG001
    low, far = random.uniform(0.3, 0.75), random.uniform(0.2, 0.5)
    return [[(0.6 - far, low), (0.6 - far / 2, low / 2), (0.6, 0.0), (0.6, 0.5), (0.6, 1.0)]]


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


FORMS = (  # the label, and what draws its strokes with proportions of its own
    (1, _one_with_a_long_upstroke),
    (7, _barred_seven),
    (7, _seven_with_a_serif),
    (4, _open_four),
    (9, _nine_with_a_straight_tail),
)
