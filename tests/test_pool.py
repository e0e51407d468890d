"""The pool: several opinions on a number, one answer, the rules kept."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits.ctc import BLANK, log_probability
from inkdigits.pool import ALONE, Ballot, Voice, fit_voices, pool_opinions, to_voices, weigh
from inkdigits.rules import AllOf, Check, Length, Values

Frames = NDArray[np.float64]
EQUAL = (Voice(weight=0.5, floor=1e-3), Voice(weight=0.5, floor=1e-3))


def written(text: str, *, sure: float = 0.9) -> Frames:
    """Return frames (t, 11) of clear writing: each digit in one frame, a blank after it."""
    frames = np.full((2 * len(text) + 1, BLANK + 1), (1 - sure) / BLANK)
    frames[::2, BLANK] = sure
    for frame, digit in zip(frames[1::2], text, strict=True):
        frame[int(digit)] = sure
    return frames


def test_readers_that_agree_are_surer_than_either() -> None:
    """Two that read the same number at full weight give it more than each alone."""
    frames = written("305")
    alone = pool_opinions([frames], [ALONE])
    both = pool_opinions([frames, frames], [ALONE, ALONE])
    assert (alone.text, both.text) == ("305", "305")
    assert both.probability > alone.probability


def test_readers_that_differ_are_less_sure() -> None:
    """The surer one is followed, the other's number comes second, and neither has much."""
    answer = pool_opinions([written("305", sure=0.99), written("205", sure=0.9)], EQUAL)
    alone = pool_opinions([written("305", sure=0.99)], [ALONE])
    assert (answer.text, answer.runner_up) == ("305", "205")
    assert answer.probability < alone.probability
    assert 0 < answer.margin < answer.probability


def test_one_that_sees_nothing_does_not_silence_the_other() -> None:
    """A reader's word against a number is no worse than its floor."""
    nothing = np.zeros((1, BLANK + 1))
    nothing[0, BLANK] = 1
    answer = pool_opinions([written("305", sure=0.999), nothing], (ALONE, Voice(weight=0.3, floor=0.05)))
    assert answer.text == "305"


def test_alone_a_reader_is_taken_at_its_word() -> None:
    """With one voice of full weight the probability is the reader's own."""
    frames = written("42", sure=0.8)
    answer = pool_opinions([frames], [ALONE])
    assert answer.probability == pytest.approx(math.exp(log_probability(frames, "42")))


def test_the_answer_to_a_rule() -> None:
    """Digits 3 or 4, then 5 or 6: of a roster the likeliest, its share of all that is allowed, the runner-up."""
    frames = np.full((9, BLANK + 1), 0.0)
    frames[:, BLANK] = 1.0
    frames[2] = frames[6] = 0.0
    frames[2, [3, 4]] = frames[6, [5, 6]] = 0.7, 0.3
    roster = Values(frozenset({"36", "46", "99"}))
    answer = pool_opinions([frames], [ALONE], rule=roster)
    assert (answer.text, answer.runner_up, answer.free_text) == ("36", "46", "35")
    assert answer.probability == pytest.approx(0.7)
    assert answer.margin == pytest.approx(0.4)
    assert answer.reason == ""


def test_the_only_allowed_number_has_no_runner_up() -> None:
    """A roster of one: all of the allowed probability, ahead of nothing."""
    answer = pool_opinions([written("305")], [ALONE], rule=Values(frozenset({"305"})))
    assert (answer.text, answer.runner_up) == ("305", "")
    assert answer.probability == answer.margin == pytest.approx(1.0)


@pytest.mark.parametrize("readers", [1, 2])
def test_a_number_that_no_rule_allows_is_declined(readers: int) -> None:
    """Three clear digits where five are asked for: the reason tells, and what stands there."""
    opinions = [written("123", sure=0.99999)] * readers
    answer = pool_opinions(opinions, [ALONE] * readers, rule=Length(5))
    assert (answer.text, answer.probability, answer.runner_up, answer.margin) == ("", 0.0, "", 0.0)
    assert answer.reason == "no number of 5 digits fits: the free reading is 123"
    assert answer.free_text == "123"


def test_where_no_allowed_number_is_possible_none_is_named() -> None:
    """Two frames cannot show five digits: no text, no probability, no blank paper read as one."""
    frames = np.zeros((2, BLANK + 1))
    frames[:, BLANK] = 1.0
    answer = pool_opinions([frames], [ALONE], rule=Length(5))
    assert (answer.text, answer.probability) == ("", 0.0)
    assert answer.reason == "no number of 5 digits fits: the free reading is nothing"


def test_a_reader_that_a_rule_contradicts_has_no_say() -> None:
    """Five digits are asked for: who read four is not asked, who read five decides."""
    answer = pool_opinions([written("12345"), written("1245", sure=0.99999)], EQUAL, rule=Length(5))
    assert answer.text == "12345"


def test_a_check_digit_corrects_a_doubtful_one() -> None:
    """A card number whose fourth digit looks like a seven a little more than like a one: Luhn decides."""
    frames = written("4117111111111111", sure=0.99)
    seven = frames[:, 7] > 0.5
    frames[np.ix_(seven, [1, 7])] = [[0.45, 0.54]]
    rule = AllOf((Length(16), Check("luhn")))
    answer = pool_opinions([frames / frames.sum(axis=1, keepdims=True)], [ALONE], rule=rule)
    assert (answer.free_text, answer.text) == ("4117111111111111", "4111111111111111")
    assert answer.probability > 0.95


def test_a_large_roster_is_searched_whole() -> None:
    """Among 100,000 numbers of six digits, the one that was written."""
    numbers = np.random.default_rng(0).permutation(10**6)[:100_000]
    roster = Values(frozenset(f"{number:06}" for number in numbers) | {"305417"})
    assert pool_opinions([written("305417")], [ALONE], rule=roster).text == "305417"


@pytest.mark.parametrize(
    ("spelled", "weight"),
    [(("7", "1"), 1.0), (("", "1"), 1.0), (("77", "1"), 0.4), (("7", "11"), 0.4), (("7", ""), 0.4)],
)
def test_about_one_digit_both_networks_count_alike(spelled: tuple[str, str], weight: float) -> None:
    """One digit and no more, says each: then that of digits is as loud as that of lines, and never less than it was."""
    line, digits, second = Voice(1.0, 1e-9), Voice(0.4, 1e-3), Voice(0.7, 1e-3)
    assert weigh((line, digits, second), spelled) == (line, Voice(weight, 1e-3), second)
    assert weigh((Voice(0.2, 0.0), digits), spelled) == (Voice(0.2, 0.0), digits)


def test_voices_are_found_from_numbers_that_are_known() -> None:
    """A reader that is right is heard, one that names another number each time is not."""
    random = np.random.default_rng(0)
    truths = [f"{number:03}" for number in random.integers(0, 1000, 60)]
    others = [f"{number:03}" for number in random.integers(0, 1000, 60)]
    ballots = [Ballot.of([written(a), written(b)], None) for a, b in zip(truths, others, strict=True)]
    right, wrong = fit_voices(ballots, truths)
    assert right.weight > 5 * wrong.weight or wrong.floor > 0.1
    read = [ballot.texts[int(ballot.count((right, wrong))[:-1].argmax())] for ballot in ballots]
    assert read == truths


@pytest.mark.parametrize("stored", [{"weight": -1.0, "floor": 0.1}, {"weight": 1.0, "floor": 1.5}])
def test_voices_without_sense_are_refused(stored: dict[str, float]) -> None:
    """A negative weight or a floor above every probability is not what was fitted."""
    with pytest.raises(ValueError, match="out of range"):
        to_voices([stored])
