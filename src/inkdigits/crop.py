"""One number of a page, cut out level and without its neighbours, for a reader of whole numbers; and the way back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.readings import Box, union

ABOVE = 0.25  # of the digits' height; dots, commas and what the boxes missed are cut out with them
ASIDE = 0.35  # likewise
LEVEL = 0.01  # px a px; over ten digits less than a tenth of their height

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Crop:
    """A piece of a flattened page, (h, w) uint8, and the matrix (2, 3) that takes px of the page to its own."""

    flat: NDArray[np.uint8]
    matrix: Floats

    @classmethod
    def whole(cls, flat: NDArray[np.uint8]) -> Crop:
        """Return a picture that is one number."""
        return cls(flat, np.eye(2, 3))

    @classmethod
    def around(cls, boxes: Sequence[Box], others: Sequence[Box], flat: NDArray[np.uint8], *, slope: float) -> Crop:
        """Cut out the digits in some boxes; what stands in those of others becomes paper.

        Parameters
        ----------
        flat
            (h, w) uint8, see `ink.flatten`.
        slope
            How far rows fall for each px to the right.
        """
        centre = _centre(union(list(boxes)))
        degrees = math.degrees(math.atan(slope)) if abs(slope) > LEVEL else 0.0
        turn = np.asarray(cv2.getRotationMatrix2D(centre, degrees, 1.0), np.float64)
        own, rest = _turned(boxes, turn), _turned(others, turn)
        margin = float(np.median(own[:, 3] - own[:, 1])) * np.array([ASIDE, ABOVE])
        corner = np.floor(own[:, :2].min(axis=0) - margin)
        width, height = (np.ceil(own[:, 2:].max(axis=0) + margin) - corner).astype(int).tolist()
        turn[:, 2] -= corner
        piece = np.asarray(cv2.warpAffine(flat, turn, (width, height), flags=cv2.INTER_LINEAR), np.uint8)
        return cls(_erase(piece, own - np.tile(corner, 2), rest - np.tile(corner, 2)), turn)

    def box_on_page(self, box: Box, matrix: Floats) -> Box:
        """Return where a box of a picture of the crop lies on the page; on a sloping row, around its middle.

        The matrix (2, 3) takes px of the crop to px of that picture; it neither turns nor leans.
        """
        (scale_x, _, left), (_, scale_y, top) = matrix.tolist()
        x, y = _centre(box)
        x, y = cv2.invertAffineTransform(self.matrix) @ ((x - left) / scale_x, (y - top) / scale_y, 1)
        width, height = box[2] / scale_x, box[3] / scale_y
        return round(x - width / 2), round(y - height / 2), max(1, round(width)), max(1, round(height))


def _erase(piece: NDArray[np.uint8], own: Floats, others: Floats) -> NDArray[np.uint8]:
    """Make paper of what is in others' rectangles and not in the number's own."""
    foreign = np.zeros(piece.shape, np.uint8)
    for rectangles, value in ((others, 1), (own, 0)):
        for x0, y0, x1, y1 in np.clip(np.rint(rectangles), 0, max(piece.shape)).astype(int).tolist():
            foreign[y0:y1, x0:x1] = value
    return np.where(foreign > 0, np.uint8(0), piece)


def _turned(boxes: Sequence[Box], turn: Floats) -> Floats:
    """Return boxes on the turned page as (n, 4) left, top, right, bottom: their middles turn, their sizes stay."""
    if not boxes:
        return np.empty((0, 4))
    x, y, width, height = np.array(boxes, np.float64).T
    middles = turn[:, :2] @ np.stack([x + width / 2, y + height / 2]) + turn[:, 2:]
    half = np.stack([width, height]) / 2
    return np.concatenate([middles - half, middles + half]).T


def _centre(box: Box) -> tuple[float, float]:
    return box[0] + box[2] / 2, box[1] + box[3] / 2
