"""Pairs of texts of which it is known whether they say the same, made by program out of texts."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from accord.errors import RecipeError, storage
from accord.reward.comparator.edits import EDITS, Edit, Effect
from accord.reward.comparator.sentences import sources_of

__all__ = ["TextPair", "make_pairs", "read_texts", "without_calculations"]

FLIPPED: dict[Effect, Effect] = {"same": "same", "other": "other", "more": "less", "less": "more"}
PLAIN = 0.12  # share of pairs that are one text twice, or two unlike texts: as many of each

PLAIN_KINDS = frozenset({"identical", "unrelated"})
TRIED = 40  # texts that an edit is tried on


@dataclass(frozen=True)
class TextPair:
    """Two texts, what is true of them, and how they were made.

    same    they say the same
    extra   `text` states a fact that `reference` does not
    """

    text: str
    reference: str
    same: bool
    extra: bool
    kind: str
    edit: str
    source: int


def make_pairs(
    texts: Sequence[str], n: int, *, seed: int, edits: Sequence[Edit] = EDITS, composed: float = 0.3
) -> list[TextPair]:
    """`n` pairs drawn from the texts, half of them of texts that say the same, a kind of edit as likely as another.

    A share `composed` of pairs has an edit that changes nothing beside the one that they are named for. Either text of
    a pair may be the edited one. Raises `RecipeError` where the texts are too few or too short to be edited.
    """
    draw = Random(seed)
    sources = [(run, number) for number, text in enumerate(texts) for run in sources_of(without_calculations(text))]
    if len(sources) < 2:
        raise RecipeError("fewer than two texts with sentences of at most 60 words; give a file with more")
    pairs: list[TextPair] = []
    plain = 0
    for _ in range(50 * n):
        if len(pairs) == n:
            return pairs
        pair = _drawn(sources, edits, draw, composed)
        if pair is None or (pair.kind in PLAIN_KINDS and plain >= max(1, 2 * PLAIN * n)):
            continue
        plain += pair.kind in PLAIN_KINDS
        pairs.append(pair)
    raise RecipeError(f"of {len(sources)} passages only {len(pairs)} pairs could be made, not {n}; give more")


def read_texts(file: Path) -> list[str]:
    """The texts of a file: one a line, or with `.jsonl` and `.json` all strings of at least 20 characters in it.

    Raises `RecipeError` where a line is no JSON, or there is no text.
    """
    with storage(file):
        content = file.read_text(encoding="utf-8")
    try:
        match file.suffix:
            case ".json":
                texts = _strings(json.loads(content))
            case ".jsonl":
                texts = [text for line in content.splitlines() if line.strip() for text in _strings(json.loads(line))]
            case _:
                texts = [line.strip() for line in content.splitlines() if line.strip()]
    except ValueError as error:
        raise RecipeError(f"{file}: not JSON ({error}); write one text a line into a .txt file, or JSON") from error
    texts = list(dict.fromkeys(texts))
    if not texts:
        raise RecipeError(f"{file}: no text in it; write one a line")
    return texts


def without_calculations(text: str) -> str:
    """A text without the marks of a calculator, as <<9*2=18>>."""
    return re.sub(r"<<[^<>]*>>", "", text)


def _drawn(sources: Sequence[tuple[str, int]], edits: Sequence[Edit], draw: Random, composed: float) -> TextPair | None:
    """One pair; None where the edit that was drawn applies to none of the texts that were tried."""
    if draw.random() < PLAIN:
        return _plain(sources, draw)
    harmless = [edit for edit in edits if edit.effect == "same"]
    harmful = [edit for edit in edits if edit.effect != "same"]
    edit = _of_one_kind(harmless if draw.random() < 0.5 else harmful, draw)
    for text, number in draw.choices(sources, k=TRIED):
        other_texts = [each for each, of in draw.sample(sources, min(4, len(sources))) if of != number]
        edited = edit.change(text, draw, other_texts)
        if edited is not None and edited.strip() and edited != text:
            break
    else:
        return None
    if draw.random() < composed:
        edited = _of_one_kind(harmless, draw).change(edited, draw, other_texts) or edited
    pair, effect = (edited, text), edit.effect
    if draw.random() < 0.5:
        pair, effect = (text, edited), FLIPPED[effect]
    return TextPair(*pair, effect == "same", effect in {"other", "more"}, _kind(edit, effect), edit.name, number)


def _plain(sources: Sequence[tuple[str, int]], draw: Random) -> TextPair | None:
    """One text twice, or two texts of different sources."""
    text, number = draw.choice(sources)
    if draw.random() < 0.5:
        return TextPair(text, text, True, False, "identical", "identical", number)
    other, of = draw.choice(sources)
    return None if of == number else TextPair(text, other, False, True, "unrelated", "unrelated", number)


def _kind(edit: Edit, effect: Effect) -> str:
    return {"more": "addition", "less": "deletion"}.get(effect, edit.kind)


def _of_one_kind(edits: Sequence[Edit], draw: Random) -> Edit:
    kind = draw.choice(list(dict.fromkeys(edit.kind for edit in edits)))
    return draw.choice([edit for edit in edits if edit.kind == kind])


def _strings(value: object) -> list[str]:
    """The strings of at least 20 characters in a JSON value, in order."""
    if isinstance(value, str):
        return [value] if len(value) >= 20 else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _strings(each)]
