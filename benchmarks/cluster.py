"""A cluster that is not there: workers, a scheduler and a store on a clock of their own.

What runs on it is inkdigits' own: `shards.cut` makes the shards, `batch` hands them out, tries them again and gives up.
Only its `wait` is replaced, by one that moves the clock to where the next shard ends.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import count, repeat
from typing import NamedTuple
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from inkdigits.batch import AHEAD, TIMEOUT_S, _read_shards
from inkdigits.errors import BatchStoppedError
from inkdigits.shards import Shard, cut
from inkdigits.sources import READ_AHEAD, Item
from inkdigits.workers import IDLE_S

BLOCK = 1_000_000  # pictures that are cut for real; longer plans repeat them, as all pictures are alike
LISTED = 1_000  # objects that a store names in an answer
DRAWS = 10_000  # random numbers at once; one by one they take most of the time


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a batch costs, as measured: in seconds and bytes."""

    start_s: float  # a worker: Python, ONNX Runtime, the model
    shard_s: float  # a shard, beside its pictures
    picture_s: float  # a picture, on a machine whose cores are all busy
    plan_s: float  # a picture, for the client to list it and to write it to the plan
    feed_s: float  # a picture, for the client to read it from the plan, to cut and to pickle it
    check_s: float  # a picture, for the client to see that its shard is there
    wait_s: float  # a shard that waits, for the client to look at it
    schedule_s: float  # a shard, for Dask's scheduler
    picture_bytes: float
    readings_bytes: float  # of a picture, in its shard's file


@dataclass(frozen=True, kw_only=True)
class World:
    """What a batch runs on, and what goes wrong there."""

    workers: int
    packed: bool = True  # pictures lie in archives or tables: two requests a shard, not one a picture
    spread: float = 0.0  # standard deviation of the logarithm of a worker's speed, and of a shard's
    life_s: float = math.inf  # mean, until a worker dies
    replace_s: float = 60.0  # until there is another in its place
    hang_rate: float = 0.0  # of pictures that take TIMEOUT_S
    store_requests_s: float = 5_500.0  # a second; what S3 promises a prefix
    store_bytes_s: float = 10e9  # a second; 80 Gbit/s
    answer_s: float = 0.02  # of the store


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a batch came to."""

    seconds: float
    pictures: int
    lost: int  # shards that were begun and not finished, and done again
    starts: int  # of the command
    gets: int  # requests to the store
    puts: int  # and those that cost as much: lists
    load: dict[str, float]  # how much of the time the client, the scheduler, the store and the workers were busy

    @property
    def bottleneck(self) -> str:
        """What was busy for most of the time."""
        return max(self.load, key=self.load.__getitem__)


class Ended(NamedTuple):
    """What `wait` returns."""

    done: Collection[Future[Shard]]


def simulate(pictures: int, costs: Costs, world: World, *, random_state: int = 0) -> Run:
    """Run a batch of so many pictures, and start it again where it stops."""
    cluster = Cluster(costs, world, random_state)
    done, files, starts = set[int](), 0, 0
    with mock.patch("inkdigits.batch.wait", cluster.wait):
        while files < pictures:
            starts += 1
            cluster.make_plan(pictures)
            try:
                missing = (shard for shard in plan(pictures, costs.picture_bytes) if shard.number not in done)
                for shard in _read_shards(missing, cluster.submit, AHEAD * world.workers):
                    done.add(shard.number)
                    files += len(shard.items)
            except BatchStoppedError:
                cluster.forget()
    cluster.work("client", costs.check_s * pictures)
    return cluster.run(files, starts)


def plan(pictures: int, picture_bytes: float) -> Iterator[Shard]:
    """Yield the shards of so many pictures that are alike."""
    item = Item("digit.png", round(picture_bytes), "")
    block = tuple(cut(repeat(item, min(BLOCK, pictures))))
    blocks, left = divmod(pictures, BLOCK) if pictures > BLOCK else (1, 0)
    numbers = count()
    for _ in range(blocks):
        yield from (Shard(next(numbers), shard.items) for shard in block)
    yield from (Shard(next(numbers), shard.items) for shard in cut(repeat(item, left)))


class Cluster:
    """Takes shards as an executor does; each resource serves who comes first."""

    def __init__(self, costs: Costs, world: World, random_state: int) -> None:
        self._costs, self._world = costs, world
        self._now = 0.0  # for the client, which does one thing at a time
        self._free = [(-math.inf, worker) for worker in range(world.workers)]  # since when; a heap
        self._until = {"scheduler": 0.0, "store": 0.0}  # busy
        self._busy = dict.fromkeys(("client", "scheduler", "store", "workers"), 0.0)  # seconds; of workers, of all
        self._ends: list[tuple[float, int, Future[Shard], Shard | None]] = []  # a heap; None of a worker that dies
        self._order = count()
        self._gets = self._puts = self._lost = 0
        self._rng = np.random.default_rng(random_state)
        self._slow = self._rng.lognormal(0, world.spread, world.workers)
        self._slow_shards = draw(lambda: self._rng.lognormal(0, world.spread, DRAWS))
        self._lives = draw(lambda: self._rng.exponential(1, DRAWS))

    def make_plan(self, pictures: int) -> None:
        """Have the client list and plan so many pictures; an archive or a table lists its own."""
        self.work("client", self._costs.plan_s * pictures)
        if not self._world.packed:
            lists = math.ceil(pictures / LISTED)
            self._puts += lists
            self.work("client", lists * self._world.answer_s)

    def submit(self, shard: Shard) -> Future[Shard]:
        """Give a shard to the worker that is free first, and know when it will end."""
        self.work("client", self._costs.feed_s * len(shard.items))
        known = self._queue("scheduler", self._now, self._costs.schedule_s)
        free, worker = heapq.heappop(self._free)
        begin = max(known, free)
        start_s = self._costs.start_s if begin - free > IDLE_S else 0.0
        end = self._finish(shard, begin + start_s, worker)
        death = begin + self._world.life_s * next(self._lives)
        future: Future[Shard] = Future()
        if death < end:
            self._ends_at(death, future, None)
            heapq.heappush(self._free, (death + self._world.replace_s + self._costs.start_s, worker))
        else:
            self._ends_at(end, future, shard)
            heapq.heappush(self._free, (end, worker))
        self._busy["workers"] += min(death, end) - begin
        return future

    def wait(self, waiting: Collection[Future[Shard]], return_when: str) -> Ended:
        """Let time pass until a shard has ended, and return all that have by then."""
        self.work("client", self._costs.wait_s * len(waiting))
        self._now = max(self._now, self._ends[0][0])
        done = []
        while self._ends and self._ends[0][0] <= self._now:
            _, _, future, shard = heapq.heappop(self._ends)
            if shard is None:
                future.set_exception(RuntimeError("the worker died"))
                self._lost += 1
            else:
                future.set_result(shard)
            done.append(future)
        return Ended(done)

    def forget(self) -> None:
        """Drop what was begun, as the command has stopped."""
        self._lost += len(self._ends)
        self._ends.clear()

    def work(self, who: str, seconds: float) -> None:
        """Have the client do something."""
        self._now += seconds
        self._busy[who] += seconds

    def run(self, pictures: int, starts: int) -> Run:
        """Sum up."""
        lanes = {"workers": self._world.workers}
        load = {who: busy / self._now / lanes.get(who, 1) for who, busy in self._busy.items()}
        return Run(
            seconds=self._now,
            pictures=pictures,
            lost=self._lost,
            starts=starts,
            gets=self._gets,
            puts=self._puts,
            load=load,
        )

    def _finish(self, shard: Shard, begin: float, worker: int) -> float:
        """Return when a worker that begins now has read a shard, if it lives: when it is, and the store, through."""
        costs, world, files = self._costs, self._world, len(shard.items)
        slow = self._slow[worker] * next(self._slow_shards)
        gets = 1 if world.packed else files
        answers_s = world.answer_s * (1 if world.packed else files / READ_AHEAD)
        reading_s = slow * (costs.shard_s + files * costs.picture_s)
        reading_s = (reading_s + answers_s if world.packed else max(reading_s, answers_s)) + world.answer_s
        if world.hang_rate:
            reading_s += (TIMEOUT_S + costs.start_s) * self._rng.binomial(files, world.hang_rate)
        self._gets += gets
        self._puts += 1
        moved = files * (costs.picture_bytes + costs.readings_bytes)
        store_s = (gets + 1) / world.store_requests_s + moved / world.store_bytes_s
        return max(begin + reading_s, self._queue("store", begin, store_s))

    def _queue(self, who: str, since: float, seconds: float) -> float:
        """Have something serve for so long after all who came before; return when it is through."""
        self._until[who] = max(since, self._until[who]) + seconds
        self._busy[who] += seconds
        return self._until[who]

    def _ends_at(self, when: float, future: Future[Shard], shard: Shard | None) -> None:
        heapq.heappush(self._ends, (when, next(self._order), future, shard))


def draw(many: Callable[[], NDArray[np.float64]]) -> Iterator[float]:
    """Yield random numbers, many of which are drawn at once."""
    while True:
        yield from many().tolist()
