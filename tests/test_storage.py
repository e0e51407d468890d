"""Addresses, here and elsewhere; fsspec's own file system in memory stands for elsewhere."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from inkdigits import storage
from inkdigits.errors import MissingExtraError, StorageError


@pytest.fixture(params=["local", "remote"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return an empty folder on this machine, or in memory, as any store."""
    return str(tmp_path) if request.param == "local" else f"memory://{tmp_path}"


def write(address: str, content: bytes) -> None:
    """Write a file."""
    with storage.write_whole(address) as file:
        file.write(content)


def test_what_is_written_can_be_listed_and_read(folder: str) -> None:
    """Files in folders in a folder are listed with their sizes; their content comes back."""
    write(f"{folder}/b/2.png", b"two!")
    write(f"{folder}/1.png", b"one")
    assert sorted((entry.name, entry.size) for entry in storage.list_files(folder)) == [("1.png", 3), ("b/2.png", 4)]
    assert storage.read_file(f"{folder}/b/2.png", max_bytes=10) == b"two!"


def test_hidden_files_are_not_listed(folder: str) -> None:
    """What begins with a dot is nobody's picture."""
    for name in (".hidden.png", ".thumbs/1.png", "seen.png"):
        write(f"{folder}/{name}", b"x")
    assert [entry.name for entry in storage.list_files(folder)] == ["seen.png"]


def test_a_pattern_matches_in_all_folders(folder: str) -> None:
    """Names are those below the folder above the first wildcard."""
    for name in ("a/1.png", "a/b/2.png", "a/3.txt"):
        write(f"{folder}/{name}", b"x")
    found = sorted(entry.name for entry in storage.match_files(f"{folder}/a/**/*.png"))
    assert found == ["1.png", "b/2.png"]


def test_a_changed_file_has_another_stamp(tmp_path: Path) -> None:
    """A file that is written again is told from the one it was."""
    path = tmp_path / "1.png"
    path.write_bytes(b"one")
    before = storage.stat_file(str(tmp_path), "1.png")
    path.write_bytes(b"two")
    assert storage.stat_file(str(tmp_path), "1.png") != before


def test_a_write_that_fails_leaves_nothing(folder: str) -> None:
    """Half a file has no name."""
    with suppress(KeyboardInterrupt), storage.write_whole(f"{folder}/1.parquet") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert storage.names_in(folder) == []


def test_what_is_being_written_is_not_there(tmp_path: Path) -> None:
    """Until it is whole a file has another name, and a killed writer's is removed."""
    (tmp_path / f"1.parquet.abc{storage.UNFINISHED}").write_bytes(b"half")
    assert storage.names_in(str(tmp_path)) == []
    storage.remove_unfinished(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_no_more_is_read_than_asked_for(folder: str) -> None:
    """Of a large file comes what is needed to see that it is too large."""
    write(f"{folder}/1.png", b"x" * 100)
    assert len(storage.read_file(f"{folder}/1.png", max_bytes=10)) == 11


def test_what_is_not_there_is_no_fault_of_the_store(folder: str) -> None:
    """A missing file is told from a store that does not answer."""
    with pytest.raises(FileNotFoundError):
        storage.read_file(f"{folder}/missing.png", max_bytes=10)


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    """The address and the reason."""
    with pytest.raises(StorageError, match=r"cannot list '.*missing': No such file or directory; check"):
        list(storage.list_files(str(tmp_path / "missing")))


def test_a_store_without_its_library_is_named() -> None:
    """A store that fsspec knows, and whose own library is missing, is named with what it needs."""
    with pytest.raises(MissingExtraError, match=r"cannot open 'dropbox://x': .*dropbox"):
        storage.is_folder("dropbox://x")
