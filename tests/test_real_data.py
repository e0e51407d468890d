"""The bundled reader on real digits: the figures its card and the README promise. Skipped without INKDIGITS_DATA."""

from __future__ import annotations

from pathlib import Path

import corruptions
import numpy as np
import pytest
import reading

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
    """At least 98.8 % of 945 digits from scanned exam boxes: thin, faint, off-centre, with bits of frame."""
    exam = np.load(data_folder / "nsysu" / "nsysu-dev.npz")
    read = [reader.read_digit(image).text for image in exam["images"]]
    assert np.mean([text == str(label) for text, label in zip(read, exam["labels"], strict=True)]) >= 0.988


@pytest.mark.parametrize("way", ["read", "read_digit"])
def test_single_digits_from_phone_photos(reader: Reader, data_folder: Path, way: str) -> None:
    """At least 25 of 26 photographed digits, as pages and as crops."""
    right = reading.read_photos(reader, data_folder / "numbers" / "single-photo", way)
    assert (len(right), sum(right) >= 25) == (26, True)


@pytest.mark.parametrize("kind", ["blank", "noise", "scribble", "frame", "pair", "letter", "blot"])
def test_what_is_no_digit_is_told_apart(reader: Reader, mnist_test: Dataset, kind: str) -> None:
    """An area under the ROC curve of at least 0.99 between test digits and negatives that training has not seen."""
    assert reading.tell_apart(reader, mnist_test.images, kind) >= 0.99


def test_the_promise_of_one_per_cent_is_kept(reader: Reader, mnist_test: Dataset, data_folder: Path) -> None:
    """Of what is accepted for 1 % errors at most 1 % is wrong on MNIST, as on exam digits."""
    exam = reading.judge_exam(reader, data_folder / "nsysu" / "nsysu-dev.npz")
    for judged, most_wrong, most_off in ((evaluate(reader.model, mnist_test), 0.01, 0.005), (exam, 0.01, 0.02)):
        [promise] = [promise for promise in judged.trust.promises if promise.promised == "0.01"]
        assert promise.error_rate <= most_wrong
        assert judged.trust.expected_calibration_error <= most_off


@pytest.mark.slow
def test_corruptions_cost_little(reader: Reader, mnist_test: Dataset) -> None:
    """The mean error over 15 kinds of corruption at 3 strengths stays below 5 % on the first 100 test digits."""
    images, labels = mnist_test.images[:100], mnist_test.labels[:100]
    rates = [
        corruptions.error_rate(reader, images, labels, corrupt, strength)
        for corrupt, strengths in corruptions.CORRUPTIONS.values()
        for strength in strengths
    ]
    assert len(rates) == 45
    assert np.mean(rates) <= 0.05


def test_place_size_polarity_and_paper_do_not_matter(reader: Reader, mnist_test: Dataset) -> None:
    """The same answer for at least 99 % of 1,000 digits, wherever, however large and on whatever paper they stand."""
    assert reading.count_same(reader, mnist_test.images[:1000]) >= 990
