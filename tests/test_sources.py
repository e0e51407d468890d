"""Every source lists its pictures in an order that does not change, and gives their content."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from inkdigits.errors import PictureError, SourceError
from inkdigits.sources import Content, Item, open_source, sort_items

FILES = {"a/1.png": b"one", "b.png": b"two", "a/2.png": b"three"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write the files to a folder."""
    for name, content in FILES.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    return tmp_path / "in"


def read(address: str | Path) -> dict[str, Content]:
    """Return the names of a source, in its order, and their content."""
    source = open_source(address)
    items = list(source.items())
    return dict(zip((item.file for item in items), source.contents(items), strict=True))


def test_a_folder_is_read_in_the_order_of_names(folder: Path) -> None:
    """Names are relative, sorted by their bytes."""
    assert list(read(folder).items()) == [("a/1.png", b"one"), ("a/2.png", b"three"), ("b.png", b"two")]


def test_a_pattern_is_read_in_the_order_of_names(folder: Path) -> None:
    """Only what matches, named below the folder above the wildcard."""
    assert read(f"{folder}/a/*.png") == {"1.png": b"one", "2.png": b"three"}


@pytest.mark.parametrize("column", ["file", "path"])
def test_a_manifest_is_read_in_its_order(folder: Path, column: str) -> None:
    """Paths count from the manifest's folder, and may be absolute."""
    absolute = folder / "a" / "2.png"
    (folder / "list.csv").write_text(f"{column},note\nb.png,x\n{absolute},y\n")
    assert list(read(folder / "list.csv").items()) == [("b.png", b"two"), (str(absolute), b"three")]


def test_a_parquet_manifest_is_read_likewise(folder: Path) -> None:
    """A Parquet file without bytes is a manifest."""
    parquet.write_table(pa.table({"file": ["b.png", "a/1.png"]}), folder / "list.parquet")
    assert read(folder / "list.parquet") == {"b.png": b"two", "a/1.png": b"one"}


def test_a_manifest_has_rules_in_its_rows(folder: Path) -> None:
    """Columns named like the options; what is empty is none, a list counts from the manifest's folder."""
    (folder / "list.csv").write_text(
        "length,file,values,note,check\n5,b.png,lists/a.txt,x,\n,b.png, ,y,luhn\n,b.png,,,\n"
    )
    assert [item.rules and json.loads(item.rules) for item in open_source(folder / "list.csv").items()] == [
        {"length": "5", "values": str(folder / "lists" / "a.txt")}, {"check": "luhn"}, "",
    ]  # fmt: skip


def test_a_parquet_manifest_has_rules_likewise(folder: Path) -> None:
    """Numbers are taken as written without a fraction, gaps as nothing."""
    columns = {"file": ["b.png"] * 3, "length": [5.0, None, float("nan")], "range": [None, "0:9", None]}
    parquet.write_table(pa.table(columns), folder / "list.parquet")
    assert [item.rules for item in open_source(folder / "list.parquet").items()] == [
        '{"length": "5"}', '{"range": "0:9"}', "",
    ]  # fmt: skip


def test_a_manifest_without_paths_is_refused(tmp_path: Path) -> None:
    """The columns that there are, and the one that is missed."""
    (tmp_path / "list.csv").write_text("name,label\n1.png,7\n")
    with pytest.raises(SourceError, match="its columns are name, label; call the one with the paths 'file'"):
        list(open_source(tmp_path / "list.csv").items())


def test_a_zip_is_read_in_its_order(tmp_path: Path) -> None:
    """Members, but no folders and nothing that a Mac puts beside them."""
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for name, content in {**FILES, "__MACOSX/a/._1.png": b"x", "c/": b""}.items():
            archive.writestr(name, content)
    assert list(read(tmp_path / "in.zip").items()) == list(FILES.items())


def test_a_damaged_member_does_not_stop_the_others(tmp_path: Path) -> None:
    """It has no content, for a reason; the next one has."""
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    content = (tmp_path / "in.zip").read_bytes()
    (tmp_path / "in.zip").write_bytes(content.replace(b"one", b"0ne"))
    first, *others = read(tmp_path / "in.zip").values()
    assert isinstance(first, PictureError)
    assert others == [b"two", b"three"]


def test_a_tar_is_read_where_its_members_lie(tmp_path: Path) -> None:
    """Members in the archive's order."""
    with tarfile.open(tmp_path / "in.tar", "w") as archive:
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    assert list(read(tmp_path / "in.tar").items()) == list(FILES.items())


@pytest.mark.parametrize("zipped", [False, True])
def test_an_idx_file_is_read_by_numbers(tmp_path: Path, zipped: bool) -> None:
    """MNIST's format, plain or gzipped; images are named by their numbers."""
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    content = struct.pack(">HBBIII", 0, 8, 3, *images.shape) + images.tobytes()
    path = tmp_path / ("t10k-images-idx3-ubyte" + ".gz" * zipped)
    path.write_bytes(gzip.compress(content) if zipped else content)
    found = read(path)
    assert list(found) == [f"{path.name}#0", f"{path.name}#1"]
    assert np.array_equal(np.stack(list(found.values())), images)  # type: ignore[arg-type]


@pytest.mark.parametrize("nested", [False, True])
def test_pictures_in_a_parquet_file(tmp_path: Path, nested: bool) -> None:
    """Bytes in a column, or in a struct as data hubs have it; an empty row has a reason."""
    values = [b"one", None, b"three"]
    column = [value and {"bytes": value, "path": None} for value in values] if nested else values
    parquet.write_table(pa.table({"image": column, "label": [1, 2, 3]}), tmp_path / "in.parquet", row_group_size=2)
    found = read(tmp_path / "in.parquet")
    assert list(found) == ["in.parquet#0", "in.parquet#1", "in.parquet#2"]
    assert [str(content) for content in found.values()] == ["b'one'", "the row has no picture", "b'three'"]


def test_some_rows_of_a_parquet_file(tmp_path: Path) -> None:
    """A part in the middle is found without the rows before it."""
    parquet.write_table(
        pa.table({"image": [b"%d" % n for n in range(300)]}), tmp_path / "in.parquet", row_group_size=90
    )
    source = open_source(tmp_path / "in.parquet")
    assert list(source.contents(list(source.items())[170:200])) == [b"%d" % n for n in range(170, 200)]


def test_names_may_be_any_bytes(folder: Path) -> None:
    """A name that is no UTF-8 is listed, and leads to its file."""
    (folder / "caf\udce9.png").write_bytes(b"old")
    assert read(folder)["caf\udce9.png"] == b"old"


def test_a_file_that_is_gone_has_a_reason(folder: Path) -> None:
    """What was listed and is not there any more is no reason to stop."""
    source = open_source(folder)
    items = list(source.items())
    (folder / "b.png").unlink()
    assert str(list(source.contents(items))[-1]) == "No such file or directory; check the path"


def test_any_number_of_items_is_sorted() -> None:
    """By their names' bytes, each with all that is known of it."""
    items = [Item(f"{n * 7919 % 1000}.png", n, f"s{n}", n, f"r{n}") for n in range(1000)]
    assert list(sort_items(items)) == sorted(items)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing", "there is no such folder"),
        ("in.tar.gz", "unpack it to a .tar first"),
        ("picture.png", "it is a single file; give a folder, a pattern"),
    ],
)
def test_what_is_no_source_is_refused(tmp_path: Path, name: str, words: str) -> None:
    """In a line that says what to give."""
    with pytest.raises(SourceError, match=words):
        open_source(tmp_path / name)


@pytest.mark.parametrize("name", ["in.zip", "in.tar", "in.parquet", "in.csv", "x-idx3-ubyte"])
def test_a_damaged_source_is_refused(tmp_path: Path, name: str) -> None:
    """Before anything is read from it."""
    (tmp_path / name).write_bytes(b"\x00\x01 no such thing" * 100)
    with pytest.raises(SourceError, match=f"cannot read '.*{name}'"):
        list(open_source(tmp_path / name).items())
