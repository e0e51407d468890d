"""IDX files come back as arrays; damaged ones are refused in one line."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inkdigits.errors import DatasetError
from inkdigits.idx import read_idx

STEADY = settings(max_examples=150, deadline=None, derandomize=True, database=None)

ARRAY = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def to_idx(array: NDArray[np.uint8]) -> bytes:
    """Return an array in the IDX format: 0, 0, type, number of sizes, sizes, values."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.mark.parametrize("shape", [(24,), (6, 4), (2, 3, 4), (1, 2, 3, 4), (0, 28, 28)])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_an_idx_file_comes_back(tmp_path: Path, shape: tuple[int, ...], pack: type[bytes]) -> None:
    """Plain or gzipped, whatever the name: the shape and the values that were written."""
    array = ARRAY.reshape(shape) if 0 not in shape else np.zeros(shape, np.uint8)
    path = tmp_path / "images"
    path.write_bytes(pack(to_idx(array)))
    read = read_idx(str(path))
    assert (read.dtype, read.shape) == (np.uint8, shape)
    assert np.array_equal(read, array)


PLAIN = to_idx(ARRAY)
HEADER = 16  # bytes


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "it is not an IDX file of bytes"),
        (b"\x89PNG\r\n\x1a\n", "it is not an IDX file of bytes"),
        (b"\0\0\x0d" + PLAIN[3:], "it is not an IDX file of bytes"),
        (PLAIN[: HEADER - 1], "its header is damaged or cut off"),
        (b"\0\0\x08\0", "its header is damaged or cut off"),
        (b"\0\0\x08\xff" + b"\0\0\0\1" * 255 + b"7", "its header is damaged or cut off"),
        (PLAIN[:-1], "it declares 2 x 3 x 4 bytes and holds 23"),
        (PLAIN + b"7", "it declares 2 x 3 x 4 bytes and holds more"),
        (PLAIN[:4] + b"\xff" * 12, "it declares 4294967295 x 4294967295 x 4294967295 bytes and holds 0"),
    ],
    ids=["empty", "PNG", "float type", "half a header", "no sizes", "255 sizes", "cut off", "too long", "absurd"],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes, complaint: str, pack: type[bytes]) -> None:
    """The error names the file, what is wrong with it and what to do."""
    path = tmp_path / "images"
    path.write_bytes(pack(content))
    with pytest.raises(DatasetError) as caught:
        read_idx(path)
    assert str(caught.value) == f"cannot read '{path}': {complaint}; fetch it again"


def test_a_truncated_gzip_file_is_refused(tmp_path: Path) -> None:
    """A download that stopped is seen, even where only the check sum is missing."""
    path = tmp_path / "images.gz"
    packed = gzip.compress(PLAIN)
    for length in range(2, len(packed)):
        path.write_bytes(packed[:length])
        with pytest.raises(DatasetError, match=r"^cannot read '.*images\.gz': .*; fetch it again$"):
            read_idx(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """The system's reason is passed on, for a folder too."""
    with pytest.raises(DatasetError, match=r"no': No such file or directory; fetch it again$"):
        read_idx(tmp_path / "no")
    with pytest.raises(DatasetError, match=r"Is a directory; fetch it again$"):
        read_idx(tmp_path)


@STEADY
@given(
    st.sampled_from([PLAIN, gzip.compress(PLAIN, mtime=0)]),
    st.lists(st.tuples(st.integers(0, 60), st.binary(max_size=3)), max_size=3),
)
def test_any_damage_gives_an_array_or_a_dataset_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, damages: list[tuple[int, bytes]]
) -> None:
    """Bytes changed, lost or added: an array of bytes or one line, nothing else."""
    for start, replacement in damages:
        content = content[:start] + replacement + content[start + 2 :]
    path = tmp_path_factory.getbasetemp() / "images"
    path.write_bytes(content)
    try:
        array = read_idx(path)
    except DatasetError as error:
        refused = str(error)
    else:
        refused = ""
        assert array.dtype == np.uint8
    assert refused.isprintable()
