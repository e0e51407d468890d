"""A sheet of paper that lies on something darker: its four corners, its face seen from above, and the way back."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.readings import Box

SEARCH_SIZE = 320  # px, longer side of the copy in which the sheet is looked for
SMALLEST_PICTURE = 160  # px, shorter side; what is smaller is a crop, and a light digit in it no sheet
LEAST_AREA = 0.2  # of the picture; further away, digits are too small to read
BRIGHT = 0.7  # of its face; writing covers less than the rest, the inside of a light frame or ring is dark
BESIDE = 0.03  # of the copy's longer side; brightness is compared so far to either side of an edge
SHARP = 0.8  # times as bright as the sheet is the table at most, there; light falls off slower
EDGE_SEEN = 0.85  # of each side; a shadow or a thing upon it may hide the rest
STRAIGHT = 0.008  # of the sheet's circumference; its outline is drawn by straight sides that are no further off
SHORTEST_SIDE = 0.06  # of the circumference; a shorter one is a corner, rounded or torn off
AT_BORDER = 2  # px of the copy; a side of the outline within is where the picture ends, not the sheet
INSET = 0.01  # of the sheet's sides; its edge and the shadow there are left out
SQUARE = 1.5  # degrees; corners as cut, within what is found of them

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sheet:
    """A sheet in a picture, by the matrix (3, 3) that takes px of the picture to px of its face seen from above."""

    matrix: Floats
    size: tuple[int, int]  # px, width and height of its face
    corners: Floats  # (4, 2) px of the picture: upper left, upper right, lower right, lower left

    def face(self, gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the sheet of a picture, (h, w) uint8, as it looks from above."""
        return np.asarray(cv2.warpPerspective(gray, self.matrix, self.size, borderMode=cv2.BORDER_REPLICATE), np.uint8)

    def box_on_picture(self, box: Box) -> Box:
        """Return the upright box in the picture around what has a box on the sheet's face."""
        x, y, width, height = box
        edges = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], np.float64)
        points = cv2.perspectiveTransform(edges[None], np.linalg.inv(self.matrix))[0]
        (left, top), (right, bottom) = np.rint(points.min(axis=0)), np.rint(points.max(axis=0))
        return int(left), int(top), max(1, int(right - left)), max(1, int(bottom - top))

    @property
    def is_aslant(self) -> bool:
        """Whether it was seen from the side: its corners are not square."""
        return max(abs(angle - 90) for angle in _angles(self.corners)) > SQUARE


def find_sheet(gray: NDArray[np.uint8]) -> Sheet | None:
    """Find the sheet on a picture, (h, w) uint8; None where it has no four edges before something darker.

    Only what is a quadrilateral with sharp edges all around counts, so that a picture that shows nothing but paper
    stays as it is.
    """
    if min(gray.shape) < SMALLEST_PICTURE:
        return None
    scale = min(1.0, SEARCH_SIZE / max(gray.shape))
    small = np.asarray(cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    _, light = cv2.threshold(cv2.GaussianBlur(small, (5, 5), 0), 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    corners = _quadrilateral(np.asarray(light, np.uint8))
    if corners is None or not _lies_on_darker(corners, small):
        return None
    return _seen_from_above(corners / scale)


def _quadrilateral(light: NDArray[np.uint8]) -> Floats | None:
    """Return the corners (4, 2) of the largest light area of a mask, clockwise from the upper left, if it has four.

    Where the picture ends before the sheet does, a corner may lie beyond it: there the sides are drawn on.
    """
    contours, _ = cv2.findContours(light, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(max(contours, key=cv2.contourArea)) if contours else np.empty((0, 1, 2), np.int32)
    if len(hull) < 4 or cv2.contourArea(hull) < LEAST_AREA * light.size:
        return None
    polygon = cv2.approxPolyDP(hull, STRAIGHT * cv2.arcLength(hull, True), True)
    face = cv2.fillConvexPoly(np.zeros_like(light), polygon, (1,)) > 0
    if light[face].mean() < BRIGHT:
        return None
    return _four_corners(polygon[:, 0].astype(np.float64), light.shape)


def _four_corners(polygon: Floats, shape: tuple[int, ...]) -> Floats | None:
    """Return where the long sides of a polygon (n, 2) meet that are not the picture's own border, if they are four."""
    last = np.array([shape[1] - 1, shape[0] - 1])
    ends = np.stack([polygon, np.roll(polygon, -1, axis=0)], axis=1)  # (n, 2, 2) of each side
    at_border = np.asarray((ends <= AT_BORDER).all(axis=1) | (ends >= last - AT_BORDER).all(axis=1))
    lengths = np.hypot(*(ends[:, 1] - ends[:, 0]).T)
    sides = ends[~at_border.any(axis=1) & (lengths >= SHORTEST_SIDE * lengths.sum())]
    if len(sides) != 4:
        return None
    first, second = (np.column_stack([sides[:, i], np.ones(4)]) for i in (0, 1))  # homogeneous coordinates
    lines: Floats = np.asarray(np.cross(first, second), np.float64)
    meeting: Floats = np.asarray(np.cross(np.roll(lines, 1, axis=0), lines), np.float64)
    if (np.abs(meeting[:, 2]) < 1e-6 * np.abs(meeting).max()).any():
        return None
    corners = np.asarray(meeting[:, :2] / meeting[:, 2:], np.float64)
    around = corners - corners.mean(axis=0)
    clockwise = corners[np.argsort(np.arctan2(around[:, 1], around[:, 0]))]
    return np.roll(clockwise, -int(clockwise.sum(axis=1).argmin()), axis=0)


def _lies_on_darker(corners: Floats, gray: NDArray[np.uint8]) -> bool:
    """Whether all four sides are seen, and the picture is darker right beyond each."""
    aside = BESIDE * max(gray.shape)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = (end - start) / max(1.0, float(np.hypot(*(end - start))))
        outward = np.array([along[1], -along[0]]) * aside
        on_edge = start + np.linspace(0.1, 0.9, 33)[:, None] * (end - start)
        on_edge = on_edge[_is_inside(on_edge + outward, gray.shape) & _is_inside(on_edge, gray.shape)]
        outside, inside = _values(gray, on_edge + outward), _values(gray, on_edge - outward)
        if not len(on_edge) or np.mean(outside < SHARP * inside) < EDGE_SEEN:
            return False
    return True


def _is_inside(points: Floats, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    return np.asarray(((points >= 0) & (points <= (shape[1] - 1, shape[0] - 1))).all(axis=1))


def _values(gray: NDArray[np.uint8], points: Floats) -> Floats:
    """Return the brightness at some points (n, 2)."""
    x, y = np.rint(points).astype(int).T
    return np.asarray(gray[y, x], np.float64)


def _seen_from_above(corners: Floats) -> Sheet:
    """Return the sheet with some corners; its face is as large as its sides are on average."""
    sides = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    width, height = round((sides[0] + sides[2]) / 2), round((sides[1] + sides[3]) / 2)
    left, top = INSET * width, INSET * height
    face = np.array([[-left, -top], [width + left, -top], [width + left, height + top], [-left, height + top]])
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), face.astype(np.float32))
    return Sheet(np.asarray(matrix, np.float64), (width, height), corners)


def _angles(corners: Floats) -> list[float]:
    """Return the angles at the corners of a quadrilateral, in degrees."""
    after, before = np.roll(corners, -1, axis=0) - corners, np.roll(corners, 1, axis=0) - corners
    cosines = (after * before).sum(axis=1) / (np.hypot(*after.T) * np.hypot(*before.T))
    return [float(angle) for angle in np.degrees(np.arccos(np.clip(cosines, -1, 1)))]
