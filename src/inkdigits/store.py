"""Store: doubtful readings with their pictures, and what people said of them: one SQLite file, whatever is killed."""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, Self

from inkdigits.doubts import Doubt
from inkdigits.errors import StoreError, UnknownItemError, one_line, reason_of

APPLICATION_ID = 0x696E6B64  # "inkd": what tells a store from another program's SQLite file
BUSY_S = 10.0  # to wait for another process that writes
SAID = re.compile("[0-9]{0,100}")  # an answer; empty: there is no number on the picture

_COLUMNS = "id, text, confidence, reason, model_sha256, source, read_at, said, said_at, picture"
# A picture's row is all there is about it. Numbers are not used again: a late answer must not meet another picture.
_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE items (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            sha256 TEXT NOT NULL UNIQUE,
            text TEXT NOT NULL,
            confidence REAL NOT NULL,
            reason TEXT NOT NULL,
            model_sha256 TEXT NOT NULL,
            source TEXT NOT NULL,
            read_at TEXT NOT NULL,
            said TEXT,
            said_at TEXT,
            picture BLOB NOT NULL
        ) STRICT""",
        "CREATE INDEX items_waiting ON items (text, confidence) WHERE said IS NULL",
        f"PRAGMA application_id = {APPLICATION_ID}",
    ),
)
# Doubtful digits of one kind are looked at together, so is what was read as no digit; longer numbers are one group.
_NEXT = f"""
    WITH waiting AS (SELECT *, iif(length(text) < 2, text, 'numbers') AS read_as FROM items WHERE said IS NULL)
    SELECT {_COLUMNS} FROM waiting
    WHERE read_as = (SELECT read_as FROM waiting GROUP BY read_as ORDER BY count(*) DESC, read_as LIMIT 1)
    ORDER BY confidence, id LIMIT ?
"""  # noqa: S608 - a constant


@dataclass(frozen=True, kw_only=True)
class Item:
    """A picture in the store: what was read on it, by which model, and what a person said, once somebody has."""

    id: int
    text: str  # digits; empty: no digit
    confidence: float
    reason: str
    model_sha256: str
    source: str
    read_at: str  # ISO 8601, UTC
    said: str | None  # digits; empty: no number
    said_at: str | None
    picture: bytes  # PNG


class Store:
    """Doubtful readings and corrections in one SQLite file, for the threads of one process and for several processes.

    What a method has changed is on the disk when it returns, also if the process is killed right after.

    Parameters
    ----------
    path
        The file; it is made where it is missing, for its owner alone.

    Raises
    ------
    StoreError
        If it cannot be opened, is not a store, or is one of a later inkdigits. Methods raise it where the file can be
        neither read nor written, as on a full disk; what was there is still there, and nothing is changed by halves.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Store(Path(folder, "store.db")) as store:
    ...     store.add([Doubt(picture=b"a PNG", text="7", confidence=0.6, reason="not sure")], model_sha256="b1946ac9")
    ...     store.answer({1: "1"})
    ...     [(item.text, item.said) for item in store.corrections()]
    1
    [('7', '1')]
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = Lock()
        with self._errors_in_words("open"):
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))  # SQLite's own files get the same permissions
            self._db = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level="IMMEDIATE", check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock, suppress(sqlite3.Error):  # everything is on the disk; only tidying up can fail
            self._db.close()

    def add(self, doubts: Iterable[Doubt], *, model_sha256: str, source: str = "") -> int:
        """Keep doubtful readings for review; return how many are new. A picture that is there stays as it is."""
        now = _now()
        rows = [
            (
                hashlib.sha256(d.picture).hexdigest(),
                d.text,
                d.confidence,
                d.reason,
                model_sha256,
                source,
                now,
                d.picture,
            )
            for d in doubts
        ]
        with self._change() as db:
            return db.executemany(
                "INSERT INTO items (sha256, text, confidence, reason, model_sha256, source, read_at, picture) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sha256) DO NOTHING",
                rows,
            ).rowcount

    def answer(self, answers: Mapping[int, str]) -> None:
        """Keep what a person says of some pictures, by their numbers: digits, or nothing where there is no number.

        All of them or none. The last word counts. Raises UnknownItemError if a picture is not there, ValueError if an
        answer has anything but digits in it.
        """
        wrong = next((text for text in answers.values() if not SAID.fullmatch(text)), None)
        if wrong is not None:
            raise ValueError(f"an answer is at most 100 digits, or empty for no number; '{one_line(wrong)}' is not")
        now = _now()
        with self._change() as db:
            for number, text in answers.items():
                done = db.execute("UPDATE items SET said = ?, said_at = ? WHERE id = ?", (text, now, number))
                if not done.rowcount:
                    raise UnknownItemError(f"there is no picture {number}, it may have been deleted; nothing was kept")

    def delete(self, number: int) -> None:
        """Delete a picture and everything about it, also from the log that SQLite writes beside the file.

        Raises UnknownItemError if it is not there.
        """
        with self._change() as db:
            if not db.execute("DELETE FROM items WHERE id = ?", (number,)).rowcount:
                raise UnknownItemError(f"there is no picture {number}; it may have been deleted already")
        try:
            with self._lock:
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:  # as where the disk is full
            raise StoreError(
                f"picture {number} is deleted, but its bytes may still be in the log beside '{self.path}': "
                f"{reason_of(error)}; make space and restart, and it is emptied"
            ) from error

    def count_waiting(self) -> int:
        """Return how many pictures nobody has said anything about."""
        [[count]] = self._ask("SELECT count(*) FROM items WHERE said IS NULL")
        return int(count)

    def next_items(self, limit: int) -> list[Item]:
        """Return the doubtful readings to look at next, of the same digit where they are digits, the least sure first.

        The digit is the one with the most that wait. What was read as no digit is a group of its own, so are numbers.
        """
        return [_item(row) for row in self._ask(_NEXT, limit)]

    def corrections(self) -> Iterator[Item]:
        """Yield what a person has said something about, in the order in which it came in, one picture in memory."""
        numbers = [number for (number,) in self._ask("SELECT id FROM items WHERE said IS NOT NULL ORDER BY id")]
        for number in numbers:
            for row in self._ask(f"SELECT {_COLUMNS} FROM items WHERE id = ?", number):  # noqa: S608 - a constant
                yield _item(row)

    def _prepare(self) -> None:
        """Bring the file to today's schema, step by step."""
        self._check_kind()
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
            self._db.execute(f"PRAGMA {pragma}")
        with self._db as db:
            db.execute("BEGIN IMMEDIATE")
            version = self._check_kind()  # again: another process may have been at it
            for number, steps in enumerate(_MIGRATIONS[version:], start=version + 1):
                for step in steps:
                    db.execute(step)
                db.execute(f"PRAGMA user_version = {number}")

    def _check_kind(self) -> int:
        """Return the version of the schema, 0 of a new file; StoreError if it is none of ours."""
        [application] = self._db.execute("PRAGMA application_id").fetchone()
        [version] = self._db.execute("PRAGMA user_version").fetchone()
        [tables] = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if (application, bool(tables)) not in {(APPLICATION_ID, True), (0, False)}:
            raise StoreError(f"cannot open '{self.path}': it is another program's database; name another file")
        if version > len(_MIGRATIONS):
            raise StoreError(
                f"cannot open '{self.path}': its schema is number {version}, this inkdigits knows {len(_MIGRATIONS)}; "
                "install a later one"
            )
        return int(version)

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """Let a block change the file: all of it or nothing."""
        with self._lock, self._errors_in_words("write to"), self._db:
            yield self._db

    def _ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock, self._errors_in_words("read"), closing(self._db.execute(query, values)) as found:
            return found.fetchall()

    @contextmanager
    def _errors_in_words(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, StoreError):
                raise
            raise StoreError(
                f"cannot {doing} '{self.path}': {reason_of(error)}; nothing was changed: check the path, who may write "
                "there and the space left, then try again"
            ) from error


def _item(row: tuple[Any, ...]) -> Item:
    return Item(**dict(zip(_COLUMNS.split(", "), row, strict=True)))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
