"""The ledger of a batch: what it was begun with, what is to be done, and what is done.

In its folder lie `plan.parquet` (each file of the source, in order), `model.onnx` (what reads them), `batch.json`
(the terms) and `readings/` (a Parquet file per shard). What is done is what is there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice, zip_longest
from typing import Any

from inkdigits import __version__, storage
from inkdigits.errors import BatchError, BatchMismatchError, BatchStoppedError, SourceError, one_line
from inkdigits.shards import Shard, Tally, cut, read_tally
from inkdigits.sources import Item, Source, decode_name, encode_name, is_picture_name, require_pyarrow

TERMS, PLAN, MODEL, SUMMARY, READINGS = "batch.json", "plan.parquet", "model.onnx", "summary.json", "readings"
PLAN_ROWS = 2_000  # at once in memory
MAX_TERMS_BYTES = 1_000_000  # far beyond what any batch was begun with


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What the readings of a batch depend on besides its files: a change of it would mix two batches."""

    level: str
    model_sha256: str
    inkdigits: str = __version__

    @property
    def fingerprint(self) -> str:
        """A hash that each shard carries."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """A batch's folder, with a plan in it."""

    folder: str
    terms: Terms
    files: int
    left_out: int  # files of the source that do not end like a picture

    @property
    def readings(self) -> str:
        """The folder of the shards' files."""
        return storage.join(self.folder, READINGS)

    def shards(self) -> Iterator[Shard]:
        """Yield all shards of the plan."""
        return cut(read_plan(self.folder))

    def done(self) -> tuple[set[int], Tally]:
        """Return the numbers of the shards that are there and whole, and what was counted in them.

        Raises BatchMismatchError if there is a file that is no shard of this batch.
        """
        there = set(storage.names_in(self.readings))
        done, tally = set[int](), Tally()
        for shard in self.shards() if there else ():
            if shard.name in there:
                there.discard(shard.name)
                counted = read_tally(self.readings, shard, self.terms.fingerprint)
                if counted:
                    done.add(shard.number)
                    tally += counted
        if there:
            raise BatchMismatchError(
                f"cannot go on in '{self.folder}': '{min(there)}' in {READINGS} is not of this batch; move it away"
            )
        return done, tally

    def check_whole(self, tally: Tally) -> None:
        """Raise BatchStoppedError if a file was lost: not counted, or in a shard that is not there."""
        there = set(storage.names_in(self.readings))
        lost = next((shard.name for shard in self.shards() if shard.name not in there), "")
        if lost:
            raise BatchStoppedError(
                f"'{lost}' was written, but not to '{self.readings}'; give a folder that is the same for all workers"
            )
        if tally.files != self.files:
            raise BatchStoppedError(
                f"{tally.files:,} files were counted of {self.files:,} in '{self.folder}'; please report it"
            )


def find_items(source: Source) -> Iterator[Item | None]:
    """Yield the items of a source to be read; None for one that does not end like a picture."""
    for item in source.items():
        yield item if not source.by_ending or is_picture_name(item.file) else None


def open_ledger(folder: str, source: Source, terms: Terms, model: bytes) -> Ledger:
    """Begin a batch in a folder, or go on with the one that was begun there.

    Raises BatchMismatchError, naming what differs, if that one is not this one.
    """
    known = read_terms(folder)
    if known is None:
        return _begin(folder, source, terms, model)
    _check_terms(folder, known, terms)
    counted = Counted(find_items(source))
    _check_items(folder, counted)
    return Ledger(folder=folder, terms=terms, files=counted.items, left_out=counted.left_out)


def read_terms(folder: str) -> dict[str, Any] | None:
    """Return what a batch was begun with in a folder, None where none was."""
    if TERMS not in storage.names_in(folder):
        return None
    try:
        terms = json.loads(storage.read_file(storage.join(folder, TERMS), max_bytes=MAX_TERMS_BYTES))
        return dict(terms)
    except (ValueError, TypeError) as error:
        raise BatchError(
            f"cannot go on in '{folder}': its {TERMS} is damaged ({one_line(error)}); give another folder"
        ) from error


def read_plan(folder: str) -> Iterator[Item]:
    """Yield the items of a batch, in order."""
    _, parquet = require_pyarrow(folder)
    with storage.open_file(storage.join(folder, PLAN)) as file:
        for batch in parquet.ParquetFile(file).iter_batches(batch_size=PLAN_ROWS):
            for name, *rest in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield Item(decode_name(name), *rest)


def write_json(folder: str, name: str, values: dict[str, Any]) -> None:
    """Write values as a JSON file, whole."""
    with storage.write_whole(storage.join(folder, name)) as file:
        file.write(json.dumps(values, indent=2, ensure_ascii=False).encode() + b"\n")


def _begin(folder: str, source: Source, terms: Terms, model: bytes) -> Ledger:
    if storage.names_in(storage.join(folder, READINGS)):
        raise BatchError(f"cannot begin in '{folder}': there are readings in it, but no {TERMS}; give another folder")
    counted = Counted(find_items(source))
    _write_plan(folder, source, counted)
    with storage.write_whole(storage.join(folder, MODEL)) as file:
        file.write(model)
    write_json(folder, TERMS, {**asdict(terms), "source": source.address})  # last: from here on it can be gone on with
    return Ledger(folder=folder, terms=terms, files=counted.items, left_out=counted.left_out)


class Counted:
    """Items, counted while they pass by."""

    def __init__(self, found: Iterable[Item | None]) -> None:
        self._found = found
        self.items = self.left_out = 0

    def __iter__(self) -> Iterator[Item]:
        for item in self._found:
            if item is None:
                self.left_out += 1
            else:
                self.items += 1
                yield item


def _check_terms(folder: str, known: dict[str, Any], terms: Terms) -> None:
    for name, value in asdict(terms).items():
        if known.get(name) != value:
            raise BatchMismatchError(
                f"cannot go on in '{folder}': its {name} is {known.get(name)!r}, now it is {value!r}; "
                "ask for the same, or give another folder"
            )


def _check_items(folder: str, items: Iterable[Item]) -> None:
    for was, now in zip_longest(read_plan(folder), items):
        if was != now:
            raise BatchMismatchError(
                f"cannot go on in '{folder}': the source has changed: {_difference(was, now)}; "
                "put it back, or give another folder"
            )


def _difference(was: Item | None, now: Item | None) -> str:
    if now is None or was is None:
        return f"'{was.file}' is gone" if was else f"'{now.file}' was added" if now else ""
    if was.file == now.file:
        return f"'{now.file}' is another, or was written again"
    return f"'{now.file}' is where '{was.file}' was"


def _write_plan(folder: str, source: Source, items: Counted) -> None:
    pa, parquet = require_pyarrow(folder)
    names = ("file", "size", "stamp", "place")
    schema = pa.schema(list(zip(names, (pa.binary(), pa.int64(), pa.string(), pa.int64()), strict=True)))
    rows = ((encode_name(item.file), *item[1:]) for item in items)
    with (
        storage.write_whole(storage.join(folder, PLAN)) as file,
        parquet.ParquetWriter(file, schema) as writer,
    ):
        while some := list(islice(rows, PLAN_ROWS)):
            columns = [
                pa.array(column, kind) for column, kind in zip(zip(*some, strict=True), schema.types, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
        if not items.items:
            others = f" but {items.left_out:,} other files" if items.left_out else ""
            raise SourceError(f"cannot read '{source.address}': there are no pictures in it{others}; check the address")
