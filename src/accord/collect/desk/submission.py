"""Submission: an answer becomes feedback in the ledger and closes its reservation, in one transaction.

What somebody sent is never lost. The same form sent twice is one answer. After the reservation expired it is taken as
long as the item has a place, and otherwise kept as a surplus answer. Of a person who is paused, or where a form cannot
be read, what was written is kept as the draft.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import TypeAdapter
from sqlalchemy import Row, func, select, update

from accord.collect.desk import tables
from accord.collect.desk.context import Context, Transaction, storable_name
from accord.collect.desk.item_counts import recount
from accord.collect.desk.measurement import Measurement
from accord.collect.desk.reservations import expire, has_room
from accord.collect.desk.screening import RIGHT, WRONG, finish_practice
from accord.collect.desk.tasks import ClientTelemetry, PracticeResult, Receipt
from accord.collect.study import Question
from accord.collect.study.form_fields import clean_text
from accord.collect.study.kinds import MAX_REASON
from accord.errors import AccordError, Conflict, FormError
from accord.records import Assistance, Completion, Declined, Feedback, Judgement

__all__ = ["ANSWERED", "ERASED", "PAUSED", "SURPLUS", "save_draft", "submit"]

ITEMS, RESERVATIONS, PEOPLE = tables.items, tables.reservations, tables.people
CLOSED = (*tables.IN_LEDGER, "replaced", "practised")
JUDGEMENT: TypeAdapter[Judgement] = TypeAdapter(Judgement)
SURPLUS = "Your time for this one had run out and others have answered it meanwhile; your answer is kept besides."
ERASED = "You asked to be forgotten, and are; nothing was sent."
PAUSED = "Your part in this study is paused. What you wrote is kept; nothing was sent."
CHANGED = "This answer was changed before; what you wrote is kept, not sent."
ANSWERED = "You answered this before; to change your answer, take it back first (u)."


def submit(
    context: Context, pseudonym: str, reservation: str, form: Mapping[str, str], telemetry: ClientTelemetry
) -> Receipt:
    """Take an answer in: a form with the fields of the page or of the answer; others are left out.

    Raises `FormError` where the form cannot be read (what was sent is then the draft), `Conflict` where something else
    was answered before, or the person is paused (what was sent is kept).
    """
    fields = context.study.question.answer_form(form)
    try:
        with context.writing() as tx:
            outcome = _Submission.of(tx, pseudonym, reservation, fields, telemetry).outcome()
    except FormError:
        _save_draft_if_possible(context, pseudonym, reservation, fields)
        raise
    if isinstance(outcome, Conflict):
        raise outcome
    return outcome


def save_draft(context: Context, pseudonym: str, reservation: str, form: Mapping[str, str]) -> None:
    """Keep a form as far as it is filled in. Raises `FormError` where it is too long, or not in this person's hands."""
    question = context.study.question
    draft = _storable_form(question, question.answer_form(form))
    with context.writing() as tx:
        row = _reservation_row(tx, pseudonym, reservation)
        if row.state in {"open", tables.EXPIRED}:
            tx.execute(update(RESERVATIONS).where(RESERVATIONS.c.id == reservation).values(draft=draft))


# -- inside -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Submission:
    """One answer, inside one transaction: rows of the person, the reservation and its item, and what was sent."""

    tx: Transaction
    person: Row[Any]
    reservation: Row[Any]
    item: Row[Any]
    form: dict[str, str]
    telemetry: ClientTelemetry

    @classmethod
    def of(
        cls, tx: Transaction, pseudonym: str, reservation: str, form: dict[str, str], telemetry: ClientTelemetry
    ) -> Self:
        person = tx.person_row(pseudonym)
        expire(tx)
        row = _reservation_row(tx, pseudonym, reservation)
        item = tx.execute(select(ITEMS).where(ITEMS.c.id == row.item)).one()
        return cls(tx, person, row, item, form, telemetry)

    def outcome(self) -> Receipt | Conflict:
        if self.reservation.state in CLOSED:
            return self._again()
        if self.person.status == "erased":
            return Conflict("paused", ERASED)
        if self.person.status != "active":
            self._set(draft=_storable_form(self.tx.question, self.form))
            return Conflict("paused", PAUSED)
        if self.reservation.redoes is not None and self._state(self.reservation.redoes) not in tables.IN_LEDGER:
            self._set(draft=_storable_form(self.tx.question, self.form))
            return Conflict("already answered", CHANGED)
        shown = self.tx.completions(self.reservation.shown)
        judgement = self.tx.question.read(self.form, shown)
        return self._practise(judgement) if self.reservation.purpose == "practice" else self._keep(judgement, shown)

    def _again(self) -> Receipt | Conflict:
        """The same form again is the same answer; another one is not taken."""
        if self.reservation.form != self.form:
            return Conflict("already answered", ANSWERED)
        if self.reservation.state == "practised":
            judgement = self.tx.question.read(self.form, self.tx.completions(self.reservation.shown))
            return Receipt(self.reservation.id, None, self._practice_result(judgement))
        return self._receipt(self.reservation.feedback, self.reservation.state)

    def _keep(self, judgement: Judgement, shown: tuple[Completion, ...]) -> Receipt:
        """Enter the answer in the ledger, close the reservation and count the item again."""
        feedback = self._feedback(judgement, shown)
        self.tx.add(feedback)
        if self.reservation.redoes is not None:
            self._set(self.reservation.redoes, state="replaced", holds=False)
        state = self._new_state(judgement)
        self._set(
            state=state,
            holds=state == "answered" and self.reservation.purpose == "item",
            closed=self.tx.now,
            answer=1 + self.tx.count(select(func.max(RESERVATIONS.c.answer))),
            form=self.form,
            draft=None,
            feedback=feedback.id,
            opinion=self.tx.question.vote(judgement, self.reservation.shown),
            seen={"seconds": self.telemetry.seconds},
            seconds=self._measured.active_seconds() or 0.0,
        )
        recount(self.tx, self.reservation.item)
        values = {"last_at": self.tx.now, "seen": self.tx.now}
        values |= {} if self.reservation.redoes else {"sitting_done": self.person.sitting_done + 1}
        self._set_person(**values)
        return self._receipt(feedback.id, state)

    def _receipt(self, feedback: str, state: str) -> Receipt:
        surplus = state == "surplus"
        return Receipt(self.reservation.id, feedback, surplus=surplus, message=SURPLUS if surplus else "")

    def _new_state(self, judgement: Judgement) -> str:
        """Answered; declined; or surplus, where the item has no place left for it."""
        if isinstance(judgement, Declined):
            return "declined"
        if self.reservation.purpose != "item" or self.reservation.holds:
            return "answered"
        recount(self.tx, self.reservation.item)  # without the answer that this one replaces
        redone = self.reservation.redoes is not None
        room = has_room(self.tx, self.reservation.item, self.person, redone=redone)
        return "answered" if room else "surplus"

    def _feedback(self, judgement: Judgement, shown: tuple[Completion, ...]) -> Feedback:
        return self._measured.feedback(
            self.person.evaluator,
            judgement,
            self.tx.prompt(self.item.prompt),
            shown,
            session=self.reservation.session,
            position_in_session=self.reservation.place,
            gold=self._known_answer() if self.reservation.purpose == "gold" else None,
            repeat_of=self.reservation.repeat_of,
            replaces=self.reservation.replaces,
            assistance=None if self.reservation.assistance is None else Assistance(**self.reservation.assistance),
        )

    @property
    def _measured(self) -> Measurement:
        row = self.reservation
        return Measurement(self.tx, row.id, self.person.pseudonym, row.issued, self.telemetry)

    def _known_answer(self) -> Judgement | None:
        """The answer that is known to be right, as it reads in the order shown; None where none is."""
        if self.item.gold is None:
            return None
        gold = JUDGEMENT.validate_json(json.dumps(self.item.gold))
        return self.tx.question.reorder(gold, self.item.completions, self.reservation.shown)

    # -- practice -----------------------------------------------------------------------------------------------

    def _practise(self, judgement: Judgement) -> Receipt:
        """A practice answer is explained, kept on the desk and never goes into the ledger."""
        seconds = self._measured.active_seconds() or 0.0
        result = self._practice_result(judgement)
        opinion = None if result.correct is None else RIGHT if result.correct else WRONG
        self._set(state="practised", closed=self.tx.now, form=self.form, draft=None, opinion=opinion, seconds=seconds)
        answered = select(RESERVATIONS.c.item).where(
            RESERVATIONS.c.person == self.person.pseudonym, RESERVATIONS.c.state == "practised"
        )
        unanswered = select(ITEMS.c.id).where(
            ITEMS.c.study == self.tx.study.name,
            ITEMS.c.purpose == "practice",
            ITEMS.c.closed != "withdrawn",
            ITEMS.c.id.not_in(answered),
        )
        if self.tx.execute(unanswered.limit(1)).first() is None:
            finish_practice(self.tx, self.person.pseudonym)
        return Receipt(self.reservation.id, None, result)

    def _practice_result(self, judgement: Judgement) -> PracticeResult:
        expected = self._known_answer()
        correct = None if expected is None else self.tx.question.agree(judgement, expected)
        return PracticeResult(correct, expected, self.item.explanation)

    # -- rows ---------------------------------------------------------------------------------------------------

    def _state(self, reservation: str) -> str:
        query = select(RESERVATIONS.c.state).where(RESERVATIONS.c.id == reservation)
        return str(self.tx.connection.scalar(query))

    def _set(self, reservation: str | None = None, **values: Any) -> None:
        name = reservation or self.reservation.id
        self.tx.execute(update(RESERVATIONS).where(RESERVATIONS.c.id == name).values(values))

    def _set_person(self, **values: Any) -> None:
        self.tx.execute(update(PEOPLE).where(PEOPLE.c.pseudonym == self.person.pseudonym).values(values))


def _reservation_row(tx: Transaction, pseudonym: str, reservation: str) -> Row[Any]:
    query = select(RESERVATIONS).where(
        RESERVATIONS.c.id == storable_name(reservation),
        RESERVATIONS.c.person == pseudonym,
        RESERVATIONS.c.study == tx.study.name,
    )
    row = tx.execute(query).one_or_none()
    if row is None:
        raise FormError("reservation", "This item is not in your hands; reload the page to go on.")
    return row


def _save_draft_if_possible(context: Context, pseudonym: str, reservation: str, form: Mapping[str, str]) -> None:
    """Keep what could not be read as the draft, where it can be kept at all; the first error is the one to tell."""
    try:
        save_draft(context, pseudonym, reservation, form)
    except AccordError:
        return


def _storable_form(question: Question, form: Mapping[str, str]) -> dict[str, str]:
    """A form as it can be kept. Raises `FormError` where it cannot."""
    return {
        name: clean_text(name, value, MAX_REASON if name == "reason" else question.longest_field)
        for name, value in form.items()
    }
