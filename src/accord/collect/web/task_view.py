"""What a page shows of a task: the conversation, the answers in their order, and how often each thing was said."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from markupsafe import Markup

from accord.collect.desk.overview import DisputedItem
from accord.collect.study.kinds import TIE
from accord.collect.web.sanitize import Line, lines, plain, written
from accord.records import Completion, Prompt

__all__ = ["Answer", "Turn", "answers_of", "counted", "turns_of"]

WHO = {"system": "Told to the assistant", "user": "Asked", "assistant": "Answered"}


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


def turns_of(prompt: Prompt) -> list[Turn]:
    """The messages of a prompt, in order."""
    return [Turn(each.role, WHO[each.role], written(each.content)) for each in prompt.messages]


def answers_of(completions: tuple[Completion, ...]) -> list[Answer]:
    """Completions in the order shown."""
    return [Answer(place, each.text) for place, each in enumerate(completions)]


def counted(each: DisputedItem) -> dict[str, int]:
    """How often each thing was said about a disputed item, its completions called by their places."""
    places = {completion.id: f"answer {place + 1}" for place, completion in enumerate(each.completions)} | {
        TIE: "equal"
    }
    return {
        " and ".join(places[word] for word in said.split()) if {*said.split()} <= {*places} else said: number
        for said, number in each.votes.items()
    }
