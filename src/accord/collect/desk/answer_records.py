"""The records of an item's answers: one for each question, and what an answer that was taken back leaves undone."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sqlalchemy import Row, select

from accord.collect.desk import tables
from accord.collect.desk.answer_sheet import AnswerSheet
from accord.collect.desk.context import Transaction, moment
from accord.collect.desk.measurement import Measurement
from accord.collect.desk.suggestions import suggested_to
from accord.collect.desk.tasks import ClientTelemetry
from accord.collect.study import AnyQuestion, shown_digest
from accord.records import Assistance, Completion, Declined, Feedback, Judgement

__all__ = ["AnswerRecords", "GivenAnswer", "is_taken_back"]

ANSWERS, RESERVATIONS = tables.answers, tables.reservations
NOT_ASKED = "taken back: not asked after the answer before it was changed"


@dataclass(frozen=True)
class GivenAnswer:
    """The answer to one question (None where it was left open), about these completions, given at `at`.

    `since` is when it could be given; None where that is not known of it by itself, as its page had several questions
    and the time is the first one's.
    """

    question: AnyQuestion
    judgement: Judgement | None
    about: tuple[Completion, ...]
    telemetry: ClientTelemetry
    since: float | None
    at: float
    comment: str = ""


def is_taken_back(record: Feedback) -> bool:
    """Whether a record says nothing but that an earlier answer does not stand."""
    return record.judgement == Declined(reason=NOT_ASKED)


@dataclass(frozen=True)
class AnswerRecords:
    """The records of a reservation, inside one transaction."""

    tx: Transaction
    person: Row[Any]
    reservation: Row[Any]
    sheet: AnswerSheet

    def measured(self, answer: GivenAnswer) -> Measurement:
        """What was measured of an answer."""
        return Measurement(
            self.tx, self.reservation.id, self.person.pseudonym, answer.since, self._telemetry(answer), answer.at
        )

    def record(self, answer: GivenAnswer) -> Feedback:
        """An answer as it enters the ledger."""
        assert answer.judgement is not None, "what was left open is no record"
        row, name = self.reservation, answer.question.name
        return self.measured(answer).feedback(
            self.person.evaluator,
            answer.judgement,
            self.tx.prompt(self.sheet.item.prompt),
            answer.about,
            question=answer.question,
            session=row.session,
            position_in_session=row.place,
            gold=self.sheet.known(answer.question, answer.about) if row.purpose == "gold" else None,
            repeat_of=self._first_time.get(name),
            replaces=self._replaced.get(name),
            assistance=self._assistance(answer),
            comment=answer.comment or None,
        )

    def _assistance(self, answer: GivenAnswer) -> Assistance | None:
        """What a machine suggested to this question, or said of the item."""
        remark = self.reservation.assistance
        suggestion = suggested_to(self.sheet, answer.question, answer.about)
        return suggestion if remark is None or suggestion is not None else Assistance(**remark)

    def taken_back(self, answered: Collection[str]) -> Iterator[tuple[str, Feedback]]:
        """By question, what replaces each answer that is taken back and given no more: a record that says nothing."""
        gone = {feedback: name for name, feedback in self._replaced.items() if name not in answered}
        for record in self.tx.records(Feedback, list(gone)).values():
            if is_taken_back(record):
                continue
            fields = {"judgement": Declined(reason=NOT_ASKED), "replaces": record.id, "seconds": None}
            fields |= {"telemetry": None, "time": moment(self.tx.now), "gold": None, "comment": None, "language": None}
            yield gone[record.id], record.model_copy(update=fields)

    def _telemetry(self, answer: GivenAnswer) -> ClientTelemetry:
        """What the page measured; a page with several questions says what it showed of the item, not of one of them."""
        sent = answer.telemetry
        if answer.since is None:
            sent = ClientTelemetry(shown=sent.shown, language=sent.language)
        all_texts = tuple(self.sheet.texts.values())
        if sent.shown is None or sent.shown != shown_digest(self.tx.prompt(self.sheet.item.prompt), all_texts):
            return sent
        return replace(sent, shown=None)

    @cached_property
    def _replaced(self) -> dict[str, str]:
        """By question, the record of the answer that this one takes back."""
        return {} if self.reservation.redoes is None else self._records_of(self.reservation.redoes)

    @cached_property
    def _first_time(self) -> dict[str, str]:
        """By question, the record of the answer that somebody gave when they were asked first."""
        if self.reservation.repeat_of is None:
            return {}
        first = select(RESERVATIONS.c.id).where(RESERVATIONS.c.feedback == self.reservation.repeat_of)
        return self._records_of(str(self.tx.connection.scalar(first)))

    def _records_of(self, reservation: str) -> dict[str, str]:
        rows = select(ANSWERS).where(ANSWERS.c.reservation == reservation, ANSWERS.c.feedback.is_not(None))
        return {row.question: row.feedback for row in self.tx.execute(rows.order_by(ANSWERS.c.place))}
