"""Reading many files: rate, memory, what a broken file costs, kills, a cluster, the start.

Run it with nothing else running: python benchmarks/batch.py MNIST_DIR [PART]... [--files N]
MNIST_DIR has MNIST's four IDX files; a PART is rate, start, mixed, kills, dask, ray, plan or memory: by default all.
The pictures are MNIST's test digits with noise, one PNG each, made once in a temporary folder.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from pyarrow import parquet

from inkdigits import Reader, load_picture
from inkdigits.idx import read_idx
from inkdigits.ledger import Ledger, Terms, open_ledger
from inkdigits.pictures import encode_png
from inkdigits.sources import Item, sort_items

COMMAND = [sys.executable, "-m", "inkdigits"]
NOISE = 8  # grey levels; keeps the digits as they are and the files apart
BROKEN_SHARE = 0.05
KILLS = 50
STARTS = 7
POLL_S = 0.02  # between looks at how much memory is taken


def main() -> None:
    """Run the parts that are asked for, and print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mnist", type=Path)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--files", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for part in options.parts or PARTS:
            PARTS[part](options.mnist, Path(folder), options.files)


def measure_rate(mnist: Path, folder: Path, files: int) -> None:
    """Read digits with one worker and with two, and beside it only decode and only run the model."""
    digits = write_digits(mnist, folder / "digits", files)
    alone = [time_alone(digits) for _ in range(2)]
    seconds = {
        workers: [read(digits, folder / f"rate-{workers}-{turn}", workers) for turn in range(2)] for workers in (1, 2)
    }
    one, two = (min(seconds[workers]) for workers in (1, 2))
    print(
        f"rate: {files / one:.0f} files/s with one worker, {files / two:.0f} with two: {one / two:.2f} times (bar 1.7)"
    )
    cost, (reading, least) = one / files * 1e3, (min(times) * 1e3 for times in zip(*alone, strict=True))
    print(f"rate: {cost:.2f} ms a file; Reader.read_digit {reading:.2f} ms: {cost / reading:.2f} times")
    print(f"rate: to decode and run the model alone {least:.2f} ms: {cost / least:.2f} times (bar 2.5)")


def measure_memory(mnist: Path, folder: Path, files: int) -> None:
    """Read few digits and ten times as many, and see how much memory all processes take together at most."""
    for count in (files // 10, files, files * 10):
        digits = write_digits(mnist, folder / f"memory-{count}", count)
        command = start_batch(digits, folder / f"memory-out-{count}", "--level", "digit", "--workers", 2, "--quiet")
        print(f"memory: {most_memory(command) / 1e6:.0f} MB at most, command and two workers, for {count:,} files")


def measure_plan(mnist: Path, folder: Path, files: int) -> None:
    """List, plan and cut made-up files, few and many, each time in a process of its own."""
    for count in (2_000, 200_000, 1_000_000):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            most = process.submit(plan_made_up_files, count, folder / f"plan-{count}").result()
        print(f"plan: {most / 1e6:.0f} MB at most for {count:,} files")


def measure_mixed(mnist: Path, folder: Path, files: int) -> None:
    """Read a folder with broken files of ten kinds in it, and compare the rest with `inkdigits read`."""
    digits = write_digits(mnist, folder / "mixed", files // 10)
    broken = break_some(digits)
    subprocess.run(
        [*COMMAND, "batch", digits, "--out", folder / "mixed-out", "--workers", "2", "--quiet"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    rows = parquet.read_table(folder / "mixed-out" / "readings").to_pylist()
    failed = {row["file"] for row in rows if row["outcome"] == "failed"}
    good = sorted({row["file"] for row in rows} - failed)
    same = sum(
        batch_answer == read_answer
        for batch_answer, read_answer in zip(answers(rows, good), read_one_by_one(digits, good), strict=True)
    )
    print(f"mixed: {len(failed)} of {len(broken)} broken files failed, the same ones: {failed == broken}")
    print(f"mixed: {same} of {len(good)} others as `inkdigits read` says")


def measure_kills(mnist: Path, folder: Path, files: int) -> None:
    """Kill the command or its workers at a random moment, start it again, and compare the bytes."""
    digits = write_digits(mnist, folder / "kills", files // 10)
    read(digits, folder / "kills-straight", 2)
    straight = fingerprint(folder / "kills-straight")
    choice, same = random.Random(0), 0  # noqa: S311 - no secret
    for run in range(KILLS):
        out = folder / f"kills-{run}"
        command = start_batch(digits, out, "--level", "digit", "--workers", 2, "--quiet")
        time.sleep(choice.uniform(0.2, 4))
        for victim in [command.pid] if run % 2 else processes_of(command.pid)[1:]:
            os.kill(victim, signal.SIGKILL)
        command.wait()
        read(digits, out, 2)
        same += fingerprint(out) == straight
    print(f"kills: {same} of {KILLS} runs ended with the same bytes (bar {KILLS})")


def measure_dask(mnist: Path, folder: Path, files: int) -> None:
    """Read digits with two processes here, and with two Dask workers on this machine."""
    digits = write_digits(mnist, folder / "digits", files)
    with dask_cluster(folder) as address:
        seconds = {"processes": [], "dask": []}
        for turn in range(2):
            for way, words in {"processes": ["--workers", 2], "dask": ["--dask", address]}.items():
                started = time.perf_counter()
                start_batch(digits, folder / f"{way}-{turn}", "--level", "digit", "--quiet", *words).wait()
                seconds[way].append(time.perf_counter() - started)
    here, there = min(seconds["processes"]), min(seconds["dask"])
    same = fingerprint(folder / "processes-0") == fingerprint(folder / "dask-0")
    print(f"dask: {there:.1f} s, processes {here:.1f} s: {there / here:.2f} times (bar 1.25); the same bytes: {same}")


def measure_ray(mnist: Path, folder: Path, files: int) -> None:
    """Read digits with two processes, and with two actors of Ray Data, in turns; then once more to see their memory."""
    digits = write_digits(mnist, folder / "digits", files)
    ours: list[tuple[float, float]] = []
    rays: list[tuple[float, float]] = []
    for turn in range(2):
        ours.append(time_batch(digits, folder / f"ours-{turn}"))
        rays.append(time_ray(digits, folder / f"ray-{turn}"))
    for what, there, here in zip(
        ("from start to end", "to read"),
        map(min, zip(*rays, strict=True)),
        map(min, zip(*ours, strict=True)),
        strict=True,
    ):
        print(f"ray: {there:.1f} s {what}, inkdigits batch {here:.1f} s: {there / here:.2f} times")
    here = most_memory(start_batch(digits, folder / "ours-memory", "--level", "digit", "--workers", 2, "--quiet"))
    there = most_memory(start_ray(digits, folder / "ray-memory", 2))
    print(f"ray: {there / 1e6:.0f} MB at most, inkdigits batch {here / 1e6:.0f} MB: {there / here:.2f} times")
    said = texts(folder / "ray-0")
    same = sum(said.get(file) == text for file, text in texts(folder / "ours-0" / "readings").items())
    print(f"ray: {same} of {files} files read the same")


def measure_start(mnist: Path, folder: Path, files: int) -> None:
    """Read ten digits with `batch` and with `read`, in turns."""
    digits = write_digits(mnist, folder / "ten", 10)
    ways = {"batch": ["batch", digits, "--quiet"], "read": ["read", *sorted(digits.iterdir())]}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(STARTS):
        for way, words in ways.items():
            out = ["--out", folder / f"ten-{turn}"] if way == "batch" else []
            started = time.perf_counter()
            subprocess.run([*COMMAND, *words, *out], check=True, stdout=subprocess.DEVNULL)
            seconds[way].append(time.perf_counter() - started)
    batch, alone = (statistics.median(seconds[way]) for way in ("batch", "read"))
    print(f"start: batch {batch:.2f} s, read {alone:.2f} s for ten files: {batch / alone:.2f} times (bar 2)")


PARTS: dict[str, Callable[[Path, Path, int], None]] = {
    "rate": measure_rate,
    "start": measure_start,
    "mixed": measure_mixed,
    "kills": measure_kills,
    "dask": measure_dask,
    "ray": measure_ray,
    "plan": measure_plan,
    "memory": measure_memory,
}


def write_digits(mnist: Path, folder: Path, count: int) -> Path:
    """Write MNIST's test digits with noise, dark on light, until there are so many."""
    if folder.exists():
        return folder
    [path] = mnist.glob("t10k-images-idx3-ubyte*")
    images = read_idx(path)
    rng = np.random.default_rng(0)
    folder.mkdir()
    for number in range(count):
        noise = rng.integers(0, NOISE, (28, 28), np.uint8)
        (folder / f"{number:07}.png").write_bytes(encode_png(255 - np.maximum(images[number % len(images)], noise)))
    return folder


@dataclass(frozen=True)
class MadeUp:
    """A source of so many files that are not there."""

    count: int
    address: str = "made up"
    by_ending: bool = False

    def items(self) -> Iterator[Item]:
        """List the files, as a folder does: found in no order, sorted by their names."""
        return sort_items(
            Item(f"{n * 7919 % self.count:09}.png", 300, "1763780000000000000") for n in range(self.count)
        )

    def contents(self, items: Sequence[Item]) -> Iterator[bytes]:
        """Give nothing."""
        yield from ()


def begin_made_up(count: int, folder: Path) -> Ledger:
    """Begin a batch of so many made-up files, or go on with it."""
    return open_ledger(str(folder), MadeUp(count), Terms(level="digit", model_sha256=""), {})


def plan_made_up_files(count: int, folder: Path) -> int:
    """Begin a batch of so many files, go on with it, cut it; return the most bytes that this process took."""
    for _ in range(2):
        ledger = begin_made_up(count, folder)
    if sum(len(shard.items) for shard in ledger.shards()) != count:
        raise RuntimeError("a file was lost")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def break_some(folder: Path) -> set[str]:
    """Break a share of the pictures in a folder, in ten ways by turns, and return their names."""
    paths = sorted(folder.iterdir())
    chosen = random.Random(0).sample(paths, round(len(paths) * BROKEN_SHARE))  # noqa: S311 - no secret
    for number, path in enumerate(chosen):
        content = path.read_bytes()
        path.write_bytes(BREAKS[number % len(BREAKS)](content))
    return {path.name for path in chosen}


BREAKS: list[Callable[[bytes], bytes]] = [
    lambda content: b"",
    lambda content: content[: len(content) // 2],
    lambda content: content[:20],
    lambda content: b"\0" * len(content),
    lambda content: b"Dear Sir or Madam",
    lambda content: b"<html><body>404</body></html>",
    lambda content: b"\0\0\0\x18ftypheic" + content,
    lambda content: content[:45] + bytes(255 - byte for byte in content[45:75]) + content[75:],
    lambda content: content[:16] + (60_000).to_bytes(4, "big") * 2 + content[24:],
    lambda content: b"PK\x03\x04" + content,
]


def time_alone(folder: Path) -> tuple[float, float]:
    """Return the seconds a file takes in this process: to be read, and to be decoded and run through the model only."""
    cv2.setNumThreads(1)
    reader, paths = Reader(), sorted(folder.iterdir())[:2000]
    image = reader.read_digit(paths[0]).shown[np.newaxis]

    def decode_and_predict(path: Path) -> None:
        load_picture(path)
        reader.model.predict_proba(image)

    return seconds_for_each(reader.read_digit, paths), seconds_for_each(decode_and_predict, paths)


def seconds_for_each(do: Callable[[Path], object], paths: list[Path]) -> float:
    """Return how long something takes for a file, on average."""
    started = time.perf_counter()
    for path in paths:
        do(path)
    return (time.perf_counter() - started) / len(paths)


def read(source: Path, out: Path, workers: int) -> float:
    """Read a folder of digits with the command, and return the seconds that its summary says."""
    start_batch(source, out, "--level", "digit", "--workers", workers, "--quiet").wait()
    return float(json.loads((out / "summary.json").read_text())["seconds"])


def start_batch(source: Path, out: Path, *words: object) -> subprocess.Popen[bytes]:
    """Start the command."""
    command = [*COMMAND, "batch", source, "--out", out, *words]
    return subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)


def time_batch(source: Path, out: Path) -> tuple[float, float]:
    """Read digits with two processes; return the seconds of all, and of the reading."""
    started = time.perf_counter()
    reading = read(source, out, 2)
    return time.perf_counter() - started, reading


def time_ray(source: Path, out: Path) -> tuple[float, float]:
    """Read digits with two of Ray's actors; return the same."""
    started = time.perf_counter()
    said, _ = start_ray(source, out, 2).communicate()
    return time.perf_counter() - started, float(json.loads(said)["seconds"])


def start_ray(source: Path, out: Path, cpus: int) -> subprocess.Popen[bytes]:
    """Start the rival."""
    command = [sys.executable, str(Path(__file__).with_name("ray_data.py")), str(source), str(out), str(cpus)]
    quiet = {"stderr": subprocess.DEVNULL, "env": {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}}
    return subprocess.Popen(command, stdout=subprocess.PIPE, **quiet)


def texts(folder: Path) -> dict[str, str]:
    """Return what each file was read as."""
    return {row["file"]: row["text"] for row in parquet.read_table(folder, columns=["file", "text"]).to_pylist()}


def fingerprint(out: Path) -> str:
    """Return a hash of a batch's readings."""
    files = sorted((out / "readings").iterdir())
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()


def processes_of(pid: int) -> list[int]:
    """Return a process, those that it has started, and those that these have; of what has ended only itself."""
    children: list[str] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            children += path.read_text(encoding="ascii").split()
    return [pid, *(process for child in children for process in processes_of(int(child)))]


def most_memory(command: subprocess.Popen[bytes]) -> float:
    """Return the most bytes that a command and its workers take together, each page of memory counted once."""
    most = 0
    while command.poll() is None:
        most = max(most, sum(map(proportional_bytes, processes_of(command.pid))))
        time.sleep(POLL_S)
    return most


def proportional_bytes(pid: int) -> int:
    """Return a process's memory, with its share of what it shares with others."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    return 1024 * next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)


def answers(rows: list[dict[str, object]], files: list[str]) -> Iterator[list[tuple[object, ...]]]:
    """Yield the numbers of each file of a batch."""
    numbers: dict[object, list[tuple[object, ...]]] = {file: [] for file in files}
    for row in rows:
        if row["file"] in numbers and row["confidence"] is not None:
            numbers[row["file"]].append((row["text"], row["confidence"], row["accepted"]))
    yield from numbers.values()


def read_one_by_one(folder: Path, files: list[str]) -> Iterator[list[tuple[object, ...]]]:
    """Yield the numbers of each file as `inkdigits read` says."""
    command = [*COMMAND, "read", "--json", *(folder / file for file in files)]
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        yield [(number["text"], number["confidence"], number["accepted"]) for number in json.loads(line)["numbers"]]


@contextmanager
def dask_cluster(folder: Path) -> Iterator[str]:
    """Start a Dask scheduler and two workers as processes, and return the scheduler's address."""
    where = folder / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    words = ["--scheduler-file", str(where), "--no-dashboard"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    processes = [subprocess.Popen([*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", *words], **quiet)]
    while not where.exists():
        time.sleep(POLL_S)
    processes += [subprocess.Popen([*dask, "worker", "--nthreads", "1", *words], **quiet, cwd=folder) for _ in range(2)]
    time.sleep(5)  # until both are known to the scheduler
    try:
        yield json.loads(where.read_text())["address"]
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
