"""Shaken copies of a line: as if the same hand had written it again, and a camera seen it again."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

MOST_HEIGHT = 96  # px; a larger line is made smaller first, a reader of lines sees 32
TURN = 1.5  # degrees, standard deviation
STRETCH = 0.08  # likewise, of each side
SHEAR = 0.1  # likewise
SHIFT = 0.03  # likewise, of the height
PEN = (-0.5, 0.6)  # blended with the erosion, with the dilation by 3 px at a height of BOLD
BOLD = 48  # px; in a smaller line 3 px are much
BLUR = 0.02  # of the height, most
CONTRAST = 0.3  # the grey curve is bent by up to this factor's exponential
NOISE = 0.06  # most, of full ink
Random = np.random.Generator
Flat = NDArray[np.uint8]  # (h, w), see ink.flatten
Ink = NDArray[np.floating]  # (h, w), 1 is full ink


def shrink_line(flat: Flat) -> Flat:
    """Return a line no higher than shaking needs it."""
    scale = MOST_HEIGHT / len(flat)
    if scale >= 1:
        return flat
    size = max(1, round(flat.shape[1] * scale)), MOST_HEIGHT
    return np.asarray(cv2.resize(flat, size, interpolation=cv2.INTER_AREA), np.uint8)


def shake_line(flat: Flat, random: Random) -> Flat:
    """Return a copy of a flattened line, (h, w) uint8, with another pose, pen, sharpness, contrast and grain."""
    ink = _move(flat.astype(np.float32) / np.float32(255), random)
    for change, share in ((_change_pen, 0.5), (_blur, 0.4), (_add_noise, 0.5)):
        if random.random() < share:
            ink = change(ink, random)
    bent = np.clip(ink, 0, 1) ** np.exp(random.uniform(-CONTRAST, CONTRAST))
    return np.asarray(np.rint(bent * 255), np.uint8)


def _move(ink: Ink, random: Random) -> Ink:
    """Turn, stretch, slant and shift; the border is continued."""
    height, width = ink.shape
    turn = np.radians(random.normal(0, TURN))
    shape = np.diag(np.exp(random.normal(0, STRETCH, 2))) @ np.array([[1, random.normal(0, SHEAR)], [0, 1]])
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ shape
    middle = np.array([width / 2, height / 2])
    shift = middle - linear @ middle + random.normal(0, SHIFT * height, 2)
    matrix = np.column_stack([linear, shift])
    return np.asarray(cv2.warpAffine(ink, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.float32)


def _change_pen(ink: Ink, random: Random) -> Ink:
    amount = random.uniform(*PEN) * min(1.0, len(ink) / BOLD)
    changed = cv2.dilate(ink, np.ones((3, 3))) if amount > 0 else cv2.erode(ink, np.ones((3, 3)))
    return np.asarray(ink + (changed - ink) * abs(amount), np.float32)


def _blur(ink: Ink, random: Random) -> Ink:
    return np.asarray(cv2.GaussianBlur(ink, (0, 0), 0.2 + random.uniform(0, BLUR) * len(ink)), np.float32)


def _add_noise(ink: Ink, random: Random) -> Ink:
    return np.asarray(ink + random.normal(0, random.uniform(0, NOISE), ink.shape), np.float32)
