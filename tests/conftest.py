"""What several test files need: the data folder, a drawn number, the command."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from inkdigits.cli import main
from inkdigits.datasets import load_digits

DIGITS = load_digits()


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of real data, in the layout of its publishers."""
    folder = os.environ.get("INKDIGITS_DATA")
    if not folder:
        pytest.skip("INKDIGITS_DATA is not set: no real data on this machine")
    return Path(folder)


@pytest.fixture
def draw() -> Callable[..., NDArray[np.uint8]]:
    """Draw bundled digits on paper, side by side: dark ink, (h, w) uint8."""

    def draw_numbers(*numbers: str, height: int = 64, gap: int = 16, margin: int = 60) -> NDArray[np.uint8]:
        """One row per number; each digit is the clearest of its kind in scikit-learn's bundled set."""
        rows = [np.hstack([_pad(_clear_digit(int(d), height), gap) for d in number]) for number in numbers]
        width = max(row.shape[1] for row in rows)
        rows = [np.pad(row, ((margin // 2, margin // 2), (0, width - row.shape[1]))) for row in rows]
        return 255 - np.pad(np.vstack(rows), margin)

    return draw_numbers


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run the command with some words; the exit status, stdout and stderr come back."""

    def invoke(*words: object) -> Result:
        return CliRunner().invoke(main, [str(word) for word in words], prog_name="inkdigits")

    return invoke


CLEAR = {0: 552, 1: 346, 2: 372, 3: 359, 4: 603, 5: 531, 6: 583, 7: 494, 8: 284, 9: 265}  # digit -> image number


def _clear_digit(digit: int, height: int) -> NDArray[np.uint8]:
    image = DIGITS.images[CLEAR[digit]] * np.uint8(15)
    smooth = cv2.resize(image, (height, height), interpolation=cv2.INTER_CUBIC)
    ink = np.asarray(np.where(smooth > 110, 230, 0), np.uint8)
    return ink[:, ink.any(axis=0)]


def _pad(ink: NDArray[np.uint8], gap: int) -> NDArray[np.uint8]:
    return np.pad(ink, ((0, 0), (gap // 2, gap // 2)))
