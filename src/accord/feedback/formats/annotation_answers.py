"""Answers of annotation tools as judgements of an item: what was chosen, rated, ranked, marked or written."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from accord.feedback.formats.annotation_items import AnnotatedItem, plain_name
from accord.feedback.formats.inner_rows import inner_row
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.scales import stated_scale
from accord.records import (
    Comparison,
    Completion,
    Correction,
    Critique,
    Demonstration,
    Evaluator,
    Judgement,
    Label,
    Ranking,
    Rating,
    Scale,
    Span,
    Spans,
    explain,
)

__all__ = ["TIES", "JudgedAbout", "Question", "beside", "offered", "text_kind"]

TIES = frozenset({"tie", "equal", "same", "both", "neither", "no_preference", "both_good", "both_bad", "equally_good"})
WORDS = {
    "critique": frozenset(
        {"critique", "critiques", "comment", "comments", "rationale", "reason", "reasons", "reasoning", "explain"}
        | {"explanation", "feedback", "justification", "justify", "note", "notes", "remark", "remarks", "why"}
    ),
    "correction": frozenset(
        {"correction", "corrections", "corrected", "revision", "revised", "rewrite", "rewritten", "edit", "edited"}
        | {"improved", "improvement", "fixed", "better"}
    ),
    "demonstration": frozenset({"demonstration", "demonstrations", "ideal"}),
}

WHO = frozenset({"evaluator", "evaluator_kind", "pool"})

JudgedAbout = tuple[Judgement, tuple[Completion, ...]]
"""A judgement, and the completions that it is about."""


def text_kind(name: str) -> str | None:
    """Which kind of judgement a text is that answers a question of this name; None where no word of it tells."""
    words = set(re.findall(r"[a-z]+", plain_name(name)))
    return next((kind for kind, telling in WORDS.items() if words & telling), None)


@dataclass(frozen=True)
class Question:
    """A question about an item; its methods turn what was answered into judgements, or raise `RecordError`.

    column     where the answers stand in `row`
    options    all that is known to have been offered
    about      the name of the answer that it is about, where the file says so
    """

    name: str
    row: SourceRow
    column: str
    item: AnnotatedItem
    reading: Reading
    options: tuple[str, ...] = ()
    about: str | None = None

    def rating(self, value: object, scale: Scale | None = None) -> JudgedAbout:
        """A number, on the scale that the file or the user states."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.row.bad(self.column, f"expected a number, not {value!r:.60}")
        scale = scale or stated_scale(self.row, self.reading, self.column)
        if not scale.low <= value <= scale.high:
            raise self.row.bad(self.column, f"{value:g} is not on the scale {scale.low:g}..{scale.high:g}")
        return Rating(value=value, scale=scale), (self.subject(),)

    def choice(self, names: Sequence[object]) -> JudgedAbout:
        """What was chosen: one of two answers (or neither) as a comparison, anything else as labels."""
        for name in names:
            if not isinstance(name, str) or not name.strip():
                raise self.row.bad(self.column, f"expected the name of what was chosen, not {name!r:.60}")
        if len(names) == 1 and (better := self.preferred(names[0])):
            return self.pair(better)
        if not self.options:
            raise self.row.bad(self.column, "nothing was chosen, and the file does not say what was offered")
        if alien := next((name for name in names if name not in self.options), None):
            raise self.row.bad(self.column, f"{alien!r} was not offered; the options are {', '.join(self.options)}")
        selected = tuple(option for option in self.options if option in names)
        return Label(selected=selected, options=self.options), (self.subject(),)

    def preferred(self, name: object) -> str | None:
        """Which of two answers is named as the better one, or "tie"; None where that is not what is said."""
        if len(self.item.answers) != 2 or not isinstance(name, str):
            return None
        answer, left = self.item.answer(name), next(iter(self.item.answers.values()))
        if answer is not None:
            return "left" if answer is left else "right"
        if self.known_subject() is not None:
            return None
        if plain_name(name) in TIES:
            return "tie"
        return name if name in ("left", "right") else None

    def pair(self, preferred: str) -> JudgedAbout:
        """The two answers compared: "left", "right" or "tie"."""
        left, right = self.item.answers.values()
        if left.id == right.id:
            raise self.row.bad(self.column, "the two answers are the same, so it is no comparison")
        return Comparison.model_validate({"preferred": preferred}), (left, right)

    def ranking(self, tiers: Sequence[Sequence[object]]) -> JudgedAbout:
        """Names of answers in tiers, the best first."""
        answers = list(self.item.answers.values())
        places = []
        for tier in tiers:
            about = [self.item.answer(name) for name in tier]
            if None in about:
                unknown = next(name for name, answer in zip(tier, about, strict=True) if answer is None)
                problem = f"{unknown!r:.60} is none of the answers: {', '.join(self.item.answers)}"
                raise self.row.bad(self.column, problem)
            places.append(tuple(sorted(answers.index(answer) for answer in about if answer is not None)))
        if sorted(place for tier in places for place in tier) != list(range(len(answers))):
            raise self.row.bad(self.column, f"expected each of {', '.join(self.item.answers) or 'no answers'} once")
        return Ranking(tiers=tuple(places)), tuple(answers)

    def spans(self, marks: Sequence[SourceRow]) -> JudgedAbout:
        """Marked stretches of an answer: start, end and label each."""
        answer = self.subject()
        spans = []
        for mark in marks:
            start, end = mark.whole("start"), mark.whole("end")
            if not 0 <= start < end <= len(answer.text):
                raise mark.bad("end", f"[{start}, {end}) is no stretch of a text of {len(answer.text)} characters")
            if mark.has("text") and mark.text("text") != answer.text[start:end]:
                raise mark.bad("text", f"{mark.text('text')!r:.60}, but there stands {answer.text[start:end]!r:.60}")
            note = mark.text("note") if mark.has("note") else None
            spans.append(Span(start=start, end=end, type=mark.name("label"), note=note))
        return Spans(spans=tuple(spans)), (answer,)

    def text(self, value: object) -> JudgedAbout | None:
        """A text that somebody wrote; the question's name tells what it is. None for a remark about no one answer."""
        if not isinstance(value, str) or not value.strip():
            raise self.row.bad(self.column, f"expected a text, not {value!r:.60}")
        match text_kind(self.name):
            case "correction":
                return Correction(text=value), (self.subject(),)
            case kind if kind == "critique" or (kind is None and self.item.answers):
                if answer := self.known_subject():
                    return Critique(text=value), (answer,)
                self.reading.passed_over["remarks about no one answer"] += 1
                return None
            case _:
                return Demonstration(text=value), ()

    def subject(self) -> Completion:
        """The answer that the question is about."""
        if answer := self.known_subject():
            return answer
        there = ", ".join(self.item.answers) or "none"
        raise self.row.bad(self.column, f"about which answer is '{self.name}'? Its name should end as one of: {there}")

    def known_subject(self) -> Completion | None:
        """The one answer there is, or that of the question's name or number; None where it is none of them."""
        answers = self.item.answers
        if len(answers) == 1:
            return next(iter(answers.values()))
        if stated := self.item.answer(self.about):
            return stated
        end = _end(self.name)
        subjects = [answer for field, answer in answers.items() if _end(field) == end]
        return subjects[0] if end and len(subjects) == 1 else None

    def scale_in(self, row: SourceRow, column: str) -> Scale | None:
        """The scale that stands in a column; None where there is none."""
        if not row.has(column):
            return None
        try:
            return Scale.model_validate(inner_row(row, column).content)
        except ValidationError as error:
            field, problem = explain(error)
            raise row.bad(f"{column} {field}", problem) from error


def _end(name: str) -> str:
    """The number or letter at the end of a name (rating_1, answer2, reply-b); empty where there is none."""
    match = re.search(r"(\d+|_[a-z])$", plain_name(name))
    return match[0].lstrip("_") if match else ""


def beside(row: SourceRow, who: Evaluator, reading: Reading) -> SourceRow:
    """The row without whom its own columns name, where what stands within it says who judged (`who`)."""
    if who == reading.unknown:
        return row
    return replace(row, content={name: value for name, value in row.content.items() if name not in WHO})


def offered(values: Sequence[object], reading: Reading) -> tuple[str, ...]:
    """What was offered where `values` were chosen: what the user states, if that holds them all; else just these.

    Texts and lists of texts count, in order of coming.
    """
    names: dict[str, None] = {}
    for value in values:
        listed: Sequence[Any] = value if isinstance(value, list) else [value]
        names |= {name: None for name in listed if isinstance(name, str) and name.strip()}
    options = reading.settings.options
    return options if names.keys() <= set(options) else tuple(names)
