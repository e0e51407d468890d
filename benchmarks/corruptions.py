"""The corruption suite: 15 things that happen to pictures, at 3 strengths, on MNIST's first 1,000 test digits.

Each digit is shown as a picture of 160 px, dark ink on light paper, corrupted, and read as any picture is. Of these
kinds training never sees specks, motion, JPEG, light, shadow, coarse pixels and gaps.

Run it on a folder with MNIST's files: python benchmarks/corruptions.py DIR [MODEL]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits import Reader
from inkdigits.datasets import load_mnist

IMAGES = 1000
PAPER, INK = 225.0, 45.0  # grey levels
SCALE = 4  # a digit of 20 px becomes one of 80
MARGIN = 24  # px of paper around
Gray = NDArray[np.float32]  # (h, w), 0 is black, 255 is white
Corrupt = Callable[[Gray, float, np.random.Generator], Gray]


def main(folder: Path, model: str | None = None) -> None:
    """Print the error rate of each kind at each strength, and the mean of all."""
    test = load_mnist(folder)[60_000 : 60_000 + IMAGES]
    reader = Reader(model)
    clean = error_rate(reader, test.images, test.labels, lambda picture, strength, random: picture, 0)
    print(f"{'clean':12} {clean:6.1%}")
    rates = []
    for name, (corrupt, strengths) in CORRUPTIONS.items():
        row = [error_rate(reader, test.images, test.labels, corrupt, strength) for strength in strengths]
        rates.append(row)
        print(f"{name:12} " + " ".join(f"{rate:6.1%}" for rate in row) + f"   strengths {strengths}", flush=True)
    by_strength = " ".join(f"{rate:6.1%}" for rate in np.mean(rates, axis=0))
    print(f"{'mean':12} {by_strength}   of all {np.mean(rates):.2%}")


def error_rate(
    reader: Reader, images: NDArray[np.uint8], labels: NDArray[np.uint8], corrupt: Corrupt, strength: float
) -> float:
    """Return the share of digits that is not read rightly; one that is declined as nothing counts as wrong."""
    random = np.random.default_rng(0)
    pictures = (corrupt(show(image), strength, random) for image in images)
    texts = [reader.read_digit(np.clip(np.rint(picture), 0, 255).astype(np.uint8)).text for picture in pictures]
    return float(np.mean([text != str(label) for text, label in zip(texts, labels, strict=True)]))


def show(image: NDArray[np.uint8]) -> Gray:
    """Return a digit (28, 28), ink bright, as a picture of dark ink on paper."""
    ink = cv2.resize(image.astype(np.float32) / 255, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
    ink = cv2.copyMakeBorder(np.clip(ink, 0, 1), MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_CONSTANT)
    return np.asarray(PAPER + (INK - PAPER) * ink, np.float32)


def _noise(picture: Gray, sigma: float, random: np.random.Generator) -> Gray:
    return picture + random.normal(0, sigma, picture.shape).astype(np.float32)


def _specks(picture: Gray, share: float, random: np.random.Generator) -> Gray:
    hit = random.random(picture.shape)
    return np.where(hit < share / 2, 0, np.where(hit > 1 - share / 2, 255, picture)).astype(np.float32)


def _blur(picture: Gray, sigma: float, random: np.random.Generator) -> Gray:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def _motion(picture: Gray, length: float, random: np.random.Generator) -> Gray:
    size = int(length)
    kernel = np.zeros((size, size), np.float32)
    kernel[size // 2] = 1 / size
    turn = cv2.getRotationMatrix2D((size / 2 - 0.5, size / 2 - 0.5), random.uniform(0, 180), 1)
    kernel = np.asarray(cv2.warpAffine(kernel, turn, (size, size)), np.float32)
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE), np.float32)


def _jpeg(picture: Gray, quality: float, random: np.random.Generator) -> Gray:
    _, content = cv2.imencode(
        ".jpg", np.clip(np.rint(picture), 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, int(quality)]
    )
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_GRAYSCALE), np.float32)


def _faint(picture: Gray, contrast: float, random: np.random.Generator) -> Gray:
    """Fade the ink, with the grain of a sensor."""
    return _noise(PAPER + (picture - PAPER) * np.float32(contrast), 3, random)


def _light(picture: Gray, darkest: float, random: np.random.Generator) -> Gray:
    """Let the light fall off from one side to the other."""
    angle = random.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[-1 : 1 : picture.shape[0] * 1j, -1 : 1 : picture.shape[1] * 1j]
    along = (np.cos(angle) * columns + np.sin(angle) * rows) / np.sqrt(2) / 2 + 0.5
    return np.asarray(picture * (darkest + (1 - darkest) * along), np.float32)


def _shadow(picture: Gray, darkness: float, random: np.random.Generator) -> Gray:
    """Lay the edge of a shadow across the digit."""
    angle, offset = random.uniform(0, 2 * np.pi), random.uniform(-0.4, 0.4)
    rows, columns = np.mgrid[-1 : 1 : picture.shape[0] * 1j, -1 : 1 : picture.shape[1] * 1j]
    lit = 1 / (1 + np.exp(-(np.cos(angle) * columns + np.sin(angle) * rows - offset) * 12))
    return np.asarray(picture * (darkness + (1 - darkness) * lit), np.float32)


def _turn(picture: Gray, degrees: float, random: np.random.Generator) -> Gray:
    height, width = picture.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees * random.choice((-1, 1)), 1)
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), borderValue=PAPER), np.float32)


def _slant(picture: Gray, shear: float, random: np.random.Generator) -> Gray:
    height, width = picture.shape
    shear *= random.choice((-1, 1))
    matrix = np.array([[1, shear, -shear * height / 2], [0, 1, 0]])
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), borderValue=PAPER), np.float32)


def _thick(picture: Gray, pen: float, random: np.random.Generator) -> Gray:
    return np.asarray(cv2.erode(picture, _disc(pen)), np.float32)  # the ink is dark


def _thin(picture: Gray, pen: float, random: np.random.Generator) -> Gray:
    return np.asarray(cv2.dilate(picture, _disc(pen)), np.float32)


def _disc(size: float) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (int(size), int(size))), np.uint8)


def _coarse(picture: Gray, factor: float, random: np.random.Generator) -> Gray:
    small = cv2.resize(picture, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _gaps(picture: Gray, n: float, random: np.random.Generator) -> Gray:
    """Wipe thin stripes of the ink away, as a dry pen does."""
    picture = picture.copy()
    for _ in range(int(n)):
        (x1, y1), (x2, y2) = random.uniform(MARGIN, picture.shape[0] - MARGIN, (2, 2)).astype(int).tolist()
        cv2.line(picture, (x1, y1), (x2, y2), PAPER, 3, cv2.LINE_AA)
    return picture


def _frame(picture: Gray, sides: float, random: np.random.Generator) -> Gray:
    """Leave sides of a printed box at the border."""
    picture, last = picture.copy(), picture.shape[0] - 1
    for side in random.permutation(4)[: int(sides)]:
        at = int(random.integers(0, 8))
        at = at if side < 2 else last - at
        ends = ((at, 0), (at, last)) if side % 2 else ((0, at), (last, at))
        cv2.line(picture, *ends, INK, 3, cv2.LINE_AA)
    return picture


CORRUPTIONS: dict[str, tuple[Corrupt, tuple[float, float, float]]] = {
    "noise": (_noise, (12, 25, 40)),  # grey levels, standard deviation
    "specks": (_specks, (0.005, 0.02, 0.05)),  # share of the pixels
    "blur": (_blur, (2, 4, 6)),  # px, standard deviation; the strokes are about 10 px wide
    "motion": (_motion, (9, 15, 21)),  # px
    "jpeg": (_jpeg, (30, 12, 5)),  # quality
    "faint": (_faint, (0.4, 0.2, 0.1)),  # of the contrast
    "light": (_light, (0.7, 0.45, 0.25)),  # of the light is left at the darkest
    "shadow": (_shadow, (0.75, 0.55, 0.4)),  # of the light is left in it
    "turn": (_turn, (8, 16, 24)),  # degrees
    "slant": (_slant, (0.2, 0.35, 0.5)),
    "thick": (_thick, (5, 9, 13)),  # px
    "thin": (_thin, (3, 5, 7)),  # px
    "coarse": (_coarse, (4, 6, 8)),  # times; the digit is left with 20, 13, 10 px
    "gaps": (_gaps, (1, 3, 5)),  # stripes
    "frame": (_frame, (1, 2, 3)),  # sides
}


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
