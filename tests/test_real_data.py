"""The bundled reader on real digits: the figures its card and the README promise. Skipped without INKDIGITS_DATA."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits import Reader, evaluate, load_dataset, split
from inkdigits.datasets import Dataset


@pytest.fixture(scope="module")
def reader() -> Reader:
    """Open the bundled reader once."""
    return Reader()


@pytest.fixture(scope="module")
def mnist_test(data_folder: Path) -> Dataset:
    """Return MNIST's 10,000 test images."""
    return split(load_dataset(f"mnist:{data_folder / 'mnist'}")).test


def test_mnist(reader: Reader, mnist_test: Dataset) -> None:
    """At least 99.5 % of MNIST's test part."""
    assert evaluate(reader.model, mnist_test).accuracy >= 0.995


def test_mnist_through_the_readers_own_preparation(reader: Reader, mnist_test: Dataset) -> None:
    """Cropped, scaled and centred by the reader itself, the first 2,000 are read at least as well as 99 %."""
    read = [reader.read_digit(image).text for image in mnist_test.images[:2000]]
    assert np.mean([text == str(label) for text, label in zip(read, mnist_test.labels, strict=False)]) >= 0.99


def test_exam_digits_from_other_people(reader: Reader, data_folder: Path) -> None:
    """At least 97.5 % of 945 digits from scanned exam boxes: thin, faint, off-centre, with bits of frame."""
    exam = np.load(data_folder / "nsysu" / "nsysu-dev.npz")
    read = [reader.read_digit(image).text for image in exam["images"]]
    assert np.mean([text == str(label) for text, label in zip(read, exam["labels"], strict=True)]) >= 0.975


@pytest.mark.parametrize("way", ["read", "read_digit"])
def test_single_digits_from_phone_photos(reader: Reader, data_folder: Path, way: str) -> None:
    """At least 25 of 26 photographed digits, as pages and as crops."""
    folder = data_folder / "numbers" / "single-photo"
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    right = [getattr(reader, way)(folder / row["file"]).text == row["reading"] for row in rows]
    assert (len(right), sum(right) >= 25) == (26, True)


def test_place_size_polarity_and_paper_do_not_matter(reader: Reader, mnist_test: Dataset) -> None:
    """The same answer for at least 99 % of 1,000 digits, wherever, however large and on whatever paper they stand.

    Shifted by up to a quarter of a canvas of 200 x 200, at 0.5 to 3 times the size, dark on light or light on dark,
    on grey to white paper.
    """
    random = np.random.default_rng(0)
    same = 0
    for image in mnist_test.images[:1000]:
        scale, paper = random.uniform(0.5, 3), random.integers(128, 256)
        moved = paste(image, scale, tuple(random.integers(-50, 51, 2)), paper)
        shown = moved if random.random() < 0.5 else 255 - moved
        same += reader.read(shown).text == reader.read(paste(image, 1, (0, 0), 255)).text
    assert same >= 990


def paste(image: NDArray[np.uint8], scale: float, shift: tuple[int, ...], paper: int) -> NDArray[np.uint8]:
    """Return a digit (28, 28), ink bright, as dark ink on a canvas of 200 x 200, shifted (x, y) from its middle."""
    size = round(28 * scale)
    enlarged = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    ink = np.zeros((200, 200))
    left, top = (100 - size // 2 + offset for offset in shift)
    ink[top : top + size, left : left + size] = enlarged
    return np.rint(paper * (1 - ink / 255)).astype(np.uint8)
