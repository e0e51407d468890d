"""A rule allows the numbers it says, digit by digit; rules that contradict each other are refused."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inkdigits import rules
from inkdigits.errors import InkdigitsError, RuleError
from inkdigits.rules import AllOf, Check, Length, Pattern, Range, Rule, Values, parse_rules, read_values

STEADY = settings(max_examples=300, deadline=None, derandomize=True, database=None)
NUMBERS = st.text("0123456789", min_size=1, max_size=14)


def written_out(rule: Rule, text: str) -> bool:
    """Whether a rule's automaton, written out and trimmed, allows a number."""
    state = 0
    for character in text:
        state = int(rule.automaton.children[state, int(character)])
    return bool(rule.automaton.accepting[state])


@STEADY
@given(NUMBERS, st.integers(1, 6), st.integers(0, 6))
def test_a_length_counts_the_digits(text: str, shortest: int, more: int) -> None:
    """From the shortest to the longest, written zeros included."""
    rule = Length(shortest, shortest + more)
    assert rule.allows(text) == written_out(rule, text) == (shortest <= len(text) <= shortest + more)


@STEADY
@given(NUMBERS | st.integers(0, 400).map(str), st.integers(0, 300), st.integers(0, 12_000))
def test_a_range_compares_the_value(text: str, least: int, more: int) -> None:
    """Both bounds included, leading zeros not counted."""
    rule = Range(least, least + more)
    assert rule.allows(text) == written_out(rule, text) == (least <= int(text) <= least + more)


def test_a_range_is_exact_at_its_bounds() -> None:
    """Every number of up to four digits, for bounds of all lengths."""
    texts = [f"{value:0{width}}" for width in range(1, 5) for value in range(10**width)]
    for least, greatest in [(0, 0), (0, 150), (7, 7), (10, 99), (95, 1005), (150, 151), (999, 1000), (1234, 4321)]:
        rule = Range(least, greatest)
        assert [t for t in texts if rule.allows(t)] == [t for t in texts if least <= int(t) <= greatest]


def test_leading_zeros_are_one_way_to_write_a_number() -> None:
    """7, 07 and 0000007 are within 0 to 150; with a length they fill the boxes."""
    assert [Range(0, 150).allows(text) for text in ("7", "07", "0000007", "00", "0151")] == [True] * 4 + [False]
    boxes = AllOf((Range(0, 150), Length(5)))
    assert [boxes.allows(text) for text in ("00042", "42", "00151")] == [True, False, False]


@STEADY
@given(NUMBERS | st.sampled_from(["007", "70", "0"]), st.frozensets(NUMBERS, min_size=1, max_size=20))
def test_a_roster_allows_its_values(text: str, values: frozenset[str]) -> None:
    """As they are written: 007 is not 7."""
    rule = Values(values | {"007", "70"})
    assert rule.allows(text) == written_out(rule, text) == (text in rule.values)


@STEADY
@given(NUMBERS | st.integers(0, 999_999).map(lambda value: f"{value:06}"))
def test_a_pattern_fixes_some_digits(text: str) -> None:
    """A d is any digit, a digit is itself, separators are no part of the number."""
    rule = Pattern("dd-0.d / 1,d")
    assert rule.allows(text) == written_out(rule, text) == (re.fullmatch("[0-9]{2}0[0-9]1[0-9]", text) is not None)


def test_a_date_is_eight_digits() -> None:
    """dd.dd.dddd takes what is written between its dots."""
    assert Pattern("dd.dd.dddd").allows("24121999")
    assert not Pattern("dd.dd.dddd").allows("241299")


def passes(kind: str, text: str) -> bool:
    """Whether a number passes a check, by its standard's words: positions from the right, from 0."""
    digits = [int(character) for character in reversed(text)]
    if kind == "luhn":
        return len(digits) > 1 and sum(sum(divmod(d * (1 + i % 2), 10)) for i, d in enumerate(digits)) % 10 == 0
    if kind == "mod11":
        return 2 <= len(digits) <= 10 and sum(d * (i + 1) for i, d in enumerate(digits)) % 11 == 0
    if kind == "ean":
        return len(digits) in {8, 13} and sum(d * (1 + 2 * (i % 2)) for i, d in enumerate(digits)) % 10 == 0
    return len(digits) > 2 and int(text) % 97 == 1


@pytest.mark.parametrize("rule", [Check(kind) for kind in ("luhn", "mod11", "ean", "iban")], ids=str)
@STEADY
@given(text=NUMBERS | st.text("0123456789", min_size=8, max_size=8) | st.text("0123456789", min_size=13, max_size=13))
def test_a_check_is_its_standards(rule: Check, text: str) -> None:
    """For any digits before it, the last digit that the standard asks for, and no other."""
    for last in "0123456789":
        whole = text[:-1] + last
        assert rule.allows(whole) == written_out(rule, whole) == passes(rule.kind, whole)


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("luhn", "79927398713"),  # ISO/IEC 7812's usual example
        ("luhn", "4111111111111111"),  # a card number for tests
        ("luhn", "490154203237518"),  # an IMEI
        ("mod11", "0306406152"),  # ISBN 0-306-40615-2
        ("mod11", "9434765919"),  # an NHS number
        ("ean", "4006381333931"),  # Stabilo, EAN-13
        ("ean", "9780306406157"),  # the same book's ISBN-13
        ("ean", "73513537"),  # EAN-8
        ("iban", "3214282912345698765432161182"),  # GB82 WEST 1234 5698 7654 32, turned into digits as ISO 13616 says
    ],
)
def test_known_numbers_pass(kind: str, number: str) -> None:
    """Numbers from the world pass their check; with one digit changed, or two different neighbours swapped, not."""
    assert Check(kind).allows(number)
    for i, digit in enumerate(number):
        assert not Check(kind).allows(f"{number[:i]}{(int(digit) + 1) % 10}{number[i + 1 :]}")
    first = next(i for i, (one, other) in enumerate(pairwise(number)) if one != other)
    assert not Check(kind).allows(number[:first] + number[first + 1] + number[first] + number[first + 2 :])


@pytest.mark.parametrize("kind", ["luhn", "mod11", "ean", "iban"])
def test_a_lone_digit_checks_nothing(kind: str) -> None:
    """A zero adds up to a multiple of anything; it is no number with a check digit."""
    assert not Check(kind).allows("0")
    assert not Check(kind).allows("")


@pytest.mark.parametrize(
    "rule",
    [Length(1, 4), Range(0, 150), Values(frozenset("7")), Pattern("d"), Check("luhn"), AllOf((Length(2), Range(0, 9)))],
    ids=str,
)
def test_no_digit_is_no_number(rule: Rule) -> None:
    """No rule allows the empty text."""
    assert not rule.allows("")
    assert not written_out(rule, "")


@pytest.mark.parametrize(
    "rule",
    [Range(12, 150), Check("ean"), AllOf((Length(8), Check("luhn"))), AllOf((Pattern("99d"), Range(0, 993)))],
    ids=str,
)
def test_every_state_can_still_become_allowed(rule: Rule) -> None:
    """From each state that is kept, but for the dead end, some digits lead to an allowed number."""
    children, accepting = rule.automaton.children, rule.automaton.accepting
    hopeful = accepting.copy()
    for _ in range(len(accepting)):
        hopeful |= hopeful[children].any(axis=1)
    assert hopeful.tolist() == [True] * (len(accepting) - 1) + [False]
    assert (children[-1] == len(accepting) - 1).all()


THREE_RULES = AllOf((Length(4), Range(100, 5000), Check("luhn")))


@STEADY
@given(NUMBERS | st.integers(0, 9999).map(lambda value: f"{value:04}"))
def test_all_rules_hold_at_once(text: str) -> None:
    """What all of them allow, and nothing else."""
    expected = all(rule.allows(text) for rule in THREE_RULES.rules)
    assert THREE_RULES.allows(text) == written_out(THREE_RULES, text) == expected


def test_a_roster_with_other_rules_is_a_shorter_roster() -> None:
    """The values that the others allow, sorted."""
    roster = Values(frozenset({"18", "26", "19", "34", "7"}))
    assert AllOf((Check("luhn"), roster, Range(0, 30))).listed == ("18", "26")
    assert AllOf((Length(2), Length(1, 2))).listed is None


@pytest.mark.parametrize(
    ("contradiction", "words"),
    [
        ((Length(4), Pattern("dd.dd.dddd")), "of 4 digits and like dd.dd.dddd"),
        ((Length(9), Check("ean")), "of 9 digits and with a valid ean check"),
        ((Values(frozenset({"19"})), Check("luhn")), "of the 1 listed and with a valid luhn check"),
        ((Range(20, 29), Pattern("1d")), "from 20 to 29 and like 1d"),
    ],
    ids=str,
)
def test_rules_that_contradict_each_other_are_refused(contradiction: tuple[Rule, ...], words: str) -> None:
    """Where no number keeps them all, before anything is read."""
    with pytest.raises(RuleError) as caught:
        AllOf(contradiction)
    assert str(caught.value) == f"there are no numbers {words}: change one of these rules, or leave it out"


def test_rules_too_intricate_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """More states than decoding can hold end the search for them with a reason."""
    monkeypatch.setattr(rules, "MAX_STATES", 500)
    with pytest.raises(
        RuleError, match=r"^numbers of 10 digits and with a valid iban check are too many to keep apart"
    ):
        AllOf((Length(10), Check("iban")))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Length(0), "no number is of 0 digits: give the shorter length first, from 1 to 100"),
        (lambda: Length(5, 3), "no number is of 5 to 3 digits: give the shorter length first, from 1 to 100"),
        (lambda: Length(1, 101), "no number is of 1 to 101 digits: give the shorter length first, from 1 to 100"),
        (
            lambda: Range(9, 5),
            "no number is from 9 to 5: give the lesser bound first, from 0, of at most 100 digits each",
        ),
        (
            lambda: Range(-1, 5),
            "no number is from -1 to 5: give the lesser bound first, from 0, of at most 100 digits each",
        ),
        (lambda: Values(frozenset()), "values are digits only, and none was given: give at least one such as 0123"),
        (
            lambda: Values(frozenset({"1", "1-2"})),
            "values are digits only, and '1-2' is none: give at least one such as 0123",
        ),
        (
            lambda: Pattern("DD.MM"),
            "cannot use the pattern 'DD.MM': 'D' is no digit; write d for any digit, as in dd.dd.dddd",
        ),
        (
            lambda: Pattern("./"),
            "cannot use the pattern './': 1 to 100 digits make a number; write d for any digit, as in dd.dd.dddd",
        ),
        (lambda: Check("crc"), "no check 'crc': use luhn, mod11, ean, iban"),
    ],
)
def test_what_is_no_rule_is_refused(make: type[Rule], complaint: str) -> None:
    """What was given, what is wrong, what to do."""
    with pytest.raises(RuleError) as caught:
        make()
    assert str(caught.value) == complaint


def test_a_rule_error_is_a_value_error_of_ours() -> None:
    """Callers catch what they expect to."""
    assert issubclass(RuleError, ValueError)
    assert issubclass(RuleError, InkdigitsError)


def test_the_words_of_a_command_line_become_a_rule(tmp_path: Path) -> None:
    """Each alone is its rule, together they are all of them, none is none."""
    roster = tmp_path / "roster.txt"
    roster.write_text("00042\n00151\n", encoding="utf-8")
    assert parse_rules() is None
    assert parse_rules(length="5") == Length(5)
    assert parse_rules(length="3:5") == Length(3, 5)
    assert parse_rules(range=" 0 : 150 ") == Range(0, 150)
    assert parse_rules(values=str(roster)) == Values(frozenset({"00042", "00151"}))
    assert parse_rules(pattern="dd.dd") == Pattern("dd.dd")
    assert parse_rules(check="ean") == Check("ean")
    assert parse_rules(length="5", range="0:150", values=roster) == AllOf(
        (Length(5), Range(0, 150), Values(frozenset({"00042", "00151"})))
    )


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ({"length": "five"}, "cannot use the length 'five': write digits such as 5, or 3:5 for three to five"),
        ({"length": "3:"}, "cannot use the length '3:': write digits such as 5, or 3:5 for three to five"),
        (
            {"length": "9" * 5000},
            f"cannot use the length '{'9' * 200}': write digits such as 5, or 3:5 for three to five",
        ),
        ({"length": "٣"}, "cannot use the length '٣': write digits such as 5, or 3:5 for three to five"),
        ({"range": "150"}, "cannot use the range '150': write the least and the greatest value, as 0:150"),
        ({"range": "-5:5"}, "cannot use the range '-5:5': write the least and the greatest value, as 0:150"),
        ({"range": "0:1:2"}, "cannot use the range '0:1:2': write the least and the greatest value, as 0:150"),
        (
            {"length": "4", "pattern": "dd.dd.dddd"},
            "there are no numbers of 4 digits and like dd.dd.dddd: change one of these rules, or leave it out",
        ),
    ],
)
def test_words_that_are_no_rule_are_refused(words: dict[str, str], complaint: str) -> None:
    """The error repeats the words and shows how to write them."""
    with pytest.raises(RuleError) as caught:
        parse_rules(**words)
    assert str(caught.value) == complaint


@pytest.mark.parametrize("content", [b"123\n0456\n", b"\xef\xbb\xbf123\r\n\r\n  0456 \t\r\n123", b"123\n\n0456"])
def test_a_roster_is_one_number_a_line(tmp_path: Path, content: bytes) -> None:
    """Blank lines, space around, repetitions, and a spreadsheet's byte order mark and line ends do not count."""
    path = tmp_path / "roster.txt"
    path.write_bytes(content)
    assert read_values(path) == Values(frozenset({"123", "0456"}))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"12\n\n12-5\n", "cannot use '{}': line 3 is '12-5', not digits only; write one number per line"),
        (b"name\n12\n", "cannot use '{}': line 1 is 'name', not digits only; write one number per line"),
        (b"12 13\n", "cannot use '{}': line 1 is '12 13', not digits only; write one number per line"),
        ("1\n٣".encode(), "cannot use '{}': line 2 is '٣', not digits only; write one number per line"),
        (b"\n  \n", "cannot use '{}': it is empty; write one number per line"),
        (b"", "cannot use '{}': it is empty; write one number per line"),
    ],
)
def test_a_line_that_is_no_number_is_named(tmp_path: Path, content: bytes, complaint: str) -> None:
    """The file, the line, what stands there and what to write instead."""
    path = tmp_path / "roster.txt"
    path.write_bytes(content)
    with pytest.raises(RuleError) as caught:
        read_values(path)
    assert str(caught.value) == complaint.format(path)


def test_a_roster_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """A missing file, a folder, a picture: the system's reason and what to give."""
    (tmp_path / "roster.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for path, reason in [
        (tmp_path / "no", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (tmp_path / "roster.png", ".*decode.*"),
        (tmp_path / "a\0b", ".*null.*"),
    ]:
        with pytest.raises(RuleError, match=f"^cannot read '.*': {reason}; give a text file, one number per line$"):
            read_values(path)


def test_rules_are_values() -> None:
    """Equal rules are equal and have the same hash, whether they were used or not."""
    used, fresh = Range(0, 150), Range(0, 150)
    assert used.automaton.allows_any
    assert (used, hash(used)) == (fresh, hash(fresh))


def test_a_large_roster_is_walked() -> None:
    """100,000 numbers, prefix by prefix: what a value begins with goes on, what none begins with ends."""
    values = np.random.default_rng(0).permutation(10**6)[:100_000]
    roster = Values(frozenset(f"{value:06}" for value in values))
    first = roster.listed[0]
    state: str | None = roster.start
    for character in first:
        assert state is not None
        state = roster.step(state, int(character))
    assert state == first
    assert roster.step(first, 0) is None
