"""A reading drawn on its picture: a box around each number, its digits beside it, and which are to be looked at."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.readings import Box, NumberReading, PageReading

Color = tuple[int, int, int]  # red, green, blue

ACCEPTED: Color = (0, 90, 181)  # blue and orange: told apart by the colour-blind, and in grey by their brightness
DOUBTFUL: Color = (220, 100, 0)
TEXT: Color = (255, 255, 255)
PIXELS_PER_LINE = 600  # of the picture's longer side; a line stays visible where the picture is shown on a screen
TEXT_LINES = 12  # times a line's thickness; the height of the letters
FONT = cv2.FONT_HERSHEY_SIMPLEX
FONT_HEIGHT = 22  # px of its capitals at scale 1
DASH = 6  # times a line's thickness


def annotate(gray: NDArray[np.uint8], reading: PageReading) -> NDArray[np.uint8]:
    """Draw what was read on the picture it was read from.

    Accepted numbers have a blue box drawn through, doubtful ones an orange box of dashes and a question mark.

    Parameters
    ----------
    gray
        (h, w) uint8, upright, as `load_picture` returns it.

    Returns
    -------
    picture
        (h, w, 3) uint8, red, green and blue; of the same size.
    """
    picture = np.repeat(gray[:, :, None], 3, axis=2)
    thickness = max(1, round(max(gray.shape) / PIXELS_PER_LINE))
    for number in reading.numbers:
        _draw_box(picture, number, thickness)
    boxes = [number.box for number in reading.numbers]
    for number in reading.numbers:  # after all boxes, so that none runs through a label
        _draw_label(picture, number, boxes, thickness)
    return picture


def _draw_box(picture: NDArray[np.uint8], number: NumberReading, thickness: int) -> None:
    x, y, width, height = number.box
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
        if number.accepted:
            cv2.line(picture, start, end, ACCEPTED, thickness)
        else:
            _draw_dashes(picture, start, end, thickness)


def _draw_dashes(picture: NDArray[np.uint8], start: tuple[int, int], end: tuple[int, int], thickness: int) -> None:
    first, way = np.array(start), np.subtract(end, start)
    length = float(np.hypot(*way))
    n_dashes = max(1, round(length / (2 * DASH * thickness)))
    for i in range(n_dashes):
        a, b = first + way * i / n_dashes, first + way * (i + 0.5) / n_dashes
        cv2.line(
            picture, tuple(np.rint(a).astype(int).tolist()), tuple(np.rint(b).astype(int).tolist()), DOUBTFUL, thickness
        )


def _draw_label(picture: NDArray[np.uint8], number: NumberReading, boxes: list[Box], thickness: int) -> None:
    """Write what was read in white on the box's colour, beside the box."""
    text = number.text if number.accepted else f"{number.text}?"
    scale = TEXT_LINES * thickness / FONT_HEIGHT
    (text_width, text_height), _ = cv2.getTextSize(text, FONT, scale, thickness)
    width, height = text_width + 2 * thickness, text_height + 4 * thickness
    left, top = _place_label(number.box, (width, height), boxes, picture.shape)
    color = ACCEPTED if number.accepted else DOUBTFUL
    cv2.rectangle(picture, (left, top), (left + width, top + height), color, cv2.FILLED)
    place = (left + thickness, top + text_height + 2 * thickness)
    cv2.putText(picture, text, place, FONT, scale, TEXT, thickness, cv2.LINE_AA)


def _place_label(box: Box, size: tuple[int, int], boxes: list[Box], shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the corner of a label above, right of, left of or below its box: the first place that is free.

    Where none is, it stands above, as far inside the picture as there is room.
    """
    x, y, width, height = box
    middle = y + (height - size[1]) // 2
    places = [(x, y - size[1]), (x + width, middle), (x - size[0], middle), (x, y + height)]
    limits = (shape[1] - size[0], shape[0] - size[1])
    for left, top in places:
        inside = 0 <= left <= limits[0] and 0 <= top <= limits[1]
        if inside and not any(_overlap((left, top, *size), other) for other in boxes if other != box):
            return left, top
    return max(0, min(places[0][0], limits[0])), max(0, min(places[0][1], limits[1]))


def _overlap(a: Box, b: Box) -> bool:
    return all(min(a[i] + a[i + 2], b[i] + b[i + 2]) > max(a[i], b[i]) for i in (0, 1))
