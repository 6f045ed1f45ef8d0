"""An item in somebody's hands as a sheet of questions: what was answered so far, and what is asked next.

Questions that are asked in turn leave what was answered with the reservation (`step_answers`), each with its form, when
it came and what the page measured; nothing of it is in the ledger before all is answered.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self

from pydantic import TypeAdapter
from sqlalchemy import Row, select

from accord.collect.desk import tables
from accord.collect.desk.context import Transaction
from accord.collect.desk.tasks import ClientTelemetry, EarlierAnswer, TaskPart
from accord.collect.study import AnyQuestion, Questionnaire
from accord.collect.study.phrases import phrase
from accord.records import Completion, Judgement

__all__ = ["LEFT_OPEN", "AnswerSheet", "Step"]

JUDGEMENT: TypeAdapter[Judgement] = TypeAdapter(Judgement)
LEFT_OPEN = phrase("answer.left_open")


@dataclass(frozen=True)
class Step:
    """The answer to one of several questions: its form, the time at which it came, and what the page measured."""

    question: str
    form: Mapping[str, str]
    at: float
    telemetry: ClientTelemetry

    def as_row(self) -> dict[str, Any]:
        """As it is kept with the reservation."""
        return {"question": self.question, "form": dict(self.form), "at": self.at, "telemetry": asdict(self.telemetry)}

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self:
        """`as_row` undone."""
        return cls(row["question"], row["form"], row["at"], ClientTelemetry(**row["telemetry"]))


@dataclass(frozen=True)
class AnswerSheet:
    """A reservation with its item, inside one transaction."""

    tx: Transaction
    reservation: Row[Any]
    item: Row[Any]

    @classmethod
    def of(cls, tx: Transaction, reservation: Row[Any]) -> Self:
        """The sheet of a reservation."""
        return cls(tx, reservation, tx.execute(select(tables.items).where(tables.items.c.id == reservation.item)).one())

    @property
    def paper(self) -> Questionnaire:
        """The study's questions."""
        return self.tx.study.questionnaire

    @cached_property
    def texts(self) -> dict[str, Completion]:
        """The item's completions by id, in the order shown."""
        return {completion.id: completion for completion in self.tx.completions(self.reservation.shown)}

    @cached_property
    def steps(self) -> list[Step]:
        """What was answered so far; steps of a question that the study asks no more are left out."""
        steps = (Step.read(row) for row in self.reservation.step_answers)
        return [step for step in steps if step.question in self.paper.by_name]

    @cached_property
    def answers(self) -> dict[str, Judgement | None]:
        """What was answered so far, by question."""
        answers: dict[str, Judgement | None] = {}
        for step in self.steps:
            question = self.paper.by_name[step.question]
            about = self.about(question, answers)
            if about is not None:
                answers[question.name] = self.paper.read_one(question, step.form, about)
        return answers

    def about(self, question: AnyQuestion, answers: Mapping[str, Judgement | None]) -> tuple[Completion, ...] | None:
        """The completions that a question is about after these answers; None where it is not asked."""
        names = self.paper.about(question, answers, self.reservation.shown, self.item.completions)
        return None if names is None else tuple(self.texts[name] for name in names)

    def next(self, answers: Mapping[str, Judgement | None]) -> AnyQuestion | None:
        """The question that comes after these answers; None where all is answered."""
        return self.paper.next(answers, self.reservation.shown, self.item.completions)

    def read(self, form: Mapping[str, str]) -> dict[str, Judgement | None]:
        """What a whole form says. Raises `FormError`."""
        return self.paper.read(form, self.reservation.shown, self.item.completions, self.texts)

    def known(self, question: AnyQuestion, about: tuple[Completion, ...]) -> Judgement | None:
        """The answer to a question that is known to be right, as it reads in the order shown; None where none is."""
        gold = (self.item.gold or {}).get(question.name)
        if gold is None:
            return None
        shown = [completion.id for completion in about]
        laid = [name for name in self.item.completions if name in shown]
        return question.reorder(JUDGEMENT.validate_json(json.dumps(gold)), laid, shown)

    # -- as the person sees it ----------------------------------------------------------------------------------

    def earlier(self) -> tuple[EarlierAnswer, ...]:
        """What was answered so far, in words."""
        return tuple(
            EarlierAnswer(question, LEFT_OPEN if judgement is None else question.describe(judgement))
            for question, judgement in ((self.paper.by_name[name], said) for name, said in self.answers.items())
        )

    def parts(self) -> tuple[TaskPart, ...]:
        """All questions, where they stand on one page."""
        if not self.paper.several or self.tx.study.in_turn:
            return ()
        return tuple(
            TaskPart(question, about, self._number(question))
            for question in self.paper.questions
            if (about := self.about(question, {})) is not None
        )

    def _number(self, question: AnyQuestion) -> int | None:
        match question.about:
            case int(place):
                return list(self.reservation.shown).index(self.item.completions[place - 1]) + 1
            case _:
                return None
