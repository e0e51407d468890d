"""Judging a model on labelled images: error rate, per digit, by writer, calibration, the worst mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.datasets import Dataset, load_dataset, split
from inkdigits.errors import DatasetError
from inkdigits.modelfile import Model, open_model
from inkdigits.trust import Trust

UNSEEN = "none of these images"  # what a model was trained on, when it is judged fairly


@dataclass(frozen=True)
class Mistake:
    """One image that was read wrongly."""

    number: int  # position in the whole data set
    label: int
    read_as: int
    confidence: float
    image: NDArray[np.uint8]
    file: str = ""


@dataclass(frozen=True)
class DigitScore:
    """How one digit fares: of those read as it, the share that is right; of those that are it, the share found."""

    digit: int
    images: int
    precision: float
    recall: float


@dataclass(frozen=True)
class WriterScore:
    """How one writer's digits fare."""

    writer: int
    images: int
    errors: int


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A model's answers on a data set, and every figure that follows from them.

    Attributes
    ----------
    dataset : the images that were read, n of them
    probabilities : (n, 10), a column per digit; what a row lacks to 1 is the probability that it is no digit
    index : (n,) the number of each image in the set it was taken from
    seen : whether the model was trained on these images, in words
    thresholds : the least confidence to accept a reading with, for each error rate that the model promises
    """

    dataset: Dataset
    probabilities: NDArray[np.float64]
    index: NDArray[np.intp]
    seen: str = ""
    thresholds: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def predictions(self) -> NDArray[np.uint8]:
        """(n,) the most probable digit of each image."""
        return np.asarray(self.probabilities.argmax(axis=1), np.uint8)

    @cached_property
    def confidences(self) -> NDArray[np.float64]:
        """(n,) the probability of each prediction."""
        return np.asarray(self.probabilities.max(axis=1))

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """(n,) whether each prediction is right."""
        return np.asarray(self.predictions == self.dataset.labels)

    @property
    def errors(self) -> int:
        """How many predictions are wrong."""
        return int((~self.correct).sum())

    @property
    def accuracy(self) -> float:
        """The share of predictions that are right."""
        return float(self.correct.mean())

    @cached_property
    def confusion_matrix(self) -> NDArray[np.int64]:
        """(10, 10): row is the true digit, column what was read."""
        from sklearn import metrics

        return np.asarray(metrics.confusion_matrix(self.dataset.labels, self.predictions, labels=range(10)), np.int64)

    @cached_property
    def per_digit(self) -> tuple[DigitScore, ...]:
        """Precision and recall of each digit; 0 where a digit was never read or does not occur."""
        from sklearn import metrics

        precision, recall, _, images = metrics.precision_recall_fscore_support(
            self.dataset.labels, self.predictions, labels=range(10), zero_division=0
        )
        return tuple(DigitScore(d, int(images[d]), float(precision[d]), float(recall[d])) for d in range(10))

    @cached_property
    def by_writer(self) -> tuple[WriterScore, ...]:
        """Each writer's errors, the worst first; empty where writers are not known."""
        if self.dataset.writers is None:
            return ()
        writers, position = np.unique(self.dataset.writers, return_inverse=True)
        images, errors = np.bincount(position), np.bincount(position, weights=~self.correct).astype(int)
        scores = [WriterScore(int(w), int(n), int(e)) for w, n, e in zip(writers, images, errors, strict=True)]
        return tuple(sorted(scores, key=lambda score: (-score.errors / score.images, score.writer)))

    @cached_property
    def mistakes(self) -> tuple[Mistake, ...]:
        """The wrong readings, the surest first: those a threshold cannot catch."""
        wrong = np.flatnonzero(~self.correct)
        return tuple(self._mistake(int(i)) for i in wrong[np.argsort(-self.confidences[wrong], kind="stable")])

    @cached_property
    def trust(self) -> Trust:
        """How far the confidences can be trusted."""
        return Trust(self.confidences, self.correct, self.thresholds)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {
            "n_test": len(self.dataset),
            "seen": self.seen,
            "accuracy": self.accuracy,
            "errors": self.errors,
            **self.trust.to_dict(),
            "confusion_matrix": self.confusion_matrix.tolist(),
            "per_digit": [vars(score) for score in self.per_digit],
            "by_writer": [vars(score) for score in self.by_writer],
            "predictions": self.predictions.tolist(),
        }

    def _mistake(self, i: int) -> Mistake:
        return Mistake(
            number=int(self.index[i]),
            label=int(self.dataset.labels[i]),
            read_as=int(self.predictions[i]),
            confidence=float(self.confidences[i]),
            image=self.dataset.images[i],
            file=self.dataset.files[i] if self.dataset.files else "",
        )


def evaluate(model: Model | str | Path | None, dataset: Dataset | str = "digits") -> Evaluation:
    """Read every image of a data set that a model was not trained on, and judge the answers.

    Parameters
    ----------
    model
        A model, the path of its file, the name of a bundled one, or None for the bundled reader.
    dataset
        A data set, or the word that names one (see `datasets.load_dataset`). Where it holds the images that the model
        was trained on, as its file tells, the rest is judged.

    Raises
    ------
    ModelFileError
        If the model cannot be used. DatasetError if the data cannot, or is not prepared the way the model needs it.
    """
    opened = open_model(model)
    if isinstance(dataset, str):
        dataset = load_dataset(dataset, preparation=opened.metadata.preparation)
    if dataset.preparation != opened.metadata.preparation:
        raise DatasetError(
            f"{opened.source} reads images prepared as {opened.metadata.preparation}, '{dataset.name}' holds "
            f"{dataset.preparation}; use a data set of that form, or one of pictures (folder:DIR, semeion:DIR)"
        )
    if not len(dataset):
        raise DatasetError(f"'{dataset.name}' has no images to judge on")
    unseen = _unseen(opened, dataset)
    if unseen is not None:
        return judge(opened, dataset[unseen], index=unseen, seen=UNSEEN)
    return judge(opened, dataset, index=np.arange(len(dataset)), seen=_what_it_saw(opened, dataset))


def judge(model: Model, dataset: Dataset, *, index: NDArray[np.intp], seen: str) -> Evaluation:
    """Read every image of a data set, whatever the model was trained on; see Evaluation for index and seen."""
    probabilities = np.zeros((len(dataset), 10))
    digits = [int(label) for label in model.metadata.digits]
    probabilities[:, digits] = model.predict_proba(dataset.images)[:, : len(digits)]
    return Evaluation(dataset, probabilities, index, seen, model.metadata.thresholds)


def compare(predictions: NDArray[np.uint8], labels: NDArray[np.uint8], *, width: int = 25) -> Iterator[str]:
    """Yield blocks of lines that set predictions below true labels, the wrong ones marked with ^."""
    for start in range(0, len(labels), width):
        pairs = list(zip(labels[start : start + width], predictions[start : start + width], strict=True))
        lines = [
            f"{start:5d} true " + " ".join(str(label) for label, _ in pairs),
            "      read " + " ".join(str(read) for _, read in pairs),
        ]
        if any(label != read for label, read in pairs):
            lines.append("           " + " ".join("^" if label != read else " " for label, read in pairs).rstrip())
        yield "\n".join(lines)


def _unseen(model: Model, dataset: Dataset) -> NDArray[np.intp] | None:
    """Return the numbers of the images that training left out, None where it was not on a part of this set."""
    data, seed = model.metadata.data, model.metadata.recipe.get("random_state")
    if 0 < dataset.n_train < len(dataset):
        learned = dataset[: dataset.n_train].fingerprint
        if any(one.get("fingerprint") == learned for one in further_sets(model)):
            return np.arange(dataset.n_train, len(dataset))
    try:
        parts = split(dataset, data["split"], n_train=data["n_train"], random_state=seed or 0)
    except (KeyError, TypeError, DatasetError):
        return None
    return parts.test_index if parts.train.fingerprint == data.get("fingerprint") else None


def _what_it_saw(model: Model, dataset: Dataset) -> str:
    data, others = model.metadata.data, further_sets(model)
    if any(one.get("fingerprint") == dataset.fingerprint for one in others):
        return "all of these images: the figures say nothing about new ones"
    known = [data, *others]
    if all(one.get("name") != dataset.name and "folder" not in str(one.get("source")) for one in known):
        return f"not this set: it was trained on {', '.join(str(one.get('name', 'unknown data')) for one in known)}"
    return "perhaps some of these images: it was trained on data of this name or on a folder of pictures"


def further_sets(model: Model) -> list[dict[str, Any]]:
    """Return what the model's file says of the sets it was trained on besides; a file may say anything."""
    also = model.metadata.data.get("also")
    return [one for one in also if isinstance(one, dict)] if isinstance(also, list) else []
