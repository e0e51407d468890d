"""A batch is gone on with only where nothing has changed, and what has is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inkdigits.errors import BatchError, BatchMismatchError, BatchStoppedError, SourceError
from inkdigits.ledger import Ledger, Terms, open_ledger
from inkdigits.readings import PageReading
from inkdigits.shards import SHARD_FILES, Shard, Tally, write_shard
from inkdigits.sources import open_source
from inkdigits.table import rows_of

TERMS = Terms(level="page", model_sha256="abc", inkdigits="1")


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Return a folder with a picture more than a shard holds."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for n in range(SHARD_FILES + 1):
        (folder / f"{n:03}.png").write_bytes(b"x")
    return folder


def begin(scans: Path, terms: Terms = TERMS) -> Ledger:
    """Open the ledger of a batch over a folder."""
    return open_ledger(str(scans.parent / "out"), open_source(scans), terms, b"model")


def write(ledger: Ledger, shard: Shard) -> None:
    """Write a shard whose files all failed."""
    rows = [rows_of(item.file, PageReading(status="failed", reason="x")) for item in shard.items]
    write_shard(ledger.readings, shard, rows, ledger.terms.fingerprint)


def test_a_batch_begins_with_its_plan_model_and_terms(scans: Path) -> None:
    """All that is needed to go on with it lies in its folder."""
    (scans / "notes.txt").write_text("no picture")
    ledger = begin(scans)
    assert (ledger.files, ledger.left_out) == (SHARD_FILES + 1, 1)
    assert [len(shard.items) for shard in ledger.shards()] == [SHARD_FILES, 1]
    out = scans.parent / "out"
    assert sorted(path.name for path in out.iterdir()) == ["batch.json", "model.onnx", "plan.parquet"]
    assert json.loads((out / "batch.json").read_text())["level"] == "page"


def test_what_is_done_is_what_is_there(scans: Path) -> None:
    """A shard counts when its file is whole."""
    first, second = begin(scans).shards()
    ledger = begin(scans)
    write(ledger, first)
    write(ledger, second)
    (Path(ledger.readings) / second.name).write_bytes(b"PAR1 and no more")
    assert ledger.done() == ({0}, Tally(files=SHARD_FILES, failed=SHARD_FILES, reasons={"x": SHARD_FILES}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda scans: (scans / "0000.png").write_bytes(b"x"), "'0000.png' is where '001.png' was"),
        (lambda scans: (scans / "zzz.png").write_bytes(b"x"), "'zzz.png' was added"),
        (lambda scans: (scans / f"{SHARD_FILES}.png").unlink(), f"'{SHARD_FILES}.png' is gone"),
        (lambda scans: (scans / "007.png").write_bytes(b"y"), "'007.png' is another, or was written again"),
    ],
    ids=["inserted", "added", "removed", "changed"],
)
def test_a_changed_source_is_named(scans: Path, change: object, words: str) -> None:
    """The first file that differs, and how."""
    begin(scans)
    change(scans)  # type: ignore[operator]
    with pytest.raises(BatchMismatchError, match=f"the source has changed: {words}; put it back, or give another"):
        begin(scans)


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (Terms(level="digit", model_sha256="abc", inkdigits="1"), "its level is 'page', now it is 'digit'"),
        (Terms(level="page", model_sha256="def", inkdigits="1"), "its model_sha256 is 'abc', now it is 'def'"),
        (Terms(level="page", model_sha256="abc", inkdigits="2"), "its inkdigits is '1', now it is '2'"),
    ],
    ids=["level", "model", "version"],
)
def test_changed_terms_are_named(scans: Path, terms: Terms, words: str) -> None:
    """Another level, model or inkdigits would give other readings: they are not mixed."""
    begin(scans)
    with pytest.raises(BatchMismatchError, match=words):
        begin(scans, terms)


def test_a_foreign_file_among_the_readings_is_named(scans: Path) -> None:
    """It would be read with them."""
    ledger = begin(scans)
    Path(ledger.readings).mkdir()
    (Path(ledger.readings) / "old.parquet").write_bytes(b"")
    with pytest.raises(BatchMismatchError, match=r"'old.parquet' in readings is not of this batch"):
        ledger.done()


def test_readings_without_a_ledger_are_left_alone(scans: Path) -> None:
    """Nobody knows what they are of."""
    (scans.parent / "out" / "readings").mkdir(parents=True)
    (scans.parent / "out" / "readings" / "0000000.parquet").write_bytes(b"")
    with pytest.raises(BatchError, match=r"there are readings in it, but no batch.json"):
        begin(scans)


def test_a_damaged_ledger_is_named(scans: Path) -> None:
    """It is not written over."""
    begin(scans)
    (scans.parent / "out" / "batch.json").write_text("{")
    with pytest.raises(BatchError, match=r"its batch.json is damaged"):
        begin(scans)


def test_a_source_without_pictures_is_refused(tmp_path: Path) -> None:
    """And leaves nothing behind but the folder."""
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "notes.txt").write_text("no picture")
    with pytest.raises(SourceError, match="there are no pictures in it but 1 other files"):
        begin(tmp_path / "scans")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_lost_shard_is_noticed(scans: Path) -> None:
    """A worker that wrote it somewhere else is found out at the end."""
    ledger = begin(scans)
    with pytest.raises(BatchStoppedError, match=r"'0000000.parquet' was written, but not to"):
        ledger.check_whole(Tally(files=SHARD_FILES + 1))


def test_counts_that_do_not_add_up_are_noticed(scans: Path) -> None:
    """However that may come about."""
    ledger = begin(scans)
    for shard in ledger.shards():
        write(ledger, shard)
    with pytest.raises(BatchStoppedError, match=f"1 files were counted of {SHARD_FILES + 1}"):
        ledger.check_whole(Tally(files=1))
