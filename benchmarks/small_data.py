"""The recipe for small data on scikit-learn's digits, beside the tutorial: errors by split and seed, time side by side.

Run it with nothing else running: python benchmarks/small_data.py
"""

from __future__ import annotations

import dataclasses
import statistics

import numpy as np

from inkdigits import load_digits, train
from inkdigits.datasets import Dataset

SEEDS = range(5)


def main() -> None:
    """Print a row for each split: people are kept apart in all of them."""
    digits = load_digits()
    turned = digits[np.arange(len(digits))[::-1]]
    halves = dataclasses.replace(digits, n_train=len(digits) // 2)
    splits: dict[str, Dataset] = {
        "first 1,000 -> last 797": digits,
        "last 797 -> first 1,000": dataclasses.replace(turned, n_train=797, writer_order="runs"),
        "first half -> second half": halves,
    }
    tutorial = statistics.median(train("tutorial", digits).seconds for _ in SEEDS)
    for name, dataset in splits.items():
        results = [train("small-data", dataset, random_state=seed) for seed in SEEDS]
        errors = [result.errors for result in results]
        seconds = statistics.median(result.seconds for result in results)
        print(
            f"{name:26} errors {errors}, mean {statistics.mean(errors):.1f} of {len(results[0].split.test)}, "
            f"accuracy {statistics.mean(result.accuracy for result in results):.4f}, "
            f"{seconds:.1f} s, {seconds / tutorial:.0f} times the tutorial"
        )


if __name__ == "__main__":
    main()
