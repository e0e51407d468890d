"""The store: corrections with their pictures in one file, there after a kill and a full disk, gone when deleted."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from inkdigits import store as store_module
from inkdigits.doubts import Doubt
from inkdigits.errors import StoreError, UnknownItemError
from inkdigits.store import Store

MODEL = "b1946ac9"


def doubt(text: str, confidence: float = 0.5, picture: str = "") -> Doubt:
    """Return a doubtful reading; its picture is told by its text and confidence, or named."""
    name = picture or f"{text} {confidence}"
    return Doubt(picture=name.encode() * 100, text=text, confidence=confidence, reason="not sure")


def seen(store: Store, limit: int = 10) -> list[tuple[str, float]]:
    """Return what is to be looked at next."""
    return [(item.text, item.confidence) for item in store.next_items(limit)]


def test_a_correction_is_kept_with_all_there_is_to_know(tmp_path: Path) -> None:
    """Picture, reading, model, where it came from, what was said and when: also after the file is opened again."""
    with Store(tmp_path / "store.db") as store:
        store.add([doubt("7", 0.6)], model_sha256=MODEL, source="page.jpg")
        store.answer({1: "1"})
    with Store(tmp_path / "store.db") as store:
        [item] = store.corrections()
    assert (item.id, item.text, item.confidence, item.reason) == (1, "7", 0.6, "not sure")
    assert (item.model_sha256, item.source, item.said) == (MODEL, "page.jpg", "1")
    assert item.picture == b"7 0.6" * 100
    assert item.read_at <= (item.said_at or "") < "9999"


def test_doubtful_ones_of_the_same_digit_come_together(tmp_path: Path) -> None:
    """First the digit with the most that wait, its least sure picture first; numbers are one group, no digits too."""
    with Store(tmp_path / "store.db") as store:
        some = [doubt("12", 0.1), doubt("7", 0.6), doubt("7", 0.3), doubt("1", 0.2), doubt("345", 0.4), doubt("7", 0.5)]
        some += [doubt("", 0.8)]
        store.add(some, model_sha256=MODEL)
        groups = []
        while seen(store):
            groups.append(seen(store))
            store.answer({item.id: item.text for item in store.next_items(10)})
        assert groups == [[("7", 0.3), ("7", 0.5), ("7", 0.6)], [("12", 0.1), ("345", 0.4)], [("", 0.8)], [("1", 0.2)]]
        assert store.count_waiting() == 0


def test_a_screen_takes_no_more_than_asked_for(tmp_path: Path) -> None:
    """The limit holds, and what is left over waits."""
    with Store(tmp_path / "store.db") as store:
        store.add([doubt("7", n / 10) for n in range(5)], model_sha256=MODEL)
        assert seen(store, 2) == [("7", 0.0), ("7", 0.1)]
        assert store.count_waiting() == 5


def test_a_picture_is_kept_once(tmp_path: Path) -> None:
    """The same picture sent again is neither a second item nor asked about again."""
    with Store(tmp_path / "store.db") as store:
        assert store.add([doubt("7"), doubt("7")], model_sha256=MODEL) == 1
        store.answer({1: "1"})
        assert store.add([doubt("7")], model_sha256="another") == 0
        assert ([item.said for item in store.corrections()], store.count_waiting()) == (["1"], 0)


def test_the_last_word_counts(tmp_path: Path) -> None:
    """Who takes an answer back says another one."""
    with Store(tmp_path / "store.db") as store:
        store.add([doubt("7")], model_sha256=MODEL)
        store.answer({1: "1"})
        store.answer({1: ""})
        assert [item.said for item in store.corrections()] == [""]


def test_answers_are_kept_all_or_none(tmp_path: Path) -> None:
    """An answer to a picture that is not there, or one that is no number, keeps the others out too."""
    with Store(tmp_path / "store.db") as store:
        store.add([doubt("7"), doubt("8")], model_sha256=MODEL)
        with pytest.raises(UnknownItemError, match="no picture 99"):
            store.answer({1: "7", 99: "8"})
        with pytest.raises(ValueError, match="'seven' is not"):
            store.answer({1: "7", 2: "seven"})
        assert store.count_waiting() == 2


def test_deleting_a_picture_deletes_everything_about_it(tmp_path: Path) -> None:
    """Neither its bytes nor what was read and said are in any of the store's files; its number is not used again."""
    with Store(tmp_path / "store.db") as store:
        store.add([doubt("7", picture="a secret picture"), doubt("8")], model_sha256=MODEL, source="secret.jpg")
        store.add([doubt("9", picture="another secret")], model_sha256=MODEL)
        store.answer({3: "4"})
        for number in (1, 3):
            store.delete(number)
        with pytest.raises(UnknownItemError):
            store.delete(3)
        content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert (b"a secret" in content, b"another secret" in content) == (False, False)
        store.add([doubt("8", 0.9)], model_sha256=MODEL)
        assert [item.id for item in store.next_items(9)] == [2, 4]


def test_threads_and_processes_share_a_store(tmp_path: Path) -> None:
    """What several threads of two stores on one file add at a time is all there."""
    with Store(tmp_path / "store.db") as one, Store(tmp_path / "store.db") as other, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: (one, other)[n % 2].add([doubt("7", n)], model_sha256=MODEL), range(80)))
        assert (one.count_waiting(), other.count_waiting()) == (80, 80)


def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    """Handwriting is private: nobody else on the machine may read the file."""
    with Store(tmp_path / "store.db") as store:
        store.add([doubt("7")], model_sha256=MODEL)
        assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


KILLED = """
import sys
from inkdigits.doubts import Doubt
from inkdigits.store import Store

with Store(sys.argv[1]) as store:
    while True:
        store.add([Doubt(picture=str(n).encode() * 1000, text="7", confidence=0.5, reason="") for n in range(500)],
                  model_sha256="")
        for item in store.next_items(500):
            store.answer({item.id: "1"})
            print(item.id, flush=True)
"""


def test_what_was_confirmed_is_there_after_a_kill(tmp_path: Path) -> None:
    """After SIGKILL between or within changes the file is sound, and holds every answer that came back."""
    path = tmp_path / "store.db"
    confirmed: set[int] = set()
    for wanted in (1, 20, 60):
        with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout or ():
                confirmed.add(int(line))
                if len(confirmed) >= wanted:
                    process.kill()
        with Store(path) as store:
            assert confirmed <= {item.id for item in store.corrections()}
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path) -> None:
    """What does not fit is refused as a whole, in words; the rest is still there, and more is kept in time."""
    with Store(tmp_path / "store.db") as store:
        store.add([doubt("7")], model_sha256=MODEL)
        store.answer({1: "1"})
        store._db.execute("PRAGMA max_page_count = 8")
        large = [doubt("8", picture="x" * 100), doubt("9", picture="y" * 1000)]
        with pytest.raises(StoreError, match=r"full; nothing was changed: .* the space left, then try again"):
            store.add(large, model_sha256=MODEL)
        assert ([item.said for item in store.corrections()], store.count_waiting()) == (["1"], 0)
        store._db.execute("PRAGMA max_page_count = 100000")
        assert store.add(large, model_sha256=MODEL) == 2


def test_a_later_schema_is_reached_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store of an earlier inkdigits is brought up to date with what is in it; an earlier one refuses it after."""
    with Store(tmp_path / "store.db") as store:
        store.add([doubt("7")], model_sha256=MODEL)
    today = store_module._MIGRATIONS
    with monkeypatch.context() as later:
        later.setattr(store_module, "_MIGRATIONS", (*today, ("ALTER TABLE items ADD COLUMN note TEXT",)))
        with Store(tmp_path / "store.db") as store:
            assert store._ask("SELECT text, note FROM items") == [("7", None)]
            assert store._ask("PRAGMA user_version") == [(2,)]
    with pytest.raises(StoreError, match="its schema is number 2, this inkdigits knows 1; install a later one"):
        Store(tmp_path / "store.db")


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a migration is none: the store stays of its version."""
    Store(tmp_path / "store.db").close()
    steps = ("ALTER TABLE items ADD COLUMN note TEXT", "ALTER TABLE missing ADD COLUMN note TEXT")
    with monkeypatch.context() as later:
        later.setattr(store_module, "_MIGRATIONS", (*store_module._MIGRATIONS, steps))
        with pytest.raises(StoreError, match="no such table: missing"):
            Store(tmp_path / "store.db")
    with Store(tmp_path / "store.db") as store:
        assert store.add([doubt("7")], model_sha256=MODEL) == 1


def make_foreign(path: Path) -> None:
    """Make another program's database."""
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE items (id)")
    db.close()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (make_foreign, "another program's database; name another file"),
        (lambda path: path.write_bytes(b"?" * 999), "not a database"),
    ],
)
def test_what_is_no_store_is_refused_and_left_alone(tmp_path: Path, make: Callable[[Path], object], words: str) -> None:
    """Another program's file is named as such, and not a byte of it changes."""
    path = tmp_path / "store.db"
    make(path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=words):
        Store(path)
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [before]


def test_a_place_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    """A folder that is not there, and a folder instead of a file, are refused with what to do."""
    for path, words in ((tmp_path / "no" / "store.db", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(StoreError, match=f"cannot open '{path}': {words}.*check the path"):
            Store(path)
