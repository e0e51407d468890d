"""Draws examples/page.jpg: numbers in blue ink on a sheet in uneven light, for the README and for trying things out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SKELETONS = {  # strokes of each digit as points (x, y) in a box 0.6 wide and 1 high
    "0": [[(0.5, 0.08), (0.3, 0.0), (0.05, 0.3), (0.05, 0.7), (0.3, 1.0), (0.55, 0.7), (0.55, 0.25), (0.4, 0.02)]],
    "1": [[(0.1, 0.3), (0.35, 0.0), (0.35, 0.5), (0.33, 1.0)]],
    "2": [[(0.05, 0.25), (0.2, 0.0), (0.5, 0.05), (0.5, 0.4), (0.2, 0.75), (0.0, 1.0), (0.3, 0.97), (0.6, 0.98)]],
    "3": [[(0.05, 0.1), (0.3, 0.0), (0.52, 0.2), (0.25, 0.45), (0.55, 0.65), (0.45, 0.98), (0.15, 1.0), (0.0, 0.85)]],
    "4": [[(0.35, 0.0), (0.2, 0.35), (0.02, 0.65), (0.3, 0.66), (0.6, 0.64)], [(0.42, 0.4), (0.42, 0.7), (0.4, 1.0)]],
    "5": [
        [(0.55, 0.02), (0.3, 0.02), (0.12, 0.03), (0.1, 0.42), (0.35, 0.38), (0.58, 0.65), (0.4, 0.98), (0.02, 0.95)]
    ],
    "6": [[(0.45, 0.0), (0.2, 0.2), (0.02, 0.6), (0.15, 1.0), (0.5, 0.95), (0.5, 0.6), (0.25, 0.52), (0.05, 0.72)]],
    "7": [[(0.02, 0.04), (0.3, 0.02), (0.58, 0.02), (0.4, 0.45), (0.22, 1.0)], [(0.15, 0.5), (0.52, 0.48)]],
    "8": [
        [
            *[(0.5, 0.12), (0.25, 0.0), (0.08, 0.25), (0.3, 0.45), (0.55, 0.75)],
            *[(0.3, 1.0), (0.05, 0.8), (0.25, 0.5), (0.52, 0.25), (0.45, 0.08)],
        ]
    ],
    "9": [[(0.52, 0.2), (0.3, 0.0), (0.05, 0.25), (0.25, 0.5), (0.5, 0.3), (0.53, 0.1), (0.5, 0.5), (0.42, 1.0)]],
}
ROWS = ("1492", "305  78", "60231")  # two spaces: another number
HEIGHT = 92  # px, of a digit
INK = (150, 60, 40)  # blue, green, red


def main() -> None:
    """Draw the sheet and write it beside this file."""
    random = np.random.default_rng(7)
    page = np.full((600, 820, 3), 235, np.uint8)
    for row, text in enumerate(ROWS):
        x, y = 110.0, 90 + 150 * row
        for character in text:
            if character != " ":
                draw_digit(page, character, x, y + 10 * np.sin(x / 90), random)
            x += HEIGHT * 0.85
    path = Path(__file__).with_name("page.jpg")
    cv2.imwrite(str(path), in_uneven_light(page, random), [cv2.IMWRITE_JPEG_QUALITY, 85])


def draw_digit(page: NDArray[np.uint8], digit: str, x: float, y: float, random: np.random.Generator) -> None:
    """Draw one digit with its upper left corner at (x, y), a little differently each time."""
    slant = random.normal(0.12, 0.04)
    for stroke in SKELETONS[digit]:
        points = rounded(np.array(stroke) + random.normal(0, 0.015, (len(stroke), 2)))
        points[:, 0] += slant * (1 - points[:, 1])
        pixels = np.rint((points * HEIGHT + (x, y)) * 16).astype(np.int32)
        cv2.polylines(page, [pixels], False, INK, 6, cv2.LINE_AA, shift=4)


def rounded(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round the corners of a polyline (Chaikin's corner cutting, three times)."""
    for _ in range(3):
        cut = np.stack([0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]], axis=1)
        points = np.concatenate([points[:1], cut.reshape(-1, 2)[1:-1], points[-1:]])
    return points


def in_uneven_light(page: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Darken a corner, as a lamp on the other side does, and add a camera's noise."""
    height, width = page.shape[:2]
    light = 1 - 0.45 * (np.linspace(0, 1, width)[None, :] * np.linspace(0.2, 1, height)[:, None])
    photo = page * light[:, :, None] + random.normal(0, 4, page.shape)
    return np.clip(photo, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
