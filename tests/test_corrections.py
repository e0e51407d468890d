"""Corrections as training data: what a person said becomes a folder that training takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from numpy.typing import NDArray

from inkdigits.corrections import Exported, export_corrections
from inkdigits.datasets import load_dataset
from inkdigits.doubts import Doubt
from inkdigits.errors import DatasetError
from inkdigits.number_set import load_numbers
from inkdigits.pictures import encode_png
from inkdigits.store import Store

SAID = ("1", "305", "", "7", "42")


@pytest.fixture
def store(tmp_path: Path, draw: Callable[..., NDArray[np.uint8]]) -> Iterator[Store]:
    """Return a store in which a person has said something of five pictures, and nothing of a sixth."""
    with Store(tmp_path / "store.db") as store:
        pictures = [encode_png(draw(text or "88")) for text in (*SAID, "6")]
        store.add([Doubt(picture=p, text="", confidence=0.5, reason="") for p in pictures], model_sha256="")
        store.answer(dict(enumerate(SAID, start=1)))
        yield store


def test_an_export_is_a_folder_of_digits_and_a_list_of_numbers(tmp_path: Path, store: Store) -> None:
    """A digit lies in the folder of its name, all else in numbers; labels.csv lists both."""
    assert export_corrections(store, tmp_path / "out") == Exported(digits=2, numbers=2, blank=1)
    files = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert files == ["1/1.png", "7/4.png", "labels.csv", "numbers/2.png", "numbers/3.png", "numbers/5.png"]
    labels = (tmp_path / "out" / "labels.csv").read_text().splitlines()
    assert labels == [
        "file,reading",
        "1/1.png,1",
        "numbers/2.png,305",
        "numbers/3.png,",
        "7/4.png,7",
        "numbers/5.png,42",
    ]
    assert [(tmp_path / "out" / f"numbers/{n}.png").read_bytes() for n in (2, 5)] == [
        item.picture for item in store.corrections() if item.id in {2, 5}
    ]


def test_an_export_can_be_learned_from(tmp_path: Path, store: Store) -> None:
    """folder:DIR and numbers:DIR take it as it is: single digits, and all with what was said of them."""
    export_corrections(store, tmp_path / "out")
    dataset = load_dataset(f"folder:{tmp_path / 'out'}")
    assert (sorted(dataset.labels), dataset.skipped) == ([1, 7], ())
    numbers = load_numbers(f"numbers:{tmp_path / 'out'}")
    assert (numbers.readings, [path.exists() for path in numbers.paths]) == (SAID, [True] * len(SAID))


def test_what_is_there_is_not_written_over(tmp_path: Path, store: Store) -> None:
    """A folder with something in it is refused and left as it was; an empty one is taken."""
    (tmp_path / "out").mkdir()
    export_corrections(store, tmp_path / "out")
    store.delete(1)
    with pytest.raises(DatasetError, match="there is something in it; name a new folder"):
        export_corrections(store, tmp_path / "out")
    assert (tmp_path / "out" / "1" / "1.png").exists()


def test_an_export_of_nothing_is_none(tmp_path: Path) -> None:
    """Without corrections no folder is made, and it is said what to do first."""
    with Store(tmp_path / "store.db") as store, pytest.raises(DatasetError, match="answer some on the page"):
        export_corrections(store, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir() if "store" not in path.name] == []


def test_a_place_that_cannot_be_written_to_is_said(tmp_path: Path, store: Store) -> None:
    """What the system says of the place comes with what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="Not a directory; choose another place"):
        export_corrections(store, tmp_path / "file" / "out")


def test_the_command_exports(tmp_path: Path, store: Store, run: Callable[..., Result]) -> None:
    """`inkdigits corrections export` writes the folder and says what is in it."""
    done = run("corrections", "export", tmp_path / "out", "--store", store.path)
    assert (done.exit_code, done.stdout) == (0, f"2 digits, 2 numbers and 1 without a number in {tmp_path / 'out'}\n")


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, run: Callable[..., Result]) -> None:
    """A mistyped name is refused, and no empty store comes into being."""
    done = run("corrections", "export", tmp_path / "out", "--store", tmp_path / "stroe.db")
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "does not exist" in done.stderr
