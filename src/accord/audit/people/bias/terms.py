"""Words about groups: which they are, how many of each side a text has, and a text with those of one side alone."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from accord.audit.people.bias.thresholds import PACKAGED
from accord.errors import AuditError, storage

__all__ = ["Axis", "axes_of", "read_axes"]


@dataclass(frozen=True)
class Axis:
    """An axis with two sides; `first_words[i]` and `second_words[i]` are counterparts. A word may stand more than once.

    Words are counted whole, whatever their capitals.
    """

    name: str
    first: str
    second: str
    first_words: tuple[str, ...]
    second_words: tuple[str, ...]

    def balance(self, text: str) -> int:
        """Words of the first side less words of the second."""
        words = [match.group().lower() for match in self._pattern.finditer(text)]
        return sum(word in self._to_second for word in words) - sum(word in self._to_first for word in words)

    def counterparts(self, text: str) -> list[str]:
        """The words of the first side that stand in a text themselves, or whose counterparts do, each once."""
        words = (match.group().lower() for match in self._pattern.finditer(text))
        return sorted({self._to_first.get(word, word) for word in words})

    def turned(self, text: str, word: str, *, to_first: bool) -> tuple[str, int]:
        """The text with every `word` (of the first side) and its counterpart on one side; and how many there were.

        A word in capitals stays so, and one that begins with a capital begins with one.
        """
        count = 0

        def turn(match: re.Match[str]) -> str:
            nonlocal count
            found = match.group()
            of_first = self._to_first.get(found.lower(), found.lower())
            if of_first != word:
                return found
            count += 1
            return _cased(word if to_first else self._to_second[word], found)

        return self._pattern.sub(turn, text), count

    @cached_property
    def _to_second(self) -> Mapping[str, str]:
        return dict(reversed(list(zip(self.first_words, self.second_words, strict=True))))

    @cached_property
    def _to_first(self) -> Mapping[str, str]:
        return dict(reversed(list(zip(self.second_words, self.first_words, strict=True))))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        words = sorted({*self.first_words, *self.second_words}, key=len, reverse=True)
        return re.compile(r"\b(?:" + "|".join(map(re.escape, words)) + r")\b", re.IGNORECASE)


def _cased(word: str, like: str) -> str:
    if len(like) > 1 and like.isupper():
        return word.upper()
    return word.capitalize() if like[:1].isupper() else word


def axes_of(path: str) -> list[Axis]:
    """The axes of a file, or those that are `packaged`."""
    if path != PACKAGED:
        return read_axes(Path(path))
    return _parsed((files("accord.audit.people.bias") / "terms.toml").read_bytes(), "terms.toml")


def read_axes(path: Path) -> list[Axis]:
    """Axes from a TOML file: a table for each, of two lists of words that are each other's counterparts.

    Raises `AuditError` that names the key, `StorageError` where the file cannot be read.
    """
    with storage(path):
        content = path.read_bytes()
    return _parsed(content, path.name)


def _parsed(raw: bytes, place: str) -> list[Axis]:
    try:
        content = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AuditError(f"{place}: not TOML in UTF-8 ({error})") from error
    if not content:
        raise AuditError(f"{place}: no axis; write a table, such as [gender], of two lists of words")
    return [_axis(name, lists, f"{place} {name}") for name, lists in content.items()]


def _axis(name: str, lists: object, place: str) -> Axis:
    if not isinstance(lists, dict) or len(lists) != 2:
        raise AuditError(f"{place}: write a table of two lists of words, one a side")
    (first, first_words), (second, second_words) = lists.items()
    for side, words in lists.items():
        if (
            not isinstance(words, list)
            or not words
            or not all(isinstance(word, str) and word.strip() for word in words)
        ):
            raise AuditError(f"{place}.{side}: write a list of words")
    if len(first_words) != len(second_words):
        raise AuditError(f"{place}: {len(first_words)} and {len(second_words)} words; each needs its counterpart")
    pair = tuple(tuple(word.strip().lower() for word in words) for words in (first_words, second_words))
    if both := set(pair[0]) & set(pair[1]):
        raise AuditError(f"{place}: {sorted(both)[0]!r} stands on both sides")
    return Axis(name, first, second, *pair)
