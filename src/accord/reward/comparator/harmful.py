"""Edits after which a text says something else: other numbers, names, units, signs of a fact, order; more; or less.

Each is a function of a text and a source of random draws, and gives None where it does not apply, or where the text
might say the same after it.
"""

import re
from collections.abc import Sequence
from random import Random

from accord.reward.comparator.sentences import closed, content_words, exchange, sentences
from accord.reward.comparator.words import ANTONYMS, NAMES, NUMBER_WORDS, STATEMENTS, UNITS

__all__ = [
    "antonym", "before_and_after", "denied", "from_and_to", "interrupted", "name_changed", "names_swapped", "never",
    "not_inserted", "not_removed", "number_changed", "number_word_changed", "numbers_swapped", "operands_swapped",
    "sentence_dropped", "sentence_of_another", "statement_added", "tail_dropped", "unit_changed",
]  # fmt: skip

NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?![\w]|[.,]\d)")
VERBS = "is are was were can could will would has have had does do did should must"
AUXILIARY = re.compile(rf"\b({'|'.join(VERBS.split())})\b(?! not\b|n't)", re.IGNORECASE)
NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]{2,}(?!\w)")
NO_NAMES = (
    "The This That These Then There They She His Her Its And But First Now Next Finally After Before When Since "
    "For Each Every All Thus Hence Therefore From With Adding Let One Two Three"
)
NO_NAME = frozenset(NO_NAMES.split())
ALIKE = re.compile(
    r"[\s,]*(?:(?:and|or|is|was|are|were|as|called|named|of|in|with|to|the|a|an|&)[\s,]*)*", re.IGNORECASE
)
ASIDE = (
    ", which was {name}'s idea,", " (for the second time)", ", much to the surprise of {name},", " (in {year})",
    ", together with {number} others,",
)  # fmt: skip


def number_changed(text: str, draw: Random) -> str | None:
    """One number for another: near it, ten times as large, or with a digit exchanged."""
    places = list(NUMBER.finditer(text))
    if not places:
        return None
    match = draw.choice(places)
    value = float(match[0].replace(",", ""))
    step = draw.choice([1, 1, 2, 3, 5, 10]) * draw.choice([-1, 1])
    values = [value + step, value * 10, value * 2, abs(value - step)]
    other = draw.choice([each for each in values if each >= 0 and each != value])
    whole = "." not in match[0]
    return _put(text, match, (f"{other:,.0f}" if "," in match[0] else f"{other:.0f}") if whole else f"{other:.2f}")


def number_word_changed(text: str, draw: Random) -> str | None:
    """ "three" for "seven"; "one" is as often a pronoun, and stays."""
    places = list(re.finditer(r"\b(?:" + "|".join(NUMBER_WORDS[2:]) + r")\b", text, re.IGNORECASE))
    if not places:
        return None
    match = draw.choice(places)
    other = draw.choice([word for word in NUMBER_WORDS[2:] if word != match[0].lower()])
    return _put(text, match, other.capitalize() if match[0][0].isupper() else other)


def numbers_swapped(text: str, draw: Random) -> str | None:
    """Two different numbers of two sentences, each in the place of the other, unless that is the sentences' order."""
    parts = sentences(text)
    masked = [NUMBER.sub("#", part) for part in parts]
    pairs = [
        (i, first, j, second)
        for i in range(len(parts))
        for j in range(i + 1, len(parts))
        if masked[i] != masked[j] and "=" not in parts[i] + parts[j]
        for first in NUMBER.finditer(parts[i])
        for second in NUMBER.finditer(parts[j])
        if first[0].replace(",", "") != second[0].replace(",", "")
    ]
    if not pairs:
        return None
    i, first, j, second = draw.choice(pairs)
    parts[i], parts[j] = _put(parts[i], first, second[0]), _put(parts[j], second, first[0])
    return " ".join(parts)


def name_changed(text: str, draw: Random, *, held_out: bool = False) -> str | None:
    """A name for another, wherever it stands."""
    names = sorted({match[0] for match in NAME.finditer(text)} - NO_NAME)
    if not names:
        return None
    name = draw.choice(names)
    other = draw.choice([each for each in NAMES[held_out] if each not in text])
    return re.sub(rf"\b{name}\b", other, text)


def names_swapped(text: str, draw: Random) -> str | None:
    """Two names of one sentence, each in the place of the other, unless they are joined or said to be one."""
    parts = sentences(text)
    pairs = [
        (place, first, second)
        for place, part in enumerate(parts)
        if not re.search(r"\b(?:and|or|both|each other|between|married|same)\b|\bwith\b", part)
        for first in re.finditer(r"\b[A-Z][a-z]{2,}\b(?! [A-Z])(?<! [A-Z])", part)
        for second in NAME.finditer(part)
        if second.start() > first.end() and first[0] != second[0] and not {first[0], second[0]} & NO_NAME
        if not ALIKE.fullmatch(part[first.end() : second.start()])
        and not re.search(r"[A-Z][a-z]+ $", part[: first.start()])
        and re.search(r"[a-z]{3,}(?:ed|s|t|ve|n)\b", part[first.end() : second.start()])
    ]
    if not pairs:
        return None
    place, first, second = draw.choice(pairs)
    part = parts[place]
    parts[place] = (
        part[: first.start()] + second[0] + part[first.end() : second.start()] + first[0] + part[second.end() :]
    )
    return " ".join(parts)


def not_inserted(text: str, draw: Random) -> str | None:
    """ "not" behind an auxiliary verb."""
    places = list(AUXILIARY.finditer(text))
    return _put(text, match := draw.choice(places), f"{match[0]} not") if places else None


def not_removed(text: str, draw: Random) -> str | None:
    """Without one "not"."""
    places = list(re.finditer(r"(?<=[a-z]) not\b(?! (?:only|just)\b)|(?<=[a-z])n't\b", text))
    places = [match for match in places if not re.search(r"(?:wo|ca|sha)$", text[: match.start()])]
    return _put(text, draw.choice(places), "") if places else None


def never(text: str, draw: Random) -> str | None:
    """ "never" behind an auxiliary verb."""
    places = list(AUXILIARY.finditer(text))
    return _put(text, match := draw.choice(places), f"{match[0]} never") if places else None


def denied(text: str, draw: Random) -> str | None:
    """ "It is not true that" before one sentence that denies nothing itself."""
    parts = sentences(text)
    places = [i for i, part in enumerate(parts) if len(part.split()) > 3 and not re.search(r"\bnot\b|n't|never", part)]
    if not places:
        return None
    place = draw.choice(places)
    parts[place] = f"It is not true that {parts[place]}"
    return " ".join(parts)


def antonym(text: str, draw: Random, *, held_out: bool = False) -> str | None:
    """A word for one with which the sentence says something else."""
    return exchange(text, ANTONYMS[held_out], draw)


def unit_changed(text: str, draw: Random, *, held_out: bool = False) -> str | None:
    """A unit for another of its kind, everywhere; "$" for "€"."""
    if not held_out and "$" in text and draw.random() < 0.5:
        return text.replace("$", draw.choice("€£"))
    used = [unit for unit in UNITS[held_out] if re.search(rf"\b{unit}\b", text)]
    if not used:
        return None
    unit = draw.choice(used)
    return re.sub(rf"\b{unit}\b", UNITS[held_out][unit], text)


def before_and_after(text: str, draw: Random) -> str | None:
    """ "before" for "after", or the other way round."""
    return exchange(text, {"before": "after", "after": "before", "followed": "preceded", "until": "since"}, draw)


def operands_swapped(text: str, draw: Random) -> str | None:
    """ "16 - 3" as "3 - 16", of what may not be swapped."""
    pattern = r"(?<![\d.,+*/=x-])(?<![+*/=x-] )(\$?\d[\d,.]*\d|\$?\d)( ?[-/] ?)(\$?\d[\d,.]*\d|\$?\d)(?! ?[-+*/x\d])"
    places = [match for match in re.finditer(pattern, text) if match[1].lstrip("$") != match[3].lstrip("$")]
    return _put(text, match := draw.choice(places), match[3] + match[2] + match[1]) if places else None


def from_and_to(text: str, draw: Random) -> str | None:
    """ "from X to Y" as "from Y to X"."""
    for match in re.finditer(r"\bfrom (\$?[A-Z\d][\w,]*) to (\$?[A-Z\d][\w,]*)", text):
        first, second = match[1].rstrip(","), match[2].rstrip(",")
        if first != second:
            return text[: match.start()] + f"from {second} to {first}" + text[match.start(2) + len(second) :]
    return None


def sentence_of_another(text: str, draw: Random, other_texts: Sequence[str]) -> str | None:
    """A sentence of another text, somewhere between its own, of which half the words are new."""
    parts = sentences(text)
    candidates = [part for part in sentences(draw.choice(other_texts)) if len(part.split()) > 3] if other_texts else []
    if not candidates or not parts:
        return None
    added = draw.choice(candidates)
    new = content_words(added) - content_words(text)
    if len(new) < max(2, len(content_words(added)) / 2):
        return None
    parts.insert(draw.randint(1, len(parts)), added)
    return closed(parts)


def statement_added(text: str, draw: Random, *, held_out: bool = False) -> str | None:
    """A fact at the end."""
    end = "" if text[-1:] in {".", "!", "?"} else "."
    return f"{text}{end} {_filled(draw.choice(STATEMENTS[held_out]), text, draw)}" if text else None


def interrupted(text: str, draw: Random) -> str | None:
    """A fact in the middle of a sentence, behind a word of at least four letters."""
    places = list(re.finditer(r"[a-z]{4,}(?= (?:was|is|were|are|has|had|and|in|to|for)\b)", text))
    if not places:
        return None
    match = draw.choice(places)
    return text[: match.end()] + _filled(draw.choice(ASIDE), text, draw) + text[match.end() :]


def sentence_dropped(text: str, draw: Random) -> str | None:
    """Without one of its sentences, that says something which the others do not."""
    parts = sentences(text)
    shorter = [(part, [*parts[:place], *parts[place + 1 :]]) for place, part in enumerate(parts)]
    shorter = [
        each for each in shorter if each[1] and len(content_words(each[0]) - content_words(" ".join(each[1]))) > 1
    ]
    return " ".join(draw.choice(shorter)[1]) if shorter else None


def tail_dropped(text: str, draw: Random) -> str | None:
    """Without what stands behind the last comma, or "and", of a sentence, where it says something of its own."""
    parts = sentences(text)
    places = []
    for place, part in enumerate(parts):
        match = re.fullmatch(r"(.{12,})(?:, (?:which|who|where|and|with|while)| and| because| after) (.{8,})\.", part)
        if match and "=" not in part and len(content_words(match[2]) - content_words(match[1])) > 1:
            places.append((place, f"{match[1]}."))
    if not places:
        return None
    place, shorter = draw.choice(places)
    return " ".join([*parts[:place], shorter, *parts[place + 1 :]])


def _put(text: str, match: re.Match[str], other: str) -> str:
    return text[: match.start()] + other + text[match.end() :]


def _filled(statement: str, text: str, draw: Random) -> str:
    """A statement with a name, a year and a number that the text does not have."""
    name = draw.choice([each for each in NAMES[0] if each not in text])
    number = draw.choice([each for each in range(3, 60) if str(each) not in text])
    year = draw.choice([each for each in range(1950, 2020) if str(each) not in text])
    return statement.format(name=name, number=number, year=year)
