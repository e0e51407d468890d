"""The backlog of a batch: what it was not sure of comes to the store, with its pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from numpy.typing import NDArray

from inkdigits import Reader
from inkdigits.backlog import Fed, feed_backlog
from inkdigits.batch import read_many
from inkdigits.errors import BatchError
from inkdigits.pictures import save_picture
from inkdigits.store import Store

Drawing = Callable[..., NDArray[np.uint8]]


@pytest.fixture
def batch(tmp_path: Path, draw: Drawing) -> Path:
    """Read two sure pages, a blank, and two with a 1 that the border cuts off; return the folder of the readings."""
    for name in ("12", "345", "60", "789"):
        page = draw(name)
        if len(name) == 3:
            page[-60:, 100 : 104 + int(name[0])] = 0  # of another width on each
        save_picture(tmp_path / "scans" / f"{name}.png", page)
    save_picture(tmp_path / "scans" / "blank.png", np.full((99, 99), 255, np.uint8))
    read_many(tmp_path / "scans", tmp_path / "readings", workers=1)
    return tmp_path / "readings"


def test_what_a_batch_was_not_sure_of_comes_to_the_store(tmp_path: Path, batch: Path) -> None:
    """Each doubtful digit with its picture, its file and the batch's model; what is sure or blank does not."""
    with Store(tmp_path / "store.db") as store:
        assert feed_backlog(str(batch), store) == Fed(files=2, doubts=2)
        items = store.next_items(9)
    assert {(item.text, item.source) for item in items} == {("1", "345.png"), ("1", "789.png")}
    assert {item.model_sha256 for item in items} == {Reader().model.sha256}
    assert [Reader().read_digit(item.picture).text for item in items] == ["1", "1"]


def test_a_backlog_is_fed_once(tmp_path: Path, batch: Path, run: Callable[..., Result]) -> None:
    """The command says what is new; given the same batch again, nothing is."""
    words = ("review", "--from", batch, "--store", tmp_path / "store.db")
    first, again = run(*words), run(*words)
    assert (first.exit_code, first.stdout) == (0, "2 files to review: 2 new pictures wait in the store, 2 in all\n")
    assert (again.exit_code, again.stdout) == (0, "2 files to review: 0 new pictures wait in the store, 2 in all\n")


def test_a_file_that_is_gone_is_counted(tmp_path: Path, batch: Path, run: Callable[..., Result]) -> None:
    """The others are fed; the command says how many cannot be read again, and ends with 1."""
    (tmp_path / "scans" / "345.png").unlink()
    done = run("review", "--from", batch, "--store", tmp_path / "store.db")
    assert (done.exit_code, done.stderr) == (1, "1 of 2 files cannot be read any more\n")
    assert "1 new" in done.stdout


def test_a_backlog_is_read_by_the_rules_of_its_batch(tmp_path: Path, draw: Drawing) -> None:
    """Also by a list that is there no more: what it does not allow is a doubt, with what stands there."""
    save_picture(tmp_path / "scans" / "60.png", draw("60"))
    roster = tmp_path / "roster.txt"
    roster.write_text("12\n77777\n")
    read_many(tmp_path / "scans", tmp_path / "ruled", workers=1, rules={"values": roster})
    roster.unlink()
    with Store(tmp_path / "store.db") as store:
        assert feed_backlog(str(tmp_path / "ruled"), store) == Fed(files=1, doubts=1)
        [item] = store.next_items(9)
    assert (item.text, item.source) == ("60", "60.png")
    assert item.reason == "no number of the 2 listed fits: the free reading is 60"


def test_a_folder_without_a_batch_is_refused(tmp_path: Path) -> None:
    """It is said which folder is meant."""
    with (
        Store(tmp_path / "store.db") as store,
        pytest.raises(BatchError, match="give the folder that 'inkdigits batch'"),
    ):
        feed_backlog(str(tmp_path), store)
