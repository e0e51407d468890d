"""Shards: a part of a source's items, and the Parquet file of what they were read as.

A shard's bytes depend on its items, the model and the level, and on nothing else: not on when, where or by how many
it was read, nor on what was killed meanwhile.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, NamedTuple

from inkdigits import storage
from inkdigits.errors import BatchError, StorageError
from inkdigits.sources import Item, encode_name, require_pyarrow
from inkdigits.table import Row, column_types

Outcome = Literal["read", "review", "declined", "failed"]

SHARD_FILES = 500  # at about a millisecond a digit: progress twice a second, a hundredth of the time for the rest
SHARD_BYTES = 16_000_000  # photos take longer: some eight of them, so that ten workers share a hundred
FACTS_KEY = b"inkdigits"  # under which a shard's facts lie in its Parquet metadata
MAX_REASONS = 100  # different ones that are counted; of the others only how many
OTHER_REASONS = "other reasons"


class Shard(NamedTuple):
    """Items that are read together, by one process, to one file."""

    number: int
    items: tuple[Item, ...]

    @property
    def name(self) -> str:
        """What its file is called."""
        return f"{self.number:07}.parquet"


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many files ended as what; the four outcomes add up to `files`."""

    files: int = 0
    read: int = 0
    review: int = 0
    declined: int = 0
    failed: int = 0
    numbers: int = 0
    accepted: int = 0  # of the numbers
    reasons: Mapping[str, int] = field(default_factory=dict)  # why files were declined or failed

    def __add__(self, other: Tally) -> Tally:
        """Return both together."""
        counts = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self) if f.name != "reasons"}
        return Tally(**counts, reasons=_add_reasons(self.reasons, other.reasons))

    @classmethod
    def of(cls, files: Iterable[Sequence[Row]]) -> Tally:
        """Count what files ended as, from the rows of each."""
        return sum((cls._of_one(rows) for rows in files), cls())

    @classmethod
    def _of_one(cls, rows: Sequence[Row]) -> Tally:
        outcome = outcome_of(rows)
        reasons = [row.reason for row in rows if row.status == outcome]
        return cls(
            files=1,
            numbers=sum(row.confidence is not None for row in rows),
            accepted=sum(row.accepted for row in rows),
            reasons={reasons[0]: 1} if reasons else {},
            **{outcome: 1},
        )


def cut(items: Iterable[Item]) -> Iterator[Shard]:
    """Cut items into shards: one is full at SHARD_FILES files, or at SHARD_BYTES bytes.

    Examples
    --------
    >>> photos = [Item(f"{n}.jpg", 9_000_000, "") for n in range(3)]
    >>> [[item.file for item in shard.items] for shard in cut(photos)]
    [['0.jpg', '1.jpg'], ['2.jpg']]
    """
    number, taken, size = 0, list[Item](), 0
    for item in items:
        taken.append(item)
        size += item.size
        if len(taken) == SHARD_FILES or size >= SHARD_BYTES:
            yield Shard(number, tuple(taken))
            number, taken, size = number + 1, [], 0
    if taken:
        yield Shard(number, tuple(taken))


def outcome_of(rows: Sequence[Row]) -> Outcome:
    """Return what a file ended as: its worst page decides, but for a blank one among others.

    It is `review` where a number is not to be acted on.

    Examples
    --------
    >>> from inkdigits.readings import PageReading
    >>> from inkdigits.table import rows_of
    >>> outcome_of(rows_of("7.png", PageReading(status="failed", reason="it is empty")))
    'failed'
    """
    statuses = {row.status for row in rows}
    if "failed" in statuses:
        return "failed"
    if statuses == {"declined"}:
        return "declined"
    return "read" if all(row.accepted for row in rows if row.status == "ok") else "review"


def write_shard(folder: str, shard: Shard, files: Sequence[Sequence[Row]], terms: str) -> Tally:
    """Write what the files of a shard were read as, and return how many ended as what.

    `terms` says under what they were read; it is kept with them. Raises StorageError.
    """
    pa, parquet = require_pyarrow(folder)
    if len(files) != len(shard.items):
        raise BatchError(f"{len(files)} files were answered of {len(shard.items)} in '{shard.name}'; please report it")
    tally = Tally.of(files)
    facts = {"terms": terms, "items": _fingerprint(shard), **asdict(tally)}
    schema = _schema(pa).with_metadata({FACTS_KEY: json.dumps(facts, sort_keys=True, ensure_ascii=False)})
    rows = [(outcome_of(rows), *row) for rows in files for row in rows]
    columns = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), schema.types, strict=True)]
    with storage.write_whole(storage.join(folder, shard.name)) as file:
        parquet.write_table(pa.Table.from_arrays(columns, schema=schema), file)
    return tally


def read_tally(folder: str, shard: Shard, terms: str) -> Tally | None:
    """Return the tally of a shard that was written; None where its file is damaged, or of other items or terms."""
    pa, parquet = require_pyarrow(folder)
    try:
        with storage.open_file(storage.join(folder, shard.name)) as file:
            facts = json.loads(parquet.read_schema(file).metadata[FACTS_KEY])
    except StorageError:
        raise
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError):
        return None
    if (facts.pop("terms", None), facts.pop("items", None)) != (terms, _fingerprint(shard)):
        return None
    return Tally(**facts)


def _schema(pa: Any) -> Any:
    return pa.schema([("outcome", pa.string()), *column_types(pa)])


def _fingerprint(shard: Shard) -> str:
    """Return what tells a shard's items from others: the names, for what has changed in them the plan tells."""
    return hashlib.sha256(b"\0".join(encode_name(item.file) for item in shard.items)).hexdigest()


def _add_reasons(some: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Add counts; beyond MAX_REASONS different reasons the new ones are counted together."""
    total = dict(some)
    for reason, count in more.items():
        known = reason if reason in total or len(total) < MAX_REASONS else OTHER_REASONS
        total[known] = total.get(known, 0) + count
    return total
