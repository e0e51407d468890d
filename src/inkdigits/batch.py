"""Batch: many pictures -> a folder of Parquet files, on one machine or on many, and never a picture lost.

The only seam to other machines is an executor of `concurrent.futures`.
"""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from inkdigits import storage
from inkdigits.digit_reader import PROMISED_ERROR
from inkdigits.errors import BatchError, BatchStoppedError, MissingExtraError, one_line, reason_of
from inkdigits.ledger import MODEL, SUMMARY, Counted, Ledger, Terms, find_items, open_ledger, read_terms, write_json
from inkdigits.modelfile import Model, read_model
from inkdigits.rulebook import compile_words, settle
from inkdigits.shards import Shard, Tally, cut
from inkdigits.sources import open_source, require_pyarrow
from inkdigits.workers import LEVELS, SLOWEST, Crew, Done, Job, read_shard

Level = Literal["digit", "number", "page"]
Submit = Callable[[Shard], Future[Done]]
Progress = Callable[["Summary"], None]  # is told how far it is after each shard

TIMEOUT_S = 60.0  # for one file; a page of 100 megapixels takes some ten seconds
ATTEMPTS = 3  # at a shard, as machines and stores fail for a moment
CONNECT_S = 10.0  # within which a Dask scheduler answers
AHEAD = 2  # shards that wait or are read, for each worker: none waits for work, and none are millions


@dataclass(frozen=True, kw_only=True)
class Summary:
    """How far a batch is, and what came of it."""

    files: int  # in the source
    left_out: int  # of the source, as they do not end like a picture
    tally: Tally
    files_now: int = 0  # read by this run; the others were there
    seconds: float = 0.0  # of this run
    slowest: tuple[tuple[float, str], ...] = ()  # seconds and files of this run

    @property
    def files_per_second(self) -> float:
        """The rate of this run."""
        return self.files_now / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float:
        """How long the rest takes at this rate; nothing can be said before the first shard."""
        left = self.files - self.tally.files
        return left / self.files_per_second if self.files_per_second else float("inf") if left else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        reasons = dict(sorted(self.tally.reasons.items(), key=lambda reason: (-reason[1], reason[0])))
        return {
            **asdict(self.tally),
            "reasons": reasons,
            "left_out": self.left_out,
            "files_now": self.files_now,
            "seconds": round(self.seconds, 3),
            "files_per_second": round(self.files_per_second, 3),
            "slowest": [{"file": file, "seconds": round(seconds, 3)} for seconds, file in self.slowest],
        }


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a batch would do."""

    files: int
    left_out: int
    shards: int
    files_done: int
    rule: str = ""  # what the command's rules allow, in words that end the sentence "numbers ..."
    ruled: int = 0  # files with rules of their own


def read_many(
    source: str | Path,
    out: str | Path,
    *,
    level: Level = "page",
    model: str | Path | Model | None = None,
    max_error: str = PROMISED_ERROR,
    separators: bool = False,
    second_opinion: bool = False,
    rules: Mapping[str, Any] | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    timeout_s: float = TIMEOUT_S,
    progress: Progress | None = None,
) -> Summary:
    """Read many pictures to Parquet files, or go on where that was interrupted.

    Parameters
    ----------
    source
        A folder, a pattern, a manifest (.csv or .parquet, column `file` or `path`), an archive (.zip, .tar), an IDX
        file or a .parquet file with the bytes of pictures; a path, or a URL that fsspec knows.
    out
        The folder to write to, likewise. One that holds an interrupted batch is gone on with.
    level
        Whether a picture is a digit, a number or a page.
    model, max_error, separators, second_opinion
        As of Reader.
    rules
        What numbers may be, in the words of `rules.parse_rules`: `{"length": 5, "values": "roster.txt"}`. A manifest's
        columns of these names take their place, row by row, where they are not empty.
    executor
        What runs the shards; each is read by a process that its worker starts. By default this machine's.
    workers
        How many shards can be read at a time, by default one for each processor of this machine.
    timeout_s
        The longest that one file may take, in seconds.
    progress
        Called with a Summary so far: at the start, and after each shard.

    Returns
    -------
    summary
        How many files were read, need review, were declined, failed, and why; `summary.json` in `out` says the same.

    Raises
    ------
    SourceError, ModelFileError, RuleError
        If the source, the model or the rules cannot be used. BatchMismatchError if `out` holds another batch.
        MissingExtraError if there is nobody to ask for a second opinion.
        BatchStoppedError if it stopped before its end: what is done is kept, and the same call goes on from there.

    Examples
    --------
    >>> read_many("scans", "readings", workers=4).tally.failed  # doctest: +SKIP
    0
    """
    folder, content = _absolute(out), read_model(model)
    agreed = _agree(level, content, rules, max_error=max_error, separators=separators, second_opinion=second_opinion)
    crew = Crew()
    with ThreadPoolExecutor(max_workers=workers or os.cpu_count() or 1) as here:
        try:
            usable = here.submit(crew.check_model, content, agreed.terms)  # takes as long as to look at the source
            opened = open_source(_absolute(source))
            require_pyarrow(folder)
            usable.result()
            ledger = open_ledger(folder, opened, agreed.terms, {MODEL: content, **agreed.lists})
            job = Job(source=opened, folder=folder, terms=agreed.terms, timeout_s=timeout_s)
            submit: Submit = (
                (lambda shard: executor.submit(read_shard, job, shard))
                if executor
                else (lambda shard: here.submit(crew.read_shard, job, shard))
            )
            return _read_all(ledger, submit, AHEAD * (workers or os.cpu_count() or 1), progress or (lambda _: None))
        finally:
            crew.dismiss()  # before the threads are waited for


def plan_many(
    source: str | Path,
    out: str | Path,
    *,
    level: Level = "page",
    model: str | Path | Model | None = None,
    max_error: str = PROMISED_ERROR,
    separators: bool = False,
    second_opinion: bool = False,
    rules: Mapping[str, Any] | None = None,
) -> Plan:
    """Return what read_many would do, and do nothing."""
    folder, opened = _absolute(out), open_source(_absolute(source))
    content = read_model(model)
    agreed = _agree(level, content, rules, max_error=max_error, separators=separators, second_opinion=second_opinion)
    require_pyarrow(folder)
    if read_terms(folder) is None:
        counted = Counted(find_items(opened, level))
        shards = sum(1 for _ in cut(counted))
        files, left_out, ruled, files_done = counted.items, counted.left_out, counted.ruled, 0
    else:
        ledger = open_ledger(folder, opened, agreed.terms, {})
        shards = sum(1 for _ in ledger.shards())
        files, left_out, ruled, files_done = ledger.files, ledger.left_out, ledger.ruled, ledger.done()[1].files
    return Plan(files=files, left_out=left_out, shards=shards, files_done=files_done, rule=agreed.rule, ruled=ruled)


@contextmanager
def connect_dask(address: str) -> Iterator[tuple[Executor, int]]:
    """Connect to a Dask scheduler: its executor, and how many shards its workers can read at a time.

    Raises MissingExtraError without Dask, BatchError if there is no scheduler or no worker.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtraError(
            f"cannot reach '{address}': Dask is not installed; run pip install 'inkdigits[dask]'"
        ) from error
    try:
        client = Client(address, timeout=CONNECT_S)
    except (OSError, ValueError) as error:
        raise BatchError(
            f"cannot reach '{address}': {reason_of(error)}; give a scheduler, as tcp://host:8786"
        ) from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise BatchError(f"cannot read on '{address}': the scheduler has no workers; start some with 'dask worker'")
        yield client.get_executor(), threads


def _read_all(ledger: Ledger, submit: Submit, ahead: int, progress: Progress) -> Summary:
    """Read the shards that are not there, check that all are, and sum up."""
    started = time.monotonic()
    done, tally = ledger.done()
    summary = Summary(files=ledger.files, left_out=ledger.left_out, tally=tally)
    progress(summary)
    missing = (shard for shard in ledger.shards() if shard.number not in done)
    for tally, slowest in _read_shards(missing, submit, ahead):
        summary = replace(
            summary,
            tally=summary.tally + tally,
            files_now=summary.files_now + tally.files,
            seconds=time.monotonic() - started,
            slowest=tuple(heapq.nlargest(SLOWEST, (*summary.slowest, *slowest))),
        )
        progress(summary)
    ledger.check_whole(summary.tally)
    for folder in (ledger.folder, ledger.readings):
        storage.remove_unfinished(folder)
    write_json(ledger.folder, SUMMARY, summary.to_dict())
    return summary


def _read_shards(shards: Iterator[Shard], submit: Submit, ahead: int) -> Iterator[Done]:
    """Yield what came of each shard, as it comes; few of them wait at a time, and one that fails is tried again."""
    waiting: dict[Future[Done], tuple[Shard, int]] = {}
    try:
        while True:
            for shard in islice(shards, ahead - len(waiting)):
                waiting[_submit(submit, shard)] = (shard, 1)
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                shard, attempt = waiting.pop(future)
                error = CancelledError() if future.cancelled() else future.exception()
                if error is None:
                    yield future.result()
                elif attempt == ATTEMPTS:
                    raise _stopped(shard, error) from error
                else:
                    waiting[_submit(submit, shard)] = (shard, attempt + 1)
    finally:
        for future in waiting:
            future.cancel()


def _submit(submit: Submit, shard: Shard) -> Future[Done]:
    try:
        return submit(shard)
    except Exception as error:  # a broken executor takes no more, a lost cluster raises anything
        raise _stopped(shard, error) from error


def _stopped(shard: Shard, error: BaseException) -> BatchStoppedError:
    first, others = shard.items[0].file, len(shard.items) - 1
    return BatchStoppedError(
        f"stopped at '{first}' and {others} files after it: {one_line(error)}; what is done is kept: start it again"
    )


class _Agreed(NamedTuple):
    """What a batch is asked to read by."""

    terms: Terms
    lists: Mapping[str, bytes]  # that the rules name, by their names in the batch's folder
    rule: str  # in words


def _agree(level: str, model: bytes, rules: Mapping[str, Any] | None, **options: Any) -> _Agreed:
    if level not in LEVELS:
        raise BatchError(f"no level '{level}': a picture is one of {', '.join(LEVELS)}")
    lists: dict[str, bytes] = {}
    words = settle(rules or {}, level=level, keep=lists.__setitem__)
    rule = compile_words(words, lists.__getitem__)
    terms = Terms(level=level, model_sha256=sha256(model).hexdigest(), rules=words, **options)
    return _Agreed(terms, lists, str(rule or ""))


def _absolute(address: str | Path) -> str:
    """Return an address that means the same to a worker elsewhere."""
    return str(address) if storage.is_remote(str(address)) else os.path.abspath(address)  # noqa: PTH100 - takes ".." out
