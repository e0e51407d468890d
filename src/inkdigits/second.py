"""A second opinion: RapidOCR's recogniser of printed and written text, asked for digits only (only rapidocr here)."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import MissingExtraError
from inkdigits.readings import SEPARATORS

LEAST = 1e-9  # of each label in a frame, so that one in which there is neither digit nor blank is no answer


class SecondOpinion:
    """RapidOCR, whose models come inside its package, as one more reader of numbers.

    Raises MissingExtraError where it is not installed.
    """

    def __init__(self) -> None:
        self._recogniser = _open_recogniser()
        labels = self._recogniser.postprocess_op.character
        self._digits = [labels.index(digit) for digit in "0123456789"]
        self._blanks = [0, *(labels.index(separator) for separator in SEPARATORS)]  # CTC's blank is the first

    def see(self, flat: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the frames (t, 11) of `ctc` for a flattened number, (h, w) uint8: what is no digit has no say."""
        image = cv2.cvtColor(255 - flat, cv2.COLOR_GRAY2BGR)
        shown = self._recogniser.resize_norm_img(image, max(1.0, flat.shape[1] / flat.shape[0]))
        answer = np.asarray(self._recogniser.session(shown[None]), np.float64)[0]  # (t, k), of 18,710 labels
        blank = answer[:, self._blanks].sum(axis=1, keepdims=True)
        frames = np.concatenate([answer[:, self._digits], blank], axis=1) + LEAST
        return np.asarray(frames / frames.sum(axis=1, keepdims=True))


def _open_recogniser() -> Any:
    """Return RapidOCR's recogniser on one thread; it is loaded with the first picture, which is a blank one."""
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise MissingExtraError(
            "cannot ask for a second opinion: RapidOCR is not installed; run pip install 'inkdigits[ocr]'"
        ) from error
    settings = {"Global.log_level": "critical", "EngineConfig.onnxruntime.intra_op_num_threads": 1}
    engine = RapidOCR(params=settings)
    engine(np.full((48, 96, 3), 255, np.uint8), use_det=False, use_cls=False, use_rec=True)
    return engine.text_rec
