"""An item of the disclosure: what is asked, what the records of a run say of it, and what only a person can."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from accord.artefacts import DisclosureField
from accord.report.disclosure.questions import TEXT, Question
from accord.report.disclosure.records import Records

__all__ = ["Item"]


@dataclass(frozen=True)
class Item:
    """One of the twelve.

    number      its place, from 1
    name        `human_feedback.pretraining`: its place in the list, and its table in disclosure.toml
    title       a few words
    question    what the paper asks to be made public
    filled_by   the records alone but for a person's reason, both, or a person
    from_run    the fields that the records of a run fill, or leave missing
    questions   what a person is asked; the first is `text`. A name that `from_run` uses too is asked for where the
                records leave it missing
    """

    number: int
    name: str
    title: str
    question: str
    filled_by: Literal["records", "records and a person", "a person"]
    from_run: Callable[[Records], Iterable[DisclosureField]]
    questions: tuple[Question, ...]

    def __post_init__(self) -> None:
        if not self.questions or self.questions[0].name != TEXT:
            raise ValueError(f"{self.name}: the first question is `{TEXT}`")
        names = [question.name for question in self.questions]
        if doubled := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"{self.name}: {sorted(doubled)[0]} is asked twice")
