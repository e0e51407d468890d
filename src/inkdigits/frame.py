"""The sides of a printed box around one digit's crop are found along its border and taken out of the ink."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.ink import WEAK_INK

NARROWEST = 0.5  # of a crop's longer side; the stroke of a 1 fills what is narrower
ZONE = 0.2  # of the crop's side; a box that is cut out askew or too wide has its sides within
SPAN = 0.75  # of the crop's side; of digits only those that fill the crop have a stroke as long
ASKEW = (-3, 0, 3)  # degrees; so far the sides of a box that was cut out by its corners slope
SOFT_EDGE = 2  # px; a side's soft edge goes with it
LEAST_INSIDE = 0.7  # of the crop's height; what is left inside of a digit that fills its crop is lower


def erase_frame(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the ink of a crop, (h, w) uint8, without the sides of a box around its digit.

    A stroke may fill its crop from side to side, too: the bar of a 7, the foot of a 2. It is a side of a box only if
    the rest stands free of it or, where they touch, if the rest is as high as a digit in a box.
    """
    if min(ink.shape) < NARROWEST * max(ink.shape):
        return ink
    mask = (ink >= WEAK_INK * 255).astype(np.uint8)
    sides = _sides(mask) | _sides(mask.T).T
    if not sides.any():
        return ink
    sides = np.asarray(cv2.dilate(sides, np.ones((2 * SOFT_EDGE + 1, 2 * SOFT_EDGE + 1), np.uint8)), np.uint8)
    return ink * (1 - sides) if _holds_a_digit(sides, mask) else ink


def _sides(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the straight ink along the upper and the lower border of a mask, (h, w) uint8 of 0 and 1."""
    height, width = mask.shape
    zone = max(1, round(ZONE * height))
    length = max(3, round(SPAN * width))
    near, found = mask.copy(), np.zeros_like(mask)
    near[zone : height - zone] = 0
    if np.count_nonzero(near.any(axis=0)) < length:  # most crops have no box; looking for its sides takes long
        return found
    for degrees in ASKEW:
        found |= _straight(near, degrees, length)
    return found


def _straight(mask: NDArray[np.uint8], degrees: float, length: int) -> NDArray[np.uint8]:
    """Return the ink that lies in straight pieces of a length in a direction."""
    rise = round(np.tan(np.radians(degrees)) * length)
    line = np.zeros((abs(rise) + 1, length), np.uint8)
    cv2.line(line, (0, max(0, -rise)), (length - 1, max(0, rise)), 1)
    with_paper = np.pad(mask, length)  # else OpenCV takes the ink to go on beyond the border
    opened = cv2.morphologyEx(with_paper, cv2.MORPH_OPEN, line)
    return np.asarray(opened[length:-length, length:-length], np.uint8)


def _holds_a_digit(sides: NDArray[np.uint8], mask: NDArray[np.uint8]) -> bool:
    """Whether the largest of what stands between the sides is apart from them, or as high as a digit and whole."""
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask * (1 - sides), connectivity=8)
    if len(statistics) == 1:
        return False
    largest = 1 + int(statistics[1:, cv2.CC_STAT_AREA].argmax())
    _, connected = cv2.connectedComponents(mask, connectivity=8)
    if not np.isin(connected[labels == largest], connected[(sides & mask) > 0]).any():
        return True
    x, y, width, height = statistics[largest, :4]
    inside = x > 0 and y > 0 and x + width < mask.shape[1] and y + height < mask.shape[0]
    return bool(inside and height >= LEAST_INSIDE * mask.shape[0])
