"""What a number may be: its length, its range, a list, a pattern, a check digit; each rule is a finite automaton."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import RuleError, one_line, reason_of

MAX_DIGITS = 100  # of a length, a bound, a pattern; the longest number anybody writes by hand is far shorter
MAX_STATES = 30_000  # of rules put together; decoding 80 frames keeps 6.4 kB for each
DIGITS = re.compile("[0-9]+")  # str.isdigit would take Arabic ones, too


@dataclass(frozen=True, eq=False)
class Automaton:
    """A rule written out as arrays, without the states from which no number can become allowed.

    `children` is (n + 1, 10): the state that each digit leads to; n is the dead end. `accepting` is (n + 1,) bool.
    State 0 is the start.
    """

    children: NDArray[np.intp]
    accepting: NDArray[np.bool_]

    @property
    def allows_any(self) -> bool:
        """Whether there is a number that it allows."""
        return bool(self.accepting.any())


class Rule(ABC):
    """Which numbers are allowed: a finite automaton over their digits, from the left.

    States are hashable. In words, a rule ends the sentence "numbers ...": `of 5 digits`, `from 0 to 150`.
    """

    @property
    @abstractmethod
    def start(self) -> Hashable:
        """The state before the first digit."""

    @abstractmethod
    def step(self, state: Any, digit: int) -> Hashable | None:
        """Return the state after a further digit; None where no number can become allowed any more."""

    @abstractmethod
    def accepts(self, state: Any) -> bool:
        """Whether a number that ends in this state is allowed."""

    @cached_property
    def listed(self) -> tuple[str, ...] | None:
        """All allowed numbers, sorted, where the rule lists them."""
        return None

    @cached_property
    def automaton(self) -> Automaton:
        """The rule written out; RuleError if it has too many states."""
        return _trim(*_explore(self))

    def allows(self, text: str) -> bool:
        """Whether a number, given as its digits, is allowed.

        >>> Range(0, 150).allows("007")
        True
        """
        state: Hashable | None = self.start
        for character in text:
            state = self.step(state, int(character))
            if state is None:
                return False
        return self.accepts(state)


@dataclass(frozen=True)
class Length(Rule):
    """So many digits, or from the shortest to the longest; written zeros count."""

    shortest: int
    longest: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.shortest <= self._longest <= MAX_DIGITS:
            raise RuleError(f"no number is {self}: give the shorter length first, from 1 to {MAX_DIGITS}")

    def __str__(self) -> str:
        if self.shortest != self._longest:
            return f"of {self.shortest} to {self._longest} digits"
        return f"of {self.shortest} digit{'s' * (self.shortest != 1)}"

    @property
    def start(self) -> int:
        """No digit yet."""
        return 0

    def step(self, state: int, digit: int) -> int | None:  # noqa: ARG002 - any digit is one more
        """Count the digits."""
        return state + 1 if state < self._longest else None

    def accepts(self, state: int) -> bool:
        """Whether there are enough digits."""
        return state >= self.shortest

    @property
    def _longest(self) -> int:
        return self.shortest if self.longest is None else self.longest


@dataclass(frozen=True)
class Range(Rule):
    """From the least to the greatest value, both allowed.

    Leading zeros do not count, however many are written: 7, 07 and 007 are the same value, and a form with five boxes
    for a number up to 150 is filled in as 00042 by some. Together with a Length, both the value and the boxes count.
    """

    least: int
    greatest: int

    def __post_init__(self) -> None:
        if not 0 <= self.least <= self.greatest < 10**MAX_DIGITS:
            raise RuleError(
                f"no number is {self}: give the lesser bound first, from 0, of at most {MAX_DIGITS} digits each"
            )

    def __str__(self) -> str:
        return f"from {self.least} to {self.greatest}"

    @property
    def start(self) -> tuple[int, int, int]:
        """How many digits after leading zeros (-1 before any), and how they compare with the bounds' first ones."""
        return -1, 0, 0

    def step(self, state: tuple[int, int, int], digit: int) -> tuple[int, int, int] | None:
        """Compare a further digit with the bounds', where what stands before it has not decided."""
        n, above_least, above_greatest = max(state[0], 0), *state[1:]
        if n == 0 and digit == 0:
            return 0, 0, 0
        above_least = above_least or _compare(digit, self._bounds[0][n : n + 1])
        above_greatest = above_greatest or _compare(digit, self._bounds[1][n : n + 1])
        too_great = n + 1 > len(self._bounds[1]) or (n + 1 == len(self._bounds[1]) and above_greatest > 0)
        return None if too_great else (n + 1, above_least, above_greatest)

    def accepts(self, state: tuple[int, int, int]) -> bool:
        """Whether the value is not below the least; `step` has seen to the greatest."""
        n, above_least, _ = state
        shortest = len(self._bounds[0])
        return n > shortest or (n == shortest and above_least >= 0)

    @cached_property
    def _bounds(self) -> tuple[str, str]:
        """Both bounds without leading zeros, so that 0 has no digits."""
        return str(self.least).lstrip("0"), str(self.greatest).lstrip("0")


@dataclass(frozen=True)
class Values(Rule):
    """One of a roster. What is written counts: 007 is allowed where the roster says 007, and 7 is not."""

    values: frozenset[str]

    def __post_init__(self) -> None:
        wrong = min((value for value in self.values if not DIGITS.fullmatch(value)), default=None)
        if wrong is not None or not self.values:
            given = "none was given" if wrong is None else f"'{one_line(wrong)}' is none"
            raise RuleError(f"values are digits only, and {given}: give at least one such as 0123")

    def __str__(self) -> str:
        return f"of the {len(self.values):,} listed"

    def allows(self, text: str) -> bool:
        """Whether a number is on the roster: looked up, not walked to."""
        return text in self.values

    @cached_property
    def listed(self) -> tuple[str, ...]:
        """The values, sorted."""
        return tuple(sorted(self.values))

    @property
    def start(self) -> str:
        """The digits so far: none."""
        return ""

    def step(self, state: str, digit: int) -> str | None:
        """Add the digit, where a value goes on like this."""
        prefix = f"{state}{digit}"
        first = bisect_left(self.listed, prefix)
        return prefix if first < len(self.listed) and self.listed[first].startswith(prefix) else None

    def accepts(self, state: str) -> bool:
        """Whether the digits so far are a value."""
        return state in self.values


@dataclass(frozen=True)
class Pattern(Rule):
    """As many digits as a pattern has, such as dd.dd.dddd or 20dd-dd: d is any digit, a digit is itself.

    Other characters (dots, dashes, slashes, commas, spaces) separate, and are no part of the number.
    """

    pattern: str

    def __post_init__(self) -> None:
        strange = next((c for c in self.pattern if c.isalnum() and c not in "d0123456789"), None)
        if strange is not None or not 1 <= len(self._places) <= MAX_DIGITS:
            wrong = f"1 to {MAX_DIGITS} digits make a number" if strange is None else f"'{strange}' is no digit"
            raise RuleError(
                f"cannot use the pattern '{one_line(self.pattern)}': {wrong}; write d for any digit, as in dd.dd.dddd"
            )

    def __str__(self) -> str:
        return f"like {one_line(self.pattern)}"

    @property
    def start(self) -> int:
        """How many digits there are so far."""
        return 0

    def step(self, state: int, digit: int) -> int | None:
        """Go on where the next place takes the digit."""
        return state + 1 if self._places[state : state + 1] in {"d", str(digit)} else None

    def accepts(self, state: int) -> bool:
        """Whether all places are filled."""
        return state == len(self._places)

    @cached_property
    def _places(self) -> str:
        return "".join(c for c in self.pattern if c in "d0123456789")


@dataclass(frozen=True)
class Check(Rule):
    """A number whose last digits check the others; see CHECKS for the four kinds."""

    kind: str

    def __post_init__(self) -> None:
        if self.kind not in CHECKS:
            raise RuleError(f"no check '{one_line(self.kind)}': use {', '.join(CHECKS)}")

    def __str__(self) -> str:
        return f"with a valid {self.kind} check"

    @property
    def start(self) -> tuple[int, int, int]:
        """How many digits (no further than matters), and two sums of them."""
        return 0, 0, 0

    def step(self, state: tuple[int, int, int], digit: int) -> tuple[int, int, int] | None:
        """Count the digit and add it to the sums."""
        scheme = CHECKS[self.kind]
        n = state[0] + 1
        if n > scheme.lengths[-1]:
            return (scheme.lengths[-1], *scheme.add(*state[1:], digit)) if scheme.or_longer else None
        return n, *scheme.add(*state[1:], digit)

    def accepts(self, state: tuple[int, int, int]) -> bool:
        """Whether the first sum comes out, and the length is one of the kind's."""
        n, total, _ = state
        return n in CHECKS[self.kind].lengths and total == CHECKS[self.kind].goal


@dataclass(frozen=True)
class AllOf(Rule):
    """All of several rules at once; RuleError where no number keeps them all."""

    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        if not (self.automaton.allows_any if self.listed is None else self.listed):
            raise RuleError(f"there are no numbers {self}: change one of these rules, or leave it out")

    def __str__(self) -> str:
        return " and ".join(map(str, self.rules))

    @cached_property
    def listed(self) -> tuple[str, ...] | None:
        """The numbers that one of the rules lists and the others allow."""
        lists = [rule.listed for rule in self.rules if rule.listed is not None]
        return tuple(text for text in lists[0] if all(rule.allows(text) for rule in self.rules)) if lists else None

    @property
    def start(self) -> tuple[Hashable, ...]:
        """The start of each."""
        return tuple(rule.start for rule in self.rules)

    def step(self, state: tuple[Hashable, ...], digit: int) -> tuple[Hashable, ...] | None:
        """Step in each; over where one of them is."""
        steps = tuple(rule.step(one, digit) for rule, one in zip(self.rules, state, strict=True))
        return None if None in steps else steps

    def accepts(self, state: tuple[Hashable, ...]) -> bool:
        """Whether each accepts."""
        return all(rule.accepts(one) for rule, one in zip(self.rules, state, strict=True))


@dataclass(frozen=True)
class Scheme:
    """How a check adds digits up, what the first sum must be, and of how many digits such numbers are.

    Most schemes weigh digits from the right, while they are read from the left: the second sum is kept for that.
    """

    add: Callable[[int, int, int], tuple[int, int]]  # both sums and a digit -> both sums
    goal: int
    lengths: tuple[int, ...]
    or_longer: bool = False


def _add_luhn(even: int, odd: int, digit: int) -> tuple[int, int]:
    """From the right, every second digit doubled, 9 taken off above 9: the last digit counts once, or twice."""
    return (odd + digit) % 10, (even + 2 * digit - 9 * (digit > 4)) % 10


def _add_mod11(weighted: int, plain: int, digit: int) -> tuple[int, int]:
    """Weights 1, 2, 3, ... from the right: with every further digit all grow by one."""
    return (weighted + plain + digit) % 11, (plain + digit) % 11


def _add_ean(even: int, odd: int, digit: int) -> tuple[int, int]:
    """Weights 1, 3, 1, 3, ... from the right: the last digit counts once, or three times."""
    return (odd + digit) % 10, (even + 3 * digit) % 10


def _add_iban(remainder: int, _: int, digit: int) -> tuple[int, int]:
    """Return the remainder of the whole number by 97."""
    return (10 * remainder + digit) % 97, 0


CHECKS = {
    # ISO/IEC 7812-1, annex B: credit cards, IMEI. The sum is a multiple of 10.
    "luhn": Scheme(_add_luhn, goal=0, lengths=(2,), or_longer=True),
    # ISBN-10 (ISO 2108 until 2005), also NHS numbers. The sum is a multiple of 11. Numbers whose check digit would be
    # 10, written X, are not allowed: it is no digit. An eleventh digit would weigh 0, and not be checked.
    "mod11": Scheme(_add_mod11, goal=0, lengths=tuple(range(2, 11))),
    # GS1 General Specifications, 7.9: EAN-8 and EAN-13 (GTIN-8, GTIN-13). The sum is a multiple of 10.
    "ean": Scheme(_add_ean, goal=0, lengths=(8, 13)),
    # ISO 7064, MOD 97-10: the remainder by 97 is 1. That is the check inside an IBAN (ISO 13616), but not one of an
    # IBAN as it stands on paper: there the country's letters and the check digits go to the end first, and letters
    # become numbers. Here the digits count as they stand.
    "iban": Scheme(_add_iban, goal=1, lengths=(3,), or_longer=True),
}


def parse_rules(
    *,
    length: str | None = None,
    range: str | None = None,  # noqa: A002 - the option's name
    values: str | Path | Values | None = None,
    pattern: str | None = None,
    check: str | None = None,
) -> Rule | None:
    """Return the rule that the words of a command line stand for; None where there are none.

    Parameters
    ----------
    length
        As 5, or 3:5 for three to five digits.
    range
        As 0:150, the least and the greatest value.
    values
        The path of a text file, one value per line; or the values, where they were read already.
    pattern
        As dd.dd.dddd, where d is any digit.
    check
        luhn, mod11, ean or iban.

    Raises RuleError where one cannot be understood, or they contradict each other.

    >>> print(parse_rules(length="5", check="luhn"))
    of 5 digits and with a valid luhn check
    """
    readers: list[tuple[Callable[[Any], Rule], str | Path | Values | None]] = [
        (_parse_length, length),
        (_parse_range, range),
        (_as_values, values),
        (Pattern, pattern),
        (Check, check),
    ]
    rules = tuple(read(given) for read, given in readers if given is not None)
    return AllOf(rules) if len(rules) > 1 else next(iter(rules), None)


def read_values(path: str | Path) -> Values:
    """Read a roster: one number per line; blank lines and the space around a number do not count.

    Raises RuleError if the file cannot be read, is empty, or has a line that is no number.
    """
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        raise unreadable(path, error) from error
    return parse_values(content, source=path)


def parse_values(content: bytes, *, source: str | Path) -> Values:
    """Read the content of a roster, as read_values does; `source` is what errors call it."""
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except ValueError as error:
        raise unreadable(source, error) from error
    values = {number: line.strip() for number, line in enumerate(lines, start=1) if line.strip()}
    for number, value in values.items():
        if not DIGITS.fullmatch(value):
            raise RuleError(
                f"cannot use '{source}': line {number} is '{one_line(value)}', not digits only; "
                "write one number per line"
            )
    if not values:
        raise RuleError(f"cannot use '{source}': it is empty; write one number per line")
    return Values(frozenset(values.values()))


def unreadable(source: str | Path, error: Exception) -> RuleError:
    """Return the refusal of a roster that cannot be read."""
    return RuleError(f"cannot read '{source}': {reason_of(error)}; give a text file, one number per line")


def _as_values(values: str | Path | Values) -> Values:
    return values if isinstance(values, Values) else read_values(values)


def _parse_length(text: str) -> Length:
    shortest, colon, longest = (part.strip() for part in text.partition(":"))
    if not all(map(_is_count, [shortest, longest] if colon else [shortest])):
        raise RuleError(f"cannot use the length '{one_line(text)}': write digits such as 5, or 3:5 for three to five")
    return Length(int(shortest), int(longest) if colon else None)


def _parse_range(text: str) -> Range:
    least, _, greatest = (part.strip() for part in text.partition(":"))
    if not (_is_count(least) and _is_count(greatest)):
        raise RuleError(f"cannot use the range '{one_line(text)}': write the least and the greatest value, as 0:150")
    return Range(int(least), int(greatest))


def _is_count(text: str) -> bool:
    return len(text) <= 2 * MAX_DIGITS and DIGITS.fullmatch(text) is not None  # int refuses thousands of digits


def _compare(digit: int, other: str) -> int:
    """Return 1, 0 or -1; beyond a bound's last digit there is more than the bound."""
    return 1 if not other else (digit > int(other)) - (digit < int(other))


def _explore(rule: Rule) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Walk from the start to every state; return children (n + 1, 10) and accepting (n + 1,), the dead end last."""
    numbers: dict[Hashable, int] = {rule.start: 0}
    states: list[Hashable] = [rule.start]
    children: list[int] = []  # -1 for the dead end, which stands last
    for state in states:  # grows while it is walked
        for digit in range(10):
            child = rule.step(state, digit)
            if child is not None and child not in numbers:
                numbers[child] = len(states)
                states.append(child)
            children.append(-1 if child is None else numbers[child])
        if len(states) > MAX_STATES:
            raise RuleError(f"numbers {rule} are too many to keep apart: use fewer or simpler rules")
    accepting = np.array([*map(rule.accepts, states), False])
    return np.array(children + [-1] * 10, np.intp).reshape(-1, 10), accepting


def _trim(children: NDArray[np.intp], accepting: NDArray[np.bool_]) -> Automaton:
    """Leave out the states from which none that accepts can be reached, but for the start."""
    hopeful = np.zeros_like(accepting)
    wider = accepting
    while (wider != hopeful).any():
        hopeful, wider = wider, wider | wider[children].any(axis=1)
    kept = np.flatnonzero(hopeful | (np.arange(len(hopeful)) == 0))
    renumbered = np.full(len(hopeful), len(kept))
    renumbered[kept] = np.arange(len(kept))
    renumbered[~hopeful] = len(kept)
    dead_end = np.full((1, 10), len(kept))
    return Automaton(
        np.concatenate([renumbered[children[kept]], dead_end]), np.concatenate([accepting[kept], np.zeros(1, bool)])
    )
