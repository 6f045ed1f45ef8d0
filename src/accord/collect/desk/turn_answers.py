"""What a person does in a dialogue: say something, judge the answers, take a judgement back, end it.

Each is one transaction on one turn. The same form again is the same answer; another one, where the dialogue went on, is
not taken and shown again. A turn that is late is taken like any other answer: the dialogue goes on where its topic has
a place, and is kept besides where it has none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Row, select, update

from accord.collect.desk import dialogues, tables
from accord.collect.desk.accounts import session_name
from accord.collect.desk.context import Context, Transaction
from accord.collect.desk.measurement import Measurement
from accord.collect.desk.reservations import expire, has_room, reopen
from accord.collect.desk.submission import ANSWERED, ERASED, PAUSED, SURPLUS
from accord.collect.desk.tasks import ClientTelemetry, DialoguePlace, Receipt, Task
from accord.collect.study.dialogue import Dialogue
from accord.collect.study.form_fields import clean_text, text_field
from accord.collect.study.kinds import MAX_REASON, corrected_to, edited_text
from accord.collect.study.phrases import phrase
from accord.errors import AccordError, Conflict, FormError
from accord.records import Completion, Feedback, Judgement, Prompt

__all__ = ["can_undo", "end", "judge", "save_draft", "say", "undo"]

TURNS, RESERVATIONS, ITEMS, PEOPLE = tables.turns, tables.reservations, tables.items, tables.people
LATE = phrase("conflict.talk_late")
OVER = phrase("conflict.talk_over")


def say(context: Context, pseudonym: str, turn: str, text: str, telemetry: ClientTelemetry) -> None:
    """Say something: the writer answers it next. Raises `FormError` or `Conflict`; what was typed is kept."""
    try:
        message = text_field({"text": text}, "text", _dialogue(context).longest)
        _check_room(context, pseudonym, turn, message)
        with context.writing() as tx:
            outcome = _Turn.of(tx, pseudonym, turn).say(message, telemetry)
    except FormError:
        _keep_draft(context, pseudonym, turn, {"text": text})
        raise
    if outcome is not None:
        raise outcome


def _check_room(context: Context, pseudonym: str, turn: str, message: str) -> None:
    """Raises `FormError` where the writer could not read all of it and still answer at full length."""
    with context.reading() as tx:
        prompt = _Turn.of(tx, pseudonym, turn).prolonged(message)
    room, needed = dialogues.room_for(context, prompt), context.study.sampling.max_tokens
    if room is not None and room < needed:
        raise FormError("text", phrase("form.talk_too_long", n=dialogues.LETTERS_OF_TOKEN * (needed - room)))


def judge(context: Context, pseudonym: str, turn: str, form: Mapping[str, str], telemetry: ClientTelemetry) -> Receipt:
    """Judge the answers of a turn, or decline to; before anything was said, decline the topic.

    Raises `FormError` (what was sent is then the draft) or `Conflict`.
    """
    fields = _fields(context, form)
    try:
        with context.writing() as tx:
            outcome = _Turn.of(tx, pseudonym, turn).judge(fields, telemetry)
    except FormError:
        _keep_draft(context, pseudonym, turn, fields)
        raise
    if isinstance(outcome, Conflict):
        raise outcome
    return outcome


def end(context: Context, pseudonym: str, turn: str) -> None:
    """End the dialogue. Raises `FormError` where it is too short for that; doing it twice is doing it once."""
    _dialogue(context)
    with context.writing() as tx:
        outcome = _Turn.of(tx, pseudonym, turn).end()
    if outcome is not None:
        raise outcome


def save_draft(context: Context, pseudonym: str, turn: str, form: Mapping[str, str]) -> None:
    """Keep what is being written. Raises `FormError` where it cannot be kept, or the turn is not this person's."""
    longest = max(context.study.question.longest_field, _dialogue(context).longest)
    fields = {**_fields(context, form), **({"text": form["text"]} if form.get("text") else {})}
    draft = {
        name: clean_text(name, value, MAX_REASON if name == "reason" else longest) for name, value in fields.items()
    }
    with context.writing() as tx:
        row = dialogues.turn_row(tx, pseudonym, turn)
        if row.state in {"speaking", "judging"}:
            tx.execute(update(TURNS).where(TURNS.c.id == turn).values(draft=draft))


def undo(tx: Transaction, pseudonym: str) -> Task | None:
    """Take back the last judgement of the dialogue in hand, where nothing was said after it; None where there is none.

    What is being written meanwhile stays the draft of its turn.
    """
    last = _last_judged(tx, pseudonym)
    if last is None:
        return None
    values = {"state": "judging", "draft": last.form, "issued": tx.now}
    tx.execute(update(TURNS).where(TURNS.c.id == last.id).values(values))
    turn = _Turn.of(tx, pseudonym, last.id)
    step = dialogues.step_of(tx, turn.reservation)
    assert isinstance(step, Task), "a turn that was judged has answers to judge"
    return step


def can_undo(tx: Transaction, pseudonym: str) -> bool:
    """Whether `undo` would bring a judgement back."""
    return _last_judged(tx, pseudonym) is not None


def _last_judged(tx: Transaction, pseudonym: str) -> Row[Any] | None:
    of_person = (RESERVATIONS.c.person == pseudonym, RESERVATIONS.c.study == tx.study.name)
    in_hand = select(RESERVATIONS).where(*of_person, RESERVATIONS.c.state == "open")
    for reservation in tx.execute(in_hand.where(RESERVATIONS.c.purpose == "item")).all():
        turns = dialogues.turns_so_far(tx, reservation.id)
        if len(turns) > 1 and turns[-1].state == "speaking" and turns[-2].state == "judged" and turns[-2].feedback:
            return turns[-2]
    return None


# -- inside -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Turn:
    """One turn, inside one transaction: rows of the person, the turn, its reservation and its topic."""

    tx: Transaction
    person: Row[Any]
    turn: Row[Any]
    reservation: Row[Any]
    topic: Prompt

    @classmethod
    def of(cls, tx: Transaction, pseudonym: str, name: str) -> Self:
        if tx.ledger_writer is not None:
            expire(tx)
        person, turn = tx.person_row(pseudonym), dialogues.turn_row(tx, pseudonym, name)
        reservation = tx.execute(select(RESERVATIONS).where(RESERVATIONS.c.id == turn.reservation)).one()
        item = tx.execute(select(ITEMS).where(ITEMS.c.id == reservation.item)).one()
        return cls(tx, person, turn, reservation, tx.prompt(item.prompt))

    @property
    def _place(self) -> DialoguePlace:
        turns = dialogues.turns_so_far(self.tx, self.reservation.id)
        return dialogues.place_of(self.tx, self.topic, turns, self.turn.place)

    def prolonged(self, message: str) -> Prompt:
        return dialogues.prolonged(self.tx, self.topic, self.turn, message)

    # -- saying -------------------------------------------------------------------------------------------------

    def say(self, text: str, telemetry: ClientTelemetry) -> Conflict | None:
        if self.turn.state != "speaking":
            return None if self.turn.message == text else Conflict("already answered", OVER)
        if (refusal := self._refusal({"text": text})) is not None:
            return refusal
        if self._place.over:
            raise FormError("text", phrase("form.talk_over"))
        if not self._reopened():
            self._set(draft={"text": text})
            return Conflict("already answered", LATE)
        self._set(state="writing", message=text, draft=None, problem="", writing_until=0.0)
        paid = self._paid(self._measurement(telemetry))
        dialogues.extend(self.tx, self.reservation.id, seconds=paid, draft={"turns": f"{self.turn.place}"})
        return None

    def end(self) -> Conflict | None:
        if self.turn.state == "ended":
            return None
        if self.turn.state != "speaking":
            return Conflict("already answered", OVER)
        if (refusal := self._refusal(self.turn.draft or {})) is not None:
            return refusal
        if not self._place.may_end:
            least = dialogues.settings(self.tx).least
            raise FormError("end", phrase("form.talk_least", n=least))
        dialogues.close(self.tx, self.reservation.id, "answered" if self._reopened() else "surplus")
        return None

    # -- judging ------------------------------------------------------------------------------------------------

    def judge(self, form: dict[str, str], telemetry: ClientTelemetry) -> Receipt | Conflict:
        state = self.turn.state
        if state in {"judged", "ended"}:
            return self._receipt() if self.turn.form == form else Conflict("already answered", ANSWERED)
        if (refusal := self._refusal(form)) is not None:
            return refusal
        if state != "judging":
            return self._decline_topic(form, telemetry)
        prompt, shown = self.tx.prompt(self.turn.prompt), self.tx.completions(self.turn.shown)
        judgement = self.tx.question.read(form, shown)
        edit = self._edit(form, shown[0])
        measurement = self._measurement(telemetry)
        records = self._records(judgement, edit, prompt, shown, measurement)
        self.tx.add(*records)
        better = shown[1 if self.tx.question.side(judgement) == "right" else 0]  # else the first, which is one by lot
        reply = better.text if edit is None else edit
        self._set(
            state="judged", reply=reply, form=form, draft=None, closed=self.tx.now, feedback=[r.id for r in records]
        )
        self._count(measurement)
        if self._reopened():
            dialogues.go_on(self.tx, self.reservation, self.turn)
        elif self.reservation.state == tables.EXPIRED:
            dialogues.close(self.tx, self.reservation.id, "surplus")
        return _Turn.of(self.tx, self.person.pseudonym, self.turn.id)._receipt()

    def _records(
        self,
        judgement: Judgement,
        edit: str | None,
        prompt: Prompt,
        shown: tuple[Completion, ...],
        measurement: Measurement,
    ) -> list[Feedback]:
        """The judgement, and the correction where there is one; each takes the place of an earlier one of this turn.

        A correction of before that was taken back is replaced by the text as it was written.
        """
        before = self.turn.feedback
        main = self._feedback(judgement, prompt, shown, measurement, before[0] if before else None)
        if edit is None and len(before) > 1:
            edit = shown[0].text
        if edit is None:
            return [main]
        earlier_edit = before[1] if len(before) > 1 else None
        return [main, self._feedback(corrected_to(edit), prompt, shown, measurement, earlier_edit)]

    def _feedback(
        self,
        judgement: Judgement,
        prompt: Prompt,
        shown: tuple[Completion, ...],
        measurement: Measurement,
        replaces: str | None = None,
    ) -> Feedback:
        return measurement.feedback(
            self.person.evaluator,
            judgement,
            prompt,
            shown,
            session=self.reservation.session,
            position_in_session=self.person.sitting_done,
            replaces=replaces,
            conversation=dialogues.conversation_of(self.reservation.id),
        )

    def _edit(self, form: Mapping[str, str], completion: Completion) -> str | None:
        """The answer as the person put it right; None where they left it."""
        settings = dialogues.settings(self.tx)
        if not settings.edits or form.get("declined"):
            return None
        return edited_text(form, "edit", completion, settings.longest)

    def _decline_topic(self, form: dict[str, str], telemetry: ClientTelemetry) -> Receipt:
        """Before anything is said, the topic can be declined: that is an answer about no completion."""
        if not form.get("declined") or self.turn.place or self.turn.state != "speaking":
            raise FormError("text", phrase("form.talk_first"))
        judgement = self.tx.question.read(form, ())
        measurement = self._measurement(telemetry)
        record = self._feedback(judgement, self.topic, (), measurement)
        self.tx.add(record)
        self._set(state="ended", form=form, draft=None, closed=self.tx.now, feedback=[record.id])
        self._count(measurement)
        dialogues.close(self.tx, self.reservation.id, "declined")
        return Receipt(self.turn.id, record.id)

    # -- states and rows ----------------------------------------------------------------------------------------

    def _receipt(self) -> Receipt:
        surplus = self.reservation.state == "surplus"
        feedback = self.turn.feedback[0] if self.turn.feedback else None
        return Receipt(self.turn.id, feedback, surplus=surplus, message=SURPLUS if surplus else "")

    def _refusal(self, draft: Mapping[str, str] | None) -> Conflict | None:
        """Of somebody who is paused, what was sent is kept; of somebody who was erased, nothing."""
        if self.person.status == "erased":
            return Conflict("paused", ERASED)
        if self.person.status != "active":
            self._set(draft=None if draft is None else dict(draft))
            return Conflict("paused", PAUSED)
        return None

    def _reopened(self) -> bool:
        """Whether the dialogue is in the person's hands, or could be given to them again."""
        if self.reservation.state == "open":
            return True
        if self.reservation.state != tables.EXPIRED or not has_room(self.tx, self.reservation.item, self.person):
            return False
        reopen(self.tx, self.reservation, session_name(self.person), self.reservation.place)
        return True

    def _measurement(self, telemetry: ClientTelemetry) -> Measurement:
        return Measurement(self.tx, self.turn.id, self.person.pseudonym, self.turn.issued, telemetry)

    def _paid(self, measurement: Measurement) -> float:
        """The dialogue's seconds with those of this turn; what lies longer than a reservation does not count."""
        of_turn = min(measurement.active_seconds() or 0.0, self.tx.study.reserve_minutes * 60)
        return (self.reservation.seconds or 0.0) + of_turn

    def _count(self, measurement: Measurement) -> None:
        """An answer more of this session, its time with that of the dialogue."""
        values = {"closed": self.tx.now, "seconds": self._paid(measurement)}
        self.tx.execute(update(RESERVATIONS).where(RESERVATIONS.c.id == self.reservation.id).values(values))
        more = {"last_at": self.tx.now, "seen": self.tx.now, "sitting_done": self.person.sitting_done + 1}
        more["sitting_done"] -= bool(self.turn.feedback)  # given anew
        self.tx.execute(update(PEOPLE).where(*self.tx.is_person(self.person.pseudonym)).values(more))

    def _set(self, **values: Any) -> None:
        self.tx.execute(update(TURNS).where(TURNS.c.id == self.turn.id).values(values))


def _dialogue(context: Context) -> Dialogue:
    """The study's dialogue. Raises `FormError` where it has none: such a turn is nobody's."""
    if context.study.dialogue is None:
        raise FormError("reservation", dialogues.NOT_YOURS)
    return context.study.dialogue


def _fields(context: Context, form: Mapping[str, str]) -> dict[str, str]:
    """The fields of a judgement, and the answer as it was put right."""
    edit = {"edit": form["edit"]} if _dialogue(context).edits and form.get("edit") else {}
    return {**context.study.question.answer_form(form), **edit}


def _keep_draft(context: Context, pseudonym: str, turn: str, form: Mapping[str, str]) -> None:
    """Keep what could not be taken, where it can be kept at all; the first error is the one to tell."""
    try:
        save_draft(context, pseudonym, turn, form)
    except AccordError:
        return
