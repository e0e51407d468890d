"""Sources of many pictures: a folder, a pattern, a manifest, an archive, an IDX or a Parquet file, here or elsewhere.

A source lists its items in an order that does not change, one at a time, and gives the content of some of them.
"""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import sqlite3
import tarfile
import weakref
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice, repeat
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from inkdigits import storage
from inkdigits.errors import (
    InkdigitsError,
    MissingExtraError,
    PictureError,
    SourceError,
    StorageError,
    one_line,
    reason_of,
)
from inkdigits.idx import parse_idx
from inkdigits.pictures import LISTED_ENDINGS, MAX_FILE_BYTES

FORMS = "a folder, a pattern, a manifest (.csv, .parquet), an archive (.zip, .tar), an IDX or a Parquet file"
FILE_COLUMNS = ("file", "path")  # what a manifest may call its column of paths
RULE_COLUMNS = ("length", "range", "values", "pattern", "check")  # of a manifest, and the words of rules.parse_rules
READ_AHEAD = 8  # files of a store; each takes two answers of some 20 ms, in which several digits are read
ROWS_AT_ONCE = 64  # of a Parquet file; photos of 10 MB take 640 MB
IDX_ENDINGS = (".idx", "-ubyte", ".idx.gz", "-ubyte.gz")  # as MNIST's files end
COMPRESSED_TARS = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")

Content = bytes | NDArray[np.uint8] | PictureError  # of an item; the error says why it has none


class Item(NamedTuple):
    """One picture of a source."""

    file: str  # its name in the source, which is its name in the output
    size: int  # bytes; 0 where it is not known before it is read
    stamp: str  # what tells that it has changed; empty where nothing does
    place: int = 0  # where it lies in an archive or a table: the source's own affair
    rules: str = ""  # what its numbers may be, by the words of RULE_COLUMNS as JSON; empty where nothing is said


class Source(Protocol):
    """What a batch reads from. It is sent to other processes and machines: an address, and nothing open."""

    @property
    def address(self) -> str:
        """Where it lies."""

    @property
    def by_ending(self) -> bool:
        """Whether items that do not end like a picture are left out, as nobody named them."""

    def items(self) -> Iterator[Item]:
        """List what there is, in an order that does not change. Raises SourceError or StorageError."""

    def contents(self, items: Sequence[Item]) -> Iterator[Content]:
        """Yield the content of some items, in their order. Raises StorageError where trying again may help."""


def open_source(address: str | Path) -> Source:
    """Return the source that an address names, told by its ending. Raises SourceError if it is none."""
    address = str(address)
    name = address.lower()
    if not storage.is_remote(address) and storage.is_folder(address):
        return Folder(address)
    if name.endswith(COMPRESSED_TARS):
        raise SourceError(f"cannot read '{address}': a compressed tar has no random access; unpack it to a .tar first")
    for endings, kind in _KINDS.items():
        if name.endswith(endings):
            return kind(address)
    if any(wild in address for wild in "*?["):
        return Pattern(address)
    if storage.is_folder(address):  # not asked of a file elsewhere: some stores fetch it to find out
        return Folder(address)
    raise SourceError(f"cannot read '{address}': there is no such folder, or it is a single file; give {FORMS}")


def is_picture_name(name: str) -> bool:
    """Whether a name ends like a picture: one that can be read, or one that is refused with the reason."""
    return PurePosixPath(name).suffix.lower() in LISTED_ENDINGS


@dataclass(frozen=True)
class Folder:
    """The files in a folder and in the folders in it, sorted by name."""

    address: str
    by_ending = True

    def items(self) -> Iterator[Item]:
        """List the files."""
        return sort_items(Item(*entry) for entry in storage.list_files(self.address))

    def contents(self, items: Sequence[Item]) -> Iterator[Content]:
        """Read the files."""
        return _read_files(self.address, items)


@dataclass(frozen=True)
class Pattern:
    """The files that match a pattern, sorted by name, named from the folder above its first wildcard."""

    address: str
    by_ending = False

    def items(self) -> Iterator[Item]:
        """List the files."""
        return sort_items(Item(*entry) for entry in storage.match_files(self.address))

    def contents(self, items: Sequence[Item]) -> Iterator[Content]:
        """Read the files."""
        return _read_files(storage.folder_of(self.address), items)


@dataclass(frozen=True)
class Manifest:
    """The files that a table names in its column `file` or `path`, from its own folder on; in the table's order.

    Each may have rules of its own, in the columns RULE_COLUMNS.
    """

    address: str
    by_ending = False

    def items(self) -> Iterator[Item]:
        """List the files; of those elsewhere only the name is known."""
        folder = _parent(self.address)
        for name, *words in self._rows():
            yield Item(*storage.stat_file(folder, name), rules=_rules_of(words, folder))

    def contents(self, items: Sequence[Item]) -> Iterator[Content]:
        """Read the files."""
        return _read_files(_parent(self.address), items)

    def _rows(self) -> Iterator[list[str]]:
        """Yield the name in each row, and its words for RULE_COLUMNS; what is missing is empty."""
        with _errors_in_words(self.address), storage.open_file(self.address) as file:
            if self.address.lower().endswith(".parquet"):
                parquet = _parquet_file(self.address, file)
                columns, rows = parquet.schema_arrow.names, _parquet_rows(parquet)
            else:
                table = csv.DictReader(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))
                columns, rows = table.fieldnames or (), table
            wanted = (_file_column(columns, self.address), *RULE_COLUMNS)
            for row in rows:
                yield [_as_word(row.get(column)) for column in wanted]


@dataclass(frozen=True)
class Zip:
    """The members of a .zip, in its order."""

    address: str
    by_ending = True

    def items(self) -> Iterator[Item]:
        """List the members; their checksums tell a change."""
        with _errors_in_words(self.address), storage.open_file(self.address) as file, zipfile.ZipFile(file) as archive:
            for place, member in enumerate(archive.infolist()):
                if not member.is_dir() and not _is_hidden(member.filename):
                    yield Item(member.filename, member.file_size, f"{member.CRC:08x}", place)

    def contents(self, items: Sequence[Item]) -> Iterator[Content]:
        """Unpack the members."""
        with _errors_in_words(self.address):
            archive, members = _open_zip(self.address, storage.find_stamp(self.address))
            for item in items:
                yield _unpack(archive, members[item.place])


@dataclass(frozen=True)
class Tar:
    """The members of a .tar, in its order."""

    address: str
    by_ending = True

    def items(self) -> Iterator[Item]:
        """List the members, and where their bytes begin."""
        stamp = storage.find_stamp(self.address)
        with (
            _errors_in_words(self.address),
            storage.open_file(self.address) as file,
            tarfile.open(fileobj=file, mode="r:") as archive,
        ):
            for member in archive:
                if member.isreg() and not _is_hidden(member.name):
                    yield Item(member.name, member.size, stamp, member.offset_data)
                archive.members = []  # type: ignore[attr-defined]  # it would keep all of them

    def contents(self, items: Sequence[Item]) -> Iterator[Content]:
        """Read the members' bytes where they lie."""
        with storage.open_file(self.address) as file:
            for item in items:
                with _errors_in_words(self.address):
                    file.seek(item.place)
                    content = file.read(min(item.size, MAX_FILE_BYTES + 1))
                yield content


@dataclass(frozen=True)
class Idx:
    """The images of an IDX file, as MNIST's are stored; named by their numbers."""

    address: str
    by_ending = False

    def items(self) -> Iterator[Item]:
        """Count the images."""
        stamp = storage.find_stamp(self.address)
        images = _load_idx(self.address, stamp)
        for number in range(len(images)):
            yield Item(f"{_base(self.address)}#{number}", images[number].size, stamp, number)

    def contents(self, items: Sequence[Item]) -> Iterator[Content]:
        """Yield the images, (h, w) uint8."""
        images = _load_idx(self.address, storage.find_stamp(self.address))
        for item in items:
            yield images[item.place]


@dataclass(frozen=True)
class Table:
    """The rows of a Parquet file with the bytes of a picture in each: a binary column, or a struct with `bytes`."""

    address: str
    column: str
    names: str = ""  # the column that names the pictures; without one they are named by their rows
    by_ending = False

    def items(self) -> Iterator[Item]:
        """List the rows; a picture's share of its row group stands for its size."""
        stamp = storage.find_stamp(self.address)
        with _errors_in_words(self.address), storage.open_file(self.address) as file:
            parquet = _parquet_file(self.address, file)
            sizes = _mean_sizes(parquet)
            names = _column_values(parquet, self.names) if self.names else iter(())
            for row, size in enumerate(sizes):
                yield Item(next(names, None) or f"{_base(self.address)}#{row}", size, stamp, row)

    def contents(self, items: Sequence[Item]) -> Iterator[Content]:
        """Read the row groups that hold the rows."""
        with _errors_in_words(self.address), storage.open_file(self.address) as file:
            parquet = _parquet_file(self.address, file)
            wanted = iter(items)
            item = next(wanted, None)
            for row, value in _rows_from(parquet, self.column, items[0].place if items else 0):
                if item is None:
                    return
                if row == item.place:
                    content = value.get("bytes") if isinstance(value, dict) else value
                    yield PictureError("the row has no picture") if content is None else content
                    item = next(wanted, None)


def sort_items(items: Iterable[Item]) -> Iterator[Item]:
    """Yield items in the order of their names' bytes; they lie on disk meanwhile, so there may be any number."""
    with closing(sqlite3.connect("")) as database:
        database.execute("create table item (file blob, size integer, stamp text, place integer, rules text)")
        rows = ((encode_name(item.file), *item[1:]) for item in items)
        database.executemany("insert into item values (?, ?, ?, ?, ?)", rows)
        for file, *rest in database.execute("select * from item order by file"):
            yield Item(decode_name(file), *rest)


def encode_name(name: str) -> bytes:
    """Return a file's name as bytes; on some systems it may be any bytes."""
    return name.encode("utf-8", "surrogateescape")


def decode_name(name: bytes) -> str:
    """Return a name of encode_name."""
    return name.decode("utf-8", "surrogateescape")


def require_pyarrow(address: str) -> tuple[Any, Any]:
    """Return pyarrow and its parquet. Raises MissingExtraError, naming what it is needed for."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError(
            f"cannot use '{address}': pyarrow is not installed; run pip install 'inkdigits[batch]'"
        ) from error
    return pa, parquet


def _read_files(folder: str, items: Sequence[Item]) -> Iterator[Content]:
    """Read files, those elsewhere some ahead: a store takes its time to answer."""
    read = partial(_read_one, folder)
    if not any(storage.is_remote(storage.join(folder, item.file)) for item in items):
        yield from map(read, items)
        return
    with ThreadPoolExecutor(READ_AHEAD) as threads:
        left = iter(items)
        coming = deque(threads.submit(read, item) for item in islice(left, READ_AHEAD))
        while coming:
            yield coming.popleft().result()
            coming.extend(threads.submit(read, item) for item in islice(left, 1))


def _read_one(folder: str, item: Item) -> Content:
    try:
        return storage.read_file(storage.join(folder, item.file), max_bytes=MAX_FILE_BYTES, size=item.size)
    except StorageError:
        raise
    except FileNotFoundError:  # stores put the address in their words
        return PictureError(f"{os.strerror(errno.ENOENT)}; check the path")
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        return PictureError(f"{reason_of(error)}; check the path")


@lru_cache(maxsize=1)
def _open_zip(address: str, _stamp: str) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    """Open an archive once per process: its table of contents may be long."""
    file = storage.open_file(address)
    archive = zipfile.ZipFile(file)
    weakref.finalize(archive, file.close)  # it closes no file that it did not open
    return archive, archive.infolist()


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Content:
    try:
        with archive.open(member) as file:
            return file.read(MAX_FILE_BYTES + 1)  # what it declares may be a lie
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        return PictureError(f"the archive's member is damaged or locked ({one_line(error)}); pack it again")


@lru_cache(maxsize=1)
def _load_idx(address: str, _stamp: str) -> NDArray[np.uint8]:
    file = cast(Any, storage.open_file(address))
    with _errors_in_words(address), io.BufferedReader(file) as buffered:  # which can peek
        images = parse_idx(buffered)
    if images.ndim != 3:
        raise SourceError(
            f"cannot read '{address}': its shape is {images.shape}, not (n, h, w); give the file of images"
        )
    return images


def _open_parquet(address: str) -> Source:
    """Return a table of pictures where a column holds bytes, else a manifest."""
    with _errors_in_words(address), storage.open_file(address) as file:
        schema = _parquet_file(address, file).schema_arrow
    pictures = [field.name for field in schema if _holds_bytes(field.type)]
    if not pictures:
        return Manifest(address)
    return Table(address, pictures[0], next((name for name in FILE_COLUMNS if name in schema.names), ""))


def _holds_bytes(kind: Any) -> bool:
    from pyarrow import types

    if types.is_struct(kind):  # as data sets of the Hugging Face hub have it
        return any(field.name == "bytes" and _holds_bytes(field.type) for field in kind)
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _parquet_file(address: str, file: IO[bytes]) -> Any:
    return require_pyarrow(address)[1].ParquetFile(file)


def _mean_sizes(parquet: Any) -> Iterator[int]:
    """Yield for each row its share of its row group's bytes."""
    for number in range(parquet.num_row_groups):
        group = parquet.metadata.row_group(number)
        yield from repeat(group.total_byte_size // max(1, group.num_rows), group.num_rows)


def _column_values(parquet: Any, column: str) -> Iterator[Any]:
    for batch in parquet.iter_batches(columns=[column]):
        yield from batch.column(0).to_pylist()


def _parquet_rows(parquet: Any) -> Iterator[dict[str, Any]]:
    """Yield a manifest's rows; columns that are neither paths nor rules are not read."""
    known = [name for name in parquet.schema_arrow.names if name in {*FILE_COLUMNS, *RULE_COLUMNS}]
    for batch in parquet.iter_batches(columns=known):
        yield from batch.to_pylist()


def _as_word(value: Any) -> str:
    """Return a cell of a manifest as text; a column of whole numbers with gaps comes as 5.0 from some tools."""
    if value is None or value != value:  # noqa: PLR0124 - what is not a number
        return ""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def _rules_of(words: Sequence[str], folder: str) -> str:
    """Return a row's rules as JSON; the path of a list counts from the manifest's folder, as those of files do."""
    if not any(words):
        return ""
    rules = {name: word.strip() for name, word in zip(RULE_COLUMNS, words, strict=True) if word.strip()}
    if "values" in rules:
        rules["values"] = storage.join(folder, rules["values"])
    return json.dumps(rules) if rules else ""


def _rows_from(parquet: Any, column: str, first: int) -> Iterator[tuple[int, Any]]:
    """Yield the rows from the first that is wanted on, with their numbers; row groups before it are not read."""
    row = 0
    for number in range(parquet.num_row_groups):
        rows = parquet.metadata.row_group(number).num_rows
        if row + rows <= first:
            row += rows
            continue
        for batch in parquet.iter_batches(batch_size=ROWS_AT_ONCE, row_groups=[number], columns=[column]):
            values = batch.column(0)
            yield from ((row + i, values[i].as_py()) for i in range(max(0, first - row), len(values)))
            row += len(values)


def _file_column(columns: Sequence[str], address: str) -> str:
    for name in FILE_COLUMNS:
        if name in columns:
            return name
    known = one_line(", ".join(columns)) if columns else "missing"
    raise SourceError(f"cannot read '{address}': its columns are {known}; call the one with the paths 'file'")


def _parent(address: str) -> str:
    return address.rpartition("/")[0] if storage.is_remote(address) else str(Path(address).parent)


def _base(address: str) -> str:
    return PurePosixPath(address).name


def _is_hidden(name: str) -> bool:
    """Whether a member of an archive is hidden, or put there by a Mac to describe another."""
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or any(part.startswith(".") for part in parts)


@contextmanager
def _errors_in_words(address: str) -> Iterator[None]:
    """Turn what the libraries of the formats raise into a SourceError."""
    try:
        yield
    except InkdigitsError:
        raise
    except Exception as error:  # pyarrow, zipfile, tarfile, csv and zlib have their own
        raise SourceError(f"cannot read '{address}': it is damaged ({reason_of(error)}); copy it again") from error


_KINDS: dict[tuple[str, ...], Callable[[str], Source]] = {
    (".csv",): Manifest,
    (".parquet",): _open_parquet,
    (".zip",): Zip,
    (".tar",): Tar,
    IDX_ENDINGS: Idx,
}
