"""What is learned from and what is not: a data set's training part, what of it is held out, other people's sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inkdigits.datasets import Dataset, Split, SplitMethod, load_dataset, split
from inkdigits.errors import RecipeError
from inkdigits.recipes import Recipe

MIN_DIGITS = 3  # with two scikit-learn's network has one output, and nobody reads two digits


@dataclass(frozen=True, eq=False)
class Material:
    """The images of a training, each with its use."""

    parts: Split  # the data set, cut into a training and a test part
    kept: Dataset  # of the training part, to learn from
    held_out: Dataset | None  # the rest of it, to calibrate confidence
    more: tuple[Dataset, ...]  # other sets, to learn from besides

    def to_dict(self) -> dict[str, Any]:
        """Return what a model file says of them, as JSON values."""
        train = self.parts.train
        return {
            "name": train.name,
            "source": train.source,
            "split": self.parts.method,
            "people": self.parts.people,
            "n_train": len(train),
            "fingerprint": train.fingerprint,
            "also": [
                {"name": d.name, "source": d.source, "n_train": len(d), "fingerprint": d.fingerprint} for d in self.more
            ],
        }


def gather(
    recipe: Recipe,
    data: str | Dataset,
    also: Sequence[str | Dataset],
    *,
    n_train: int | None,
    split_method: SplitMethod,
    random_state: int,
) -> Material:
    """Load the sets of a training and part them; see `training.train`. Raises DatasetError and RecipeError."""
    dataset = load_dataset(data, preparation=recipe.preparation) if isinstance(data, str) else data
    parts = split(dataset, split_method, n_train=n_train, random_state=random_state)
    _check_digits(parts.train)
    kept, held_out = _hold_out(parts.train, recipe.held_out, random_state)
    more = tuple(_load_more(one, parts.train) for one in also)
    for one in more:
        _check_apart(one, parts.test, held_out)
    return Material(parts, kept, held_out, more)


def _check_digits(part: Dataset) -> None:
    digits = np.unique(part.labels)
    if len(digits) < MIN_DIGITS:
        raise RecipeError(
            f"cannot learn from {len(part)} images of the digits {digits.tolist()}: "
            f"give at least {MIN_DIGITS} different digits, or a larger --train"
        )


def _hold_out(part: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset | None]:
    """Keep back a share of the training part: whole writers where they are known."""
    if not share:
        return part, None
    method: SplitMethod = "random" if part.writers is None else "writers"
    n_kept = min(round(len(part) * (1 - share)), len(part) - 1)
    kept = split(part, method, n_train=n_kept, random_state=seed)
    return kept.train, kept.test


def _load_more(one: str | Dataset, train: Dataset) -> Dataset:
    """Return a data set that is prepared like the first one, all of which is to be learned from."""
    dataset = load_dataset(one, preparation=train.preparation) if isinstance(one, str) else one
    if dataset.preparation != train.preparation:
        raise RecipeError(
            f"cannot train on '{dataset.name}' besides '{train.name}': its images are prepared as "
            f"{dataset.preparation}, the others as {train.preparation}; leave it out"
        )
    return dataset[: dataset.n_train] if dataset.writer_order == "parts" else dataset


def _check_apart(more: Dataset, test: Dataset, held_out: Dataset | None) -> None:
    """Refuse to learn from images that the network is to be judged or calibrated on."""
    learned = {image.tobytes() for image in more.images}
    for part, name in ((test, "test"), (held_out, "held-out")):
        both = 0 if part is None else sum(image.tobytes() in learned for image in part.images)
        if both:
            raise RecipeError(
                f"cannot train on '{more.name}' besides: {both} of the {name} part's images are among it, "
                "so that the figures would be flattered; leave it out"
            )
