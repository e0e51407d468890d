"""Addresses: a local path, or a URL that fsspec knows (s3://, gs://, https://): list, read, write whole."""

from __future__ import annotations

import glob
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

from inkdigits.errors import InkdigitsError, MissingExtraError, StorageError, reason_of

OBJECT_STORES = frozenset(["s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"])  # an object appears when it is whole
UNFINISHED = ".unfinished"  # what a file that is being written is called at the end
STAMPS = ("ETag", "etag", "mtime", "LastModified", "updated", "last_modified")  # as stores call what tells a change


class Entry(NamedTuple):
    """A file that was listed: its name below the folder that was asked for, its bytes, and what tells a change."""

    name: str
    size: int
    stamp: str


def is_remote(address: str) -> bool:
    """Whether an address is a URL, and not a path on this machine."""
    return "://" in address


def is_folder(address: str) -> bool:
    """Whether there is a folder."""
    if not is_remote(address):
        return Path(address).is_dir()
    with _errors_in_words("look into", address):
        file_system, path = _open_file_system(address)
        return bool(file_system.isdir(path))


def join(folder: str, name: str) -> str:
    """Return the address of a name in a folder; a name that is an address itself stays as it is."""
    if is_remote(name):
        return name
    return f"{folder.rstrip('/')}/{name}" if is_remote(folder) else os.path.join(folder, name)  # noqa: PTH118 - Path("") is "."


def list_files(folder: str) -> Iterator[Entry]:
    """Yield the files in a folder and in the folders in it, in no order; hidden ones, and links to folders, are not."""
    with _errors_in_words("list", folder):
        yield from _walk_remote(folder) if is_remote(folder) else _walk_local(folder)


def match_files(pattern: str) -> Iterator[Entry]:
    """Yield the files that match a pattern, in no order; `**` stands for any folders."""
    folder = folder_of(pattern)
    with _errors_in_words("list", pattern):
        if is_remote(pattern):
            file_system, path = _open_file_system(pattern)
            _, top = _open_file_system(folder)
            for found, facts in file_system.glob(path, detail=True).items():
                if facts["type"] == "file":
                    yield _entry(found.removeprefix(top).lstrip("/"), facts)
        else:
            for found in glob.iglob(pattern, recursive=True):  # noqa: PTH207 - Path.glob takes no absolute pattern
                if not Path(found).is_dir():
                    yield stat_file(folder, os.path.relpath(found, folder or "."))


def folder_of(pattern: str) -> str:
    """Return the folder above the first wildcard of a pattern.

    Examples
    --------
    >>> folder_of("scans/2024-*/page?.png"), folder_of("s3://bucket/*.png")
    ('scans', 's3://bucket')
    """
    fixed = pattern[: min(pattern.find(wild) for wild in "*?[" if wild in pattern)]
    return fixed.rpartition("/")[0] or ("/" if fixed.startswith("/") else "")


def stat_file(folder: str, name: str) -> Entry:
    """Return what is known of a file without reading it: nothing, if it is not there or elsewhere."""
    try:
        facts = None if is_remote(join(folder, name)) else Path(join(folder, name)).stat()
    except (OSError, ValueError):  # reading it will say so
        facts = None
    return Entry(name, facts.st_size, str(facts.st_mtime_ns)) if facts else Entry(name, 0, "")


def find_stamp(address: str) -> str:
    """Return what changes when a file does: its time and size, or the store's tag."""
    with _errors_in_words("read", address):
        if is_remote(address):
            file_system, path = _open_file_system(address)
            facts = file_system.info(path)
            return f"{_stamp(facts)} {facts.get('size')}"
        facts = Path(address).stat()
        return f"{facts.st_mtime_ns} {facts.st_size}"


def names_in(folder: str) -> list[str]:
    """Return the names in a folder, sorted, but not of what is being written; none where there is no folder."""
    with _errors_in_words("list", folder):
        try:
            if is_remote(folder):
                file_system, path = _open_file_system(folder)
                names = [found.rpartition("/")[2] for found in file_system.ls(path, detail=False)]
            else:
                names = os.listdir(folder)  # noqa: PTH208 - names are what we want
        except FileNotFoundError:
            return []
    return sorted(name for name in names if name and not name.endswith(UNFINISHED))


def open_file(address: str) -> IO[bytes]:
    """Open a file to read in it here and there."""
    with _errors_in_words("read", address):
        if not is_remote(address):
            return Path(address).open("rb")
        file_system, path = _open_file_system(address)
        opened: IO[bytes] = file_system.open(path, "rb")
        return opened


def read_file(address: str, *, max_bytes: int, size: int = 0) -> bytes:
    """Return the content of a file, of one with more than `max_bytes` that many and one; `size` saves a look at it.

    Raises what the system says of a local file, and what a store says of a file that is not there or not ours;
    StorageError where the store fails, which may pass.
    """
    if not is_remote(address):
        with Path(address).open("rb") as file:
            return file.read(max_bytes + 1)  # a device or a pipe may have no end
    with _errors_in_words("read", address, but=(FileNotFoundError, IsADirectoryError, PermissionError)):
        file_system, path = _open_file_system(address)
        if 0 < size <= max_bytes:
            return bytes(file_system.cat_file(path))
        with file_system.open(path, "rb") as file:
            return bytes(file.read(max_bytes + 1))


@contextmanager
def write_whole(address: str) -> Iterator[IO[bytes]]:
    """Open a file to write that is there when it is whole, and before that not at all."""
    with _errors_in_words("write", address):
        if is_remote(address):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "whole")
                with path.open("wb") as file:
                    yield file
                _upload(path, address)
        else:
            with _rename_when_whole(Path(address)) as file:
                yield file


def remove_unfinished(folder: str) -> None:
    """Remove what was left by writers that were killed."""
    if not is_remote(folder):
        for path in Path(folder).glob(f"*{UNFINISHED}"):
            path.unlink(missing_ok=True)


@contextmanager
def _rename_when_whole(path: Path) -> Iterator[IO[bytes]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}{UNFINISHED}")  # two may write the same at a time
    try:
        with unfinished.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # a power cut must not leave a whole name on half a file
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise


def _upload(path: Path, address: str) -> None:
    file_system, target = _open_file_system(address)
    if address.partition("://")[0] in OBJECT_STORES:
        file_system.put_file(str(path), target)
        return
    file_system.makedirs(target.rpartition("/")[0], exist_ok=True)
    unfinished = f"{target}.{uuid.uuid4().hex}{UNFINISHED}"
    file_system.put_file(str(path), unfinished)
    file_system.mv(unfinished, target)


def _walk_local(top: str) -> Iterator[Entry]:
    """Yield files as the system lists them, never a whole folder's at once."""
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(Path(top, folder)) as found:
            for entry in found:
                name = f"{folder}/{entry.name}" if folder else entry.name
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                elif not entry.is_dir():
                    yield stat_file(top, name)


def _walk_remote(top: str) -> Iterator[Entry]:
    file_system, path = _open_file_system(top)
    for parent, _, files in file_system.walk(path, detail=True, on_error="raise"):
        for base, facts in files.items():
            name = f"{parent}/{base}".removeprefix(path).lstrip("/")
            if base and not any(part.startswith(".") for part in name.split("/")):
                yield _entry(name, facts)


def _entry(name: str, facts: dict[str, Any]) -> Entry:
    return Entry(name, int(facts.get("size") or 0), _stamp(facts))


def _stamp(facts: dict[str, Any]) -> str:
    return next((str(facts[key]) for key in STAMPS if facts.get(key)), "")


def _open_file_system(address: str) -> tuple[Any, str]:
    """Return fsspec's file system of an address and the path in it; credentials are the ecosystem's."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise MissingExtraError(
            f"cannot open '{address}': fsspec is not installed; run pip install 'inkdigits[batch]'"
        ) from error
    try:
        file_system, path = url_to_fs(address, use_listings_cache=False)  # what it keeps grows without end
    except ImportError as error:
        raise MissingExtraError(f"cannot open '{address}': {reason_of(error)}; pip can do it") from error
    return file_system, path


@contextmanager
def _errors_in_words(doing: str, address: str, *, but: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn what the system or a store raises into a StorageError."""
    try:
        yield
    except Exception as error:
        if isinstance(error, (InkdigitsError, *but)):
            raise
        if not is_remote(address) and not isinstance(error, OSError | ValueError):
            raise
        raise StorageError(
            f"cannot {doing} '{address}': {reason_of(error)}; check the address, who may use it, and the space left"
        ) from error
