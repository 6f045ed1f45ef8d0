"""Is an answer the right one? By its number, as a text, or letter by letter; one answer alone counts.

What is graded is what the text gives as its answer: inside its last `<tag>` where a tag is asked for, else behind the
last `####`, in the last `\\boxed{}`, behind the last `answer is` or `Answer:`, else the whole text (for numbers: its
last one). A text that offers several (`3 or 4`) gives none. So whoever lists all candidates is right no more often than
whoever names one.
"""

import re
from collections.abc import Sequence
from typing import Any, Literal

from accord.verdicts.arithmetic import Arithmetic
from accord.verdicts.exact_match import matches
from accord.verdicts.marks import UnusableReferenceError
from accord.verdicts.numbers import BOXED, MARKED, STATED

__all__ = ["ANSWER_KEYS", "Match", "final_statement", "inside", "is_right", "stated_answers"]

Match = Literal["number", "text", "exact"]
ANSWER_KEYS = ("answer", "answers", "reference")
EXAMPLE = '{"prompt": "...", "answer": "42"}'
ARITHMETIC = Arithmetic()
LONGEST = 2_000  # characters of a statement that are looked through for a second answer
FIGURE = r"[-\u2212\u2013+]?\\?[$\u20ac\u00a3\u00a5]?\d[\d.,]{0,60}"
EITHER = r"[^\S\n]{0,3}(?:and/)?\bor\b[^\S\n]{1,3}(?:(?:even|maybe|perhaps|possibly|probably) )?"
OFFER = re.compile(rf"{FIGURE}(?:{EITHER}{FIGURE})+", re.IGNORECASE)
SENTENCE_END = re.compile(r"[.!?;]\s")
FIGURES = re.compile(r"[-\u2212]?\d[\d.,]*")


def inside(text: str, tag: str | None) -> str | None:
    """What stands in the last `<tag>...</tag>`, None where there is none; the whole text where no tag is asked for."""
    if tag is None:
        return text
    before, found, _ = text.rpartition(f"</{tag}>")
    if not found:
        return None
    _, found, content = before.rpartition(f"<{tag}>")
    return content if found else None


def final_statement(text: str) -> str:
    """What a text gives as its answer, without white space around it."""
    if marked := MARKED.findall(text):
        return str(marked[-1]).strip()
    if boxes := BOXED.findall(text):
        return str(boxes[-1]).strip()
    statements = [statement for statement in STATED.findall(text) if statement.strip(" \t*:")]
    return str(statements[-1]).strip(" \t*:") if statements else text.strip()


def stated_answers(reference: Any, keys: Sequence[str] = ANSWER_KEYS) -> list[str | int | float]:
    """The answers that a reference holds right, by the first of some keys that it has.

    Raises `UnusableReferenceError` where it states none.
    """
    found = reference
    if isinstance(reference, dict):
        found = next((reference[key] for key in keys if reference.get(key) is not None), None)
    several = found if isinstance(found, list) else [found]
    if not several or not all(
        isinstance(each, str | int | float) and not isinstance(each, bool) and str(each).strip() for each in several
    ):
        example = EXAMPLE.replace("answer", keys[0])
        raise UnusableReferenceError(f"the reference states no answer; write {example}, or a list of answers")
    return several


def is_right(text: str | None, reference: Any, match: Match = "number") -> bool:
    """Whether a text gives one of the answers of a reference; None gives none. Raises `UnusableReferenceError`."""
    answers = stated_answers(reference)
    if text is None:
        return False
    match match:
        case "number":
            tolerance = reference.get("tolerance", 0) if isinstance(reference, dict) else 0
            marks = [ARITHMETIC.mark(text, {"answer": answer, "tolerance": tolerance}) for answer in answers]
            return any(mark.score == 1 for mark in marks) and not _offers_several(text)
        case "text":
            whole = final_statement(text)
            return any(_says(part, str(each)) for part in {whole, _first_sentence(whole, text)} for each in answers)
        case "exact":
            return text.strip() in {str(each).strip() for each in answers}


def _offers_several(text: str) -> bool:
    """Whether what a text gives as its answer is one number or another: `3 or 4`."""
    statement = final_statement(text)
    if statement != text.strip():
        return OFFER.search(_first_sentence(statement, text)[:LONGEST]) is not None
    last = next((line for line in reversed(text.splitlines()) if re.search(r"\d", line)), "")[-LONGEST:]
    offers = list(OFFER.finditer(last))
    return bool(offers) and not re.search(r"\d", last[offers[-1].end() :])


def _first_sentence(statement: str, text: str) -> str:
    """The first sentence of what a text states as its answer; all of it where it states none apart."""
    return statement if statement == text.strip() else SENTENCE_END.split(statement, 1)[0]


def _says(statement: str, answer: str) -> bool:
    return matches(statement, [answer]) and _figures(statement) == _figures(answer)


def _figures(text: str) -> list[str]:
    """The numbers in a text, as they stand: punctuation that an exact match leaves out is part of them."""
    return [figure.rstrip(".,").replace(",", "") for figure in FIGURES.findall(text)]
