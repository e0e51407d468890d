"""One digit's ink -> a model's input, the way the model's training data was made."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.ink import stroke_width

EDGE = 32  # of 255; ink weaker than an eighth is the soft edge of a stroke, not part of the box
MNIST_SIZE = 28  # px
MNIST_DIGIT_SIZE = 20  # px; MNIST scales the longer side to 20
MNIST_MIN_STROKE = 1.6  # px at digit size; a finer pen would fade to nothing when the picture is made small
UCI_SIZE = 32  # px; the bitmap in which UCI counts blocks of 4x4
UCI_DIGIT_WIDTH = 20  # px; NIST's forms program stretches a digit to 20 x 32
UCI_MAX_STRETCH = 2.5  # a 1 is widened no further than this
UCI_INK = (0.25, 0.37)  # share of the bitmap; the same program thins or thickens strokes (5-95 % of optdigits-orig)


LINE = "line-32"  # the name of the preparation of whole lines
LINE_HEIGHT = 32  # px
LINE_DIGITS = 24  # px of it are as high as the digits
MAX_LINE_WIDTH = 512  # px; a longer line is squeezed, 30 digits of usual width still fit
MAX_CROP_HEIGHT = 128  # px; a higher crop is made smaller first, or finding its rows would take longer than reading it
LINE_INK = 0.4  # of the strongest; what is weaker does not say where the digits are
LINE_PART = 0.5  # of the highest part; what is lower, a dot or a dash, does not either
LEAST_PART = 0.15  # of the picture's height; what is lower than that is dirt, in a picture of one line
LONG_RULE = (0.4, 1.0)  # of the picture's width, and at least of its height: no stroke of a digit is as long
TALL_RULE = 0.75  # of the picture's height; a line down that is as tall, near a side, is a cell's
AT_SIDE = 0.15  # of the picture's width


@dataclass(frozen=True)
class Preparation:
    """How a digit becomes the input of a model: the function, and what its result looks like."""

    prepare: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
    size: int  # px, the side of the square
    full: int  # the value of full ink


def prepare(ink: NDArray[np.uint8], preparation: str) -> NDArray[np.uint8]:
    """Return the input that a model sees for one digit.

    Parameters
    ----------
    ink
        (h, w) uint8, ink is 255, any size, with or without margins.
    preparation
        A name in PREPARATIONS: ``"mnist-28"`` or ``"uci-8"``.

    Returns
    -------
    image
        (28, 28) uint8 in 0..255, or (8, 8) uint8 in 0..16. All zeros where there is no ink.

    Raises
    ------
    KeyError
        If there is no preparation of that name.
    """
    chosen = PREPARATIONS[preparation]
    ink = crop_to_ink(ink)
    if not ink.any():
        return np.zeros((chosen.size, chosen.size), np.uint8)
    return chosen.prepare(ink)


def crop_to_ink(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut off the margins of (h, w) uint8; full ink becomes 255, no ink gives (0, 0)."""
    if not ink.any():
        return np.zeros((0, 0), np.uint8)
    ink = _stretch(ink)
    x, y, width, height = cv2.boundingRect((ink >= EDGE).astype(np.uint8))
    return ink[y : y + height, x : x + width]


def prepare_line(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what a reader of whole numbers sees: (LINE_HEIGHT, w) uint8, the digits LINE_DIGITS px high.

    Parameters
    ----------
    ink
        (h, w) uint8, ink is bright, grey paper and all; any size, with or without margins.
    """
    return place_line(ink)[0]


def place_line(ink: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return `prepare_line`'s image, and the matrix (2, 3) that takes px of the ink to px of it."""
    shrunk = min(1.0, MAX_CROP_HEIGHT / len(ink))
    if shrunk < 1:
        image, matrix = place_line(_resize(ink, max(1, round(ink.shape[1] * shrunk)), MAX_CROP_HEIGHT))
        return image, matrix * (shrunk, shrunk, 1)
    low, peak = percentile(ink, 5), percentile(ink, 99.5)
    ink = np.asarray(cv2.convertScaleAbs(np.maximum(ink, low) - low, alpha=255 / max(1.0, peak - low)), np.uint8)
    top, bottom = _find_rows(ink)
    scale = LINE_DIGITS / (bottom - top)
    width = min(max(1, round(ink.shape[1] * scale)), MAX_LINE_WIDTH)
    margin = (LINE_HEIGHT - LINE_DIGITS) / 2
    matrix = np.array([[width / ink.shape[1], 0, 0], [0, scale, margin - top * scale]])
    if scale < 1:  # warpAffine does not average
        ink = np.asarray(cv2.GaussianBlur(ink, (0, 0), 0.4 / scale), np.uint8)
    return np.asarray(cv2.warpAffine(ink, matrix, (width, LINE_HEIGHT), flags=cv2.INTER_LINEAR), np.uint8), matrix


def percentile(values: NDArray[np.uint8], q: float) -> float:
    """Return what numpy.percentile does, of uint8; counting 256 values is ten times as fast."""
    reached = np.cumsum(np.bincount(values.ravel(), minlength=256))
    rank = q / 100 * (values.size - 1)
    low, high = np.searchsorted(reached, [math.floor(rank) + 1, math.ceil(rank) + 1]).tolist()
    return float(low + (high - low) * (rank % 1))


def _find_rows(ink: NDArray[np.uint8]) -> tuple[int, int]:
    """Return from where to where digits reach, in px: the high parts of what is no cell; else the whole."""
    height = ink.shape[0]
    written = erase_cell((ink > LINE_INK * 255).astype(np.uint8))
    _, _, statistics, _ = cv2.connectedComponentsWithStats(written, connectivity=8)
    _, y, _, h, _ = statistics[1:].T
    tall = (h >= LINE_PART * h.max(initial=0)) & (h >= LEAST_PART * height)
    if not tall.any():
        return 0, height
    return int(y[tall].min()), int((y + h)[tall].max())


def erase_cell(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Erase what is straight and longer than any stroke: lines across, and lines down near the sides."""
    height, width = mask.shape
    across = _runs(mask, (1, round(max(LONG_RULE[0] * width, LONG_RULE[1] * height))))
    down = _runs(mask, (max(1, round(TALL_RULE * height)), 1))
    side = max(1, round(AT_SIDE * width))
    down[:, side : width - side] = 0
    lines = cv2.dilate(np.maximum(across, down), np.ones((3, 3), np.uint8))
    return np.where(lines > 0, np.uint8(0), mask)


def _runs(mask: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones(shape, np.uint8)), np.uint8)


def _prepare_mnist(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scale the longer side to 20 px, put the centre of mass in the middle of 28 x 28 (yann.lecun.com/exdb/mnist)."""
    scale = MNIST_DIGIT_SIZE / max(ink.shape)
    ink = _thicken(ink, MNIST_MIN_STROKE / scale)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    digit = _stretch(_resize(ink, width, height))
    moments = cv2.moments(digit)
    x = _place(MNIST_SIZE / 2 - moments["m10"] / moments["m00"], width, MNIST_SIZE)
    y = _place(MNIST_SIZE / 2 - moments["m01"] / moments["m00"], height, MNIST_SIZE)
    image = np.zeros((MNIST_SIZE, MNIST_SIZE), np.uint8)
    image[y : y + height, x : x + width] = digit
    return image


def _prepare_uci(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Stretch to a bitmap of 20 x 32, thin or thicken its strokes, count the ink in blocks of 4 x 4 (UCI optdigits)."""
    height, width = ink.shape
    target = min(UCI_DIGIT_WIDTH, max(1, round(width * UCI_MAX_STRETCH * UCI_SIZE / height)))
    digit = (_resize(ink, target, UCI_SIZE) > 127).astype(np.uint8)
    moments = cv2.moments(digit, binaryImage=True)
    left = _place(UCI_SIZE / 2 - moments["m10"] / max(moments["m00"], 1), target, UCI_SIZE)
    bitmap = np.zeros((UCI_SIZE, UCI_SIZE), np.uint8)
    bitmap[:, left : left + target] = digit
    bitmap = _normalize_ink(bitmap)
    blocks = bitmap.reshape(8, 4, 8, 4)
    return np.asarray(blocks.sum(axis=(1, 3)), np.uint8)


def _normalize_ink(bitmap: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Dilate or erode until the share of ink is that of UCI's bitmaps."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    low, high = UCI_INK
    for _ in range(UCI_SIZE // 2):
        if bitmap.mean() < low:
            bitmap = np.asarray(cv2.dilate(bitmap, cross), np.uint8)
        elif bitmap.mean() > high and cv2.erode(bitmap, cross).mean() >= low / 2:
            return np.asarray(cv2.erode(bitmap, cross), np.uint8)
        else:
            break
    return bitmap


def _stretch(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Make the strongest ink 255; a lone bright pixel does not count in a large picture."""
    strong = ink[ink > 0]
    peak = max(1.0, percentile(strong, 98) if strong.size > 200 else float(strong.max(initial=0)))
    return np.asarray(cv2.convertScaleAbs(ink, alpha=255 / peak), np.uint8)


def _thicken(ink: NDArray[np.uint8], min_width: float) -> NDArray[np.uint8]:
    """Widen strokes to at least min_width px."""
    missing = round(min_width - stroke_width((ink >= EDGE).astype(np.uint8)))
    if missing < 1:
        return ink
    return np.asarray(
        cv2.dilate(ink, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (missing + 1, missing + 1))), np.uint8
    )


def _resize(ink: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    shrinks = width < ink.shape[1] or height < ink.shape[0]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(ink, (width, height), interpolation=interpolation), np.uint8)


def _place(offset: float, length: int, size: int) -> int:
    """Round an offset so that the digit stays whole inside the image."""
    return min(max(round(offset), 0), size - length)


PREPARATIONS = {
    "mnist-28": Preparation(_prepare_mnist, size=MNIST_SIZE, full=255),
    "uci-8": Preparation(_prepare_uci, size=8, full=16),
}
