"""Frames become the most probable number, exactly: against every way in which few frames can be written."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inkdigits.ctc import (
    BLANK,
    Candidate,
    align,
    log_mass,
    log_probabilities,
    log_probability,
    most_probable,
)
from inkdigits.rules import AllOf, Check, Length, Pattern, Range, Rule, Values

STEADY = settings(max_examples=60, deadline=None, derandomize=True, database=None)
Frames = NDArray[np.float64]


def random_frames(t: int, seed: int, *, alpha: float = 0.3) -> Frames:
    """Return frames (t, 11) of a network that is not sure; the less alpha, the surer."""
    return np.random.default_rng(seed).dirichlet(np.full(11, alpha), t)


def few_symbols(t: int, seed: int, *, symbols: int = 3) -> Frames:
    """Return frames (t, 11) in each of which only a few symbols are possible."""
    random = np.random.default_rng(seed)
    frames = np.zeros((t, 11))
    for frame in frames:
        frame[random.choice(11, symbols, replace=False)] = random.dirichlet(np.ones(symbols))
    return frames


def written(text: str, *, sure: float = 0.97, gap: int = 2) -> Frames:
    """Return frames that show a number: two frames a digit, blanks around, the rest of the probability even."""
    rows = [BLANK] * gap
    for character in text:
        rows += [int(character)] * 2 + [BLANK] * gap
    frames = np.full((len(rows), 11), (1 - sure) / 10)
    frames[np.arange(len(rows)), rows] = sure
    return frames


def every_text(frames: Frames) -> dict[str, float]:
    """Return the probability of each number, from all ways to choose a symbol in each frame."""
    texts: dict[str, float] = defaultdict(float)
    for path in product(*(np.flatnonzero(frame).tolist() for frame in frames)):
        text = "".join(str(symbol) for symbol, _ in groupby(path) if symbol != BLANK)
        texts[text] += math.prod(frames[np.arange(len(path)), list(path)])
    return texts


def allowed_texts(frames: Frames, rule: Rule) -> list[tuple[float, str]]:
    """Return minus the probability and the text of each number that a rule allows, the most probable first."""
    return sorted((-p, text) for text, p in every_text(frames).items() if rule.allows(text))


RULES = [
    Length(2),
    Length(1, 3),
    Range(0, 150),
    Range(7, 42),
    Values(frozenset({"7", "07", "77", "123", "4567"})),
    Pattern("1d.d"),
    Check("luhn"),
    Check("mod11"),
    Check("iban"),
    AllOf((Range(10, 999), Check("luhn"))),
    AllOf((Values(frozenset({"18", "19", "26"})), Check("luhn"))),
]


@pytest.mark.parametrize("seed", range(3))
def test_a_numbers_probability_is_that_of_all_its_alignments(seed: int) -> None:
    """For each of the numbers that four frames can show, the sum over its ways in all 14,641."""
    frames = random_frames(4, seed)
    texts = every_text(frames)
    assert np.exp(log_probabilities(frames, list(texts))) == pytest.approx(list(texts.values()), rel=1e-9)


def test_one_number_or_many_have_the_same_probability() -> None:
    """What a number gets does not depend on what it is asked together with."""
    frames = random_frames(12, 0)
    texts = ["", "7", "77", "120345", "0000", "77"]
    assert log_probabilities(frames, texts).tolist() == [log_probability(frames, text) for text in texts]


def test_no_number_is_asked_for() -> None:
    """An empty list has no probabilities."""
    assert log_probabilities(random_frames(3, 0), []).shape == (0,)


def test_a_number_that_frames_cannot_show_is_impossible() -> None:
    """Equal neighbours need a blank between them: two frames show 75, and not 77."""
    frames = random_frames(2, 0)
    assert log_probability(frames, "75") > -math.inf
    assert log_probability(frames, "77") == -math.inf
    assert log_probability(frames, "756") == -math.inf


def test_without_frames_there_is_no_digit() -> None:
    """No frame shows the empty number, for sure."""
    frames = np.empty((0, 11))
    assert log_probabilities(frames, ["", "1"]).tolist() == [0.0, -math.inf]
    assert most_probable(frames) == (Candidate("", 0.0),)
    assert align(frames, "") == []


def test_the_least_probable_number_still_has_a_probability() -> None:
    """Far below what a float can hold, the logarithm is exact: 400 frames of one digit at 1e-9 each."""
    frames = np.full((400, 11), 1e-9)
    frames[:, BLANK] = 1 - 1e-8
    frames[:, :2] = [1e-9, 0.0]
    alternating = "02" * 200  # fills all frames: one way only
    rows = frames / frames.sum(axis=1, keepdims=True)
    assert log_probability(frames, alternating) == pytest.approx(400 * math.log(rows[0, 0]), rel=1e-12)
    assert log_probability(frames, "1") == -math.inf


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_the_mass_is_that_of_all_allowed_numbers(rule: Rule, seed: int) -> None:
    """The sum over all numbers that four frames can show and the rule allows."""
    frames = random_frames(4, seed)
    mass = -sum(p for p, _ in allowed_texts(frames, rule))
    assert math.exp(log_mass(frames, rule)) == pytest.approx(mass, rel=1e-9)


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_the_most_probable_are_the_best_of_all(rule: Rule, seed: int) -> None:
    """The first five are those of the list of all allowed numbers, with their probabilities."""
    frames = random_frames(4, seed)
    best = most_probable(frames, rule=rule, n=5)
    expected = [(text, -p) for p, text in allowed_texts(frames, rule)[:5]]
    assert [candidate.text for candidate in best] == [text for text, _ in expected]
    assert [math.exp(candidate.log_probability) for candidate in best] == pytest.approx([p for _, p in expected])


@pytest.mark.parametrize("rule", [Check("ean"), AllOf((Check("ean"), Range(0, 50_000_000)))], ids=str)
def test_longer_numbers_are_searched_as_well(rule: Rule) -> None:
    """Nine frames of two symbols each: the EAN-8 among their numbers, and the mass of all."""
    found = 0
    for seed in range(20):
        frames = few_symbols(9, seed, symbols=2)
        expected = allowed_texts(frames, rule)
        assert [one.text for one in most_probable(frames, rule=rule, n=3)] == [text for _, text in expected[:3]]
        assert math.exp(log_mass(frames, rule)) == pytest.approx(-sum(p for p, _ in expected), rel=1e-9)
        found += len(expected)
    assert found > 30


@STEADY
@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(1, 4))
def test_without_a_rule_all_numbers_are_ranked(seed: int, t: int, n: int) -> None:
    """Whatever the frames, the first n of all numbers, the empty one among them."""
    frames = few_symbols(t, seed)
    expected = sorted((-p, text) for text, p in every_text(frames).items())[:n]
    best = most_probable(frames, n=n)
    assert [math.exp(one.log_probability) for one in best] == pytest.approx([-p for p, _ in expected], rel=1e-9)
    assert [one.log_probability for one in best] == pytest.approx(
        log_probabilities(frames, [one.text for one in best]), rel=1e-9, abs=1e-12
    )


def test_without_a_rule_the_mass_is_all() -> None:
    """All numbers together are certain."""
    assert log_mass(random_frames(30, 0), None) == 0.0
    assert log_mass(random_frames(30, 0), Length(1, 30)) == pytest.approx(0.0, abs=1e-6)


def test_the_most_probable_number_is_not_the_most_probable_path() -> None:
    """Where the blank leads in each frame, all ways to show a seven together may still lead over none."""
    frames = np.zeros((2, 11))
    frames[:, [7, BLANK]] = 0.4, 0.6
    assert [one.text for one in most_probable(frames)] == ["7", ""]
    assert math.exp(most_probable(frames)[0].log_probability) == pytest.approx(0.64)


@pytest.mark.parametrize(("number", "rule"), [("305417", Length(6)), ("0412", Pattern("dd.dd")), ("18", Range(1, 31))])
def test_clear_writing_that_keeps_the_rule_is_read_as_it_stands(number: str, rule: Rule) -> None:
    """With a rule and without, on some thirty frames."""
    frames = written(number)
    assert most_probable(frames)[0].text == most_probable(frames, rule=rule)[0].text == number


def test_a_rule_works_inside_the_search() -> None:
    """A beam of one prefix, which the free reading's would fill, finds the only number that is allowed."""
    frames = written("305417", sure=0.6)
    rule = AllOf((Length(6), Pattern("91d417")))
    exact = sorted((-log_probability(frames, f"91{digit}417"), f"91{digit}417") for digit in range(10))
    assert most_probable(frames, rule=rule, n=1, beam=1)[0].text == exact[0][1]


def test_a_roster_is_ranked_as_a_search_ranks_it() -> None:
    """All three-digit numbers up to 150, listed or as two rules: the same best ones, the same mass."""
    frames = random_frames(12, 5)
    roster, rules = Values(frozenset(f"{value:03}" for value in range(151))), AllOf((Length(3), Range(0, 150)))
    listed, searched = (most_probable(frames, rule=rule, n=10) for rule in (roster, rules))
    assert [one.text for one in listed] == [one.text for one in searched]
    assert log_mass(frames, roster) == pytest.approx(log_mass(frames, rules), rel=1e-9)


def test_digits_cut_apart_are_frames_as_well() -> None:
    """Ten probabilities a digit with certain blanks between: a number's probability is the product of its digits'."""
    digits = np.random.default_rng(0).dirichlet(np.ones(10), 4)
    frames = np.zeros((7, 11))
    frames[::2, :10] = digits
    frames[1::2, BLANK] = 1.0
    assert most_probable(frames)[0].text == "".join(map(str, digits.argmax(axis=1)))
    assert math.exp(log_probability(frames, "1123")) == pytest.approx(digits[[0, 1, 2, 3], [1, 1, 2, 3]].prod())


def test_each_digit_is_found_where_it_stands() -> None:
    """Two frames a digit after two blanks each, equal neighbours apart."""
    assert align(written("3054"), "3054") == [(2, 4), (6, 8), (10, 12), (14, 16)]
    assert align(written("77"), "77") == [(2, 4), (6, 8)]
    assert align(written("7"), "") == []


@STEADY
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_the_alignment_is_the_most_probable_one(seed: int, t: int) -> None:
    """No way to write the number into the frames is more probable than the one the spans describe."""
    frames = few_symbols(t, seed)
    text = most_probable(frames)[0].text
    path = np.full(t, BLANK)
    for digit, (start, stop) in zip(text, align(frames, text), strict=True):
        path[start:stop] = int(digit)
    ways = product(*(np.flatnonzero(frame).tolist() for frame in frames))
    of_text = (way for way in ways if "".join(str(s) for s, _ in groupby(way) if s != BLANK) == text)
    best = max(math.prod(frames[np.arange(t), list(way)]) for way in of_text)
    assert math.prod(frames[np.arange(t), path]) == pytest.approx(best)


def test_what_frames_cannot_show_cannot_be_aligned() -> None:
    """Three digits and two frames."""
    with pytest.raises(
        ValueError, match=r"^cannot align '123': 2 frames cannot show it; align a number that was read$"
    ):
        align(random_frames(2, 0), "123")


@pytest.mark.parametrize(
    ("frames", "complaint"),
    [
        (np.ones((4, 10)) / 10, r"^frames must be \(t, 11\), ten digits and the blank, got \(4, 10\)"),
        (np.ones(11) / 11, r"got \(11,\)"),
        (np.zeros((4, 11)), "each row adding up to 1: give the softmax"),
        (np.full((4, 11), np.nan), "each row adding up to 1"),
        (np.eye(11) * 2 - np.roll(np.eye(11), 1, axis=0), "must be probabilities"),
    ],
    ids=["ten columns", "one row", "logits", "not a number", "negative"],
)
def test_what_are_no_frames_is_refused(frames: Frames, complaint: str) -> None:
    """The message says what frames are."""
    with pytest.raises(ValueError, match=complaint):
        most_probable(frames)


def test_a_number_is_digits_only() -> None:
    """Separators are refused, and digits of other scripts."""
    for text in ("12.5", "٣", "1 2"):
        with pytest.raises(ValueError, match="must be digits only"):
            log_probability(random_frames(4, 0), text)


def test_frames_of_less_precision_are_probabilities_still() -> None:
    """What a network gives in float32 adds up to 1 but for its rounding."""
    frames = random_frames(20, 3)
    assert most_probable(frames.astype(np.float32))[0].text == most_probable(frames)[0].text


@STEADY
@given(st.integers(0, 10_000))
def test_a_clear_answer_is_what_a_search_finds(seed: int) -> None:
    """Where one number has most of the probability it is found without a search, with the same probability."""
    random = np.random.default_rng(seed)
    frames = random.dirichlet(np.full(11, 0.03), 12) * 0.97 + 0.03 / 11
    [quick], [searched, *_] = most_probable(frames, n=1), most_probable(frames, n=2)
    assert quick.text == searched.text
    assert quick.log_probability == pytest.approx(searched.log_probability, abs=1e-9)
