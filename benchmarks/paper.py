"""How well numbers are read on plain, ruled and squared paper and in boxes, askew, from the side, on a table.

Pages are made up of MNIST's training digits, so that choices may be made by them:
python benchmarks/paper.py DIR [PAGES] [SEED]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits import Reader, load_dataset
from inkdigits.datasets import Dataset
from inkdigits.readings import PageReading

WIDTH, HEIGHT = 1800, 1350  # px, before the page is turned
MARGIN = 150  # px; nothing is written there, so that a turned page keeps all of it
PAPERS = ("plain", "ruled", "squared", "boxes")
SLOPES = (0, 2, 7, -14)  # degrees against the clock; the first two are not made level
CAMERAS = ((5, 5), (10, 0), (0, 10), (10, -10), (15, 0), (0, -15), (15, 15))  # degrees; held too low or high, aside
ON_TABLE = ((0, 0), (10, -10), (15, 15))  # degrees; the whole sheet is seen, with something darker around it
TABLE = (70, 6)  # gray levels of 255, and their standard deviation
FURTHER = 0.82  # times as large is a sheet whose table is seen
FOCAL_LENGTH = 0.75  # of a picture's width; a phone's main camera, 26 mm as photographers count
PAGES = 4  # of each paper and slope: about 20 rows and 150 digits


def main(folder: Path, pages: int = PAGES, seed: int = 0) -> None:
    """Print a row for each kind of paper and each slope, and each way to hold the camera."""
    reader, digits = Reader(), load_dataset(f"mnist:{folder / 'mnist'}")
    digits = digits[: digits.n_train]
    print("paper    degrees    camera         digits right         rows exact  rows invented")
    views = [(degrees, (0, 0), False) for degrees in SLOPES] + [(0, camera, False) for camera in CAMERAS]
    views += [(0, camera, True) for camera in ON_TABLE]
    for paper in PAPERS:
        for degrees, camera, table in views:
            made = make_pages(digits, paper, pages, seed, degrees=degrees, camera=camera, table=table)
            right, all_digits, exact, rows, invented = np.sum([judge(reader, *page) for page in made], axis=0).tolist()
            share = f"{right / all_digits:6.1%} of {all_digits:4}"
            view = f"{degrees:7}  {camera[0]:3}, {camera[1]:3} {'table' if table else '':5}"
            print(f"{paper:8} {view}  {share}    {exact:3} of {rows:3}            {invented:3}", flush=True)


def make_pages(
    digits: Dataset,
    paper: str,
    pages: int,
    seed: int,
    *,
    degrees: float = 0,
    camera: tuple[float, float] = (0, 0),
    table: bool = False,
) -> Iterator[tuple[NDArray[np.uint8], list[str]]]:
    """Yield photos of pages, (h, w) uint8, and the rows that stand on each."""
    for page in range(pages):
        random = np.random.default_rng([seed, page])
        height = int(random.integers(45, 91))  # px, of a digit
        ink, rows = write(digits, height, random)
        lines = draw_lines(paper, height, ink.shape, random)
        view = view_from(camera) @ turned(degrees)
        yield photograph(np.maximum(ink, lines), view, random, table=table), rows


def write(digits: Dataset, height: int, random: np.random.Generator) -> tuple[NDArray[np.float32], list[str]]:
    """Write rows of numbers, each digit in the middle of a cell of 1.2 by 1.6 times its height; ink is 0..1."""
    ink = np.zeros((HEIGHT, WIDTH), np.float32)
    rows = []
    for top in range(MARGIN, HEIGHT - MARGIN - 2 * height, round(2.6 * height)):
        left, text = MARGIN, ""
        while left < WIDTH - MARGIN - 7 * height and (random.random() < 0.8 or not text):
            for _ in range(int(random.integers(1, 7))):
                chosen = int(random.integers(len(digits)))
                paste(ink, digits.images[chosen], height, left + 0.6 * height, top + 0.8 * height, random)
                text += str(digits.labels[chosen])
                left += round(1.2 * height)
            left += 2 * round(1.2 * height)
        rows.append(text)
    return ink, rows


def paste(
    ink: NDArray[np.float32], image: NDArray[np.uint8], height: int, x: float, y: float, random: np.random.Generator
) -> None:
    """Write a digit about a place, as high as digits of MNIST are of their 20 px, a little off."""
    side = round(height * 28 / 20)
    digit = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC) / np.float32(255)
    left, top = (round(at - side / 2 + random.normal(0, 0.05 * height)) for at in (x, y))
    window = ink[top : top + side, left : left + side]
    np.maximum(window, np.clip(digit, 0, 1), out=window)


def draw_lines(paper: str, height: int, shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float32]:
    """Print the lines of a kind of paper: 1 to 4 px thick, 25 to 90 % as dark as the pen."""
    lines = np.zeros(shape, np.float32)
    thickness, darkness = int(random.integers(1, 5)), float(random.uniform(0.25, 0.9))
    cell_width, row = round(1.2 * height), round(2.6 * height)
    if paper == "boxes":
        for top in range(MARGIN, shape[0] - MARGIN - 2 * height, row):
            for left in range(MARGIN, shape[1] - MARGIN - cell_width, cell_width):
                corner = (left + cell_width, top + round(1.6 * height))
                cv2.rectangle(lines, (left, top), corner, darkness, thickness)
    spacing = {"ruled": 1.3, "squared": float(random.uniform(0.5, 1))}.get(paper)
    if spacing is not None:
        for y in range(0, shape[0], round(spacing * height)):
            lines[y : y + thickness] = darkness
    if paper == "squared":
        for x in range(0, shape[1], round(spacing * height)):
            lines[:, x : x + thickness] = darkness
    return lines


def turned(degrees: float) -> NDArray[np.float64]:
    """Return the matrix (3, 3) that turns a page about its middle."""
    return np.vstack([cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), degrees, 1), (0, 0, 1)])


def view_from(camera: tuple[float, float]) -> NDArray[np.float64]:
    """Return the matrix (3, 3) by which a camera sees a page that is tilted about its level and its upright axis.

    The page's middle is as far away as the camera's focal length: there, a px stays a px.
    """
    rotation, _ = cv2.Rodrigues(np.radians([camera[0], 0, 0]))
    rotation = cv2.Rodrigues(np.radians([0, camera[1], 0]))[0] @ rotation
    focal_length = FOCAL_LENGTH * WIDTH
    place = np.column_stack([rotation[:, :2], (0, 0, focal_length)])
    lens = np.array([[focal_length, 0, WIDTH / 2], [0, focal_length, HEIGHT / 2], [0, 0, 1]])
    matrix = lens @ place @ np.array([[1, 0, -WIDTH / 2], [0, 1, -HEIGHT / 2], [0, 0, 1]])
    return np.asarray(matrix / matrix[2, 2])


def photograph(
    ink: NDArray[np.float32], view: NDArray[np.float64], random: np.random.Generator, *, table: bool = False
) -> NDArray[np.uint8]:
    """See a page through a matrix (3, 3), put it in uneven light, add grain, and keep it as a JPEG."""
    if table:
        view = _about_the_middle(FURTHER) @ view
    seen = cv2.GaussianBlur(cv2.warpPerspective(ink, view, (WIDTH, HEIGHT)), (0, 0), 0.8)
    far, angle = float(random.uniform(0.55, 0.95)), float(random.uniform(0, 2 * np.pi))
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j].astype(np.float32)
    light = 1 - (1 - far) * (1 + x * np.cos(angle) + y * np.sin(angle)) / 2.5
    picture = 235 * light * (1 - 0.75 * seen) + random.normal(0, 3, ink.shape)
    if table:
        sheet = cv2.GaussianBlur(cv2.warpPerspective(np.ones_like(ink), view, (WIDTH, HEIGHT)), (0, 0), 1)
        picture = picture * sheet + random.normal(*TABLE, ink.shape) * (1 - sheet)
    _, jpeg = cv2.imencode(".jpg", np.clip(picture, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 85])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), np.uint8)


def _about_the_middle(scale: float) -> NDArray[np.float64]:
    """Return the matrix (3, 3) that scales a picture about its middle."""
    return np.array([[scale, 0, (1 - scale) * WIDTH / 2], [0, scale, (1 - scale) * HEIGHT / 2], [0, 0, 1]])


def judge(reader: Reader, photo: NDArray[np.uint8], rows: list[str]) -> tuple[int, int, int, int, int]:
    """Return digits right and in all, rows exact and in all, and rows that were invented."""
    read = rows_of(reader.read(photo))
    right = sum(max((common(row, text) for text in read), default=0) for row in rows)
    exact = sum(row in read for row in rows)
    return right, sum(map(len, rows)), exact, len(rows), max(0, len(read) - len(rows))


def rows_of(reading: PageReading) -> list[str]:
    """Return the digits of each written row of a page."""
    lines = sorted({number.line for number in reading.numbers})
    return ["".join(number.text for number in reading.numbers if number.line == line) for line in lines]


def common(row: str, text: str) -> int:
    """Return how many digits of a row come out, in order."""
    return sum(block.size for block in SequenceMatcher(None, row, text, autojunk=False).get_matching_blocks())


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
