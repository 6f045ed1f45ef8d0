"""A language made by code from the English catalogue, and what of a page is not in it."""

import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

from accord.collect.study.catalogue import KEYBOARD, PLACE, Pattern, english

__all__ = ["leftovers", "made_up", "write_made_up"]

MARKED = re.compile("|".join((PLACE.pattern, KEYBOARD.pattern, r"\*\*")))
CYRILLIC = str.maketrans("abcdefghijklmnopqrstuvwxyz", "абцдефгхийклмнопярстувшжыз")
HEBREW = str.maketrans("abcdefghijklmnopqrstuvwxyz", "אבגדהוזחטיכלמנסעפצקרשתםןףך")
INLINE = frozenset({"kbd", "strong", "bdi", "span", "time", "a", "em", "b"})
VOID = frozenset({"meta", "link", "input", "br", "hr", "img"})
LATIN = re.compile("[A-Za-z]{2}")


def made_up(text: str, letters: dict[int, int] = CYRILLIC) -> str:
    """A text with the letters of another script between brackets; its places and marks as they are."""
    parts, at = [], 0
    for match in MARKED.finditer(text):
        parts += [text[at : match.start()].lower().translate(letters), match[0]]
        at = match.end()
    return "⟦" + "".join([*parts, text[at:].lower().translate(letters)]) + "⟧"


def write_made_up(path: Path, letters: dict[int, int] = CYRILLIC) -> Path:
    """The file of such a language: every key, every plural form that English has."""

    def written(pattern: Pattern) -> str:
        if isinstance(pattern, str):
            return json.dumps(made_up(pattern, letters), ensure_ascii=False)
        forms = (f"{form} = {json.dumps(made_up(text, letters), ensure_ascii=False)}" for form, text in pattern.items())
        return f"{{{', '.join(forms)}}}"

    path.write_text("".join(f"{key} = {written(pattern)}\n" for key, pattern in english().texts.items()))
    return path


class _Texts(HTMLParser):
    """All that is read on a page or heard of it, but what stands on keys, what people typed or judge, and addresses."""

    SPOKEN = ("title", "aria-label", "placeholder", "alt", "data-name")
    SKIPPED = frozenset({"kbd", "script", "style", "textarea", "time"})
    SKIPPED_CLASSES = frozenset({"own", "copy", "gutter"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._skips: list[bool] = [False]
        self._now = ""
        self.feed(page)
        self._end()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.found += [attributes[name] for name in self.SPOKEN if name in attributes]
        if tag not in INLINE:
            self._end()
        if tag not in VOID:
            of_others = (
                attributes.get("translate") == "no" or {*attributes.get("class", "").split()} & self.SKIPPED_CLASSES
            )
            self._skips.append(bool(of_others) or tag in self.SKIPPED or self._skips[-1])

    def handle_endtag(self, tag: str) -> None:
        if tag not in INLINE:
            self._end()
        self._skips.pop()

    def handle_data(self, data: str) -> None:
        self._now += "" if self._skips[-1] else data

    def _end(self) -> None:
        self.found.append(self._now)
        self._now = ""


def leftovers(page: str, own: Sequence[str]) -> list[str]:
    """The texts of a page that still have words in Latin letters; `own` are the study's, which are left out."""
    left = []
    for text in _Texts(page).found:
        for word in sorted(own, key=len, reverse=True):
            text = text.replace(word, "")
        if LATIN.search(text):
            left.append(" ".join(text.split()))
    return left
