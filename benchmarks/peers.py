"""inkdigits beside its peers: accuracy, training time, reading time, size and memory, all measured in one run.

Each contestant has a process of its own; nothing else should run meanwhile. Training may use all cores, reading one.
Memory is the most the process had, data set and training included. One seed each. The bundled models are not trained
here (their recipes take ten and over twenty minutes), RapidOCR cannot be; it needs the extra inkdigits[bench] and reads
1,000 images.

    python benchmarks/peers.py digits [--picture FILE]
    python benchmarks/peers.py mnist:DIR [--picture FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from inkdigits import load_dataset, train
from inkdigits.datasets import Dataset, Split, split
from inkdigits.modelfile import bundled_models, open_model

MANY = 1000  # images read at once
ONCE, REPEATS = 50, 5  # how often one image, and how often many, are read for a median
OCR_SIDE = 96  # px a digit is enlarged to for RapidOCR, which reads lines about half as high
Images = NDArray[np.uint8]  # (n, size, size)
Predict = Callable[[Images], NDArray[np.uint8]]


@dataclass(frozen=True)
class Contestant:
    """Someone who has learned to read: how, and how large that is when stored."""

    predict: Predict
    fit_s: float  # nan where nothing was trained
    stored: Callable[[], int]  # bytes
    n_test: int | None = None  # images read for the accuracy, if not all


def main() -> None:
    """Run each contestant in a process of its own; print a table, draw a picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="digits or mnist:DIR")
    parser.add_argument("--picture", type=Path, help="write the picture to this file")
    parser.add_argument("--only", help=argparse.SUPPRESS)  # how a process is told its contestant
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, options.data)))
        return
    names = [*PEERS, "small-data"] if options.data == "digits" else [*PEERS, "fast", "tiny", "reader"]
    rows = [row for name in names if (row := _run_alone(name, options.data))]
    print(f"{datetime.now(UTC):%Y-%m-%d}, {_cpu()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print(_table(rows))
    if options.picture:
        _draw(rows, options.data.partition(":")[0], options.picture)


def measure(name: str, data: str) -> dict[str, float | str]:
    """Train a contestant, let it read, and return its figures."""
    parts = split(load_dataset(data))
    contestant = PEERS[name](parts) if name in PEERS else _inkdigits(name, data)
    test = parts.test[: contestant.n_test] if contestant.n_test else parts.test
    many = np.resize(test.images, (MANY, *test.images.shape[1:]))
    with threadpool_limits(1):
        right = contestant.predict(test.images) == test.labels
        one_s = _median(lambda: contestant.predict(test.images[:1]), ONCE)
        many_s = _median(lambda: contestant.predict(many), REPEATS)
    return {
        "name": name,
        "accuracy": float(right.mean()),
        "errors": f"{int((~right).sum())} of {len(test)}",
        "fit_s": contestant.fit_s,
        "one_us": one_s * 1e6,
        "many_us": many_s / MANY * 1e6,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
        "kb": contestant.stored() / 1000,
    }


def _mlp_tutorial(parts: Split) -> Contestant:
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier(
        hidden_layer_sizes=(15,), activation="logistic", solver="sgd", learning_rate_init=0.1, random_state=1
    )
    return _scikit(network, parts.train)


def _mlp_default(parts: Split) -> Contestant:
    from sklearn.neural_network import MLPClassifier

    return _scikit(MLPClassifier(random_state=0), parts.train)


def _svc(parts: Split) -> Contestant:
    from sklearn.svm import SVC

    return _scikit(SVC(gamma=0.001), parts.train)


def _svc_scaled(parts: Split) -> Contestant:
    """Fit scikit-learn's default, whose gamma follows the data: 0.001 is meant for counts of 0..16."""
    from sklearn.svm import SVC

    return _scikit(SVC(), parts.train)


def _nearest(parts: Split) -> Contestant:
    from sklearn.neighbors import KNeighborsClassifier

    return _scikit(KNeighborsClassifier(n_neighbors=3), parts.train)


def _scikit(estimator: object, train_part: Dataset) -> Contestant:
    """Fit one of scikit-learn's: on counts as they are, on grey levels scaled to 0..1."""
    scale = 255 if train_part.preparation == "mnist-28" else 1

    def rows(images: Images) -> NDArray[np.float64]:
        return images.reshape(len(images), -1) / scale

    X = rows(train_part.images)
    started = time.perf_counter()
    estimator.fit(X, train_part.labels)  # type: ignore[attr-defined]
    seconds = time.perf_counter() - started
    predict: Predict = lambda images: estimator.predict(rows(images))  # type: ignore[attr-defined]  # noqa: E731
    return Contestant(predict, seconds, lambda: len(pickle.dumps(estimator)))


def _rapidocr(parts: Split) -> Contestant:
    """Let RapidOCR read each image as a line of text; an answer that is not one digit is wrong."""
    import logging

    import rapidocr

    logging.disable(logging.INFO)
    engine = rapidocr.RapidOCR(params={"EngineConfig.onnxruntime.intra_op_num_threads": 1})
    full = 16 if parts.test.preparation == "uci-8" else 255

    def read(image: Images) -> int:
        enlarged = cv2.resize(image.astype(np.float32) / full, (OCR_SIDE, OCR_SIDE), interpolation=cv2.INTER_CUBIC)
        paper = cv2.cvtColor(np.uint8(255 - np.clip(enlarged, 0, 1) * 255), cv2.COLOR_GRAY2BGR)
        answer = engine(paper, use_det=False, use_cls=False, use_rec=True)
        text = (answer.txts or ("",))[0].strip()
        return int(text) if len(text) == 1 and text in "0123456789" else 255

    model = next(Path(rapidocr.__file__).parent.glob("models/*_rec_*.onnx"))
    predict: Predict = lambda images: np.array([read(image) for image in images], np.uint8)  # noqa: E731
    return Contestant(predict, float("nan"), lambda: model.stat().st_size, n_test=MANY)


def _inkdigits(name: str, data: str) -> Contestant:
    import inkdigits._torch  # noqa: F401 - loading a library is not training

    result = None if name in bundled_models() else train(name, data)
    model = open_model(name) if result is None else result.model
    return Contestant(model.predict, float("nan") if result is None else result.seconds, lambda: len(model.content))


def _run_alone(name: str, data: str) -> dict[str, float | str] | None:
    print(f"{name} ...", file=sys.stderr)
    command = [sys.executable, __file__, data, "--only", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        print(f"{name} left out: {reason}", file=sys.stderr)
        return None
    row: dict[str, float | str] = json.loads(done.stdout.strip().splitlines()[-1])
    return row


def _cpu() -> str:
    """Return the processor's name where Linux tells it."""
    path = Path("/proc/cpuinfo")
    names = [line for line in path.read_text().splitlines() if "model name" in line] if path.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.machine()


def _median(action: Callable[[], object], repeats: int) -> float:
    """Return the median seconds of an action, after one that warms up; a slow one is repeated less."""
    started = time.perf_counter()
    action()
    if time.perf_counter() - started > 5:
        repeats = 1
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _table(rows: list[dict[str, float | str]]) -> str:
    head = "| | accuracy | errors | training, s | one image, µs | each of 1,000, µs | model, kB | peak memory, MB |"
    lines = [
        f"| {row['name']} | {row['accuracy']:.4f} | {row['errors']} | {row['fit_s']:.1f} | {row['one_us']:.0f} | "
        f"{row['many_us']:.1f} | {row['kb']:.0f} | {row['memory_mb']:.0f} |"
        for row in rows
    ]
    return "\n".join([head, "|---|---|---|---|---|---|---|---|", *lines]).replace(" nan ", " - ")


def _draw(rows: list[dict[str, float | str]], data: str, path: Path) -> None:
    """Draw the error rate against the time per image, each as large as its model."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot(xlabel="time per image, µs (1,000 at once)", ylabel="error rate", title=data)
    axes.set(xscale="log", yscale="log")
    for row in rows:
        ours = row["name"] not in PEERS
        x, y = float(row["many_us"]), max(1 - float(row["accuracy"]), 1e-4)
        axes.scatter(x, y, s=20 + 4 * float(row["kb"]) ** 0.5, color="tab:blue" if ours else "0.5", alpha=0.7)
        axes.annotate(str(row["name"]), (x, y), (6, 4), textcoords="offset points", fontsize=8)
    axes.margins(0.15)
    figure.savefig(path, dpi=130)


PEERS: dict[str, Callable[[Split], Contestant]] = {
    "MLP (15), tutorial": _mlp_tutorial,
    "MLP (100), default": _mlp_default,
    "SVC(gamma=.001)": _svc,
    "SVC(), default": _svc_scaled,
    "3-NN": _nearest,
    "rapidocr": _rapidocr,
}


if __name__ == "__main__":
    main()
