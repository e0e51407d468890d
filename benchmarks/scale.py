"""What a batch costs, from a measured run to 1,000 workers on paper (docs/scale.md).

    python benchmarks/scale.py measure MNIST_DIR --out costs.json     # a minute and a half; nothing else may run
    python benchmarks/scale.py simulate costs.json                    # two minutes

`measure` reads MNIST's test digits with noise, few and many, in small and large shards, with one worker and two, and
fits the processor seconds of a start, a shard and a picture; how much longer the clock ran shows what was waited for.
Planning, handing out and Dask's scheduler are timed by themselves. `simulate` runs 10^6 and 10^9 pictures on the
cluster of cluster.py, and prints two Markdown tables.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
from batch import begin_made_up, dask_cluster, seconds_for_each, write_digits
from cluster import Costs, Run, World, plan, simulate

from inkdigits import Reader, load_picture
from inkdigits.batch import AHEAD, connect_dask, read_many
from inkdigits.sources import READ_AHEAD

FILES, SHARD_FILES, WORKERS = (1_000, 4_000), (25, 500), (1, 2)
TURNS = 2
PLANNED = 200_000  # made-up files, to plan and to hand out
TASKS = 1_000  # shards, to time Dask's scheduler
IN_FLIGHT = 200  # of them, so that the scheduler and not the way there is timed
WAITING = 2_000  # shards that a client with 1,000 workers looks at
CORE_HOUR_USD = 0.04  # a virtual processor of a general machine, on demand, at large clouds in 2025
GET_USD, PUT_USD = 0.4e-6, 5e-6  # a request to S3 Standard, us-east-1
FAULTS = {"spread": 0.25, "life_s": 36_000.0, "hang_rate": 1e-6}  # two in three within 1.3 times; ten hours
PICTURES, CLUSTERS = (10**6, 10**9), (1, 100, 1_000)


def main() -> None:
    """Measure, or simulate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    measuring = parts.add_parser("measure")
    measuring.add_argument("mnist", type=Path)
    measuring.add_argument("--out", type=Path, required=True, help="write the costs to this file, for `simulate`")
    simulating = parts.add_parser("simulate")
    simulating.add_argument("costs", type=Path)
    options = parser.parse_args()
    if options.part == "measure":
        options.out.write_text(json.dumps(asdict(measure(options.mnist)), indent=2) + "\n")
    else:
        costs = Costs(**json.loads(options.costs.read_text()))
        print_limits(costs)
        print_runs(costs)


@dataclass(frozen=True)
class Measured:
    """A batch that was read: how, how long that took, and what was written."""

    files: int
    shards: int
    workers: int
    cpu_s: float  # of all processes
    wall_s: float
    readings_bytes: int


def measure(mnist: Path) -> Costs:
    """Measure what a batch costs, and print it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        digits = {files: write_digits(mnist, folder / f"digits-{files}", files) for files in FILES}
        ways = list(product(FILES, SHARD_FILES, WORKERS)) * TURNS
        runs = [read(digits[files], files, shard_files, workers) for files, shard_files, workers in ways]
        seconds, readings_bytes = fit_seconds(runs), fit_bytes(runs)
        print_parts(digits[FILES[0]], seconds)
        costs = Costs(
            start_s=seconds["a worker"],
            shard_s=seconds["a shard"],
            picture_s=seconds[f"a picture, {max(WORKERS)} workers"],
            **time_client(folder),
            schedule_s=time_scheduler(folder),
            picture_bytes=sum(path.stat().st_size for path in digits[FILES[0]].iterdir()) / FILES[0],
            readings_bytes=readings_bytes,
        )
    for what, value in asdict(costs).items():
        print(f"{what}: {value:.3g}")
    return costs


def read(digits: Path, files: int, shard_files: int, workers: int) -> Measured:
    """Read a folder as a batch, from nothing."""
    out = digits.with_name("readings")
    cpu_s, started = cpu_seconds(), time.perf_counter()
    with mock.patch("inkdigits.shards.SHARD_FILES", shard_files):
        read_many(digits, out, level="digit", workers=workers)
    cpu_s, wall_s = cpu_seconds() - cpu_s, time.perf_counter() - started
    sizes = [path.stat().st_size for path in (out / "readings").iterdir()]
    shutil.rmtree(out)
    return Measured(files, len(sizes), workers, cpu_s, wall_s, sum(sizes))


def cpu_seconds() -> float:
    """Return the processor seconds of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])


def fit_seconds(runs: Sequence[Measured]) -> dict[str, float]:
    """Fit processor seconds by least squares of relative errors; print them, and how far off they are."""
    columns: dict[str, Callable[[Measured], float]] = {
        "a run": lambda run: 1,
        "a worker": lambda run: run.workers,
        "a shard": lambda run: run.shards,
        **{
            f"a picture, {workers} workers": lambda run, workers=workers: (run.workers == workers) * run.files
            for workers in WORKERS
        },
    }
    seconds = fit(columns, runs, np.array([run.cpu_s for run in runs]), unit="s")
    for workers in WORKERS:
        longer = [
            run.wall_s * workers / run.cpu_s for run in runs if run.workers == workers and run.files == max(FILES)
        ]
        print(
            f"fit: the clock of {workers} workers ran {np.median(longer):.2f} times as long as their processors worked"
        )
    return seconds


def fit_bytes(runs: Sequence[Measured]) -> float:
    """Fit the bytes of a shard's file likewise, and return those of a picture."""
    sizes = np.array([run.readings_bytes for run in runs], float)
    columns: dict[str, Callable[[Measured], float]] = {
        "a shard's file": lambda run: run.shards,
        "a picture's readings": lambda run: run.files,
    }
    return fit(columns, runs, sizes, unit="bytes")["a picture's readings"]


def fit(
    columns: dict[str, Callable[[Measured], float]], runs: Sequence[Measured], values: np.ndarray, *, unit: str
) -> dict[str, float]:
    """Fit what each column counts to the values of runs; the squares of relative errors are the least."""
    counts = np.array([[count(run) for count in columns.values()] for run in runs])
    fitted, *_ = np.linalg.lstsq(counts / values[:, None], np.ones(len(runs)), rcond=None)
    off = counts @ fitted / values - 1
    for what, value in zip(columns, fitted, strict=True):
        print(f"fit: {what} {value:.5g} {unit}")
    print(
        f"fit: {len(runs)} runs, off by {np.sqrt(np.mean(off**2)):.1%} (root mean square), {abs(off).max():.1%} at most"
    )
    return dict(zip(columns, map(float, fitted), strict=True))


def print_parts(digits: Path, seconds: dict[str, float]) -> None:
    """Time how a picture is opened, read and run through the model in this process, one after the other."""
    cv2.setNumThreads(1)
    reader, paths = Reader(), sorted(digits.iterdir())
    image = reader.read_digit(paths[0]).shown[np.newaxis]
    opening = seconds_for_each(load_picture, paths)
    model = seconds_for_each(lambda _: reader.model.predict_proba(image), paths)
    reading = seconds_for_each(reader.read_digit, paths)
    batch = seconds[f"a picture, {min(WORKERS)} workers"]
    parts = {"opened": opening, "model": model, "ink and the rest": reading - opening - model, "batch": batch - reading}
    print("a picture:", ", ".join(f"{what} {part * 1e3:.3f} ms" for what, part in parts.items()))


def time_client(folder: Path) -> dict[str, float]:
    """Time what the client does for a picture that it plans, hands out, checks, and for a shard that waits."""
    started = time.perf_counter()
    ledger = begin_made_up(PLANNED, folder / "plan")
    planned = time.perf_counter()
    for shard in ledger.shards():
        pickle.dumps(shard)
    fed = time.perf_counter()
    for _ in ledger.shards():
        pass
    seconds = {"plan_s": planned - started, "feed_s": fed - planned, "check_s": time.perf_counter() - fed}
    return {**{what: total / PLANNED for what, total in seconds.items()}, "wait_s": time_wait()}


def time_wait() -> float:
    """Return the seconds that a shard which waits costs each time one has ended."""
    waiting: list[Future[None]] = [Future() for _ in range(WAITING)]
    waiting[-1].set_result(None)
    rounds = 50
    started = time.perf_counter()
    for _ in range(rounds):
        wait(waiting, return_when=FIRST_COMPLETED)
    return (time.perf_counter() - started) / rounds / WAITING


def time_scheduler(folder: Path) -> float:
    """Return the seconds that Dask takes for a shard of which nothing is read: client, scheduler, two workers here."""
    shards = list(plan(TASKS * 500, 300))
    with dask_cluster(folder) as address, connect_dask(address) as (executor, _):
        started = time.perf_counter()
        waiting = {executor.submit(len, shard.items) for shard in shards[:IN_FLIGHT]}
        for shard in shards[IN_FLIGHT:]:
            waiting = wait(waiting, return_when=FIRST_COMPLETED).not_done | {executor.submit(len, shard.items)}
        wait(waiting)
        return (time.perf_counter() - started) / TASKS


def print_limits(costs: Costs) -> None:
    """Print how many pictures a second each resource can take, and how many workers that feeds."""
    world = World(workers=1)
    shard = next(plan(500, costs.picture_bytes))
    files = len(shard.items)
    worker_s = costs.picture_s + costs.shard_s / files
    far_s = max(worker_s, world.answer_s / READ_AHEAD)
    moved_s = (costs.picture_bytes + costs.readings_bytes) / world.store_bytes_s
    limits = {  # seconds of a picture, and of a worker that waits for it
        "a worker, pictures at hand": (worker_s, worker_s),
        "a worker, an object a picture": (far_s, far_s),
        "store, an object a picture: requests": ((1 + 1 / files) / world.store_requests_s, far_s),
        "store, packed: requests": (2 / files / world.store_requests_s, worker_s),
        "store: bytes": (moved_s, worker_s),
        "scheduler": (costs.schedule_s / files, worker_s),
        "client, hands out": (costs.feed_s + 2 * costs.wait_s * AHEAD / files, worker_s),
        "client, plans and checks": (costs.plan_s + costs.check_s, worker_s),
    }
    print("\n| | a picture, µs | pictures/s | feeds so many workers |\n|---|---|---|---|")
    for what, (seconds, worker) in limits.items():
        print(f"| {what} | {seconds * 1e6:.3g} | {1 / seconds:,.0f} | {worker / seconds:,.0f} |")


def print_runs(costs: Costs) -> None:
    """Simulate, and print a row for each run."""
    print("\n| pictures | workers | | time | core hours | USD | of it requests | efficiency | redone | busiest |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for batches, pictures, words, world in worlds():
        run = simulate(pictures // batches, costs, world)
        print(row(batches, words, world, run, costs), flush=True)


def worlds() -> Iterator[tuple[int, int, str, World]]:
    """Yield what is simulated: how many batches side by side, pictures, in words, and one batch's world."""
    for pictures, workers in product(PICTURES, CLUSTERS):
        yield 1, pictures, "packed", World(workers=workers)
        yield 1, pictures, "packed, faults", World(workers=workers, **FAULTS)
    for pictures in PICTURES:
        yield 1, pictures, "an object each, faults", World(workers=max(CLUSTERS), packed=False, **FAULTS)
    tenth = World(
        workers=max(CLUSTERS) // 10,
        store_requests_s=World.store_requests_s / 10,
        store_bytes_s=World.store_bytes_s / 10,
        **FAULTS,
    )
    yield 10, max(PICTURES), "ten batches, packed, faults", tenth


def row(batches: int, words: str, world: World, run: Run, costs: Costs) -> str:
    """Return a run as a row of the table; of several batches side by side all are counted."""
    core_hours = batches * world.workers * run.seconds / 3600
    requests_usd = batches * (run.gets * GET_USD + run.puts * PUT_USD)
    useful = run.pictures * costs.picture_s / (world.workers * run.seconds)
    cells = (
        f"{batches * run.pictures:,}",
        f"{batches * world.workers:,}",
        words,
        duration(run.seconds),
        f"{core_hours:,.1f}",
        f"{core_hours * CORE_HOUR_USD + requests_usd:,.2f}",
        f"{requests_usd:,.2f}",
        f"{useful:.0%}",
        f"{batches * run.lost:,}",
        f"{run.bottleneck} {run.load[run.bottleneck]:.0%}",
    )
    return f"| {' | '.join(cells)} |"


def duration(seconds: float) -> str:
    """Return seconds in the unit that suits."""
    for unit, length in {"d": 86_400, "h": 3_600, "min": 60}.items():
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"


if __name__ == "__main__":
    main()
