"""The IDX format of MNIST (yann.lecun.com/exdb/mnist): a magic number, the sizes, the values; plain or gzipped."""

from __future__ import annotations

import gzip
import io
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import DatasetError, reason_of

UINT8 = 0x08  # the type code of unsigned bytes, the only one MNIST uses
MAX_VALUES = 1_000_000_000  # a gigabyte; a larger declared size is a damaged header
MAX_DIMENSIONS = 4  # MNIST has 3; the format allows 255, NumPy 64
GZIP_MAGIC = b"\x1f\x8b"


def read_idx(path: str | Path) -> NDArray[np.uint8]:
    """Return the array stored in an IDX file of unsigned bytes, plain or gzipped.

    Raises DatasetError if the file cannot be read, is damaged or holds another type.
    """
    try:
        with Path(path).open("rb") as file:
            return parse_idx(file)
    except (OSError, EOFError, ValueError, zlib.error) as error:  # ValueError: ours, or of a path with a NUL in it
        raise DatasetError(f"cannot read '{path}': {reason_of(error)}; fetch it again") from error


def parse_idx(file: io.BufferedReader) -> NDArray[np.uint8]:
    """Return the array stored in an open IDX file, as read_idx does.

    Raises OSError, EOFError, ValueError or zlib.error if it is damaged.
    """
    zipped = file.peek(2).startswith(GZIP_MAGIC)
    return _parse(gzip.GzipFile(fileobj=file) if zipped else file)


def _parse(file: io.BufferedIOBase) -> NDArray[np.uint8]:
    """Read the header, then no more than it declares: a small gzip file may hold terabytes."""
    magic = file.read(4)
    if len(magic) < 4 or magic[:3] != bytes([0, 0, UINT8]):
        raise ValueError("it is not an IDX file of bytes")
    n_dimensions = magic[3]
    sizes = file.read(4 * n_dimensions)
    if not 1 <= n_dimensions <= MAX_DIMENSIONS or len(sizes) < 4 * n_dimensions:
        raise ValueError("its header is damaged or cut off")
    shape = struct.unpack(f">{n_dimensions}I", sizes)
    declared = math.prod(shape)
    values = file.read(min(declared, MAX_VALUES) + 1)
    if len(values) != declared:
        held = "more" if len(values) > declared else f"{len(values):,}"
        raise ValueError(f"it declares {' x '.join(map(str, shape))} bytes and holds {held}")
    return np.frombuffer(values, np.uint8).reshape(shape)
