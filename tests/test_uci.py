"""UCI's files come back as arrays, plain or zipped; damaged ones are refused in one line."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inkdigits import uci
from inkdigits.errors import DatasetError

Read = Callable[[Path], tuple[NDArray[Any], NDArray[np.uint8]]]

STEADY = settings(max_examples=150, deadline=None, derandomize=True, database=None)
RANDOM = np.random.default_rng(0)
LABELS = np.array([3, 0, 9], np.uint8)

COUNTS = RANDOM.integers(0, 17, (3, 8, 8))
COUNTS_TEXT = "# the last digit is the class code\n" + "".join(
    ",".join(map(str, [*image.ravel(), label])) + "\n" for image, label in zip(COUNTS, LABELS, strict=True)
)
BITMAPS = RANDOM.integers(0, 2, (3, 32, 32))
BITMAPS_TEXT = "3\n" + "".join(
    "".join("".join(map(str, row)) + "\n" for row in image) + f" {label}\n"
    for image, label in zip(BITMAPS, LABELS, strict=True)
)
SEMEION = RANDOM.integers(0, 2, (3, 16, 16))
SEMEION_TEXT = "".join(
    " ".join(f"{bit:.4f}" for bit in image.ravel()) + " " + " ".join("01"[int(d == label)] for d in range(10)) + " \r\n"
    for image, label in zip(SEMEION, LABELS, strict=True)
)
PEN_POINTS = RANDOM.integers(0, 101, (3, 8, 2))
PEN_ROWS = [",".join(map(str, [*way.ravel(), label])) for way, label in zip(PEN_POINTS, LABELS, strict=True)]
PEN_HEADER = ",".join(f'"{name}"' for name in ["", *(f"c{i}" for i in range(1, 17)), "class"])
PEN_TEXT = "\n".join([PEN_HEADER, *(f'"{i}",{row}' for i, row in enumerate(PEN_ROWS, start=1))]) + "\n"

FORMATS: dict[str, tuple[Read, str, NDArray[Any]]] = {  # the function, a whole file, and what it holds
    "counts": (uci.read_counts, COUNTS_TEXT, COUNTS.astype(np.uint8)),
    "bitmaps": (uci.read_bitmaps, BITMAPS_TEXT, (BITMAPS * 255).astype(np.uint8)),
    "semeion": (uci.read_semeion, SEMEION_TEXT, (SEMEION * 255).astype(np.uint8)),
    "pen points": (uci.read_pen_points, PEN_TEXT, np.abs(PEN_POINTS / 100 - [0, 1])),  # y grows downwards
}
NEEDED = {
    "counts": "is not an optdigits file: each row needs 64 counts of 0..16 and a label",
    "bitmaps": "is not an optdigits-orig file: each digit needs 32 lines of 32 bits and a label",
    "semeion": "is not semeion.data: each row needs 256 bits and one bit among 10 for the label",
    "pen points": "is not pendigits: each row needs 8 points x, y of 0..100 and a label",
}


def write(folder: Path, content: str | bytes, *, zipped: bool) -> Path:
    """Write a file as UCI publishes it, plain or .gz, and return its path."""
    path = folder / ("digits.gz" if zipped else "digits")
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content, mtime=0) if zipped else content)
    return path


def refusal(read: Read, path: Path) -> str:
    """Return the words in which a file is refused."""
    with pytest.raises(DatasetError) as caught:
        read(path)
    return str(caught.value)


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzipped"])
@pytest.mark.parametrize("name", FORMATS)
def test_a_file_comes_back(tmp_path: Path, name: str, zipped: bool) -> None:
    """Images or pen points and labels are those that were written, in their types and shapes."""
    read, text, written = FORMATS[name]
    images, labels = read(write(tmp_path, text, zipped=zipped))
    assert (images.dtype, images.shape) == (written.dtype, written.shape)
    assert np.allclose(images, written, rtol=0, atol=1e-12)
    assert (labels.dtype, labels.tolist()) == (np.uint8, [3, 0, 9])


@pytest.mark.parametrize("name", FORMATS)
def test_one_digit_is_a_file(tmp_path: Path, name: str) -> None:
    """A file with a single digit has the same dimensions as one with thousands."""
    read, text, written = FORMATS[name]
    lines = text.splitlines(keepends=True)
    one = lines[: {"counts": 2, "bitmaps": 34, "semeion": 1, "pen points": 2}[name]]
    images, labels = read(write(tmp_path, "".join(one), zipped=False))
    assert np.allclose(images, written[:1], rtol=0, atol=1e-12)
    assert labels.tolist() == [3]


def test_bitmaps_may_have_uci_s_long_header(tmp_path: Path) -> None:
    """UCI's own files open with 21 lines about the form; some copies keep only the count, or nothing."""
    digits = BITMAPS_TEXT.split("\n", 1)[1]
    for header in ("", "1934\n", "\n\nentity = digits\nwidth = 32\nheight = 32\nntot = 3\n\n"):
        assert uci.read_bitmaps(write(tmp_path, header + digits, zipped=False))[1].tolist() == [3, 0, 9]


def test_pen_points_need_neither_header_nor_index(tmp_path: Path) -> None:
    """UCI's own files are bare rows with blanks; the CSV that others made of them has names and row numbers."""
    bare = "\n".join(row.replace(",", ", ") for row in PEN_ROWS)
    points, labels = uci.read_pen_points(write(tmp_path, bare, zipped=False))
    assert np.array_equal(points, uci.read_pen_points(write(tmp_path, PEN_TEXT, zipped=True))[0])
    assert labels.tolist() == [3, 0, 9]


def test_pen_points_have_their_origin_above(tmp_path: Path) -> None:
    """The tablet's y grows upwards from 0 to 100, ours downwards from 0 to 1."""
    points, _ = uci.read_pen_points(write(tmp_path, "0,100," + "25,0," * 7 + "1", zipped=False))
    assert points.tolist() == [[[0, 0], *[[0.25, 1]] * 7]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("counts", ""),
        ("counts", "# only this\n"),
        ("counts", "1,2,3\n"),
        ("counts", "1," * 65 + "1\n"),
        ("counts", "1," * 64 + "10\n"),
        ("counts", "17," + "1," * 63 + "1\n"),
        ("counts", "-1," + "1," * 63 + "1\n"),
        ("counts", "0.5," + "1," * 63 + "1\n"),
        ("counts", "nan," + "1," * 63 + "1\n"),
        ("counts", "-inf," + "1," * 63 + "1\n"),
        ("counts", "1," * 64 + "inf\n"),
        ("counts", "1e300," + "1," * 63 + "1\n"),
        ("bitmaps", ""),
        ("bitmaps", "0\n"),
        ("bitmaps", "1\n" + "01" * 16),
        ("bitmaps", BITMAPS_TEXT[:-2]),
        ("bitmaps", BITMAPS_TEXT[: -len(" 9\n")]),
        ("bitmaps", BITMAPS_TEXT.replace(" 9", " 10")),
        ("bitmaps", BITMAPS_TEXT.replace(" 9", " x")),
        ("bitmaps", ("0" * 32 + "\n") * 31 + "0" * 31 + "2\n1\n"),
        ("bitmaps", ("0" * 32 + "\n") * 30 + "0" * 31 + "\n" + "0" * 33 + "\n1\n"),
        ("semeion", ""),
        ("semeion", "0 " * 265),
        ("semeion", "0 " * 266),
        ("semeion", "0 " * 264 + "1 1"),
        ("semeion", "2 " + "0 " * 264 + "1"),
        ("semeion", "0.5 " + "0 " * 264 + "1"),
        ("semeion", "nan " + "0 " * 264 + "1"),
        ("pen points", ""),
        ("pen points", PEN_HEADER),
        ("pen points", '""'),
        ("pen points", "1,2,3\n"),
        ("pen points", "101," + "1," * 15 + "1\n"),
        ("pen points", "-1," + "1," * 15 + "1\n"),
        ("pen points", "nan," + "1," * 15 + "1\n"),
        ("pen points", "1," * 16 + "10\n"),
    ],
    ids=lambda text: text[:20],
)
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzipped"])
def test_another_file_is_refused(tmp_path: Path, name: str, content: str, zipped: bool) -> None:
    """Too few or too many columns or lines, values out of range, fractions, nothing at all: told what is needed."""
    path = write(tmp_path, content, zipped=zipped)
    assert refusal(FORMATS[name][0], path) == f"'{path}' {NEEDED[name]}"


@pytest.mark.parametrize("name", ["counts", "semeion", "pen points"])
@pytest.mark.parametrize("damage", ["seven", "1 # seven", "1;2", "\0", "é", "1,2,3\n1,2\n", '"1"2"'])
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, damage: str) -> None:
    """Letters, a remark in the middle, rows of different length: NumPy's reason is passed on in one line."""
    read, text, _ = FORMATS[name]
    path = write(tmp_path, text + damage, zipped=False)
    message = refusal(read, path)
    assert message.startswith((f"cannot read '{path}': ", f"'{path}' is not "))
    assert message.isprintable()


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_one_format_is_not_taken_for_another(tmp_path: Path, name: str) -> None:
    """Each function refuses the other formats' files."""
    path = write(tmp_path, FORMATS[name][1], zipped=False)
    for other in FORMATS.keys() - {name}:
        assert f"'{path}'" in refusal(FORMATS[other][0], path)


def test_counts_are_no_pen_points(tmp_path: Path) -> None:
    """The last 17 of 65 columns would pass for eight points and a label: all of a row has to be pendigits."""
    path = write(tmp_path, COUNTS_TEXT.split("\n", 1)[1], zipped=False)
    assert uci.read_counts(path)[1].tolist() == [3, 0, 9]
    assert refusal(uci.read_pen_points, path) == f"'{path}' {NEEDED['pen points']}"


@pytest.mark.parametrize("name", FORMATS)
def test_a_truncated_gzip_file_is_refused(tmp_path: Path, name: str) -> None:
    """A download that stopped is seen, even where only the check sum is missing."""
    read, text, _ = FORMATS[name]
    path = write(tmp_path, text, zipped=True)
    packed = path.read_bytes()
    for length in (5, 20, len(packed) // 2, len(packed) - 8, len(packed) - 1):
        path.write_bytes(packed[:length])
        assert refusal(read, path) == (
            f"cannot read '{path}': Compressed file ended before the end-of-stream marker was reached; fetch it again"
        )


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_gzip_file_is_refused(tmp_path: Path, name: str) -> None:
    """A file that only claims to be zipped, or is damaged inside, is refused."""
    read, text, _ = FORMATS[name]
    path = write(tmp_path, text, zipped=True)
    packed = path.read_bytes()
    for content in (text.encode(), packed[:15] + b"\xff\xff\xff" + packed[18:], packed[:-8] + bytes(8)):
        path.write_bytes(content)
        message = refusal(read, path)
        assert message.startswith(f"cannot read '{path}': ")
        assert message.endswith("; fetch it again")


@pytest.mark.parametrize("name", FORMATS)
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    """The system's reason is passed on, for a folder too."""
    read = FORMATS[name][0]
    missing = tmp_path / "no.gz"
    assert refusal(read, missing) == f"cannot read '{missing}': No such file or directory; fetch it again"
    assert refusal(read, tmp_path) == f"cannot read '{tmp_path}': Is a directory; fetch it again"


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzipped"])
def test_a_file_far_larger_than_uci_s_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, zipped: bool
) -> None:
    """A small .gz file may unpack to gigabytes: reading stops long before."""
    monkeypatch.setattr(uci, "MAX_BYTES", 1000)
    path = write(tmp_path, "0" * 1001, zipped=zipped)
    assert refusal(FORMATS[name][0], path) == (
        f"cannot use '{path}': it has more than the 1,000 bytes of any UCI file we read"
    )


def assert_digits_or_error(name: str, path: Path) -> None:
    """Check that a file either gives images or points in their range, with labels, or is refused with one line."""
    read, _, written = FORMATS[name]
    try:
        images, labels = read(path)
    except DatasetError as error:
        refused = str(error)
    else:
        refused = ""
        assert (images.dtype, images.shape) == (written.dtype, (len(labels), *written.shape[1:]))
        assert 0 <= images.min() <= images.max() <= {"counts": 16, "pen points": 1}.get(name, 255)
        assert labels.max() <= 9
    assert refused.isprintable()


@STEADY
@given(st.sampled_from(list(FORMATS)), st.binary(max_size=200), st.booleans())
def test_any_bytes_give_a_dataset_error(
    tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes, zipped: bool
) -> None:
    """No bytes make anything else come out."""
    assert refusal(FORMATS[name][0], write(tmp_path_factory.getbasetemp(), content, zipped=zipped)).isprintable()


TOKENS = st.sampled_from(["", "\n", "\r", ",", " ", "#", "-", ".", "5", "99", "1e9", "1e999", "nan", "inf", '"', "\0"])


@STEADY
@given(
    st.sampled_from(list(FORMATS)),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 3), TOKENS), min_size=1, max_size=3),
    st.booleans(),
)
def test_any_damage_gives_digits_or_a_dataset_error(
    tmp_path_factory: pytest.TempPathFactory, name: str, damages: list[tuple[int, int, str]], zipped: bool
) -> None:
    """Characters changed, lost or added: digits in their range or one line, nothing else."""
    text = FORMATS[name][1]
    for position, lost, added in damages:
        start = position % len(text)
        text = text[:start] + added + text[start + lost :]
    assert_digits_or_error(name, write(tmp_path_factory.getbasetemp(), text, zipped=zipped))
