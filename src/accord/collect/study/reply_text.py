"""Replies in plain text, from whoever has no page: what a machine writes where a person presses a button.

Read strictly: what is not exactly as the rules have it is a `FormError` that says what is, so that it can be asked for
again. Nothing is guessed from a reply.
"""

from collections.abc import Sequence

from accord.errors import FormError

__all__ = ["REPLY", "letters", "one_line", "place_of_letter", "place_of_quote", "without_emphasis"]

REPLY = "reply"
"""The field that errors about a reply name."""

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
EMPHASIS = "*`"  # of Markdown, around a word


def letters(n: int) -> list[str]:
    """What completions are called in a reply, in the order shown: A, B, ..., Z, AA, AB, ..."""
    return [_letter(place) for place in range(n)]


def _letter(place: int) -> str:
    head, last = divmod(place, len(ALPHABET))
    return (_letter(head - 1) if head else "") + ALPHABET[last]


def place_of_letter(text: str, names: Sequence[str]) -> int:
    """Which completion a letter names. Raises `FormError` where it names none."""
    letter = without_emphasis(text).upper()
    if letter not in names:
        raise FormError(REPLY, f"{text.strip()!r:.40} is none of {', '.join(names)}.")
    return names.index(letter)


def without_emphasis(text: str) -> str:
    """A word without blanks and Markdown's emphasis around it."""
    return text.strip().strip(EMPHASIS).strip()


def one_line(reply: str) -> str:
    """A reply of one line, without blanks around it. Raises `FormError` where it holds no word or goes on."""
    line = reply.strip()
    if not without_emphasis(line):
        raise FormError(REPLY, "Nothing stands there.")
    if len(line.splitlines()) > 1:
        raise FormError(REPLY, "It goes on after the line; nothing may follow.")
    return line


def place_of_quote(quote: str, text: str, occurrence: int | None = None) -> tuple[int, int]:
    """Where a quotation stands in a text: its first character, and the one after its last.

    Raises `FormError` where it stands nowhere, or several times and it is not said which (`occurrence`, from 1).
    """
    places = [place for place in range(len(text) - len(quote) + 1) if text.startswith(quote, place)] if quote else []
    if not places:
        raise FormError(REPLY, f"{quote!r:.60} does not stand in the answer; copy its words exactly.")
    if occurrence is None and len(places) > 1:
        raise FormError(REPLY, f"{quote!r:.60} stands in the answer {len(places)} times; quote more of it.")
    if occurrence is not None and not 1 <= occurrence <= len(places):
        raise FormError(REPLY, f"{quote!r:.60} stands in the answer {len(places)} times, not {occurrence}.")
    start = places[(occurrence or 1) - 1]
    return start, start + len(quote)
