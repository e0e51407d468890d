"""The recipes for small data on scikit-learn's digits, beside the tutorial: errors by split and seed, seconds.

Run it with nothing else running: python benchmarks/small_data.py [FOLDER of UCI's optdigits]
"""

from __future__ import annotations

import dataclasses
import statistics
import sys

import numpy as np

from inkdigits import load_digits, train
from inkdigits.datasets import Dataset, load_optdigits

SEEDS = range(5)


def main() -> None:
    """Print a row for each split and recipe: people are kept apart in all of them."""
    digits = load_digits()
    turned = digits[np.arange(len(digits))[::-1]]
    halves = dataclasses.replace(digits, n_train=len(digits) // 2)
    trials: list[tuple[str, str, Dataset]] = [
        ("first 1,000 -> last 797", "small-data", digits),
        ("first 1,000 -> last 797", "small-data-average", digits),
        ("last 797 -> first 1,000", "small-data", dataclasses.replace(turned, n_train=797, writer_order="runs")),
        ("first half -> second half", "small-data", halves),
    ]
    if sys.argv[1:]:
        trials.append(("UCI's 3,823 -> all 1,797", "small-data", load_optdigits(sys.argv[1])))
    tutorial = statistics.median(train("tutorial", digits).seconds for _ in SEEDS)
    for split, recipe, dataset in trials:
        results = [train(recipe, dataset, random_state=seed) for seed in SEEDS]
        errors = [result.errors for result in results]
        seconds = statistics.median(result.seconds for result in results)
        print(
            f"{split:26} {recipe:19} errors {errors}, mean {statistics.mean(errors):.1f} of "
            f"{len(results[0].split.test)}, accuracy {statistics.mean(result.accuracy for result in results):.4f}, "
            f"{seconds:.1f} s, {seconds / tutorial:.0f} times the tutorial",
            flush=True,
        )


if __name__ == "__main__":
    main()
