"""inkdigits beside RapidOCR and Tesseract on whole numbers by hand: how many are exact, what confidence is worth, time.

Each contestant reads each set in a process of its own, on one thread; nothing else should run meanwhile. RapidOCR reads
as it is shipped (what is no digit is left out of its answer), and with its recogniser's answer restricted to digits.
Whoever is not installed is left out with the reason: RapidOCR needs the extra inkdigits[bench], Tesseract its program.

    python benchmarks/whole_numbers.py DIR [--model FILE] [--part cheques-adapt --part boxes ...]

DIR is laid out as tests/test_real_data.py expects it. `free` and `boxes` are made up: six of MNIST's test digits on
paper, and in printed boxes, 400 numbers each. (It is not called numbers.py: Python has a module of that name.)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits import Reader, load_dataset
from inkdigits.datasets import Dataset, split
from inkdigits.number_set import load_numbers
from inkdigits.numbers import NumbersEvaluation
from inkdigits.pool import ALONE, pool_opinions
from inkdigits.second import SecondOpinion

REAL = ("cheques-adapt", "cheques-test", "logbook-adapt", "logbook-test", "ruled", "single-photo")
PARTS = ("cheques-test", "logbook-test", "ruled", "single-photo", "free", "boxes")  # read where nobody says which
MADE = 400  # numbers of each made-up set
LENGTH = 6  # digits
HEIGHT = 56  # px of an MNIST image, its digits are 40
PITCH = (34, 46)  # px from digit to digit, free
BOX = 60  # px, the side of a printed box
OCR_HEIGHT = 48  # px; RapidOCR's recogniser makes a line as high itself, Tesseract wants no less
SURE = 0.9  # the score from which programs without a promise are often trusted
Gray = NDArray[np.uint8]  # (h, w), dark ink on light paper
Reading = tuple[str, float, bool]  # text, confidence in 0..1, accepted
Read = Callable[[Gray], Reading]


@dataclass(frozen=True)
class Numbers:
    """Pictures of whole numbers, and what is written there."""

    pictures: Sequence[Gray]
    texts: Sequence[str]


def main() -> None:
    """Let each contestant read each set; print a table for each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", help="of inkdigits: a model file; the bundled reader by default")
    parser.add_argument("--part", action="append", choices=(*REAL, "free", "boxes"), help="a set; repeatable")
    parser.add_argument("--limit", type=int, help="numbers of each set, the first ones")
    parser.add_argument("--only", help=argparse.SUPPRESS)  # how a process is told its contestant
    options = parser.parse_args()
    parts = options.part or PARTS
    if options.only:
        print(json.dumps(measure(options.only, options.folder, parts[0], options.model, options.limit)))
        return
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for part in parts:
        rows = [row for name in CONTESTANTS if (row := run_alone(name, part, options))]
        print(f"\n{part}\n\n{table(rows)}", flush=True)


def measure(name: str, folder: Path, part: str, model: str | None, limit: int | None) -> dict[str, Any]:
    """Let a contestant read a set, and return its figures."""
    cv2.setNumThreads(1)
    numbers = load_part(folder, part)
    read = CONTESTANTS[name](model)
    read(numbers.pictures[0])  # loads what is loaded with the first picture
    before = time.perf_counter(), _cpu_s()
    readings = [read(picture) for picture in numbers.pictures[:limit]]
    wall_s, cpu_s = time.perf_counter() - before[0], _cpu_s() - before[1]
    texts, confidences, accepted = zip(*readings, strict=True)
    judged = NumbersEvaluation(numbers.texts[:limit], texts, np.array(confidences))
    chosen = np.array(accepted)
    misread, dropped, invented = judged.edits
    return {
        "name": name,
        "exact": judged.exact,
        "of": f"{int(judged.correct.sum())} of {len(texts)}",
        "misread": misread,
        "dropped": dropped,
        "invented": invented,
        "accepted": float(chosen.mean()),
        "wrong": float((chosen & ~judged.correct).sum() / max(1, chosen.sum())),
        "calibration": judged.trust.expected_calibration_error,
        "wall_ms": 1000 * wall_s / len(texts),
        "cpu_ms": 1000 * cpu_s / len(texts),
        "memory_mb": max(resource.getrusage(who).ru_maxrss for who in PROCESSES) / 1000,
    }


def _cpu_s() -> float:
    """Return the CPU time so far, of programs that were called too."""
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, PROCESSES))


def load_part(folder: Path, part: str) -> Numbers:
    """Return a set of numbers."""
    if part in REAL:
        numbers = load_numbers(folder / "numbers" / part)
        pairs = zip(numbers.pictures(), numbers.readings, strict=True)
        whole = [(picture, text) for picture, text in pairs if not isinstance(picture, str)]
        return Numbers([picture for picture, _ in whole], [text for _, text in whole])
    test = split(load_dataset(f"mnist:{folder / 'mnist'}")).test
    return Numbers(*zip(*make_numbers(test, boxed=part == "boxes"), strict=True))


def make_numbers(digits: Dataset, *, boxed: bool) -> Iterator[tuple[Gray, str]]:
    """Yield numbers of six digits, each of one writer where these are known, on paper or in printed boxes."""
    random = np.random.default_rng(2026)
    writers = np.arange(len(digits)) if digits.writers is None else digits.writers
    for _ in range(MADE):
        same = np.flatnonzero(writers == random.choice(writers))
        chosen = random.choice(same if len(same) >= LENGTH else len(digits), LENGTH)
        draw = draw_boxes if boxed else draw_free
        yield draw(digits.images[chosen], random), "".join(str(label) for label in digits.labels[chosen])


def draw_free(images: Gray, random: np.random.Generator) -> Gray:
    """Write digits side by side, from touching to apart, with a little noise."""
    places = 20 + np.cumsum(np.full(LENGTH, random.integers(*PITCH)) + random.integers(-2, 3, LENGTH))
    ink = np.zeros((HEIGHT + 24, int(places[-1]) + HEIGHT + 20))
    for image, x in zip(images, places, strict=True):
        y = 12 + int(random.integers(-3, 4))
        window = ink[y : y + HEIGHT, x : x + HEIGHT]
        np.maximum(window, cv2.resize(image, (HEIGHT, HEIGHT), interpolation=cv2.INTER_CUBIC), out=window)
    return _on_paper(ink, random)


def draw_boxes(images: Gray, random: np.random.Generator) -> Gray:
    """Write each digit into a printed box of a row of them."""
    ink = np.zeros((BOX + 24, LENGTH * BOX + 24))
    for i, image in enumerate(images):
        x, y = 12 + i * BOX + 2 + random.integers(-4, 5), 12 + 2 + random.integers(-4, 5)
        window = ink[y : y + HEIGHT, x : x + HEIGHT]
        np.maximum(window, cv2.resize(image, (HEIGHT, HEIGHT), interpolation=cv2.INTER_CUBIC), out=window)
        cv2.rectangle(ink, (12 + i * BOX, 12), (12 + (i + 1) * BOX, 12 + BOX), 150.0, 1)
    return _on_paper(ink, random)


def _on_paper(ink: NDArray[np.float64], random: np.random.Generator) -> Gray:
    paper, pen = random.uniform(200, 250), random.uniform(0.6, 0.95)
    picture = paper * (1 - pen * np.clip(ink, 0, 255) / 255) + random.normal(0, 3, ink.shape)
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8)


def _ours(model: str | None) -> Read:
    return _inkdigits(Reader(model))


def _ours_and_second(model: str | None) -> Read:
    return _inkdigits(Reader(model, second_opinion=True))


def _inkdigits(reader: Reader) -> Read:
    def read(picture: Gray) -> Reading:
        reading = reader.read_number(picture)
        return reading.text, reading.confidence, reading.accepted

    return read


def _rapidocr(_: str | None) -> Read:
    """Let RapidOCR read the picture as a line of text, as it is shipped; only the digits of its answer count."""
    import logging

    import rapidocr

    logging.disable(logging.INFO)
    engine = rapidocr.RapidOCR(params={"EngineConfig.onnxruntime.intra_op_num_threads": 1})

    def read(picture: Gray) -> Reading:
        answer = engine(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), use_det=False, use_cls=False, use_rec=True)
        text = "".join(filter("0123456789".__contains__, (answer.txts or ("",))[0]))
        score = float((answer.scores or (0.0,))[0])
        return text, score, score >= SURE

    return read


def _rapidocr_digits(_: str | None) -> Read:
    """Let the same recogniser choose among digits and CTC's blank only."""
    second = SecondOpinion()

    def read(picture: Gray) -> Reading:
        answer = pool_opinions([second.see(np.asarray(255 - picture, np.uint8))], [ALONE])
        return answer.text, answer.probability, answer.probability >= SURE

    return read


def _tesseract(_: str | None) -> Read:
    """Let Tesseract read the picture as a line of digits."""
    program = shutil.which("tesseract")
    if program is None:
        raise FileNotFoundError("there is no program tesseract; install it with the system's package manager")
    command = [program, "stdin", "stdout", "--psm", "7", "-c", "tessedit_char_whitelist=0123456789", "tsv"]

    def read(picture: Gray) -> Reading:
        scale = max(1.0, OCR_HEIGHT / len(picture))
        large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        padded = cv2.copyMakeBorder(large, 10, 10, 10, 10, cv2.BORDER_REPLICATE)  # it wants a margin
        png = cv2.imencode(".png", padded)[1].tobytes()
        done = subprocess.run(command, input=png, capture_output=True, check=True, env=os.environ | ONE_THREAD)
        words = [line.split("\t") for line in done.stdout.decode().splitlines()[1:]]
        found = [(row[11].strip(), float(row[10]) / 100) for row in words if len(row) > 11 and row[11].strip()]
        score = min((score for _, score in found), default=0.0)
        return "".join(text for text, _ in found), score, bool(found) and score >= SURE

    return read


def run_alone(name: str, part: str, options: argparse.Namespace) -> dict[str, Any] | None:
    """Measure a contestant in a process of its own; say why one is left out."""
    command = [sys.executable, __file__, str(options.folder), "--part", part, "--only", name]
    command += ["--model", options.model] if options.model else []
    command += ["--limit", str(options.limit)] if options.limit else []
    print(f"{part}: {name} ...", file=sys.stderr)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | ONE_THREAD)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        print(f"{name} left out: {reason}", file=sys.stderr)
        return None
    row: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return row


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return figures as Markdown."""
    lines = [
        f"| {row['name']} | {row['of']} | {row['exact']:.4f} | "
        f"{row['misread']} / {row['dropped']} / {row['invented']} | "
        f"{row['accepted']:.1%} | {row['wrong']:.2%} | {row['calibration']:.4f} | "
        f"{row['wall_ms']:.1f} ({row['cpu_ms']:.1f}) | {row['memory_mb']:.0f} |"
        for row in rows
    ]
    head = "| | exact | share | digits misread / dropped / invented | accepted | wrong among them | calibration error |"
    return "\n".join([f"{head} each, ms (CPU) | peak memory, MB |", "|---|" + "---|" * 8, *lines])


PROCESSES = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
ONE_THREAD = {"OMP_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1"}
CONTESTANTS: dict[str, Callable[[str | None], Read]] = {
    "inkdigits": _ours,
    "inkdigits, second opinion": _ours_and_second,
    "RapidOCR as shipped": _rapidocr,
    "RapidOCR, digits only": _rapidocr_digits,
    "Tesseract, digits only": _tesseract,
}


if __name__ == "__main__":
    main()
