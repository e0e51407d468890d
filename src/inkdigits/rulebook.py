"""The rulebook of a batch: what its numbers may be, in the words of the command and of a manifest's rows.

The words are those of `rules.parse_rules`. A list of values is named by its content, and lies under that name in the
batch's folder: so it is the same for all workers, and the next day.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from inkdigits import storage
from inkdigits.errors import BatchMismatchError, RuleError, one_line
from inkdigits.rules import Rule, parse_rules, parse_values, unreadable
from inkdigits.sources import RULE_COLUMNS

Words = Mapping[str, Any]
Keep = Callable[[str, bytes], None]  # is given the name that a list has in the batch's folder, and its content

VALUES = "values"  # the word that names a list, and the folder of the lists
MAX_LIST_BYTES = 100_000_000  # some ten million numbers
RULES_AT_HAND = 32  # written out as automata; a large one takes some MB


def settle(words: Words, *, level: str, keep: Keep) -> dict[str, str]:
    """Return the words that were given, with the name of its content in place of a list's address; `keep` the list.

    Raises RuleError where one cannot be understood, or where there are no whole numbers. That two contradict each
    other is not seen here: to compile them takes a thousand times longer than to look at them.

    Examples
    --------
    >>> settle({"length": 5, "check": None}, level="page", keep=print)
    {'length': '5'}
    """
    given = {name: str(word) for name, word in words.items() if word is not None and word != ""}
    if given and level == "digit":
        raise RuleError("rules are for whole numbers, and a picture is a digit: leave them out, or take another level")
    for name, word in given.items():
        if name not in RULE_COLUMNS:
            raise RuleError(f"no rule '{one_line(name)}': use {', '.join(RULE_COLUMNS)}")
        if name == VALUES:
            content = _read_list(word)
            parse_values(content, source=word)
            given[VALUES] = _word_of(content)
            keep(_file_of(given[VALUES]), content)
        else:
            parse_rules(**{name: word})
    return given


def compile_words(words: Words, load: Callable[[str], bytes]) -> Rule | None:
    """Return the rule that settled words stand for; `load` gives a list's content. Raises RuleError."""
    if VALUES not in words:
        return parse_rules(**words)
    name = _file_of(words[VALUES])
    return parse_rules(**{**words, VALUES: parse_values(load(name), source=name)})


def find_rule(folder: str, words: Words, own: str = "") -> Rule | None:
    """Return the rule of a file: the words of the batch in a folder, and in their place its own, which are JSON.

    Raises RuleError where they contradict each other.
    """
    return _compile(folder, json.dumps({**words, **json.loads(own or "{}")}, sort_keys=True))


@lru_cache(maxsize=RULES_AT_HAND)
def _compile(folder: str, words: str) -> Rule | None:
    return compile_words(json.loads(words), lambda name: _load_list(folder, name))


def _read_list(address: str) -> bytes:
    try:
        content = storage.read_file(address, max_bytes=MAX_LIST_BYTES)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        raise unreadable(address, error) from error
    if len(content) > MAX_LIST_BYTES:
        raise RuleError(f"cannot use '{address}': it has more than {MAX_LIST_BYTES:,} bytes; give a shorter list")
    return content


def _load_list(folder: str, name: str) -> bytes:
    """Return a list that a batch's folder keeps."""
    address = storage.join(folder, name)
    try:
        content = storage.read_file(address, max_bytes=MAX_LIST_BYTES)
    except FileNotFoundError:
        content = b""
    if _file_of(_word_of(content)) != name:
        raise BatchMismatchError(
            f"cannot go on with '{address}': it is another list than at the beginning; put it back"
        )
    return content


def _word_of(content: bytes) -> str:
    """Return the word that names a list by its content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _file_of(word: str) -> str:
    """Return what a list's file is called in the batch's folder."""
    return f"{VALUES}/{word.removeprefix('sha256:')}.txt"
