"""Submission: an item's answers become feedback in the ledger and close its reservation, in one transaction.

What somebody sent is never lost. The same form sent twice is one answer. After the reservation expired it is taken as
long as the item has a place, and otherwise kept as a surplus answer. Of a person who is paused, or where a form cannot
be read, what was written is kept as the draft.

Of several questions that are asked in turn each answer stays with the reservation until the last is there; then all
enter the ledger at once, as when all of them stand on one page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Row, func, insert, select, update

from accord.collect.desk import tables
from accord.collect.desk.answer_marks import marks_of
from accord.collect.desk.answer_records import AnswerRecords, GivenAnswer
from accord.collect.desk.answer_sheet import AnswerSheet, Step
from accord.collect.desk.context import Context, Transaction, storable_name
from accord.collect.desk.item_counts import recount
from accord.collect.desk.practice_answers import explained, keep_practice
from accord.collect.desk.reservations import expire, has_room
from accord.collect.desk.tasks import ClientTelemetry, Receipt
from accord.collect.study import AnyQuestion, Study
from accord.collect.study.form_fields import clean_text, text_field
from accord.collect.study.kinds import MAX_REASON
from accord.collect.study.phrases import phrase
from accord.errors import AccordError, Conflict, FormError
from accord.records import Declined, Feedback, Judgement

__all__ = ["ANSWERED", "ERASED", "PAUSED", "SURPLUS", "save_draft", "submit"]

ITEMS, RESERVATIONS, PEOPLE, ANSWERS = tables.items, tables.reservations, tables.people, tables.answers
CLOSED = (*tables.IN_LEDGER, "replaced", "practised")
SURPLUS = phrase("conflict.surplus")
ERASED = phrase("conflict.erased")
PAUSED = phrase("conflict.paused")
CHANGED = phrase("conflict.changed")
ANSWERED = phrase("conflict.answered")
REQUIRED = phrase("form.required")


def submit(
    context: Context, pseudonym: str, reservation: str, form: Mapping[str, str], telemetry: ClientTelemetry
) -> Receipt:
    """Take an answer in: a form with the fields of the page or of the answer; others are left out.

    In a study whose questions are asked in turn, a form that names its `question` answers that one; any other is about
    the whole item. Raises `FormError` where the form cannot be read (what was sent is then the draft), `Conflict` where
    something else was answered before, or the person is paused (what was sent is kept).
    """
    sent = _Sent.of(context.study, form)
    try:
        with context.writing() as tx:
            outcome = _Submission.of(tx, pseudonym, reservation, sent, telemetry).outcome()
    except FormError:
        _save_draft_if_possible(context, pseudonym, reservation, form)
        raise
    if isinstance(outcome, Conflict):
        raise outcome
    return outcome


def save_draft(context: Context, pseudonym: str, reservation: str, form: Mapping[str, str]) -> None:
    """Keep a form as far as it is filled in. Raises `FormError` where it is too long, or not in this person's hands."""
    draft = _storable_form(context.study, _Sent.of(context.study, form).draft)
    with context.writing() as tx:
        row = _reservation_row(tx, pseudonym, reservation)
        if row.state in {"open", tables.EXPIRED}:
            draft = draft if not context.study.in_turn else {**(row.draft or {}), **draft}
            tx.execute(update(RESERVATIONS).where(RESERVATIONS.c.id == reservation).values(draft=draft))


# -- inside -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sent:
    """A form as it was sent: about the whole item, or the answer to one `question` of several that come in turn."""

    question: AnyQuestion | None
    form: dict[str, str]
    draft: dict[str, str]
    """The same as it stands in a draft, where every field has its question before it."""

    @classmethod
    def of(cls, study: Study, form: Mapping[str, str]) -> Self:
        paper = study.questionnaire
        question = paper.by_name.get(form.get("question", "")) if study.in_turn else None
        added = {"comment": form["comment"]} if study.comment and form.get("comment", "").strip() else {}
        if question is None:
            whole = {name: value for name, value in paper.answer_form(form).items() if name != "comment"} | added
            return cls(None, whole, whole)
        fields = added | ({} if form.get("open") else question.answer_form(form))
        return cls(question, fields, paper.whole({question.name: fields}))


@dataclass(frozen=True)
class _Submission:
    """One answer, inside one transaction: rows of the person and the reservation, its sheet, and what was sent."""

    tx: Transaction
    person: Row[Any]
    reservation: Row[Any]
    sheet: AnswerSheet
    sent: _Sent
    telemetry: ClientTelemetry

    @classmethod
    def of(cls, tx: Transaction, pseudonym: str, reservation: str, sent: _Sent, telemetry: ClientTelemetry) -> Self:
        person = tx.person_row(pseudonym)
        expire(tx)
        row = _reservation_row(tx, pseudonym, reservation)
        return cls(tx, person, row, AnswerSheet.of(tx, row), sent, telemetry)

    def outcome(self) -> Receipt | Conflict:
        if self.reservation.state in CLOSED:
            return self._again()
        if self.person.status == "erased":
            return Conflict("paused", ERASED)
        if self.person.status != "active":
            self._keep_draft()
            return Conflict("paused", PAUSED)
        if self.reservation.redoes is not None and self._state(self.reservation.redoes) not in tables.IN_LEDGER:
            self._keep_draft()
            return Conflict("already answered", CHANGED)
        if self.sent.question is not None:
            return self._step(self.sent.question)
        answers = self.sheet.read(self.sent.form)
        given = [self._given(name, judgement, answers) for name, judgement in answers.items()]
        return self._finish(self.sent.form, given)

    def _again(self) -> Receipt | Conflict:
        """The same form again is the same answer; another one is not taken."""
        form, question = self.reservation.form, self.sent.question
        same = form == self.sent.form if question is None else self._part_of(form, question) == self.sent.form
        if not same:
            return Conflict("already answered", ANSWERED)
        if self.reservation.state == "practised":
            answers = self.sheet.read(form)
            return Receipt(self.reservation.id, None, explained(self.sheet, answers))
        if question is not None and not self._ended_with(question):
            return Receipt(self.reservation.id, None, more_questions=True)
        return self._receipt(self._records(), self.reservation.state)

    def _part_of(self, form: Mapping[str, str], question: AnyQuestion) -> dict[str, str]:
        return self.sheet.paper.part(form, question)

    def _ended_with(self, question: AnyQuestion) -> bool:
        """Whether the item's last answer was to this question."""
        answers = self.sheet.read(self.reservation.form)
        return list(answers)[-1] == question.name

    # -- one question after the other ---------------------------------------------------------------------------

    def _step(self, question: AnyQuestion) -> Receipt | Conflict:
        """Take one answer; the last one makes the item whole."""
        sheet, steps, answers = self.sheet, self.sheet.steps, dict(self.sheet.answers)
        if question.name in answers:
            earlier = next(step for step in steps if step.question == question.name)
            same = dict(earlier.form) == self.sent.form
            return (
                Receipt(self.reservation.id, None, more_questions=True)
                if same
                else Conflict("already answered", ANSWERED)
            )
        asked = sheet.next(answers)
        if asked is None or asked.name != question.name:
            raise FormError("question", phrase("form.other_question"))
        about = sheet.about(question, answers)
        assert about is not None, "what comes next is asked"
        if not self.sent.form.keys() - {"comment"} and question.required:
            raise FormError(question.fields[0], REQUIRED)
        answers[question.name] = sheet.paper.read_one(question, self.sent.form, about)
        steps = [*steps, Step(question.name, self.sent.form, self.tx.now, self.telemetry)]
        if sheet.next(answers) is None:
            return self._finish_steps(steps, answers)
        values: dict[str, Any] = {"step_answers": [step.as_row() for step in steps]}
        values["draft"] = {**(self.reservation.draft or {}), **self.sent.draft}
        if self.reservation.state == "open":
            values["expires"] = self.tx.now + self.tx.study.reserve_minutes * 60
        self._set(**values)
        self._set_person(last_at=self.tx.now, seen=self.tx.now)
        return Receipt(self.reservation.id, None, more_questions=True)

    def _finish_steps(self, steps: list[Step], answers: Mapping[str, Judgement | None]) -> Receipt:
        if not any(answers.values()):
            raise FormError(steps[-1].question, phrase("form.all_open"))
        given, before = [], self.reservation.issued
        for step in steps:
            given.append(self._given(step.question, answers[step.question], answers, step=step, since=before))
            before = step.at
        return self._finish(self.sheet.paper.whole({step.question: step.form for step in steps}), given)

    def _given(
        self,
        name: str,
        judgement: Judgement | None,
        answers: Mapping[str, Judgement | None],
        *,
        step: Step | None = None,
        since: float | None = None,
    ) -> GivenAnswer:
        """An answer with what it is about, and what was measured; of one page that is the first answer's."""
        question = self.sheet.paper.by_name[name]
        about = self.sheet.about(question, answers)
        assert about is not None, "what was answered was asked"
        if step is not None:
            return GivenAnswer(question, judgement, about, step.telemetry, since, step.at, _comment(step.form))
        first = name == next((key for key, said in answers.items() if said is not None), name)
        issued, comment = (self.reservation.issued, _comment(self.sent.form)) if first else (None, "")
        return GivenAnswer(question, judgement, about, self.telemetry, issued, self.tx.now, comment)

    # -- the whole ----------------------------------------------------------------------------------------------

    def _finish(self, form: Mapping[str, str], given: list[GivenAnswer]) -> Receipt:
        if self.reservation.purpose == "practice":
            answers = {one.question.name: one.judgement for one in given}
            return keep_practice(self.tx, self.person, self.sheet, form, answers, self._active_seconds(given))
        return self._keep(form, given)

    def _keep(self, form: Mapping[str, str], given: list[GivenAnswer]) -> Receipt:
        """Enter the answers in the ledger, close the reservation and count the item again."""
        records = AnswerRecords(self.tx, self.person, self.reservation, self.sheet)
        entered = [(one, records.record(one)) for one in given if one.judgement is not None]
        feedback = [record for _, record in entered]
        entered_names = [one.question.name for one, _ in entered]
        taken_back = dict(records.taken_back(entered_names))
        self.tx.add(*feedback, *taken_back.values())
        if self.reservation.redoes is not None:
            self._set(self.reservation.redoes, state="replaced", holds=False)
        state = self._new_state([record.judgement for record in feedback])
        self._set(
            state=state,
            holds=state == "answered" and self.reservation.purpose == "item",
            closed=self.tx.now,
            answer=1 + self.tx.count(select(func.max(RESERVATIONS.c.answer))),
            form=dict(form),
            draft=None,
            step_answers=[],
            feedback=feedback[0].id,
            seen={"seconds": self.telemetry.seconds},
            seconds=self._active_seconds(given),
        )
        self._enter_answers(entered, taken_back)
        recount(self.tx, self.reservation.item)
        values = {"last_at": self.tx.now, "seen": self.tx.now}
        values |= {} if self.reservation.redoes else {"sitting_done": self.person.sitting_done + 1}
        self._set_person(**values)
        return self._receipt([record.id for record in (*feedback, *taken_back.values())], state)

    def _enter_answers(self, entered: list[tuple[GivenAnswer, Feedback]], taken_back: Mapping[str, Feedback]) -> None:
        votes = {one.question.name: one.question.vote(record.judgement, record.completions) for one, record in entered}
        marks = {one.question.name: marks_of(self.tx, one.question, record) for one, record in entered}
        names = {one.question.name: record.id for one, record in entered}
        names |= {name: record.id for name, record in taken_back.items()}
        rows = [
            {
                "reservation": self.reservation.id,
                "question": name,
                "place": place,
                "vote": votes.get(name),
                "feedback": feedback,
                "marks": marks.get(name, ""),
            }
            for place, (name, feedback) in enumerate(names.items())
        ]
        self.tx.execute(insert(ANSWERS).values(rows))

    def _active_seconds(self, given: list[GivenAnswer]) -> float:
        """The time that counts, over all of the questions."""
        records = AnswerRecords(self.tx, self.person, self.reservation, self.sheet)
        return sum(records.measured(one).active_seconds() or 0.0 for one in given if one.since is not None)

    def _records(self) -> list[str]:
        rows = select(ANSWERS.c.feedback).where(ANSWERS.c.reservation == self.reservation.id)
        return [str(name) for name in self.tx.connection.scalars(rows.order_by(ANSWERS.c.place))]

    def _receipt(self, records: list[str], state: str) -> Receipt:
        surplus = state == "surplus"
        message = SURPLUS if surplus else ""
        return Receipt(self.reservation.id, records[0], surplus=surplus, message=message, records=tuple(records))

    def _new_state(self, judgements: list[Judgement]) -> str:
        """Answered; declined, where all is; or surplus, where the item has no place left for it."""
        if all(isinstance(judgement, Declined) for judgement in judgements):
            return "declined"
        if self.reservation.purpose != "item" or self.reservation.holds:
            return "answered"
        recount(self.tx, self.reservation.item)  # without the answer that this one replaces
        redone = self.reservation.redoes is not None
        room = has_room(self.tx, self.reservation.item, self.person, redone=redone)
        return "answered" if room else "surplus"

    # -- rows ---------------------------------------------------------------------------------------------------

    def _keep_draft(self) -> None:
        draft = _storable_form(self.tx.study, self.sent.draft)
        self._set(draft={**(self.reservation.draft or {}), **draft} if self.sent.question else draft)

    def _state(self, reservation: str) -> str:
        query = select(RESERVATIONS.c.state).where(RESERVATIONS.c.id == reservation)
        return str(self.tx.connection.scalar(query))

    def _set(self, reservation: str | None = None, **values: Any) -> None:
        name = reservation or self.reservation.id
        self.tx.execute(update(RESERVATIONS).where(RESERVATIONS.c.id == name).values(values))

    def _set_person(self, **values: Any) -> None:
        self.tx.execute(update(PEOPLE).where(*self.tx.is_person(self.person.pseudonym)).values(values))


def _comment(form: Mapping[str, str]) -> str:
    """What somebody added. Raises `FormError`."""
    return text_field(form, "comment", MAX_REASON, required=False).strip()


def _reservation_row(tx: Transaction, pseudonym: str, reservation: str) -> Row[Any]:
    query = select(RESERVATIONS).where(
        RESERVATIONS.c.id == storable_name(reservation),
        RESERVATIONS.c.person == pseudonym,
        RESERVATIONS.c.study == tx.study.name,
    )
    row = tx.execute(query).one_or_none()
    if row is None:
        raise FormError("reservation", phrase("form.not_yours"))
    return row


def _save_draft_if_possible(context: Context, pseudonym: str, reservation: str, form: Mapping[str, str]) -> None:
    """Keep what could not be read as the draft, where it can be kept at all; the first error is the one to tell."""
    try:
        save_draft(context, pseudonym, reservation, form)
    except AccordError:
        return


def _storable_form(study: Study, form: Mapping[str, str]) -> dict[str, str]:
    """A form as it can be kept. Raises `FormError` where it cannot."""
    longest = study.questionnaire.longest_field
    return {
        name: clean_text(name, value, MAX_REASON if name.rpartition(".")[2] in {"reason", "comment"} else longest)
        for name, value in form.items()
    }
