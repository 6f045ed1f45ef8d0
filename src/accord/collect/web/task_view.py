"""What a page shows of a task: the conversation, the answers in their order, and the words for a judgement."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, assert_never

from markupsafe import Markup

from accord.collect.assignment.acquisition import TIE
from accord.collect.desk.types import Disputed
from accord.collect.web.form_parsing import ROW
from accord.collect.web.sanitize import Line, lines, plain, written
from accord.records import (
    Comparison,
    Completion,
    Correction,
    Critique,
    Declined,
    Demonstration,
    Judgement,
    Label,
    Prompt,
    Ranking,
    Rating,
    Scale,
    Spans,
    Steps,
)

__all__ = ["Answer", "Marked", "Turn", "answers_of", "counted", "marked_rows", "points_of", "told", "turns_of"]

WHO = {"system": "Told to the assistant", "user": "Asked", "assistant": "Answered"}
MOST_POINTS = 21  # buttons of a scale; a finer one is a field
SPARE = 40  # rows for marks that are not made yet


@dataclass(frozen=True)
class Turn:
    """A message of the prompt."""

    role: Literal["system", "user", "assistant"]
    who: str
    shown: Markup


@dataclass(frozen=True)
class Answer:
    """A completion at its place; the three ways to show it are made when they are asked for."""

    place: int
    text: str

    @cached_property
    def shown(self) -> Markup:
        """Its Markdown rendered."""
        return written(self.text)

    @cached_property
    def plain(self) -> Markup:
        """Character by character."""
        return plain(self.text)

    @cached_property
    def lines(self) -> list[Line]:
        """Line by line, with the place of each line's first character."""
        return lines(self.text)


@dataclass(frozen=True)
class Marked:
    """A row of the form for one stretch; empty where nothing is marked yet."""

    start: str
    end: str
    type: str
    note: str
    hidden: bool


def turns_of(prompt: Prompt) -> list[Turn]:
    """The messages of a prompt, in order."""
    return [Turn(each.role, WHO[each.role], written(each.content)) for each in prompt.messages]


def answers_of(completions: tuple[Completion, ...]) -> list[Answer]:
    """Completions in the order shown."""
    return [Answer(place, each.text) for place, each in enumerate(completions)]


def marked_rows(form: Mapping[str, str]) -> list[Marked]:
    """The rows of a form of stretches: those that are filled, then spare ones, of which the first six are seen."""
    found: list[tuple[str, str, str, str]] = []
    place = 0
    while f"start-{place}" in form:
        start, end, kind, note = (form.get(f"{stem}-{place}", "") for stem in ROW)
        found += [(start, end, kind, note)] if start or end else []
        place += 1
    rows = [*found, *[("", "", "", "")] * SPARE]
    return [Marked(*row, hidden=number >= len(found) + 6) for number, row in enumerate(rows)]


def points_of(scale: Scale | None) -> list[str]:
    """The points of a scale as they stand on its buttons; none where it has no steps, or too many."""
    if scale is None or scale.step is None:
        return []
    number = int((scale.high - scale.low) / scale.step + 1e-9) + 1
    if number > MOST_POINTS:
        return []
    return [f"{scale.low + place * scale.step:g}" for place in range(number)]


def told(judgement: Judgement) -> str:
    """A judgement in a few words, for whoever practises and whoever adjudicates."""
    match judgement:
        case Comparison(preferred="tie"):
            return "about equal"
        case Comparison(preferred=side, strength=strength):
            return f"answer {1 if side == 'left' else 2} is{_how_much(strength)} better"
        case Ranking(tiers=tiers):
            return ", then ".join(" and ".join(f"answer {place + 1}" for place in tier) for tier in tiers)
        case Rating(value=value):
            return f"{value:g} of {judgement.scale.high:g}"
        case Label(selected=selected):
            return ", ".join(selected) or "none of these"
        case Spans(spans=spans):
            return (
                "; ".join(f"characters {each.start} to {each.end}: {each.type}" for each in spans) or "nothing marked"
            )
        case Steps():
            wrong = judgement.first_wrong
            return "no step is wrong" if wrong is None else f"step {wrong + 1} is the first that is wrong"
        case Correction(text=text) | Critique(text=text) | Demonstration(text=text):
            return f"“{text}”"
        case Declined(reason=reason):
            return f"not judged ({reason})" if reason else "not judged"
        case _:
            assert_never(judgement)


def counted(each: Disputed) -> dict[str, int]:
    """How often each thing was said about a disputed item, its completions called by their places."""
    places = {completion.id: f"answer {place + 1}" for place, completion in enumerate(each.completions)} | {
        TIE: "equal"
    }
    return {
        " and ".join(places[word] for word in said.split()) if {*said.split()} <= {*places} else said: number
        for said, number in each.answers.items()
    }


def _how_much(strength: float | None) -> str:
    if strength is None:
        return ""
    return " slightly" if strength < 0.4 else " clearly" if strength < 0.8 else " much"
