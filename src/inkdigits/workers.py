"""Workers: processes that read pictures, and the crew that watches over them.

A picture may kill the process that decodes it, or keep it busy for ever. So pictures are read in processes of their
own, by whatever executor the watching runs: it sees which file ended its worker, and goes on with the next.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from threading import Lock
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from inkdigits import deadline, storage
from inkdigits.errors import (
    BatchError,
    BatchMismatchError,
    BatchStoppedError,
    InkdigitsError,
    PictureError,
    RuleError,
    StorageError,
    one_line,
)
from inkdigits.ledger import MODEL, READINGS, Terms
from inkdigits.modelfile import MAX_BYTES, open_content
from inkdigits.readings import NumberReading, PageReading
from inkdigits.rulebook import find_rule
from inkdigits.rules import Rule
from inkdigits.shards import Shard, Tally, write_shard
from inkdigits.sources import Content, Item, Source
from inkdigits.table import Row, rows_of

if TYPE_CHECKING:
    from inkdigits.reader import Reader

LEVELS = ("digit", "number", "page")
IDLE_S = 60.0  # after which a worker that nobody asks ends; its model takes 100 MB
STARTS = 3  # a worker may be killed while it starts, too; after so many it is the machine's fault
DEATHS = 2  # of its readers that set a file aside; the first may have been somebody else's doing
SLOWEST = 10  # files that a summary names
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # a worker is a core
GONE = PictureError("it is no longer in the source")
SERVE = "from inkdigits.workers import serve; serve()"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to do with shards: where the pictures are, how they are read, where the readings go."""

    source: Source
    folder: str  # of the batch: the model, the lists of its rules, the readings
    terms: Terms
    timeout_s: float  # the longest that one page may take


class Setup(NamedTuple):
    """What a worker's reader is made of."""

    model_sha256: str
    options: Mapping[str, Any]

    @classmethod
    def of(cls, terms: Terms) -> Setup:
        """Return what reads by these terms."""
        return cls(terms.model_sha256, terms.options)


class Answer(NamedTuple):
    """What a file was read as, and how long that took."""

    rows: list[Row]
    seconds: float


class Done(NamedTuple):
    """What came of a shard."""

    tally: Tally
    slowest: list[tuple[float, str]]  # seconds and files


class Crew:
    """The workers of this process, started when they are needed, and kept until the crew is dismissed."""

    def __init__(self) -> None:
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._lock = Lock()
        self._dismissed = False

    def check_model(self, content: bytes, terms: Terms) -> None:
        """Load a model in a worker. Raises ModelFileError if it cannot be used, MissingExtraError as Reader does."""
        with self._borrow(Setup.of(terms), lambda: content):
            pass

    def read_shard(self, job: Job, shard: Shard) -> Done:
        """Read the files of a shard, and write what came of them."""
        answers = list(self.read_items(job, shard.items))
        folder = storage.join(job.folder, READINGS)
        tally = write_shard(folder, shard, [answer.rows for answer in answers], job.terms.fingerprint)
        seconds = ((answer.seconds, item.file) for item, answer in zip(shard.items, answers, strict=True))
        return Done(tally, sorted(seconds, reverse=True)[:SLOWEST])

    def read_items(self, job: Job, items: Sequence[Item]) -> Iterator[Answer]:
        """Yield the answer to each file, in order; one that ends its worker twice or takes too long has failed."""
        setup, answered, deaths = Setup.of(job.terms), 0, 0
        while answered < len(items):
            try:
                with self._borrow(setup, lambda: _model_content(job.folder, setup.model_sha256)) as worker:
                    for answer in worker.read(job, items[answered:]):
                        yield answer
                        answered, deaths = answered + 1, 0
            except _DiedError as death:
                deaths += 1
                if death.status == deadline.PASSED or deaths == DEATHS:
                    yield _set_aside(items[answered], death, job)
                    answered, deaths = answered + 1, 0

    def dismiss(self) -> None:
        """End all workers at once, and start no more."""
        with self._lock:
            self._dismissed = True
            workers = list(self._all)
        for worker in workers:
            worker.kill()

    @contextmanager
    def _borrow(self, setup: Setup, model: Callable[[], bytes]) -> Iterator[_Worker]:
        """Lend a worker with a model; it comes back only from what went well: its pipe may hold what nobody took."""
        worker = self._take(setup, model)
        try:
            yield worker
        except BaseException:
            self._end(worker)
            raise
        else:
            self._idle.append(worker)

    def _take(self, setup: Setup, model: Callable[[], bytes]) -> _Worker:
        for _ in range(STARTS):
            with self._lock:
                if self._dismissed:
                    raise BatchStoppedError("stopped before its end; start it again, it goes on where it was")
                worker = self._idle_worker() or _Worker()
                self._all.add(worker)
            try:
                worker.load_model(setup, model)
            except BaseException as error:
                self._end(worker)
                if not isinstance(error, _DiedError):
                    raise
            else:
                return worker
        raise BatchError(f"cannot start '{sys.executable}' to read pictures: it ends at once; see what it printed")

    def _idle_worker(self) -> _Worker | None:
        """Return a worker that waits; those that have ended meanwhile are buried."""
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive():
                return worker
            self._end(worker)
        return None

    def _end(self, worker: _Worker) -> None:
        self._all.discard(worker)
        worker.kill()


def read_shard(job: Job, shard: Shard) -> Done:
    """Read a shard with the crew of this process: what an executor elsewhere is given to do."""
    return _crew_of_this_process().read_shard(job, shard)


def serve() -> None:
    """Be a worker: load models and read files as stdin says, and answer on stdout, until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for who watches over us
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    with suppress(EOFError, BrokenPipeError):
        _Server(sys.stdin.buffer, answers).serve()


def read_at(level: str, reader: Any, content: Content, rule: Rule | None) -> Iterator[PageReading]:
    """Yield what a picture is read as, a digit, a number or page by page, as its level says; a digit has no rule."""
    return _READ[level](reader, content, rule)


class _DiedError(Exception):
    """A worker ended while it read."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the worker ended with status {status}")
        self.status = status


class _Worker:
    """A process that reads, seen from outside."""

    def __init__(self) -> None:
        path = os.pathsep.join(filter(None, sys.path))
        self._process = subprocess.Popen(  # noqa: S603 - this very Python
            [sys.executable, "-P", "-c", SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": path},
        )

    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def load_model(self, setup: Setup, model: Callable[[], bytes]) -> None:
        """Have it make a reader of a model, if that is not the one it has."""
        if not self._ask("_has_reader", setup):
            self._ask("_make_reader", setup, model())

    def read(self, job: Job, items: Sequence[Item]) -> Iterator[Answer]:
        """Have it read items, and yield its answers as they come."""
        self._send("_read", job, items)
        for _ in items:
            yield self._receive()

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # what was not sent
                pipe.close()  # type: ignore[union-attr]

    def _ask(self, what: str, *values: Any) -> Any:
        self._send(what, *values)
        return self._receive()

    def _send(self, what: str, *values: Any) -> None:
        try:
            pickle.dump((what, values), self._process.stdin)  # type: ignore[arg-type]
            self._process.stdin.flush()  # type: ignore[union-attr]
        except (OSError, ValueError) as error:
            raise _DiedError(self._process.wait()) from error

    def _receive(self) -> Any:
        try:
            answer = pickle.load(self._process.stdout)  # type: ignore[arg-type]  # noqa: S301 - of our own process
        except (OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
            self._process.kill()
            raise _DiedError(self._process.wait()) from error
        if isinstance(answer, Exception):
            raise answer
        return answer


class _Server:
    """A process that reads, seen from inside."""

    def __init__(self, questions: IO[bytes], answers: IO[bytes]) -> None:
        self._questions = questions
        self._answers = answers
        self._reader: Reader | None = None
        self._setup: Setup | None = None  # what the reader was made of

    def serve(self) -> None:
        while True:
            with _time_limit(IDLE_S):
                what, values = pickle.load(self._questions)  # noqa: S301 - of who started us
            try:
                for answer in getattr(self, what)(*values):
                    self._answer(answer)
            except InkdigitsError as error:  # of the model, the source or the storage: not of one file
                self._answer(error)
            except Exception as error:  # noqa: BLE001 - a fault of ours must be told
                self._answer(BatchError(f"inkdigits failed ({one_line(repr(error))}); report it"))

    def _has_reader(self, setup: Setup) -> Iterator[bool]:
        yield self._setup == setup

    def _make_reader(self, setup: Setup, content: bytes) -> Iterator[None]:
        import cv2

        from inkdigits.reader import Reader

        cv2.setNumThreads(1)
        model = open_content(content, source="the model")
        self._reader = Reader(model, **setup.options)
        self._setup = setup
        yield None

    def _read(self, job: Job, items: Sequence[Item]) -> Iterator[Answer]:
        contents = job.source.contents(items)
        for item in items:
            started = time.perf_counter()
            readings = self._try(contents, job, item)
            rows: list[Row] = []
            while (reading := self._within(job.timeout_s, readings)) is not None:
                rows += rows_of(item.file, replace(reading, reason=_without_name(reading.reason)))
            yield Answer(rows, time.perf_counter() - started)

    def _within(self, timeout_s: float, readings: Iterator[PageReading]) -> PageReading | None:
        with _time_limit(timeout_s):
            return next(readings, None)

    def _try(self, contents: Iterator[Content], job: Job, item: Item) -> Iterator[PageReading]:
        """Read the pages of the next picture; whatever goes wrong with it, the others are still read."""
        content = next(contents, GONE)
        if isinstance(content, PictureError):
            yield PageReading(status="failed", reason=str(content))
            return
        try:
            rule = find_rule(job.folder, job.terms.rules, item.rules)
            yield from read_at(job.terms.level, self._reader, content, rule)
        except (BatchError, StorageError):  # of a list that rules name
            raise
        except (PictureError, RuleError) as error:
            yield PageReading(status="failed", reason=str(error))
        except Exception as error:  # noqa: BLE001 - a fault of ours, or no memory: it costs one file, not the batch
            yield PageReading(status="failed", reason=f"inkdigits failed on it ({one_line(repr(error))}); report it")

    def _answer(self, answer: object) -> None:
        pickle.dump(answer, self._answers)
        self._answers.flush()


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """End this process when it takes longer."""
    deadline.end_in(seconds)
    try:
        yield
    finally:
        deadline.end_in(0)


def _read_pages(reader: Reader, content: Any, rule: Rule | None) -> Iterator[PageReading]:
    return reader.read_pages(content, rule=rule)


def _read_number(reader: Reader, content: Any, rule: Rule | None) -> Iterator[PageReading]:
    yield _as_page(reader.read_number(content, rule=rule))


def _read_digit(reader: Reader, content: Any, _rule: Rule | None) -> Iterator[PageReading]:
    digit = reader.read_digit(content)
    yield _as_page(NumberReading.from_digits((digit,)))


def _as_page(number: NumberReading) -> PageReading:
    """Return a crop's number as a page's; a crop without one, not even one against the rule, is declined."""
    if not (number.text or number.free_text):
        return PageReading(status="declined", reason=number.reason)
    return PageReading(status="ok", reason="", numbers=(number,))


_READ: dict[str, Callable[[Any, Any, Rule | None], Iterator[PageReading]]] = dict(
    zip(LEVELS, (_read_digit, _read_number, _read_pages), strict=True)
)


def _without_name(reason: str) -> str:
    """Return why a picture cannot be read: its name stands beside it, and where it came from does not matter."""
    return reason.removeprefix("cannot read the bytes given: ").removeprefix("cannot read the array: ")


def _set_aside(item: Item, death: _DiedError, job: Job) -> Answer:
    if death.status == deadline.PASSED:
        reason = f"took longer than {job.timeout_s:g} s and was cut off; read it alone with 'inkdigits read'"
        return Answer(rows_of(item.file, PageReading(status="failed", reason=reason)), job.timeout_s)
    how = signal.strsignal(-death.status) if death.status < 0 else f"status {death.status}"
    reason = f"ended the process that read it twice ({how}); save it with another program"
    return Answer(rows_of(item.file, PageReading(status="failed", reason=reason)), 0.0)


@lru_cache(maxsize=1)
def _model_content(folder: str, sha256: str) -> bytes:
    address = storage.join(folder, MODEL)
    content = storage.read_file(address, max_bytes=MAX_BYTES)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BatchMismatchError(
            f"cannot go on with '{address}': it is another model than at the beginning; put it back"
        )
    return content


@lru_cache(maxsize=1)
def _crew_of_this_process() -> Crew:
    import atexit

    crew = Crew()
    atexit.register(crew.dismiss)
    return crew
