"""Lists of words, phrases and regular expressions that a user names: one a line.

kinda            a word or a phrase, in whatever case of letters, not as a part of another word
/\\b10 ?/ ?10\\b/  a regular expression between slashes, in whatever case of letters
# a remark
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from accord.audit.written_words import UNSPACED
from accord.errors import AuditError, storage

__all__ = ["Span", "Terms", "joined", "read_terms"]

Span = tuple[int, int]


@dataclass(frozen=True)
class Terms:
    """What a list holds: words and phrases as they are written, and regular expressions."""

    phrases: tuple[str, ...] = ()
    expressions: tuple[str, ...] = ()

    @cached_property
    def patterns(self) -> tuple[re.Pattern[str], ...]:
        """All that is looked for; phrases in one pattern, the longest first."""
        ordered = sorted({_folded(phrase) for phrase in self.phrases}, key=lambda phrase: (-len(phrase), phrase))
        words = [re.compile("|".join(map(_whole, ordered)), re.IGNORECASE)] if ordered else []
        return (*words, *(re.compile(expression, re.IGNORECASE) for expression in self.expressions))

    def spans_in(self, text: str) -> list[Span]:
        """Where in a text something of the list stands, [start, end), from left to right; spans may overlap."""
        plain = _plain(text)
        return sorted(found.span() for pattern in self.patterns for found in pattern.finditer(plain))


def read_terms(path: Path | str) -> Terms:
    """What a file lists.

    Raises `AuditError` that names the line where one is no regular expression, or matches nothing at all; and where
    the file lists nothing, or is not UTF-8. `StorageError` where it cannot be read.
    """
    with storage(path):
        content = Path(path).read_bytes()
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise AuditError(f"{path}: not UTF-8 ({error.reason}); save the list as UTF-8") from error
    terms = _terms_of(lines, str(path))
    if not terms.patterns:
        raise AuditError(f"{path}: lists nothing; write a word, or a /regular expression/, a line")
    return terms


def _terms_of(lines: Iterable[str], place: str) -> Terms:
    phrases: list[str] = []
    expressions: list[str] = []
    for number, line in enumerate(lines, 1):
        term = line.strip()
        if not term or term.startswith("#"):
            continue
        if len(term) > 2 and term[0] == term[-1] == "/":
            expressions.append(_expression(term[1:-1], f"{place}:{number}"))
        else:
            phrases.append(term)
    return Terms(tuple(phrases), tuple(expressions))


def _expression(text: str, place: str) -> str:
    try:
        pattern = re.compile(text, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as error:
        raise AuditError(f"{place}: is no regular expression ({error}); without the slashes it is a phrase") from error
    if pattern.search("") is not None:
        raise AuditError(f"{place}: matches a text of nothing, so it would be found in every text; make it say more")
    return text


def _whole(phrase: str) -> str:
    """A pattern of the phrase with any spaces between its words; where it ends in a letter, no other one goes on."""
    body = r"\s+".join(map(re.escape, phrase.split()))
    spaced = rf"[^\W{UNSPACED}]"
    before = rf"(?<!{spaced})" if re.match(spaced, phrase) else ""
    after = rf"(?!{spaced})" if re.search(rf"{spaced}$", phrase) else ""
    return f"{before}{body}{after}"


def _folded(phrase: str) -> str:
    return " ".join(_plain(phrase).lower().split())


def _plain(text: str) -> str:
    """The text with apostrophes of one kind: as long as it was."""
    return text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace("\N{LEFT SINGLE QUOTATION MARK}", "'")


def joined(spans: Sequence[Span]) -> list[Span]:
    """Spans without overlap: those that touch are one."""
    whole: list[Span] = []
    for start, end in sorted(spans):
        if whole and start <= whole[-1][1]:
            whole[-1] = whole[-1][0], max(whole[-1][1], end)
        else:
            whole.append((start, end))
    return whole
