"""Reads handwritten digits and numbers, trains and checks the readers, and says so when it is not sure.

>>> import inkdigits
>>> inkdigits.train(recipe="tutorial", data="digits").errors  # of 797: the published 0.9147
68

Importing inkdigits loads nothing heavy; each name below is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from inkdigits.datasets import Dataset, load_dataset, load_digits, split
    from inkdigits.errors import InkdigitsError
    from inkdigits.evaluation import Evaluation, evaluate
    from inkdigits.modelfile import Model
    from inkdigits.pictures import load_picture
    from inkdigits.reader import Reader
    from inkdigits.readings import DigitReading, NumberReading, PageReading
    from inkdigits.training import TrainingResult, train

_HOME = {
    "Dataset": "datasets",
    "DigitReading": "readings",
    "Evaluation": "evaluation",
    "InkdigitsError": "errors",
    "Model": "modelfile",
    "NumberReading": "readings",
    "PageReading": "readings",
    "Reader": "reader",
    "TrainingResult": "training",
    "evaluate": "evaluation",
    "load_dataset": "datasets",
    "load_digits": "datasets",
    "load_picture": "pictures",
    "split": "datasets",
    "train": "training",
}

__all__ = [
    "Dataset",
    "DigitReading",
    "Evaluation",
    "InkdigitsError",
    "Model",
    "NumberReading",
    "PageReading",
    "Reader",
    "TrainingResult",
    "evaluate",
    "load_dataset",
    "load_digits",
    "load_picture",
    "split",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'inkdigits' has no attribute {name!r}")
    return getattr(import_module(f"inkdigits.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
