"""Several readers' opinions on one number -> one answer: a log-linear pool.

An opinion is a matrix of frames as `ctc` has them. The pool's probability of a number is the product of what each
reader gives it, raised to its weight, over all candidates and whatever else it may be (Genest and Zidek, Combining
Probability Distributions, 1986). Where readers agree it is higher than any of theirs alone, where they differ lower.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inkdigits import ctc
from inkdigits.rules import Rule

CLEAR = 0.99  # probability from which on nobody looks for a runner-up: that takes longer than all else
LEAST_MASS = 0.01  # of all that a reader thinks of; below it what the rule allows is not what it sees
START = (0.7, math.log(1e-3))  # of the search for a reader's weight and the logarithm of its floor

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Voice:
    """How much a reader counts in a pool, and the least probability that its word gives to any number."""

    weight: float
    floor: float


ALONE = Voice(weight=1.0, floor=0.0)  # of a reader that is asked alone
DEFAULT_VOICES = (  # of a network of lines, of single digits, of a second opinion; see the lab log of 2026-11-25
    Voice(1.0, 1e-9),
    Voice(0.4, 1e-3),
    Voice(0.7, 1e-3),
)


def weigh(voices: Sequence[Voice], spelled: Sequence[str]) -> tuple[Voice, ...]:
    """Return the voices about a number that the network of lines and that of digits spell so, each by itself.

    About one digit the network that knows nothing but digits counts as much as that of lines.
    """
    of_line, of_digits, *others = voices
    if len(spelled[0]) <= 1 and len(spelled[1]) == 1:
        of_digits = replace(of_digits, weight=max(of_line.weight, of_digits.weight))
    return (of_line, of_digits, *others)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a pool of readers takes a number for; an empty text where none of them sees any.

    `runner_up` is the next best candidate (an empty text where there is none, or hardly any), `margin` what the answer
    is ahead of it, `free_text` what would be read without the rule. Where the rule allows nothing that could stand
    there, `text` is empty and `reason` says so.
    """

    text: str
    probability: float
    runner_up: str
    margin: float
    free_text: str
    reason: str = ""


def pool_opinions(
    opinions: Sequence[Floats], voices: Sequence[Voice], *, rule: Rule | None = None, spelled: Sequence[str] = ()
) -> Answer:
    """Return the number that the readers together find most probable, among those that a rule allows.

    Parameters
    ----------
    opinions
        (t, 11) of each reader, see `ctc`; the frames of one have nothing to do with those of another.
    voices
        One for each opinion.
    spelled
        What the first of them spell, each by itself, where that is known already.

    Examples
    --------
    >>> frames = np.full((3, 11), 0.01)
    >>> frames[[0, 1, 2], [4, ctc.BLANK, 2]] = 0.9  # a four, a gap, a two
    >>> pool_opinions([frames], [ALONE]).text
    '42'
    """
    ballot = Ballot.of(opinions, rule, spelled=spelled)
    if not ballot.texts:
        return _decline(opinions, voices, rule)
    shares = ballot.count(voices)[:-1]
    if shares.max() < CLEAR:
        more = ctc.most_probable(opinions[0], rule=rule, n=2)
        ballot = Ballot.among([*(candidate.text for candidate in more), *ballot.texts], opinions, rule)
        shares = ballot.count(voices)[:-1]
    best, second = [*np.argsort(-shares, kind="stable").tolist(), None][:2]
    runner_up, behind = ("", 0.0) if second is None else (ballot.texts[second], float(shares[second]))
    probability = float(shares[best])
    return Answer(
        text=ballot.texts[best],
        probability=probability,
        runner_up=runner_up,
        margin=probability - behind,
        free_text=ballot.texts[best] if rule is None else pool_opinions(opinions, voices).text,
    )


def _decline(opinions: Sequence[Floats], voices: Sequence[Voice], rule: Rule | None) -> Answer:
    free_text = pool_opinions(opinions, voices).text if rule else ""
    reason = f"no number {rule} fits: the free reading is {free_text or 'nothing'}" if rule else ""
    return Answer(text="", probability=0.0, runner_up="", margin=0.0, free_text=free_text, reason=reason)


@dataclass(frozen=True)
class Ballot:
    """The candidates for a number, and what each reader gives each of them: (readers, texts + 1), the last all else.

    That there is no number belongs to all else.
    """

    texts: tuple[str, ...]
    probabilities: Floats

    @classmethod
    def of(cls, opinions: Sequence[Floats], rule: Rule | None, *, spelled: Sequence[str] = ()) -> Ballot:
        """Ask each reader for a candidate, and all for the probability of everybody's; some may be known."""
        known = spelled if rule is None else ()
        asked = opinions[len(known) :]
        named = [candidate.text for frames in asked for candidate in ctc.most_probable(frames, rule=rule, n=1)]
        return cls.among([*known, *named], opinions, rule)

    @classmethod
    def among(cls, named: Sequence[str], opinions: Sequence[Floats], rule: Rule | None) -> Ballot:
        """Ask all readers for the probability of some candidates."""
        texts = tuple(dict.fromkeys(text for text in named if text))
        given = np.zeros((len(opinions), len(texts) + 1))
        for row, frames in zip(given, opinions, strict=True):
            mass = math.exp(ctc.log_mass(frames, rule))
            if texts and mass >= LEAST_MASS:
                row[:-1] = np.exp(ctc.log_probabilities(frames, texts)) / mass
                row[-1] = max(0.0, 1 - row[:-1].sum())
        return cls(texts, given) if given.any() else cls((), given[:, -1:])

    def count(self, voices: Sequence[Voice]) -> Floats:
        """Return the pool's probability of each candidate and of all else, (texts + 1,)."""
        with np.errstate(divide="ignore"):
            logs = [
                voice.weight * np.log(np.maximum(row, voice.floor))
                for row, voice in zip(self.probabilities, voices, strict=True)
            ]
        scores = np.exp(np.sum(logs, axis=0) - np.max(np.sum(logs, axis=0)))
        return np.asarray(scores / scores.sum())


def fit_voices(
    ballots: Sequence[Ballot], truths: Sequence[str], *, fitted: tuple[Voice, ...] = ()
) -> tuple[Voice, ...]:
    """Return the voices that make the true numbers of held-out ballots most likely; the first may be fitted already."""
    from scipy.optimize import minimize

    places = [b.texts.index(truth) if truth in b.texts else -1 for b, truth in zip(ballots, truths, strict=True)]
    readers = len(ballots[0].probabilities) - len(fitted)

    def loss(parameters: Floats) -> float:
        voices = fitted + _voices(parameters)
        likely = [ballot.count(voices)[place] for ballot, place in zip(ballots, places, strict=True)]
        return -float(np.log(np.maximum(likely, 1e-12)).mean())

    best = minimize(loss, np.tile(START, readers), method="Nelder-Mead", options={"xatol": 0.01, "fatol": 1e-5})
    return fitted + _voices(best.x)


def to_voices(stored: Sequence[Mapping[str, float]]) -> tuple[Voice, ...]:
    """Return the voices of a model file, and others for those it does not have; ValueError where they make no sense."""
    voices = (*(Voice(**voice) for voice in stored), *DEFAULT_VOICES[len(stored) :])
    if not all(0 <= voice.weight < math.inf and 0 <= voice.floor < 1 for voice in voices):
        raise ValueError("a reader's weight or floor is out of range")
    return voices


def _voices(parameters: Floats) -> tuple[Voice, ...]:
    pairs = parameters.reshape(-1, 2)
    return tuple(Voice(float(abs(weight)), float(np.exp(min(floor, -1.0)))) for weight, floor in pairs)
