"""What a batch's numbers may be is known by words and by the content of lists, wherever and whenever it is read."""

from __future__ import annotations

import hashlib
import inspect
from pathlib import Path
from typing import Any

import pytest

from inkdigits.errors import BatchMismatchError, RuleError
from inkdigits.rulebook import find_rule, settle
from inkdigits.rules import AllOf, Length, Range, Values, parse_rules
from inkdigits.sources import RULE_COLUMNS


def test_words_are_those_of_parse_rules() -> None:
    """A manifest's columns have the names of the options."""
    assert tuple(inspect.signature(parse_rules).parameters) == RULE_COLUMNS


def test_what_is_not_given_is_left_out() -> None:
    """A number and a text are the same word."""
    words = {"length": 5, "range": None, "check": ""}
    assert settle(words, level="page", keep=dict[str, bytes]().__setitem__) == {"length": "5"}


def test_a_list_is_named_by_its_content(tmp_path: Path) -> None:
    """Wherever it lies; and it is kept."""
    kept: list[dict[str, bytes]] = [{}, {}]
    for place, lists in zip("ab", kept, strict=True):
        (tmp_path / place).write_text("17\n18\n")
        words = settle({"values": tmp_path / place}, level="number", keep=lists.__setitem__)
        digest = hashlib.sha256(b"17\n18\n").hexdigest()
        assert words == {"values": f"sha256:{digest}"}
        assert lists == {f"values/{digest}.txt": b"17\n18\n"}


@pytest.mark.parametrize(
    ("words", "level", "reason"),
    [
        ({"lenght": "5"}, "page", "no rule 'lenght': use length, range, values, pattern, check"),
        ({"length": "5"}, "digit", "rules are for whole numbers, and a picture is a digit: leave them out"),
        ({"range": "150"}, "page", "cannot use the range '150'"),
        ({"values": "missing.txt"}, "page", "cannot read 'missing.txt': No such file"),
    ],
    ids=["unknown", "digit", "not understood", "missing"],
)
def test_words_that_cannot_be_used_are_refused(words: dict[str, Any], level: str, reason: str) -> None:
    """With what to do."""
    with pytest.raises(RuleError, match=reason):
        settle(words, level=level, keep=dict[str, bytes]().__setitem__)


def test_a_files_own_words_take_the_place_of_its_batchs(tmp_path: Path) -> None:
    """One by one: what it does not say is as the batch has it."""
    words = {"length": "5", "range": "0:99"}
    assert find_rule(str(tmp_path), words) == AllOf((Length(5), Range(0, 99)))
    assert find_rule(str(tmp_path), words, '{"length": "3"}') == AllOf((Length(3), Range(0, 99)))
    assert find_rule(str(tmp_path), {}) is None


def test_a_list_is_read_where_the_batch_keeps_it(tmp_path: Path) -> None:
    """And not if it is another one now."""
    lists: dict[str, bytes] = {}
    (tmp_path / "roster.txt").write_text("17")
    words = settle({"values": tmp_path / "roster.txt"}, level="page", keep=lists.__setitem__)
    (tmp_path / "values").mkdir()
    [(name, content)] = lists.items()
    (tmp_path / name).write_bytes(b"18")
    with pytest.raises(BatchMismatchError, match="it is another list than at the beginning; put it back"):
        find_rule(str(tmp_path), words)
    (tmp_path / name).write_bytes(content)
    assert find_rule(str(tmp_path), words) == Values(frozenset({"17"}))
