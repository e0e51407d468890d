"""A batch is gone on with only where nothing has changed, and what has is named."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from pyarrow import parquet

from inkdigits.errors import BatchError, BatchMismatchError, BatchStoppedError, SourceError
from inkdigits.ledger import Ledger, Terms, open_ledger, read_plan
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
    return open_ledger(str(scans.parent / "out"), open_source(scans), terms, {"model.onnx": b"model"})


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
        (replace(TERMS, rules={"length": "5"}), "its length is not given, now it is '5'"),
        (replace(TERMS, max_error="0.05"), "its max_error is not given, now it is '0.05'"),
        (replace(TERMS, separators=True), "its separators is not given, now it is True"),
        (replace(TERMS, second_opinion=True), "its second_opinion is not given, now it is True"),
    ],
    ids=["level", "model", "version", "rule", "max_error", "separators", "second_opinion"],
)
def test_changed_terms_are_named(scans: Path, terms: Terms, words: str) -> None:
    """Another level, model, inkdigits or option would give other readings: they are not mixed."""
    begin(scans)
    with pytest.raises(BatchMismatchError, match=words):
        begin(scans, terms)


def test_a_rule_that_is_left_out_is_named(scans: Path) -> None:
    """It was begun with one."""
    begin(scans, replace(TERMS, rules={"length": "5", "check": "luhn"}))
    with pytest.raises(BatchMismatchError, match="its check is 'luhn', now it is not given"):
        begin(scans, replace(TERMS, rules={"length": "5"}))


def test_terms_come_back_as_they_were_written() -> None:
    """With all options, and with none."""
    for terms in (
        TERMS,
        replace(TERMS, rules={"check": "ean"}, max_error="0.05", separators=True, second_opinion=True),
    ):
        assert Terms.from_dict({**json.loads(json.dumps(terms.to_dict())), "source": "scans"}) == terms


def test_a_batch_of_before_there_were_rules_is_gone_on_with(scans: Path) -> None:
    """Its shards carry the hash of three terms, its plan has four columns."""
    ledger = begin(scans)
    old = {"level": "page", "model_sha256": "abc", "inkdigits": "1"}
    assert ledger.terms.fingerprint == hashlib.sha256(json.dumps(old, sort_keys=True).encode()).hexdigest()
    plan = scans.parent / "out" / "plan.parquet"
    parquet.write_table(parquet.read_table(plan).drop_columns(["rules"]), plan)
    assert begin(scans) == ledger


def test_terms_may_be_any_characters(scans: Path) -> None:
    """As a command line has them: also half of one, which is no text."""
    terms = replace(TERMS, rules={"pattern": "dd\udcffdd"})
    assert begin(scans, terms) == begin(scans, terms)


@pytest.fixture
def manifest(scans: Path) -> Path:
    """Return a manifest of two pictures, one of them with rules."""
    (scans / "roster.txt").write_text("17\n18\n")
    (scans / "list.csv").write_text("file,length,values\n000.png,,\n001.png,2,roster.txt\n")
    return scans / "list.csv"


def begin_manifest(manifest: Path) -> Ledger:
    """Open the ledger of a batch over a manifest."""
    return open_ledger(str(manifest.parent.parent / "out"), open_source(manifest), TERMS, {"model.onnx": b"model"})


def test_rules_of_rows_are_in_the_plan(manifest: Path) -> None:
    """A list by its content, which the batch keeps."""
    ledger = begin_manifest(manifest)
    digest = hashlib.sha256(b"17\n18\n").hexdigest()
    assert [item.rules for item in read_plan(ledger.folder)] == [
        "", f'{{"length": "2", "values": "sha256:{digest}"}}',
    ]  # fmt: skip
    assert (Path(ledger.folder) / "values" / f"{digest}.txt").read_bytes() == b"17\n18\n"
    assert ledger.ruled == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [("list.csv", "file,length,values\n000.png,,\n001.png,3,roster.txt\n"), ("roster.txt", "17\n19\n")],
    ids=["row", "list"],
)
def test_changed_rules_of_a_row_are_named(manifest: Path, name: str, content: str) -> None:
    """Whether the manifest says others, or a list that it names."""
    begin_manifest(manifest)
    (manifest.parent / name).write_text(content)
    with pytest.raises(BatchMismatchError, match=r"the source has changed: '001.png' has other rules; put it back"):
        begin_manifest(manifest)


def test_a_rule_that_nobody_understands_is_refused_with_its_row(manifest: Path) -> None:
    """Before the batch has begun."""
    manifest.write_text("file,length\n000.png,3\n001.png,long\n")
    with pytest.raises(SourceError, match=r"list.csv': row 2, '001.png': cannot use the length 'long'"):
        begin_manifest(manifest)
    assert list((manifest.parent.parent / "out").iterdir()) == []


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
