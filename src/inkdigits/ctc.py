"""From a line network's frames to a number: how probable each is, which is the most probable, which a rule allows.

Frames are (t, 11): for each step from left to right the probabilities of the digits 0 to 9 and, last, of CTC's blank. A
number's probability is the sum over all ways to write it into the frames, each digit over one or more of them, blanks
between equal neighbours (Graves et al., Connectionist Temporal Classification, 2006).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inkdigits.rules import DIGITS, Automaton, Rule

BLANK = 10  # the column after the digits
BEAM = 256  # prefixes followed at once; of clear writing only a few compete
ROUNDING = 1e-3  # how far from 1 a float16 softmax may add up

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """A number that the frames may show, and the logarithm of its probability."""

    text: str
    log_probability: float


def only_digits(frames: Floats) -> Floats:
    """Return frames (t, 11) of frames (t, k) that name separators too: where there is one, no new digit begins."""
    digits = frames[:, :BLANK]
    return np.concatenate([digits, np.clip(1 - digits.sum(axis=1, keepdims=True), 0, 1)], axis=1)


def most_probable(
    frames: ArrayLike, *, rule: Rule | None = None, n: int = 2, beam: int = BEAM
) -> tuple[Candidate, ...]:
    """Return the n most probable numbers, among those that the rule allows; the most probable first.

    A listed rule's numbers are all looked at. Otherwise this is prefix search (Graves et al., 2006), one digit longer
    each time: of each prefix the probability of all allowed numbers that begin with it is known, and those go on that
    can still be among the best, up to `beam` of them. The answer is exact unless more than these were left.

    Numbers less probable than about 1e-300 are left out, so there may be fewer than n. An empty text is the most
    probable reading where there is no digit.

    >>> frames = np.full((3, 11), 0.01)
    >>> frames[[0, 1, 2], [4, BLANK, 2]] = 0.9
    >>> [candidate.text for candidate in most_probable(frames)]
    ['42', '2']
    """
    frames = _checked(frames)
    if rule is None and n == 1 and (clear := _clear_answer(frames)):
        return (clear,)
    ranking = _search(frames, _ANYTHING, n, beam) if rule is None else _rank(frames, rule, n, beam)
    return ranking.best


def log_mass(frames: ArrayLike, rule: Rule | None) -> float:
    """Return the logarithm of the probability of all allowed numbers together; without a rule it is 0.

    Below about 1e-300 it is minus infinity.
    """
    return 0.0 if rule is None else _rank(_checked(frames), rule, 0, 0).log_mass


def log_probability(frames: ArrayLike, text: str) -> float:
    """Return the logarithm of the probability that the frames show a number, given as its digits."""
    return float(log_probabilities(frames, [text])[0])


def log_probabilities(frames: ArrayLike, texts: Sequence[str]) -> Floats:
    """Return the logarithm of the probability of each number; (n,), minus infinity for what cannot be.

    >>> frames = np.full((2, 11), 1 / 11)
    >>> ways = 121 * np.exp(log_probabilities(frames, ["7", "77", "75"]))
    >>> ways.round(6)  # 7- and -7 and 77 are seven; nothing is 77 without a blank between; 75 is 75
    array([3., 0., 1.])
    """
    with np.errstate(divide="ignore"):
        return _forward(np.log(_checked(frames)), texts, _LOGARITHMS)


def align(frames: ArrayLike, text: str) -> list[tuple[int, int]]:
    """Return for each digit of a number the frames (start, stop) that show it, in its most probable alignment.

    Raises ValueError if the frames cannot show it: they are too few, or a digit has a probability of 0.

    >>> frames = np.full((4, 11), 0.01)
    >>> frames[[0, 1, 2, 3], [4, 4, BLANK, 2]] = 0.9
    >>> align(frames, "42")
    [(0, 2), (3, 4)]
    """
    with np.errstate(divide="ignore"):
        logs = np.log(_checked(frames))
    digits = _as_columns([text])[:, 0]
    symbols = np.full(2 * len(digits) + 1, BLANK)  # -4-2-: blanks may stand around each digit
    symbols[1::2] = digits
    path = _best_path(logs, symbols)
    if path is None:
        raise ValueError(f"cannot align '{text}': {len(logs)} frames cannot show it; align a number that was read")
    places = [np.flatnonzero(path == 2 * i + 1) for i in range(len(digits))]
    return [(int(place[0]), int(place[-1]) + 1) for place in places]


class _Ranking(NamedTuple):
    """The best candidates, and the logarithm of the probability of all."""

    best: tuple[Candidate, ...]
    log_mass: float


class _Arithmetic(NamedTuple):
    """How probabilities are added and multiplied, and what no probability is and a whole one."""

    plus: np.ufunc
    times: np.ufunc
    zero: float
    one: float


_LOGARITHMS = _Arithmetic(np.logaddexp, np.add, -math.inf, 0.0)  # exact down to exp of -1e308
_PLAIN = _Arithmetic(np.add, np.multiply, 0.0, 1.0)  # down to 1e-308, twenty times as fast
_ANYTHING = Automaton(np.repeat([[0], [1]], 10, axis=1), np.array([True, False]))  # allows every number, and none


def _clear_answer(frames: Floats) -> Candidate | None:
    """Return what the best label of each frame spells, if it has most of the probability: then no search is needed."""
    labels = frames.argmax(axis=1)
    changes = np.append(True, labels[1:] != labels[:-1])
    text = "".join(str(label) for label in labels[changes & (labels != BLANK)])
    log_likely = log_probability(frames, text)
    return Candidate(text, log_likely) if log_likely > math.log(0.5) else None


def _checked(frames: ArrayLike) -> Floats:
    """Return frames as float64 whose rows add up to 1 exactly, or refuse them."""
    rows = np.asarray(frames, np.float64)
    if rows.ndim != 2 or rows.shape[1] != BLANK + 1:
        raise ValueError(f"frames must be (t, 11), ten digits and the blank, got {rows.shape}: transpose them?")
    totals = rows.sum(axis=1, keepdims=True)
    if not ((rows >= 0).all() and (abs(totals - 1) <= ROUNDING).all()):
        raise ValueError("frames must be probabilities, each row adding up to 1: give the softmax, not the logits")
    return np.asarray(rows / totals)


def _rank(frames: Floats, rule: Rule, n: int, beam: int) -> _Ranking:
    """Rank what a rule allows: what it lists at once, else by a search."""
    if rule.listed is None:
        return _search(frames, rule.automaton, n, beam)
    probabilities = _forward(frames, rule.listed, _PLAIN)
    first = [i for i in np.argsort(-probabilities, kind="stable")[:n].tolist() if probabilities[i] > 0]
    best = tuple(Candidate(rule.listed[i], math.log(probabilities[i])) for i in first)
    return _Ranking(best, _log(float(probabilities.sum())))


def _forward(frames: Floats, texts: Sequence[str], arithmetic: _Arithmetic) -> Floats:
    """Return the probability of each text, (n,), by the forward algorithm in the given arithmetic.

    `inside` is, for each digit of each text, how probable it is that the frames so far end within it, and `after`, that
    they end in a blank after it. Row 0 stands for the start, before all digits.
    """
    plus, times, zero, one = arithmetic
    digits = _as_columns(texts)  # (length, n)
    repeated = np.zeros(digits.shape, bool)
    repeated[1:] = digits[1:] == digits[:-1]
    inside = np.full((len(digits) + 1, len(texts)), zero)
    after = np.full_like(inside, zero)
    after[0] = one
    for frame in frames:
        entering = plus(after[:-1], np.where(repeated, zero, inside[:-1]))
        after = times(plus(after, inside), frame[BLANK])
        inside[1:] = times(plus(inside[1:], entering), frame[digits])
    last = [len(text) for text in texts], np.arange(len(texts))
    return np.asarray(plus(inside[last], after[last]))


def _as_columns(texts: Sequence[str]) -> NDArray[np.intp]:
    """Return texts as columns of digits (length of the longest, n); beyond a text's end stands what plays no part."""
    wrong = next((text for text in texts if text and not DIGITS.fullmatch(text)), None)
    if wrong is not None:
        raise ValueError(f"a number must be digits only, got {wrong!r}: leave out separators")
    longest = max(map(len, texts), default=0)
    padded = "".join(text.ljust(longest, "0") for text in texts).encode()
    return np.ascontiguousarray(np.frombuffer(padded, np.uint8).reshape(len(texts), longest).T).astype(np.intp) - 48


class _Prefixes(NamedTuple):
    """Beginnings of numbers, in the order of rank, and what the frames say of them.

    `states` are the automaton's, `last` the last digits (-1 for none). `inside` and `after` are (t + 1, n): how
    probable it is that so many frames end within the last digit, or in a blank after it.
    """

    texts: list[str]
    states: NDArray[np.intp]
    last: NDArray[np.intp]
    inside: Floats
    after: Floats


def _search(frames: Floats, automaton: Automaton, n: int, beam: int) -> _Ranking:
    """Find the n most probable texts that an automaton allows, and the probability of all."""
    completions, mass = _complete(frames, automaton)
    found: dict[str, float] = {}
    for width in (min(2 * n, beam), beam):  # what a narrow search finds tells the wide one what to leave out
        prefixes = _no_digit_yet(frames)
        while n and prefixes.texts:
            whole = (prefixes.inside[-1] + prefixes.after[-1]) * automaton.accepting[prefixes.states]
            found.update(zip(prefixes.texts, whole.tolist(), strict=True))
            found = dict(heapq.nsmallest(n, found.items(), key=lambda one: (-one[1], one[0])))
            least = min(found.values()) if len(found) == n else 0.0
            prefixes = _lengthen(frames, automaton, completions, prefixes, least, width)
    return _Ranking(tuple(Candidate(text, _log(p)) for text, p in found.items() if p > 0), _log(mass))


def _no_digit_yet(frames: Floats) -> _Prefixes:
    blanks = np.cumprod([1.0, *frames[:, BLANK]])[:, None]
    return _Prefixes([""], np.array([0]), np.array([-1]), np.zeros_like(blanks), blanks)


def _lengthen(
    frames: Floats, automaton: Automaton, completions: Floats, prefixes: _Prefixes, least: float, beam: int
) -> _Prefixes:
    """Add a digit in all ways; keep those prefixes whose numbers are together more probable than the least to beat."""
    another = prefixes.last[:, None] != np.arange(10)  # an equal digit needs a blank before it
    before = prefixes.after[:-1, :, None] + prefixes.inside[:-1, :, None] * another
    entering = before * frames[:, None, :BLANK]  # (t, n, 10): the new digit begins in this frame
    children = automaton.children[prefixes.states]
    masses = (entering * completions[1:, children, np.arange(10)]).sum(axis=0)
    kept = np.argsort(-masses, axis=None, kind="stable")[:beam]
    kept = kept[masses.ravel()[kept] > least]
    parents, digits = np.divmod(kept, 10)
    texts = [f"{prefixes.texts[parent]}{digit}" for parent, digit in zip(parents, digits, strict=True)]
    inside, after = _run_on(frames, entering[:, parents, digits], digits)
    return _Prefixes(texts, children[parents, digits], digits, inside, after)


def _run_on(frames: Floats, entering: Floats, digits: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Return `inside` and `after` of prefixes whose last digits begin with the given probabilities, (t, n)."""
    inside = np.zeros((len(frames) + 1, len(digits)))
    after = np.zeros_like(inside)
    for t, frame in enumerate(frames):
        inside[t + 1] = entering[t] + inside[t] * frame[digits]
        after[t + 1] = (inside[t] + after[t]) * frame[BLANK]
    return inside, after


def _complete(frames: Floats, automaton: Automaton) -> tuple[Floats, float]:
    """Return how probable the rest of the frames makes a number allowed, and how probable all of them make any.

    Both run from the last frame to the first, over the automaton's states. The first is (t + 1, n + 1, 10): before
    each frame, in each state, within each last digit.
    """
    others = 1.0 - np.eye(10)
    within = np.empty((len(frames) + 1, len(automaton.accepting), 10))
    within[-1] = automaton.accepting[:, None]
    between = automaton.accepting.astype(np.float64)  # in a blank, or before all digits
    for t in reversed(range(len(frames))):
        digits, blank = frames[t, :BLANK], between * frames[t, BLANK]
        entered = within[t + 1, automaton.children, np.arange(10)] * digits
        within[t] = blank[:, None] + within[t + 1] * digits + entered @ others
        between = blank + entered.sum(axis=1)
    return within, float(between[0])


def _best_path(logs: Floats, symbols: NDArray[np.intp]) -> NDArray[np.intp] | None:
    """Return which of the symbols each frame shows in the most probable way (Viterbi); None where there is none."""
    places = np.arange(len(symbols))
    skips = np.full(len(symbols), -math.inf)  # over the blank between two digits that differ
    skips[3::2][symbols[3::2] != symbols[1:-2:2]] = 0.0
    scores = np.where(places == 0, 0.0, -math.inf)  # as if a blank stood before the first frame
    steps = np.zeros((len(logs), len(symbols)), np.intp)
    for t, frame in enumerate(logs):
        ways = np.full((3, len(symbols)), -math.inf)  # stay, one on, two on
        ways[0] = scores
        ways[1, 1:] = scores[:-1]
        ways[2, 2:] = scores[:-2] + skips[2:]
        steps[t] = ways.argmax(axis=0)
        scores = ways.max(axis=0) + frame[symbols]
    ends = places[-2:]
    place = int(ends[scores[ends].argmax()])
    if scores[place] == -math.inf:
        return None
    path = np.empty(len(logs), np.intp)
    for t in reversed(range(len(logs))):
        path[t] = place
        place -= int(steps[t, place])
    return path


def _log(probability: float) -> float:
    return math.log(min(probability, 1.0)) if probability > 0 else -math.inf  # sums may round to a little over 1
