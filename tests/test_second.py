"""The second opinion: RapidOCR's recogniser, asked for digits only."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits import Reader, ctc
from inkdigits.errors import MissingExtraError
from inkdigits.second import SecondOpinion


def test_it_reads_digits(draw: Callable[..., NDArray[np.uint8]]) -> None:
    """A clear number is spelled in the frames, and each of them is a distribution."""
    pytest.importorskip("rapidocr", reason="RapidOCR is not installed: no second opinion")
    frames = SecondOpinion().see(255 - draw("305", margin=10))
    assert np.allclose(frames.sum(axis=1), 1)
    assert ctc.most_probable(frames, n=1)[0].text == "305"


def test_without_it_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only who asks for it needs it; the error names the extra."""
    load = builtins.__import__

    def load_all_but(name: str, *words: Any, **more: Any) -> Any:
        if name == "rapidocr":
            raise ImportError(name)
        return load(name, *words, **more)

    monkeypatch.setattr(builtins, "__import__", load_all_but)
    Reader()
    with pytest.raises(MissingExtraError, match=r"pip install 'inkdigits\[ocr\]'"):
        Reader(second_opinion=True)
