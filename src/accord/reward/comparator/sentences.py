"""Texts as sentences, and the same text with something exchanged in it."""

import re
from collections.abc import Mapping, Sequence
from random import Random

__all__ = ["closed", "content_words", "exchange", "matching_case", "sentences", "sources_of"]

SENTENCE = re.compile(r"[^\n]+?(?:[.!?][\"')\]]*(?=\s+[A-Z0-9\"'(])|(?=\n)|$)", re.DOTALL)
ABBREVIATED = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Jr|Sr|vs|No|U\.S|[A-Z])\.)$")
FUNCTION_WORDS = (
    "a an the and or but of in on at to for from by with as is are was were be been it its this that these those he "
    "she they his her their has have had do does did not no so then there which who will would can could may than "
    "into a: answer"
)
COMMON = frozenset(FUNCTION_WORDS.split())


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order, without the white space between them; each line ends one."""
    pieces: list[str] = []
    joins = False
    for match in SENTENCE.finditer(text):
        piece = match[0].strip()
        if not piece:
            continue
        if joins:
            pieces[-1] += f" {piece}"
        else:
            pieces.append(piece)
        joins = bool(ABBREVIATED.search(piece))
    return pieces


def content_words(text: str) -> set[str]:
    """Numbers and words that say something, in lower case."""
    return set(re.findall(r"\d[\d,.]*\d|\d|[a-z]+(?:'[a-z]+)?", text.lower())) - COMMON


def matching_case(word: str, like: str) -> str:
    """The word with a capital first letter where `like` has one."""
    return word[0].upper() + word[1:] if like[:1].isupper() else word


def exchange(text: str, table: Mapping[str, str], draw: Random, *, most: int = 1) -> str | None:
    """The text with up to `most` of the words that the table has replaced; None where it has none of them."""
    places = [match for match in re.finditer(r"[A-Za-z][A-Za-z-]*", text) if match[0].lower() in table]
    if not places:
        return None
    chosen = draw.sample(places, draw.randint(1, min(most, len(places))))
    for match in sorted(chosen, key=lambda match: -match.start()):
        word = matching_case(table[match[0].lower()], match[0])
        text = text[: match.start()] + word + text[match.end() :]
    return text


def sources_of(text: str, *, longest: int = 60) -> list[str]:
    """A text in runs of one to four sentences with at most `longest` words together; longer sentences are left out."""
    runs: list[list[str]] = [[]]
    for sentence in sentences(text):
        words = len(sentence.split())
        if words > longest:
            continue
        if len(runs[-1]) == 4 or sum(len(each.split()) for each in runs[-1]) + words > longest:
            runs.append([])
        runs[-1].append(sentence)
    return [closed(run) for run in runs if run]


def closed(parts: Sequence[str]) -> str:
    """Sentences as one text, a full stop behind each that has no sign of its own."""
    return " ".join(part if part[-1] in ".!?;:" else f"{part}." for part in parts)
