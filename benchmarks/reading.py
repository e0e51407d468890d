"""How well a reader reads real digits, and what it says of what is no digit: the figures of the README.

Run it on a folder in the layout of tests/test_real_data.py: python benchmarks/reading.py DIR [MODEL]
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from inkdigits import Reader, evaluate, load_dataset
from inkdigits.datasets import Dataset
from inkdigits.evaluation import UNSEEN, Evaluation
from inkdigits.negatives import KINDS, draw_negatives

CANVAS = 200  # px
IMAGES = 1000
NEGATIVES = 500  # of each kind
NEGATIVE_SEED = 20_000  # training draws its own with the recipe's seed, 0 and up


def main(folder: Path, model: str | None = None) -> None:
    """Print a row for each figure."""
    reader = Reader(model)
    mnist = evaluate(reader.model, load_dataset(f"mnist:{folder / 'mnist'}"))
    test = mnist.dataset.images
    tell("MNIST test", mnist)
    tell("exam digits (nsysu-dev)", judge_exam(reader, folder / "nsysu" / "nsysu-dev.npz"))
    for way in ("read", "read_digit"):
        right = read_photos(reader, folder / "numbers" / "single-photo", way)
        print(f"single digits on photos, {way:11}{sum(right)} of {len(right)}")
    for name in ("semeion", "optdigits"):
        judged = evaluate(reader.model, load_dataset(f"{name}:{folder / name}", preparation="mnist-28"))
        tell(f"{name}, trained on {'it' if judged.seen.startswith('all') else 'others'}", judged)
    print(f"same answer wherever it stands     {count_same(reader, test[:IMAGES])} of {IMAGES}")
    for name, share in read_variants(reader, mnist.dataset[:IMAGES]):
        print(f"  {name:33}{share:.4f} of {IMAGES}")
    for kind in ("blank", "noise", "scribble", "frame", "pair", "letter", "blot"):
        print(f"AUROC of digits against {kind:11}{tell_apart(reader, test, kind):.4f}")
    print(f"AUROC of digits against all{'':8}{tell_apart(reader, test, *KINDS):.4f}")


def tell(name: str, judged: Evaluation) -> None:
    """Print accuracy, calibration and what the promises come to."""
    promises = "; ".join(
        f"promised {float(p.promised):.1%}: {p.error_rate:.2%} of the {p.coverage:.1%} accepted"
        for p in judged.trust.promises
    )
    print(
        f"{name:35}{judged.accuracy:.4f} of {len(judged.dataset)}, "
        f"calibration error {judged.trust.expected_calibration_error:.4f}; {promises}"
    )


def judge_exam(reader: Reader, path: Path) -> Evaluation:
    """Read the exam's digits as crops, through the reader's own preparation."""
    exam = np.load(path)
    readings = [reader.read_digit(image) for image in exam["images"]]
    wrong = np.eye(10)[(exam["labels"] + 1) % 10] * 1e-9  # a digit that is declined as nothing is not read rightly
    dataset = Dataset(
        name="nsysu-dev",
        images=np.stack([reading.shown for reading in readings]),
        labels=exam["labels"].astype(np.uint8),
        preparation=reader.model.metadata.preparation,
        description="digits from scanned exam boxes",
        source="nsysu",
        people="students, not told apart",
        n_train=0,
    )
    probabilities = np.array(
        [reading.probabilities or nothing for reading, nothing in zip(readings, wrong, strict=True)]
    )
    thresholds = reader.model.metadata.thresholds
    return Evaluation(dataset, probabilities, np.arange(len(readings)), UNSEEN, thresholds)


def read_photos(reader: Reader, folder: Path, way: str) -> list[bool]:
    """Return whether each photo of a folder with labels.csv is read rightly, as a page or as a crop."""
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [getattr(reader, way)(folder / row["file"]).text == row["reading"] for row in rows]


def count_same(reader: Reader, images: NDArray[np.uint8]) -> int:
    """Return how many digits are read alike in the middle of a white canvas and elsewhere.

    Shifted by up to a quarter of the canvas, at 0.5 to 3 times the size, dark on light or light on dark, on grey to
    white paper.
    """
    random = np.random.default_rng(0)
    same = 0
    for image in images:
        scale, paper = random.uniform(0.5, 3), int(random.integers(128, 256))
        moved = paste(image, scale, tuple(random.integers(-CANVAS // 4, CANVAS // 4 + 1, 2)), paper)
        shown = moved if random.random() < 0.5 else 255 - moved
        same += reader.read(shown).text == reader.read(paste(image, 1, (0, 0), 255)).text
    return same


def read_variants(reader: Reader, test: Dataset) -> Iterator[tuple[str, float]]:
    """Yield the share that is read rightly as it is, in other colours, places and sizes, with other pens."""
    images = test.images
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    clean = [paste(image, 3, (0, 0), 255) for image in images]
    variants = {
        "clean": clean,
        "colours inverted": [255 - picture for picture in clean],
        "shifted by a quarter of the canvas": [paste(image, 3, (-CANVAS // 4, CANVAS // 4), 255) for image in images],
        "half the size": [paste(image, 1.5, (0, 0), 255) for image in images],
        "twice the size": [cv2.resize(picture, None, fx=2, fy=2) for picture in clean],
        "a pen of 4 px more": [cv2.erode(picture, disc) for picture in clean],
        "a pen of 2 px less": [cv2.dilate(picture, disc[1:4, 1:4]) for picture in clean],
    }
    for name, pictures in variants.items():
        texts = [reader.read_digit(np.asarray(picture, np.uint8)).text for picture in pictures]
        yield name, float(np.mean([text == str(label) for text, label in zip(texts, test.labels, strict=True)]))


def tell_apart(reader: Reader, digits: NDArray[np.uint8], *kinds: str) -> float:
    """Return how well the model's word for 'no digit' tells made-up negatives from test digits (area under ROC)."""
    negatives, _ = draw_negatives(NEGATIVES * len(kinds), digits, random_state=NEGATIVE_SEED, kinds=kinds)
    n_digits = len(reader.model.metadata.digits)
    answers = [1 - reader.model.predict_proba(images)[:, :n_digits].sum(axis=1) for images in (digits, negatives)]
    truth = np.repeat([0, 1], [len(answer) for answer in answers])
    return float(roc_auc_score(truth, np.concatenate(answers)))


def paste(image: NDArray[np.uint8], scale: float, shift: Sequence[int], paper: int) -> NDArray[np.uint8]:
    """Return a digit (28, 28), ink bright, as dark ink on a canvas, shifted (x, y) from its middle."""
    size = round(28 * scale)
    enlarged = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    ink = np.zeros((CANVAS, CANVAS))
    left, top = (CANVAS // 2 - size // 2 + offset for offset in shift)
    ink[top : top + size, left : left + size] = enlarged
    return np.rint(paper * (1 - ink / 255)).astype(np.uint8)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
