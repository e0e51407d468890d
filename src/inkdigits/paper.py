"""The paper that a made-up number stands on: what is printed there, what else is written, what the camera adds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Random = np.random.Generator
Canvas = NDArray[np.floating]  # (h, w), 0 is paper, 1 is full ink


class Place(NamedTuple):
    """Where a number stands on its paper, and how strong its ink is."""

    top: float  # px
    height: float  # px
    strength: float


def print_and_stain(canvas: Canvas, place: Place, random: Random) -> None:
    """Draw what else is on the paper: rules, a frame, security print, specks, bits of other lines."""
    for share, draw in STAINS:
        if random.random() < share:
            draw(canvas, place, random)


def photograph(canvas: Canvas, place: Place, random: Random) -> Canvas:
    """Return what a camera or a scanner makes of it: blurred, with grain, compressed; 0..1."""
    if random.random() < 0.6:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), random.uniform(0.3, 0.05 * place.height)), np.float32)
    if random.random() < 0.6:
        canvas = canvas + random.normal(0, random.uniform(0, 0.12), canvas.shape).astype(np.float32)
    canvas = np.clip(canvas, 0, 1) ** np.float32(np.exp(random.uniform(-0.4, 0.4)))
    if random.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(25, 85))]
        _, stored = cv2.imencode(".jpg", np.asarray(canvas * 255, np.uint8), quality)
        canvas = np.asarray(cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE), np.float32) / 255
    return canvas


def stroke(canvas: Canvas, points: Sequence[tuple[float, float]], pen: float, strength: float) -> None:
    """Draw a polyline of points (x, y) in px; where there is darker ink already, that stays."""
    pixels = np.rint(np.array(points) * 16).astype(np.int32)  # 4 bits of fraction
    thickness = max(1, round(pen))
    low = np.maximum(np.floor(pixels.min(axis=0) / 16).astype(int) - thickness - 1, 0)
    high = np.minimum(np.ceil(pixels.max(axis=0) / 16).astype(int) + thickness + 2, canvas.shape[::-1])
    if (high <= low).any():
        return
    window = canvas[low[1] : high[1], low[0] : high[0]]
    ink = np.zeros(window.shape, np.uint8)
    cv2.polylines(ink, [pixels - low * 16], False, 255, thickness, cv2.LINE_AA, shift=4)
    np.maximum(window, ink * np.float32(strength / 255), out=window)


def _rule(canvas: Canvas, place: Place, random: Random) -> None:
    """Rule a base line, or one through the digits."""
    w = canvas.shape[1]
    y = place.top + place.height * (1.0 if random.random() < 0.6 else random.uniform(0, 1))
    y += random.normal(0, 0.08) * place.height
    start, stop = (0, w) if random.random() < 0.8 else np.sort(random.uniform(0, w, 2))
    tilt = random.normal(0, 0.015) * w
    stroke(canvas, [(start, y), (stop, y + tilt)], random.choice((1.0, 1.0, 2.0)), random.uniform(0.1, 0.9))


def _frame(canvas: Canvas, place: Place, random: Random) -> None:  # noqa: ARG001
    """Leave bits of a cell's frame near the sides, now and then with double lines."""
    h, w = canvas.shape
    strength, pen = random.uniform(0.15, 1.0), random.choice((1.0, 1.0, 2.0, 3.0))
    tilt, again = random.normal(0, 0.01) * h, random.choice((0.0, 0.0, 0.12)) * h
    inset_x, inset_y = random.uniform(0, 0.08) * h, random.uniform(0, 0.06) * h
    for step in {0.0, again}:
        left, right, top, bottom = inset_x + step, w - 1 - inset_x - step, inset_y + step, h - 1 - inset_y - step
        sides = [
            [(left, 0), (left + tilt, h)],
            [(right, 0), (right + tilt, h)],
            [(0, top), (w, top + tilt)],
            [(0, bottom), (w, bottom + tilt)],
        ]
        for side in sides:
            if random.random() < 0.6:
                stroke(canvas, side, pen, strength * random.uniform(0.5, 1))


def _dotted(canvas: Canvas, place: Place, random: Random) -> None:
    """Print a dotted line to write on, or what is left of a line where the camera saw little of it."""
    w, h = canvas.shape[1], place.height
    y, strength = place.top + h * random.uniform(0.8, 1.3), random.uniform(0.1, 0.6)
    dot, pitch = random.uniform(0.05, 0.25) * h, random.uniform(0.2, 0.7) * h
    start, stop = np.sort(random.uniform(-w / 2, 1.5 * w, 2))
    for x in np.arange(start, stop, max(2.0, pitch)):
        stroke(canvas, [(x, y), (x + dot, y)], random.choice((1.0, 2.0, 3.0)), strength * random.uniform(0.4, 1))


def _waves(canvas: Canvas, place: Place, random: Random) -> None:
    """Print a family of fine curves all over the paper, as against forgery."""
    h, w = canvas.shape
    strength, period = random.uniform(0.05, 0.3), place.height * random.uniform(0.5, 3)
    amplitude, pitch = place.height * random.uniform(0, 0.5), max(3.0, place.height * random.uniform(0.1, 0.4))
    angle, phase = random.uniform(-0.6, 0.6), random.uniform(0, 7)
    x = np.arange(-4, w + 8, 4.0)
    for y in np.arange(-h, 2 * h, pitch):
        curve = y + angle * x + amplitude * np.sin(x * 2 * np.pi / period + phase + 0.1 * y / pitch)
        stroke(canvas, list(zip(x, curve, strict=True)), 1.0, strength)


def _weave(canvas: Canvas, place: Place, random: Random) -> None:  # noqa: ARG001
    """Print or weave a fine grid."""
    h, w = canvas.shape
    period = random.uniform(2.5, 7)
    rows, columns = np.arange(h)[:, None] * 2 * np.pi / period, np.arange(w)[None] * 2 * np.pi / period
    canvas += np.float32(random.uniform(0.02, 0.12)) * (np.sin(rows) * np.sin(columns) + 1).astype(np.float32)


def _shade(canvas: Canvas, place: Place, random: Random) -> None:  # noqa: ARG001
    """Leave some of an uneven light."""
    h, w = canvas.shape
    coarse = random.uniform(0, random.uniform(0.05, 0.35), (2, 4)).astype(np.float32)
    canvas += cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC)


def _specks(canvas: Canvas, place: Place, random: Random) -> None:
    h, w = canvas.shape
    for _ in range(int(random.integers(1, 6))):
        at = (random.uniform(0, w), random.uniform(0, h))
        stroke(canvas, [at, at], random.uniform(0.03, 0.12) * place.height, random.uniform(0.3, 1))


def _neighbours(canvas: Canvas, place: Place, random: Random) -> None:
    """Leave bits of what is written above and below."""
    h, w = canvas.shape
    for _ in range(int(random.integers(1, 4))):
        edge, x = random.choice((0, h)), random.uniform(0, w)
        reach = random.uniform(0.05, 0.25) * place.height * (1 if edge == 0 else -1)
        way = [(x, edge), (x + random.normal(0, 0.2) * place.height, edge + reach)]
        stroke(canvas, way, random.uniform(0.06, 0.12) * place.height, place.strength)


STAINS: tuple[tuple[float, Callable[[Canvas, Place, Random], None]], ...] = (  # share of lines, and what is on them
    (0.25, _rule),
    (0.3, _frame),
    (0.1, _dotted),
    (0.15, _waves),
    (0.1, _weave),
    (0.3, _shade),
    (0.1, _specks),
    (0.2, _neighbours),
)
