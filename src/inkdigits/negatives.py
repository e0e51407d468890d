"""What is not a digit, made up: so that a reader learns to say so, and can be judged on it.

Every kind is drawn as it would come out of a page; those with strokes are prepared as MNIST is.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.prepare import crop_to_ink, prepare

CANVAS = 96  # px
PEN = (2, 11)  # px of the canvas, thinnest and thickest; about what digits are drawn with
LETTERS = "ACEFHKMNPRUVWXaekmnprtuvwx?&#@%+*=$"  # without those that many hands write like a digit
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)
Digits = NDArray[np.uint8]  # (n, 28, 28), material for pairs


def draw_negatives(
    n: int, digits: Digits, *, random_state: int, kinds: tuple[str, ...] = ()
) -> tuple[NDArray[np.uint8], NDArray[np.str_]]:
    """Return n images of what is no digit, (n, 28, 28) uint8, and the kind of each, (n,).

    Parameters
    ----------
    digits
        (m, 28, 28) uint8, from which pairs are put together.
    kinds
        Names in KINDS, in turn; by default all.
    """
    random = np.random.default_rng(random_state)
    chosen = kinds or tuple(KINDS)
    names = [chosen[i % len(chosen)] for i in range(n)]
    return np.stack([KINDS[name](random, digits) for name in names]), np.array(names)


def _blank(random: np.random.Generator, digits: Digits) -> NDArray[np.uint8]:  # noqa: ARG001
    """Draw paper: nothing at all, a faint smear, the shade of a fold."""
    image = np.zeros((28, 28), np.float64)
    for _ in range(random.integers(0, 3)):
        x, y = random.uniform(0, 28, 2)
        rows, columns = np.mgrid[:28, :28]
        width = random.uniform(4, 14)
        image += random.uniform(0, 80) * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * width**2))
    return np.asarray(np.clip(image + random.normal(0, random.uniform(0, 6), image.shape), 0, 255), np.uint8)


def _noise(random: np.random.Generator, digits: Digits) -> NDArray[np.uint8]:  # noqa: ARG001
    """Draw grain: fine or coarse, all over or as specks."""
    noise = cv2.GaussianBlur(random.normal(0, 1, (28, 28)), (0, 0), random.uniform(0.3, 2.5))
    noise = (noise - noise.min()) / np.ptp(noise)
    if random.random() < 0.5:
        threshold = random.uniform(0.4, 0.9)
        noise = np.clip((noise - threshold) / (1 - threshold), 0, 1)
    return np.asarray(noise * random.uniform(80, 255), np.uint8)


def _scribble(random: np.random.Generator, digits: Digits) -> NDArray[np.uint8]:  # noqa: ARG001
    """Draw a pen that goes to and fro."""
    points = random.uniform(0.1, 0.9, (random.integers(6, 16), 2))
    if random.random() < 0.4:  # a zigzag, as one strikes something out
        points[:, 0] = np.linspace(0.1, 0.9, len(points)) + random.normal(0, 0.03, len(points))
        points[::2, 1], points[1::2, 1] = random.uniform(0.1, 0.35), random.uniform(0.6, 0.9)
    return _pen_down([points], random)


def _letter(random: np.random.Generator, digits: Digits) -> NDArray[np.uint8]:  # noqa: ARG001
    """Draw a letter or sign that no hand makes like a digit."""
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    letter, font = LETTERS[random.integers(len(LETTERS))], FONTS[random.integers(len(FONTS))]
    cv2.putText(canvas, letter, (20, 70), font, 2.0, 255, int(random.integers(2, 7)), cv2.LINE_AA)
    return prepare(_shear(canvas, random), "mnist-28")


def _frame(random: np.random.Generator, digits: Digits) -> NDArray[np.uint8]:  # noqa: ARG001
    """Draw print: rules, corners, crossings and boxes, straight and sharp."""
    left, right = np.sort(random.uniform(0.05, 0.95, 2))
    top, bottom = np.sort(random.uniform(0.05, 0.95, 2))
    right, bottom = max(right, left + 0.35), max(bottom, top + 0.35)
    middle_x, middle_y = (
        left + random.uniform(0.3, 0.7) * (right - left),
        top + random.uniform(0.3, 0.7) * (bottom - top),
    )
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    shapes = [
        [[(0.0, top), (1.0, top)]],  # a rule
        [[(0.0, top), (1.0, top)], [(0.0, bottom), (1.0, bottom)]],
        [corners],  # a box
        [corners[:4]],  # three sides of one
        [corners[2:], [(left, middle_y), (right, middle_y)]],
        [[(left, middle_y), (right, middle_y)], [(middle_x, top), (middle_x, bottom)]],  # a crossing
        [corners, [(middle_x, top), (middle_x, bottom)]],
    ]
    return _pen_down([np.array(line) for line in shapes[random.integers(len(shapes))]], random)


def _blot(random: np.random.Generator, digits: Digits) -> NDArray[np.uint8]:  # noqa: ARG001
    """Draw a solid patch."""
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    for _ in range(random.integers(1, 4)):
        center, size = random.integers(30, 66, 2), random.integers(12, 28)
        axes = np.array([size, round(size * random.uniform(0.6, 1))])  # slimmer ones would be bold 1s
        angle = float(random.uniform(0, 180))
        cv2.ellipse(canvas, center.tolist(), axes.tolist(), angle, 0, 360, 255, -1, cv2.LINE_AA)
    return prepare(canvas, "mnist-28")


def _pair(random: np.random.Generator, digits: Digits) -> NDArray[np.uint8]:
    """Put two digits, now and then three, side by side: what a cut in the wrong place leaves together."""
    n = 3 if random.random() < 0.15 else 2
    inks = [crop_to_ink(digits[i]) for i in random.integers(len(digits), size=n)]
    inks = [ink for ink in inks if ink.size] or [np.full((20, 4), 255, np.uint8)]
    gap = int(random.integers(-2, 5))
    canvas = np.zeros((28, sum(ink.shape[1] for ink in inks) + 4 * len(inks) + 4), np.uint8)
    x = 2
    for ink in inks:
        height, width = ink.shape
        y = int(np.clip((28 - height) // 2 + random.integers(-3, 4), 0, 28 - height))
        window = canvas[y : y + height, x : x + width]
        np.maximum(window, ink, out=window)
        x += max(1, width + gap)
    return prepare(canvas, "mnist-28")


def _pen_down(strokes: list[NDArray[np.float64]], random: np.random.Generator) -> NDArray[np.uint8]:
    """Draw polylines with points (x, y) in 0..1 with one pen, and prepare them."""
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    pen = int(random.integers(*PEN))
    for stroke in strokes:
        pixels = np.rint(stroke * CANVAS * 16).astype(np.int32)  # 4 bits of fraction
        cv2.polylines(canvas, [pixels], False, 255, pen, cv2.LINE_AA, shift=4)
    return prepare(canvas, "mnist-28")


def _shear(canvas: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    matrix = np.array([[1, random.normal(0, 0.15), 0], [random.normal(0, 0.1), 1, 0]])
    return np.asarray(cv2.warpAffine(canvas, matrix, (CANVAS, CANVAS)), np.uint8)


KINDS: dict[str, Callable[[np.random.Generator, Digits], NDArray[np.uint8]]] = {
    "blank": _blank,
    "noise": _noise,
    "scribble": _scribble,
    "letter": _letter,
    "frame": _frame,
    "blot": _blot,
    "pair": _pair,
}
