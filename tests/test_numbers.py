"""Judging whole numbers: exact ones, digits misread, dropped, invented."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from numpy.typing import NDArray

from inkdigits.errors import DatasetError
from inkdigits.number_set import load_numbers
from inkdigits.numbers import NumbersEvaluation, count_edits, evaluate_numbers
from inkdigits.pictures import save_picture
from inkdigits.reader import Reader
from inkdigits.rules import Values

Draw = Callable[..., NDArray[np.uint8]]


@pytest.mark.parametrize(
    ("truth", "text", "edits"),
    [
        ("1500", "1500", (0, 0, 0)),
        ("1500", "1600", (1, 0, 0)),
        ("1500", "150", (0, 1, 0)),
        ("1500", "11500", (0, 0, 1)),
        ("1500", "", (0, 4, 0)),
        ("", "7", (0, 0, 1)),
        ("12", "345", (2, 0, 1)),
    ],
)
def test_digits_are_misread_dropped_or_invented(truth: str, text: str, edits: tuple[int, int, int]) -> None:
    """Each way of going wrong is counted by itself."""
    assert count_edits(truth, text) == edits


def test_the_figures_of_a_set() -> None:
    """Two of four exact, one digit misread, one dropped; the surest half keeps its promise. All of it is JSON."""
    judged = NumbersEvaluation(
        ["12", "345", "6", "70"], ["12", "346", "6", "7"], np.array([0.9, 0.4, 0.8, 0.5]), {"0.01": 0.8}
    )
    figures = json.loads(json.dumps(judged.to_dict()))
    assert (figures["numbers"], figures["exact"]) == (4, 0.5)
    assert (figures["misread_digits"], figures["dropped_digits"], figures["invented_digits"]) == (1, 1, 0)
    assert figures["promises"] == [{"promised": "0.01", "threshold": 0.8, "coverage": 0.5, "error_rate": 0.0}]
    assert figures["skipped"] == []


def test_nothing_is_never_accepted() -> None:
    """That there is no number a reader may be sure of, and right: it is exact, and not among the accepted."""
    judged = NumbersEvaluation(["", "7"], ["", "7"], np.array([0.99, 0.9]), {"0.01": 0.8})
    assert (judged.exact, judged.trust.promises[0].coverage) == (1.0, 0.5)


@pytest.fixture
def folder(draw: Draw, tmp_path: Path) -> Path:
    """Write two numbers and a broken picture, with what is written there; of the second that is not true."""
    save_picture(tmp_path / "a.png", draw("1492"))
    save_picture(tmp_path / "b.png", draw("305"))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "labels.csv").write_text("file,reading\nbroken.png,1\na.png,1492\nb.png,3055\n", encoding="utf-8")
    return tmp_path


def test_numbers_are_read_as_a_user_reads_them(folder: Path) -> None:
    """Text and confidence are those of `Reader.read_number`; the broken picture is skipped with the reason."""
    reader, numbers = Reader(), load_numbers(folder)
    judged = evaluate_numbers(reader, numbers)
    single = [reader.read_number(path) for path in numbers.paths[1:]]
    assert (judged.truths, judged.texts) == (["1492", "3055"], ["1492", "305"])
    assert judged.confidences.tolist() == [reading.confidence for reading in single]
    assert ["broken.png" in reason for reason in judged.skipped] == [True]


def test_a_rule_holds_for_all_of_them(folder: Path) -> None:
    """Where the second can only be 3055, that is read."""
    judged = evaluate_numbers(Reader(), load_numbers(folder), rule=Values(frozenset({"1492", "3055"})))
    assert [text in {"1492", "3055", ""} for text in judged.texts] == [True, True]
    assert judged.texts[0] == "1492"


def test_broken_pictures_alone_are_refused(folder: Path) -> None:
    """Of nothing there are no figures."""
    with pytest.raises(DatasetError, match=r"none of the 1 pictures .* can be read: .*broken.png"):
        evaluate_numbers(Reader(), load_numbers(folder)[np.array([0])])


def test_the_command_judges_numbers(run: Callable[..., Result], folder: Path) -> None:
    """`evaluate --numbers` prints the figures of evaluate_numbers, in words or as JSON, and what it left out."""
    as_json = run("evaluate", "reader", "--numbers", folder, "--json")
    figures = json.loads(as_json.stdout)
    assert figures == {
        "model": "reader",
        "data": str(folder),
        **evaluate_numbers(Reader("reader"), load_numbers(folder)).to_dict(),
    }
    assert "left out: cannot read" in as_json.stderr
    assert "exact 0.5000 of 2 numbers" in run("evaluate", "reader", "--numbers", folder).stdout


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--length", "4"), "they belong to --numbers DIR"),
        (("--numbers", ".", "--report", "r.html"), "--numbers has no --report or --figures"),
        (("--numbers", "missing"), "cannot read 'missing/labels.csv'"),
        (("--numbers", ".", "--length", "x"), "cannot use the length 'x'"),
    ],
)
def test_the_command_refuses_what_makes_no_sense(
    run: Callable[..., Result], words: tuple[str, ...], reason: str
) -> None:
    """One line says what is wrong; nothing is read."""
    done = run("evaluate", "reader", *words)
    assert done.exit_code == 2
    assert reason in done.stderr
