"""The ledger of a batch: what it was begun with, what is to be done, and what is done.

In its folder lie `plan.parquet` (each file of the source, in order), `model.onnx` (what reads them), `values/` (lists
that rules name), `batch.json` (the terms) and `readings/` (a Parquet file per shard). What is done is what is there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from itertools import islice, zip_longest
from typing import Any

from inkdigits import __version__, storage
from inkdigits.digit_reader import PROMISED_ERROR
from inkdigits.errors import BatchError, BatchMismatchError, BatchStoppedError, RuleError, SourceError, one_line
from inkdigits.rulebook import Keep, settle
from inkdigits.shards import Shard, Tally, cut, read_tally
from inkdigits.sources import (
    RULE_COLUMNS,
    Item,
    Source,
    decode_name,
    encode_name,
    is_picture_name,
    require_pyarrow,
)

TERMS, PLAN, MODEL, SUMMARY, READINGS = "batch.json", "plan.parquet", "model.onnx", "summary.json", "readings"
PLAN_ROWS = 2_000  # at once in memory
MAX_TERMS_BYTES = 1_000_000  # far beyond what any batch was begun with
ROWS_RULES = 10_000  # different ones of rows that are remembered while they pass by


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What the readings of a batch depend on besides its files: a change of it would mix two batches."""

    level: str
    model_sha256: str
    inkdigits: str = __version__
    rules: Mapping[str, str] = field(default_factory=dict)  # what numbers may be, in the settled words of a rulebook
    max_error: str = PROMISED_ERROR
    separators: bool = False
    second_opinion: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """The keywords of the Reader that reads by these terms."""
        return {"max_error": self.max_error, "separators": self.separators, "second_opinion": self.second_opinion}

    @property
    def fingerprint(self) -> str:
        """A hash that each shard carries."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return the terms as JSON values; an option that was not given is left out, as before there was one.

        Examples
        --------
        >>> Terms(level="page", model_sha256="abc", inkdigits="1", rules={"length": "5"}).to_dict()
        {'level': 'page', 'model_sha256': 'abc', 'inkdigits': '1', 'length': '5'}
        """
        given = {name: value for name, value in self.options.items() if value != getattr(Terms, name)}
        always = {"level": self.level, "model_sha256": self.model_sha256, "inkdigits": self.inkdigits}
        return {**always, **self.rules, **given}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Terms:
        """Return the terms that to_dict wrote."""
        rules = {name: values[name] for name in RULE_COLUMNS if name in values}
        others = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        return cls(**others, rules=rules)


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """A batch's folder, with a plan in it."""

    folder: str
    terms: Terms
    files: int
    left_out: int  # files of the source that do not end like a picture
    ruled: int  # files that have rules of their own

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


def find_items(source: Source, level: str, keep: Keep = lambda *_: None) -> Iterator[Item | None]:
    """Yield the items of a source to be read, their rules settled; None for one that does not end like a picture.

    The lists that rules name are given to `keep`. Raises SourceError where rules cannot be understood, with the row.
    """

    @lru_cache(maxsize=ROWS_RULES)
    def settle_row(rules: str) -> str:
        return json.dumps(settle(json.loads(rules), level=level, keep=keep), sort_keys=True)

    for row, item in enumerate(source.items(), start=1):
        if source.by_ending and not is_picture_name(item.file):
            yield None
            continue
        try:
            yield item._replace(rules=settle_row(item.rules)) if item.rules else item
        except RuleError as error:
            raise SourceError(f"cannot read '{source.address}': row {row}, '{item.file}': {error}") from error


def open_ledger(folder: str, source: Source, terms: Terms, belongings: Mapping[str, bytes]) -> Ledger:
    """Begin a batch in a folder, or go on with the one that was begun there.

    Belongings are the model and the lists that the terms name, by their names in the folder. Raises
    BatchMismatchError, naming what differs, if that batch is not this one.
    """
    known = read_terms(folder)
    if known is None:
        return _begin(folder, source, terms, belongings)
    _check_terms(folder, known, terms)
    counted = Counted(find_items(source, terms.level))
    _check_items(folder, counted)
    return _ledger(folder, terms, counted)


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
        file.write(json.dumps(values, indent=2, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")


def _begin(folder: str, source: Source, terms: Terms, belongings: Mapping[str, bytes]) -> Ledger:
    if storage.names_in(storage.join(folder, READINGS)):
        raise BatchError(f"cannot begin in '{folder}': there are readings in it, but no {TERMS}; give another folder")

    def keep(name: str, content: bytes) -> None:
        with storage.write_whole(storage.join(folder, name)) as file:
            file.write(content)

    counted = Counted(find_items(source, terms.level, keep))
    _write_plan(folder, source, counted)
    for name, content in belongings.items():
        keep(name, content)
    known = {**terms.to_dict(), "source": source.address}
    write_json(folder, TERMS, known)  # last: from here on it can be gone on with
    return _ledger(folder, terms, counted)


def _ledger(folder: str, terms: Terms, counted: Counted) -> Ledger:
    return Ledger(folder=folder, terms=terms, files=counted.items, left_out=counted.left_out, ruled=counted.ruled)


class Counted:
    """Items, counted while they pass by."""

    def __init__(self, found: Iterable[Item | None]) -> None:
        self._found = found
        self.items = self.left_out = self.ruled = 0

    def __iter__(self) -> Iterator[Item]:
        for item in self._found:
            if item is None:
                self.left_out += 1
            else:
                self.items += 1
                self.ruled += bool(item.rules)
                yield item


def _check_terms(folder: str, known: dict[str, Any], terms: Terms) -> None:
    now = terms.to_dict()
    for name in (*(f.name for f in fields(Terms)), *RULE_COLUMNS):
        if known.get(name) != now.get(name):
            was, is_now = (repr(one[name]) if name in one else "not given" for one in (known, now))
            raise BatchMismatchError(
                f"cannot go on in '{folder}': its {name} is {was}, now it is {is_now}; "
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
        what = "has other rules" if was.rules != now.rules else "is another, or was written again"
        return f"'{now.file}' {what}"
    return f"'{now.file}' is where '{was.file}' was"


def _write_plan(folder: str, source: Source, items: Counted) -> None:
    pa, parquet = require_pyarrow(folder)
    kinds = (pa.binary(), pa.int64(), pa.string(), pa.int64(), pa.string())
    schema = pa.schema(list(zip(Item._fields, kinds, strict=True)))
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
