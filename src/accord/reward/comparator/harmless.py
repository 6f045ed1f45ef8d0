"""Edits after which a text says what it said: another word, another form, another order of what does not depend on it.

Each is a function of a text and a source of random draws, and gives None where it does not apply.
"""

import re
from random import Random

from accord.reward.comparator.sentences import closed, exchange, sentences
from accord.reward.comparator.words import FRAMES, NUMBER_WORDS, SYNONYMS

__all__ = [
    "contracted", "digits_as_words", "expanded", "framed", "fronted", "lower_case", "possessive", "punctuated",
    "reordered", "respaced", "signs_as_words", "synonyms", "words_as_digits",
]  # fmt: skip

CONTRACTIONS = {
    "is not": "isn't", "are not": "aren't", "was not": "wasn't", "were not": "weren't", "does not": "doesn't",
    "do not": "don't", "did not": "didn't", "has not": "hasn't", "have not": "haven't", "had not": "hadn't",
    "will not": "won't", "can not": "can't", "cannot": "can't", "could not": "couldn't", "would not": "wouldn't",
    "it is": "it's", "that is": "that's", "he is": "he's", "she is": "she's", "they are": "they're", "we are": "we're",
    "there is": "there's", "he will": "he'll", "she will": "she'll", "they will": "they'll",
}  # fmt: skip
LEANS_BACK = re.compile(
    r"^(?:he|she|it|they|his|her|its|their|this|that|these|those|then|so|thus|therefore|however|but|also|in total|next|"
    r"finally|after|later|another|both|the latter|instead|since|if|now|this|such|the (?:same|other|answer|total|rest)|"
    r"a:|in other|moreover|altogether|first|second|third|lastly|meanwhile|afterwards?|subsequently)\b",
    re.IGNORECASE,
)
SIGNS = {"+": "plus", "-": "minus", "*": "times", "x": "times", "/": "divided by", "=": "equals"}


def synonyms(text: str, draw: Random, *, held_out: bool = False) -> str | None:
    """Up to three words for others that say the same; `held_out` takes the list that is kept for tests."""
    return exchange(text, SYNONYMS[held_out], draw, most=3)


def framed(text: str, draw: Random, *, held_out: bool = False) -> str | None:
    """A phrase before it that adds nothing."""
    return draw.choice(FRAMES[held_out]) + text if text else None


def contracted(text: str, draw: Random) -> str | None:
    """ "is not" as "isn't", and the like."""
    return _formed(text, CONTRACTIONS)


def expanded(text: str, draw: Random) -> str | None:
    """ "isn't" as "is not", and the like; what a bare 's stands for cannot be told, and stays."""
    table = {short: long for long, short in CONTRACTIONS.items() if "n't" in short or short.endswith("'re")}
    return _formed(text, table)


def punctuated(text: str, draw: Random) -> str | None:
    """Without the last full stop, or with a semicolon between two sentences."""
    changes = [text[:-1]] if text.endswith(".") and len(text) > 1 else []
    if match := re.search(r"(?<=[a-z]{2})\. (?=[A-Z][a-z])", text):
        changes.append(text[: match.start()] + "; " + text[match.end() :])
    return draw.choice(changes) if changes else None


def respaced(text: str, draw: Random) -> str | None:
    """A line for each sentence, and arithmetic without blanks."""
    changed = re.sub(r"(?<=\d) ([+*/=]) (?=\$?\d)", r"\1", "\n".join(sentences(text)))
    return changed if changed != text else None


def lower_case(text: str, draw: Random) -> str | None:
    """Without capital letters."""
    return text.lower() if text.lower() != text else None


def digits_as_words(text: str, draw: Random) -> str | None:
    """Whole numbers to twenty in words; years, sums of money, decimals and numbers in names stay."""
    pattern = r"(?<![\w$€£.,/:#-])(?<![+*/=x-] )(1?\d|20)(?![\w%/:]|[.,]\d|-\w| ?[+*/=x-] ?\d)(?! percent)"
    changed = re.sub(pattern, lambda match: NUMBER_WORDS[int(match[1])], text)
    return changed if changed != text else None


def words_as_digits(text: str, draw: Random) -> str | None:
    """Numbers from two to twenty in digits; "one" is as often a pronoun, and stays."""
    pattern = r"(?<!-)\b(" + "|".join(NUMBER_WORDS[2:]) + r")\b(?!-|\s+(?:hundred|thousand|million|dozen))"
    changed = re.sub(pattern, lambda match: str(NUMBER_WORDS.index(match[1].lower())), text, flags=re.IGNORECASE)
    return changed if changed != text else None


def signs_as_words(text: str, draw: Random) -> str | None:
    """ "$5" as "5 dollars", "5%" as "5 percent", "2 + 3" as "2 plus 3", "1,000" as "1000"."""
    changes = [
        re.sub(r"\$(\d[\d,]*(?:\.\d+)?)(?![\d.]|,\d)(?! (?:million|billion|thousand))", r"\1 dollars", text),
        re.sub(r"(?<=\d)%", " percent", text),
        re.sub(r"(?<=\d) ([+*/=x-]) (?=\$?\d)", lambda match: f" {SIGNS[match[1]]} ", text),
        re.sub(r"(?<=\d),(?=\d{3}\b)", "", text),
    ]
    changes = [each for each in changes if each != text]
    return draw.choice(changes) if changes else None


def reordered(text: str, draw: Random) -> str | None:
    """Two neighbouring sentences in the other order, where neither leans on what stands before it."""
    parts = sentences(text)
    places = [
        place
        for place in range(len(parts) - 1)
        if not any(LEANS_BACK.match(part) for part in parts[place : place + 2])
        and not re.search(r"\b(?:he|she|it|they|him|them|this|these|those|that)\b", parts[place + 1], re.IGNORECASE)
        and "=" not in parts[place] + parts[place + 1]
        and (place + 2 == len(parts) or not LEANS_BACK.match(parts[place + 2]))
    ]
    if not places:
        return None
    place = draw.choice(places)
    parts[place], parts[place + 1] = parts[place + 1], parts[place]
    return closed(parts)


def fronted(text: str, draw: Random) -> str | None:
    """ "X because Y." as "Because Y, X.", in a sentence that has one such word and no comma."""
    parts = sentences(text)
    pattern = r"([A-Z][^,;:]*?) (because|when|after|before|if|while|although) ([^,;:]*?)\."
    for place, part in enumerate(parts):
        if (match := re.fullmatch(pattern, part)) and not re.search(f" {match[2]} ", match[3]):
            clause, word, reason = match.groups()
            first = clause if re.match(r"[A-Z]\w*(?: [A-Z]|'s)|I\b", clause) else clause[0].lower() + clause[1:]
            parts[place] = f"{word.capitalize()} {reason}, {first}."
            return " ".join(parts)
    return None


def possessive(text: str, draw: Random) -> str | None:
    """ "the capital of France" as "France's capital"."""
    pattern = r"\b([Tt])he ([a-z]+) of ([A-Z][a-z]+)(?!['\w-]| [A-Z]| of\b| and\b|, [A-Z])"
    changed = re.sub(pattern, r"\3's \2", text, count=1)
    return changed if changed != text else None


def _formed(text: str, table: dict[str, str]) -> str | None:
    """Every phrase of the table for its other form."""

    def form(match: re.Match[str]) -> str:
        other = table[match[0].lower()]
        return other[0].upper() + other[1:] if match[0][0].isupper() else other

    phrases = "|".join(map(re.escape, sorted(table, key=len, reverse=True)))
    changed = re.sub(rf"\b(?:{phrases})\b", form, text, flags=re.IGNORECASE)
    return changed if changed != text else None
