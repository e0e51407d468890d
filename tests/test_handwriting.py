"""Made-up lines: numbers as one hand writes them, endless, the same for the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inkdigits.errors import RecipeError
from inkdigits.handwriting import Digits, Handwriting, _Style
from inkdigits.prepare import LINE_HEIGHT
from inkdigits.strokes import draw_digits


def solid(labels: list[int], writers: list[int] | None = None, *, width: int = 10) -> Digits:
    """Return digits that are blocks of ink, 20 px high."""
    images = np.zeros((len(labels), 28, 28), np.uint8)
    images[:, 4:24, 14 - width // 2 : 14 + width // 2] = 255
    return Digits(images, np.array(labels), None if writers is None else np.array(writers))


@pytest.fixture(scope="module")
def handwriting() -> Handwriting:
    """Return the hands of two writers, who have all digits, and national forms."""
    writers = [0] * 10 + [1] * 10
    return Handwriting([solid([*range(10)] * 2, writers)], national=Digits(*draw_digits(16, random_state=0)))


def test_the_same_seed_makes_the_same_lines(handwriting: Handwriting) -> None:
    """One seed, one set of lines; another seed, another set."""
    first, again, other = (handwriting.draw_lines(30, random_state=[seed, 1]) for seed in (1, 1, 2))
    assert [line.text for line in first] == [line.text for line in again]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(first, again, strict=True))
    assert [line.text for line in first] != [line.text for line in other]


def test_what_stands_between_digits_is_told(handwriting: Handwriting) -> None:
    """Lines name the separators that were written, each kind now and then; the text is the digits alone."""
    lines = handwriting.draw_lines(300, random_state=0)
    assert set("".join(line.written for line in lines)) == set("0123456789.,-=")
    assert all(line.text == line.written.translate(dict.fromkeys(map(ord, ".,-="))) for line in lines)


def test_lines_are_as_a_model_sees_them(handwriting: Handwriting) -> None:
    """All are of the height of a prepared line; texts are digits, of one to twelve, now and then none."""
    lines = handwriting.draw_lines(1500, random_state=0)
    assert {line.image.shape[0] for line in lines} == {LINE_HEIGHT}
    assert {line.image.dtype for line in lines} == {np.dtype(np.uint8)}
    assert {len(line.text) for line in lines} == set(range(13))
    assert set("".join(line.text for line in lines)) == set("0123456789")


def test_more_digits_take_more_room(handwriting: Handwriting) -> None:
    """Lines of six digits are on average more than twice as wide as those of one."""
    lines = handwriting.draw_lines(600, random_state=0)
    widths = [np.mean([line.image.shape[1] for line in lines if len(line.text) == n]) for n in (1, 6)]
    assert widths[1] > 2 * widths[0]


def test_a_line_is_of_one_hand() -> None:
    """Where one writer's digits are broad and another's slim, no line has both."""
    slim, broad = solid([*range(10)], [0] * 10, width=2), solid([*range(10)], [1] * 10, width=18)
    both = Digits(*(np.concatenate([getattr(slim, f), getattr(broad, f)]) for f in ("images", "labels", "writers")))
    random = np.random.default_rng(0)
    hands = [Handwriting([both])._choose_hand(random) for _ in range(50)]
    of_writer = [{int(i) // 10 for own in hand.of_digit for i in own} for hand in hands]
    assert {len(writers) for writers in of_writer} == {1}
    assert {writer for writers in of_writer for writer in writers} == {0, 1}


def test_a_writer_without_a_digit_borrows_it() -> None:
    """Somebody of whom there is only a 1 can still write 2024, with another's digits of the same set."""
    lines = Handwriting([solid([1, *range(10)], [0] + [1] * 10)]).draw_lines(200, random_state=0)
    assert set("".join(line.text for line in lines)) == set("0123456789")


def test_national_forms_are_only_for_digits_that_have_some() -> None:
    """The first drawn forms are of 0, 1, 4, 6, 7 and 9: nobody writes a 2 with them."""
    drawn = Digits(*draw_digits(11, random_state=0))
    handwriting, random = Handwriting([solid([*range(10)])], national=drawn), np.random.default_rng(0)
    hands = [handwriting._choose_hand(random) for _ in range(300)]
    national = {digit for hand in hands for digit in range(10) if (hand.of_digit[digit] >= 10).any()}
    assert national == {0, 1, 4, 6, 7, 9}


def test_digits_far_apart_fit_on_their_paper() -> None:
    """Twelve digits with two heights between them are all there."""
    handwriting, random = Handwriting([solid([*range(10)], width=20)]), np.random.default_rng(0)
    level = {"stretch": 1.3, "shear": 0.0, "slope": 0.0, "drift": 0.0, "strength": 1.0, "fading": 0.0}
    bare = {"boxed": False, "dots": 0.0, "head": 0.0, "tail": 0.0}
    style = replace(_Style.draw(random), gap=2.0, **level, **bare)
    canvas, written = handwriting._write("1" * 12, handwriting._choose_hand(random), style, random)
    starts = np.flatnonzero(np.diff(np.r_[0, canvas.max(axis=0) > 0.3].astype(int)) == 1)
    assert (written, len(starts)) == ("1" * 12, 12)


def test_a_digit_that_a_set_lacks_is_taken_from_another() -> None:
    """A set without a 9 writes one with another's; where nobody has any, that is said."""
    handwriting, random = Handwriting([solid([*range(9)]), solid([*range(10)])]), np.random.default_rng(0)
    assert all(len(handwriting._choose_hand(random).of_digit[9]) for _ in range(20))
    with pytest.raises(RecipeError, match="cannot make lines of 9 digits: nobody has written a 9; give more of them"):
        Handwriting([solid([*range(9)])])
