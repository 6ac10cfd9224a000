"""SPDX licence expressions: read into trees, and judged by what is allowed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable, Union

_WORD = re.compile(r"\(|\)|[A-Za-z0-9.+:-]+")

# An expression nested deeper than this is nobody's licence.
_DEEPEST = 40


class Unreadable(ValueError):
    """The text is no expression; the message says what was found and what was expected."""


@dataclass(frozen=True)
class Licence:
    """One licence, perhaps with an exception: `Apache-2.0 WITH LLVM-exception`."""

    name: str
    exception: str = ""

    def __str__(self) -> str:
        return f"{self.name} WITH {self.exception}" if self.exception else self.name


@dataclass(frozen=True)
class Choice:
    """Licences of which one (`OR`) or all (`AND`) are to be kept."""

    word: str
    parts: tuple[Expression, ...]


Expression = Union[Licence, Choice]


def read(text: str) -> Expression:
    """Reads an expression; the slash that Cargo once had for `OR` is read as such."""
    words = _words(text.replace("/", " OR "))
    expression, rest = _either(words, 0)
    if rest:
        raise Unreadable(f"found `{rest[0]}`, expected AND, OR or the end")
    return expression


def _words(text: str) -> list[str]:
    words = _WORD.findall(text)
    left = _WORD.sub("", text).split()
    if left:
        raise Unreadable(f"found `{left[0]}`, expected names of licences, AND, OR, WITH and brackets")
    return words


def _either(words: list[str], depth: int) -> tuple[Expression, list[str]]:
    return _chain(words, depth, "OR", lambda words: _both(words, depth))


def _both(words: list[str], depth: int) -> tuple[Expression, list[str]]:
    return _chain(words, depth, "AND", lambda words: _one(words, depth))


def _chain(
    words: list[str], depth: int, word: str, part: Callable[[list[str]], tuple[Expression, list[str]]],
) -> tuple[Expression, list[str]]:
    if depth > _DEEPEST:
        raise Unreadable(f"the brackets are nested more than {_DEEPEST} levels deep")
    first, words = part(words)
    parts = [first]
    while words and words[0].upper() == word:
        more, words = part(words[1:])
        parts.append(more)
    return (Choice(word, tuple(parts)) if len(parts) > 1 else first), words


def _one(words: list[str], depth: int) -> tuple[Expression, list[str]]:
    if not words:
        raise Unreadable("found the end, expected a licence")
    word, words = words[0], words[1:]
    if word == "(":
        inner, words = _either(words, depth + 1)
        if not words or words[0] != ")":
            raise Unreadable(f"found {words[0] if words else 'the end'}, expected a closing bracket")
        return inner, words[1:]
    if word == ")" or word.upper() in ("AND", "OR", "WITH"):
        raise Unreadable(f"found `{word}`, expected a licence")
    if words and words[0].upper() == "WITH":
        if len(words) < 2:
            raise Unreadable("found the end, expected an exception behind WITH")
        return Licence(word, words[1]), words[2:]
    return Licence(word), words


def refused(expression: Expression, allowed: set[str]) -> list[str]:
    """The licences that stand in the way, none when the expression can be kept. Of a choice the way with the
    fewest is told. An exception only adds rights, so a licence that is allowed is so with one, too."""
    if isinstance(expression, Licence):
        names = {str(expression).lower(), expression.name.lower()}
        return [] if names & allowed else [str(expression)]
    found = [refused(part, allowed) for part in expression.parts]
    if expression.word == "OR":
        return min(found, key=len)
    return list(dict.fromkeys(name for part in found for name in part))
