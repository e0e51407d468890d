"""Reader: a picture in, a reading out, or the reason why not."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inkdigits.errors import ModelFileError, PictureError
from inkdigits.graph import Layer
from inkdigits.modelfile import Metadata, Model
from inkdigits.reader import Reader
from inkdigits.training import train

Draw = Callable[..., NDArray[np.uint8]]


@pytest.fixture(scope="module")
def reader() -> Reader:
    """Open the bundled reader once."""
    return Reader()


def sure_of_a_seven(confidence: float, *, thresholds: Mapping[str, float]) -> Model:
    """Return a model that reads every image as a 7, with the same confidence."""
    probabilities = np.full(10, (1 - confidence) / 9)
    probabilities[7] = confidence
    layers = [Layer("Flatten"), Layer("Gemm", (np.zeros((784, 10)), np.log(probabilities)))]
    return Model.from_layers(
        layers, Metadata(name="seven", preparation="mnist-28", thresholds=thresholds), image_size=28
    )


@pytest.mark.parametrize("digit", "0123456789")
def test_each_digit_is_read(reader: Reader, draw: Draw, digit: str) -> None:
    """A clear digit on paper is read, with confidence, and its box lies around it."""
    page = draw(digit)
    reading = reader.read(page)
    assert (reading.status, reading.text) == ("ok", digit)
    [found] = reading.numbers[0].digits
    assert found.confidence > 0.9
    assert found.box == cv2.boundingRect((page < 128).astype(np.uint8))


def test_a_page_of_numbers_is_read_in_order(reader: Reader, draw: Draw) -> None:
    """Lines from top to bottom, digits from left to right; each number has a box around its digits."""
    reading = reader.read(draw("305", "41", "8627"))
    assert reading.text == "305 41 8627"
    assert [len(number.digits) for number in reading.numbers] == [3, 2, 4]
    tops = [number.box[1] for number in reading.numbers]
    assert tops == sorted(tops)


def test_a_number_on_ruled_paper_is_read_without_the_lines(reader: Reader, draw: Draw) -> None:
    """Both ways of reading see no printed lines: as sure as on plain paper, to a hundredth."""
    plain = np.pad(draw("4179", gap=30), 80, constant_values=255)
    ruled = plain.copy()
    for top in range(30, len(ruled), 48):
        ruled[top : top + 3] = np.minimum(ruled[top : top + 3], 120)
    [alone], [on_lines] = reader.read(plain).numbers, reader.read(ruled).numbers
    assert on_lines.text == alone.text == "4179"
    assert on_lines.confidence == pytest.approx(alone.confidence, abs=0.01)


def test_the_confidence_of_a_number_is_that_of_all_its_digits(draw: Draw) -> None:
    """Where digits are read alone a number is as sure as all of them together."""
    [number] = Reader("tiny").read(draw("305")).numbers
    assert number.confidence == pytest.approx(np.prod([digit.confidence for digit in number.digits]))


def test_boxes_are_those_of_the_picture_given(reader: Reader, draw: Draw) -> None:
    """A picture too large to work on is read smaller; the boxes are in its own pixels."""
    page = draw("7")
    large = cv2.resize(page, None, fx=20, fy=20, interpolation=cv2.INTER_NEAREST)
    assert max(large.shape) > 2600
    [number] = reader.read(np.asarray(large, np.uint8)).numbers
    expected = np.array(reader.read(page).numbers[0].box) * 20
    assert number.text == "7"
    assert np.abs(np.array(number.box) - expected).max() <= 20


def test_a_digit_at_the_edge_is_declined(reader: Reader, draw: Draw) -> None:
    """A digit that may be cut off is read, but not to be acted on; alone, it declines the picture."""
    page = draw("8")[110:]
    reading = reader.read(page)
    assert reading.status == "declined"
    assert reading.reason == "touches the border of the picture: it may be cut off"
    assert not reading.numbers[0].accepted


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (np.full((60, 60), 255, np.uint8), "nothing to read"),
        (np.zeros((60, 60), np.uint8), "nothing to read"),
        (np.full((1, 1), 255, np.uint8), "nothing to read"),
        (np.random.default_rng(0).integers(0, 256, (300, 300), dtype=np.uint8), "nothing to read"),
        (np.pad(np.zeros((3, 3), np.uint8), 30, constant_values=255), "too small"),
        (np.pad(np.zeros((50, 50), np.uint8), 30, constant_values=255), "not handwriting"),
    ],
    ids=["white", "black", "one pixel", "noise", "speck", "patch"],
)
def test_what_is_not_a_digit_is_declined(reader: Reader, picture: NDArray[np.uint8], reason: str) -> None:
    """Blank, noise, specks and patches are answered with a reason, not with a 5; by all three ways to ask."""
    page, number, digit = reader.read(picture), reader.read_number(picture), reader.read_digit(picture)
    assert (page.status, page.text, page.numbers) == ("declined", "", ())
    assert page.reason.startswith(reason)
    assert (number.text, number.accepted, number.reason) == ("", False, page.reason)
    assert (digit.text, digit.accepted, digit.reason) == ("", False, page.reason)


def test_a_number_crop_is_one_number(reader: Reader, draw: Draw) -> None:
    """However far apart the digits of a crop stand, they are one number."""
    assert reader.read_number(draw("4086", gap=150)).text == "4086"


def test_a_tight_crop_is_a_digit(reader: Reader, draw: Draw) -> None:
    """A digit that fills its crop is read and accepted: that it touches the border is what a crop is."""
    page = draw("6")
    x, y, width, height = cv2.boundingRect((page < 128).astype(np.uint8))
    reading = reader.read_digit(page[y : y + height, x : x + width])
    assert (reading.text, reading.accepted, reading.reason) == ("6", True, "")


def test_scikit_learns_digits_are_read_as_they_are(reader: Reader) -> None:
    """The bundled 8x8 images, 0..16 as floats, need no preparation by the user."""
    from sklearn import datasets

    bunch = datasets.load_digits()
    read = [reader.read_digit(image).text for image in bunch.images[:100]]
    right = sum(text == str(label) for text, label in zip(read, bunch.target, strict=False))
    assert right >= 85


def test_any_model_reads_pictures(draw: Draw) -> None:
    """The 15-neuron network of a minute ago reads pictures too, shown 8x8 counts as UCI made them."""
    reader = Reader(train("tutorial", "digits").model)
    reading = reader.read(draw("0123456789"))
    [number] = reading.numbers
    right = sum(a == b for a, b in zip(number.text, "0123456789", strict=True))
    assert right >= 7
    assert number.digits[0].shown.shape == (8, 8)
    assert not number.accepted
    assert number.reason == "the model promises no error rate: it was trained without a held-out part"


@pytest.mark.parametrize(
    ("threshold", "reason"), [(0.85, ""), (0.95, "not sure: confidence 0.900 is below 0.950")], ids=["above", "below"]
)
def test_a_reading_below_the_threshold_is_not_accepted(draw: Draw, threshold: float, reason: str) -> None:
    """A reading is accepted from the confidence on that promises 1 % errors; below, it says how far it is off."""
    reader = Reader(sure_of_a_seven(0.9, thresholds={"0.001": 0.99, "0.01": threshold}))
    page = draw("7")
    [number] = reader.read(page).numbers
    for reading in (number, number.digits[0], reader.read_digit(page), reader.read_number(page)):
        assert (reading.text, reading.accepted, reading.reason) == ("7", not reason, reason)


def sure_of_no_digit(no_digit: float) -> Model:
    """Return a model that reads every image as a 7, with a probability that it is no digit; the 7 has the rest."""
    probabilities = np.full(11, 1e-6)
    probabilities[7], probabilities[10] = 1 - no_digit, no_digit
    layers = [Layer("Flatten"), Layer("Gemm", (np.zeros((784, 11)), np.log(probabilities)))]
    metadata = Metadata(name="doubter", preparation="mnist-28", labels="0123456789-", thresholds={"0.01": 0.1})
    return Model.from_layers(layers, metadata, image_size=28)


def test_a_mark_that_is_no_digit_by_its_looks_is_declined(draw: Draw) -> None:
    """Where a model knows what is no digit and finds it likely, the digit is not to be acted on, in all three ways."""
    reader = Reader(sure_of_no_digit(0.8))
    page = draw("7")
    [number] = reader.read(page).numbers
    reason = "not a digit by its looks, with a probability of 0.800"
    for one in (number, number.digits[0], reader.read_digit(page), reader.read_number(page)):
        assert (one.text, one.accepted, one.reason) == ("7", False, reason)


def test_a_page_without_anything_like_a_digit_is_declined(draw: Draw) -> None:
    """The page says so with the reason, and still shows what it was taken for."""
    page = Reader(sure_of_no_digit(0.8)).read(draw("77"))
    assert (page.status, page.text) == ("declined", "77")
    assert page.reason == "not a digit by its looks, with a probability of 0.800"


@pytest.mark.parametrize(("no_digit", "accepted"), [(0.49, True), (0.51, False)])
def test_a_mark_that_is_more_likely_a_digit_is_accepted(draw: Draw, no_digit: float, accepted: bool) -> None:
    """It counts whether a mark is more likely no digit than any; below that only confidence does."""
    assert Reader(sure_of_no_digit(no_digit)).read_digit(draw("7")).accepted == accepted


def test_that_it_is_no_digit_is_not_among_the_probabilities(draw: Draw) -> None:
    """Ten probabilities, one per digit, as from any model; what they lack to 1 is that it is none."""
    digit = Reader(sure_of_no_digit(0.8)).read_digit(draw("7"))
    assert len(digit.probabilities) == 10
    assert sum(digit.probabilities) == pytest.approx(0.2, abs=1e-5)
    assert digit.confidence == digit.probabilities[7] == pytest.approx(0.2, abs=1e-5)


def test_what_the_network_was_shown_is_part_of_the_answer(reader: Reader, draw: Draw) -> None:
    """Each digit carries the image the network saw: white on black, 20 px high, centred."""
    digit = reader.read_digit(draw("3"))
    assert digit.shown.shape == (28, 28)
    assert np.array_equal(reader.model.predict(digit.shown[None]), [3])


def test_probabilities_are_one_per_label(reader: Reader, draw: Draw) -> None:
    """Ten probabilities; they lack next to nothing to 1, that it is no digit; the largest is the confidence."""
    digit = reader.read_digit(draw("5"))
    assert len(digit.probabilities) == 10
    assert 0.99 < sum(digit.probabilities) <= 1 + 1e-9
    assert max(digit.probabilities) == digit.confidence == digit.probabilities[5]


def test_a_model_with_an_unknown_preparation_is_refused() -> None:
    """A model of a later inkdigits that prepares in a way we do not know is named, not misused."""
    layers = [Layer("Flatten"), Layer("Gemm", (np.zeros((64, 10), np.float32), np.zeros(10, np.float32)))]
    later = Model.from_layers(layers, Metadata(name="later", preparation="uci-16"), image_size=8)
    with pytest.raises(ModelFileError, match=r"'uci-16'.* mnist-28, uci-8; upgrade"):
        Reader(later)


def several_pages(*pages: NDArray[np.uint8], file_format: str) -> bytes:
    """Return the bytes of a file with several pages."""
    first, *others = map(Image.fromarray, pages)
    buffer = io.BytesIO()
    first.save(buffer, file_format, save_all=True, append_images=others)
    return buffer.getvalue()


@pytest.mark.parametrize("file_format", ["PDF", "TIFF"])
def test_all_pages_are_read(reader: Reader, draw: Draw, file_format: str) -> None:
    """Page after page, each with its number and how many there are; one without digits is declined."""
    content = several_pages(draw("305"), np.full((90, 90), 255, np.uint8), draw("41"), file_format=file_format)
    readings = list(reader.read_pages(content))
    assert [(one.page, one.pages, one.status, one.text) for one in readings] == [
        (1, 3, "ok", "305"),
        (2, 3, "declined", ""),
        (3, 3, "ok", "41"),
    ]


@pytest.mark.parametrize("file_format", ["PDF", "TIFF"])
def test_of_several_pages_read_takes_the_first(reader: Reader, draw: Draw, file_format: str) -> None:
    """The answer says that there are more."""
    reading = reader.read(several_pages(draw("305"), draw("41"), file_format=file_format))
    assert (reading.text, reading.page, reading.pages) == ("305", 1, 2)


def test_pages_are_read_one_at_a_time(reader: Reader, draw: Draw) -> None:
    """The first answer is there before the second page is looked at."""
    content = several_pages(draw("305"), draw("41"), file_format="TIFF")
    assert next(reader.read_pages(content)).text == "305"


def test_a_page_that_cannot_be_read_does_not_stop_the_others(reader: Reader, draw: Draw) -> None:
    """It has failed with its reason; the page before it and the one after it are read."""
    content = several_pages(draw("305"), draw("9"), draw("41"), file_format="PDF")
    first, second, third = reader.read_pages(content.replace(b" 3 0 R ", b" 0 0 R "))  # the list of pages leads nowhere
    assert (first.text, second.text, third.text) == ("305", "", "41")
    assert (second.status, second.page, second.pages) == ("failed", 2, 3)
    assert second.reason == "cannot read the bytes given: it is damaged; copy or export it again"


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7"], ids=["empty", "damaged"])
def test_a_file_that_cannot_be_opened_is_page_0_of_0(reader: Reader, content: bytes) -> None:
    """Reading pages raises nothing for it: the reason is the answer."""
    [reading] = reader.read_pages(content)
    assert (reading.status, reading.page, reading.pages, reading.numbers) == ("failed", 0, 0, ())
    assert reading.reason.startswith("cannot read the bytes given: it is ")


def test_too_many_pages_are_not_begun(reader: Reader, draw: Draw) -> None:
    """A file with more pages than the limit is refused as a whole, unless a higher one is given."""
    content = several_pages(draw("1"), draw("2"), draw("3"), file_format="TIFF")
    [refused] = reader.read_pages(content, max_pages=2)
    assert refused.reason == "cannot read the bytes given: it has more than 2 pages; split it into several files"
    assert len(list(reader.read_pages(content, max_pages=3))) == 3


def test_a_picture_that_cannot_be_read_is_an_error(reader: Reader, tmp_path: Path) -> None:
    """From Python a broken picture raises PictureError, for the caller to handle."""
    broken = tmp_path / "broken.png"
    broken.write_text("not a picture")
    with pytest.raises(PictureError, match=r"broken.png.*it is not a picture"):
        reader.read(broken)
