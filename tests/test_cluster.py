"""Batches on paper: the simulated cluster keeps the rules that real ones keep, and costs are found in measured runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cluster
import pytest
from cluster import Costs, World, plan, simulate
from scale import Measured, fit_bytes, fit_seconds

from inkdigits.batch import TIMEOUT_S
from inkdigits.shards import SHARD_FILES

FREE = Costs(
    start_s=0,
    shard_s=0,
    picture_s=0.001,
    plan_s=0,
    feed_s=0,
    check_s=0,
    wait_s=0,
    schedule_s=0,
    picture_bytes=300,
    readings_bytes=20,
)
MEASURED = replace(FREE, start_s=0.5, shard_s=0.01, plan_s=4e-6, feed_s=1e-6, check_s=1e-6, schedule_s=0.002)


@pytest.fixture
def world() -> Callable[..., World]:
    """Return what makes a world whose store answers at once."""
    return lambda workers, **differs: World(
        **{"workers": workers, "answer_s": 0, "store_requests_s": 1e12, "store_bytes_s": 1e12, **differs}
    )


def test_a_long_plan_has_every_picture_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan of repeated blocks has as many pictures as it should, in shards numbered without a gap."""
    monkeypatch.setattr(cluster, "BLOCK", 1_200)
    shards = list(plan(3_000, 300))
    assert [len(shard.items) for shard in shards] == [SHARD_FILES, SHARD_FILES, 200] * 2 + [SHARD_FILES, 100]
    assert [shard.number for shard in shards] == list(range(8))


def test_pictures_of_many_bytes_make_short_shards() -> None:
    """Shards are cut by the library, by bytes too."""
    assert [len(shard.items) for shard in plan(5, 9_000_000)] == [2, 2, 1]


def test_two_workers_take_half_the_time(world: Callable[..., World]) -> None:
    """Where only reading costs time, it is the pictures' over the number of workers."""
    seconds = [simulate(10_000, FREE, world(workers)).seconds for workers in (1, 2, 20)]
    assert seconds == pytest.approx([10, 5, 0.5])


def test_what_the_client_does_is_waited_for(world: Callable[..., World]) -> None:
    """Planning before, and checking after, take their time for each picture, whatever the number of workers."""
    run = simulate(10_000, replace(FREE, plan_s=0.01, check_s=0.001), world(20))
    assert run.seconds == pytest.approx(100 + 0.5 + 10)
    assert run.bottleneck == "client"


def test_the_scheduler_takes_one_shard_after_the_other(world: Callable[..., World]) -> None:
    """No more shards begin in a second than the scheduler takes."""
    run = simulate(10_000, replace(FREE, schedule_s=1), world(20))
    assert run.seconds == pytest.approx(20 + 0.5)
    assert run.bottleneck == "scheduler"


def test_the_store_gives_so_many_answers_a_second(world: Callable[..., World]) -> None:
    """An object for each picture is a request each, and one writes a shard; the pictures were listed before."""
    run = simulate(10_000, FREE, world(20, packed=False, store_requests_s=100))
    assert run.seconds == pytest.approx(10_020 / 100)
    assert (run.gets, run.puts, run.bottleneck) == (10_000, 20 + 10, "store")


def test_shards_of_workers_that_die_are_read_again(world: Callable[..., World]) -> None:
    """All pictures are read though workers die, and that takes longer."""
    run = simulate(100_000, FREE, world(10, life_s=5))
    assert run.pictures == 100_000
    assert run.lost > 0
    assert run.seconds > simulate(100_000, FREE, world(10)).seconds + World.replace_s


def test_a_batch_that_stopped_goes_on(world: Callable[..., World]) -> None:
    """A shard that fails as often as the library tries it stops the command, which is started again."""
    run = simulate(20_000, FREE, world(4, life_s=0.5))
    assert run.starts > 1
    assert run.pictures == 20_000


def test_a_picture_that_hangs_costs_its_time_limit(world: Callable[..., World]) -> None:
    """A file that is never read holds its worker for as long as the library allows."""
    run = simulate(500, FREE, world(1, hang_rate=1))
    assert run.seconds == pytest.approx(500 * TIMEOUT_S + 0.5)


def test_the_same_seed_gives_the_same_run(world: Callable[..., World]) -> None:
    """Stragglers and deaths come from random_state alone."""
    faulty = world(10, spread=0.3, life_s=5)
    runs = [simulate(50_000, MEASURED, faulty, random_state=seed) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_costs_are_found_in_runs() -> None:
    """The fit gives back the costs of which runs were made."""
    ways = [(files, shards, workers) for files in (500, 4_000) for shards in (1, 40) for workers in (1, 2)]
    runs = [
        Measured(
            files=files,
            shards=shards,
            workers=workers,
            cpu_s=0.7 + 0.4 * workers + 0.01 * shards + {1: 0.001, 2: 0.0015}[workers] * files,
            wall_s=1,
            readings_bytes=4_000 * shards + 20 * files,
        )
        for files, shards, workers in ways
    ]
    assert fit_seconds(runs) == pytest.approx(
        {
            "a run": 0.7,
            "a worker": 0.4,
            "a shard": 0.01,
            "a picture, 1 workers": 0.001,
            "a picture, 2 workers": 0.0015,
        }
    )
    assert fit_bytes(runs) == pytest.approx(20)
