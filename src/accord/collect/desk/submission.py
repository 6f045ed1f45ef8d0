"""Taking in: an answer becomes feedback in the ledger and closes its reservation, in one transaction.

What somebody sent is never lost. The same form sent twice is one answer. After the reservation lapsed it is taken as
long as the item has a place, and otherwise kept as a surplus answer. Of a person who is paused, or where a form cannot
be read, what was written is kept as the draft.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, func, select, update

from accord.collect.desk import tables
from accord.collect.desk.accounts import SAID, session_name
from accord.collect.desk.context import Context, moment, name_in, person_row, records
from accord.collect.desk.item_counts import recount
from accord.collect.desk.reservations import has_room, lapse, reserve, task_of
from accord.collect.desk.types import Accepted, Practised, Seen, Task
from accord.collect.study import shown_digest
from accord.collect.study.form_fields import clean_text
from accord.collect.study.kinds import MAX_REASON
from accord.errors import AccordError, Conflict, FormError
from accord.feedback.store.ledger_writer import LedgerWriter
from accord.records import Completion, Declined, Feedback, Judgement, Prompt, Telemetry

__all__ = ["save_draft", "submit", "undo"]

ITEMS, HELD, PEOPLE = tables.items, tables.reservations, tables.people
CLOSED = (*SAID, "replaced", "practised")
JUDGEMENT: TypeAdapter[Judgement] = TypeAdapter(Judgement)
SURPLUS = "Your time for this one had run out and others have answered it meanwhile; your answer is kept besides."


def submit(
    context: Context, pseudonym: str, reservation: str, form: Mapping[str, str], seen: Seen | None = None
) -> Accepted:
    """Take an answer in.

    Raises `FormError` where the form cannot be read (what was sent is then the draft), `Conflict` where something else
    was answered before, or the person is paused (what was sent is kept).
    """
    form = _fields(context, form)
    try:
        with context.ledger.transaction() as adding:
            outcome = _Taking.of(context, adding, pseudonym, reservation, form, seen or Seen()).outcome()
    except FormError:
        _keep(context, pseudonym, reservation, form)
        raise
    if isinstance(outcome, Conflict):
        raise outcome
    return outcome


def save_draft(context: Context, pseudonym: str, reservation: str, form: Mapping[str, str]) -> None:
    """Keep a form as far as it is filled in. Raises `FormError` where it is too long, or not in this person's hands."""
    form = _cleaned(context, _fields(context, form))
    with context.ledger.begin(immediate=True) as connection:
        held = _held(context, connection, pseudonym, reservation)
        if held.state in {"open", "lapsed"}:
            connection.execute(update(HELD).where(HELD.c.id == reservation).values(draft=form))


def undo(context: Context, pseudonym: str) -> Task:
    """Take back the last answer of this session: its item is in the person's hands again, with the form as it was.

    The answer stands until a new one is sent, which `replaces` it. Raises `FormError` where there is none.
    """
    with context.ledger.begin(immediate=True) as connection:
        row, now = person_row(context, connection, pseudonym), context.now()
        mine = select(HELD).where(HELD.c.person == pseudonym)
        held = connection.execute(mine.where(HELD.c.state == "open", HELD.c.redoes.is_not(None))).first()
        if held is None:
            said = mine.where(HELD.c.state.in_(SAID), HELD.c.session == session_name(row))
            last = connection.execute(said.order_by(HELD.c.answer.desc()).limit(1)).first()
            if last is None or row.status != "active":
                raise FormError("undo", "There is no answer of this session to take back.")
            kept = ("item", "purpose", "session", "place", "number", "shown", "repeat_of")
            values = {name: getattr(last, name) for name in kept}
            values |= {"draft": last.form, "replaces": last.feedback, "redoes": last.id}
            held = reserve(context, connection, pseudonym, values, now)
        return task_of(context, connection, held)


# -- inside -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Taking:
    """One answer, inside one transaction."""

    context: Context
    adding: LedgerWriter
    person: Row[Any]
    held: Row[Any]
    item: Row[Any]
    form: dict[str, str]
    seen: Seen
    now: float

    @classmethod
    def of(
        cls, context: Context, adding: LedgerWriter, pseudonym: str, reservation: str, form: dict[str, str], seen: Seen
    ) -> "_Taking":
        connection = adding.connection
        person = person_row(context, connection, pseudonym)
        lapse(context, connection, context.now())
        held = _held(context, connection, pseudonym, reservation)
        item = connection.execute(select(ITEMS).where(ITEMS.c.id == held.item)).one()
        return cls(context, adding, person, held, item, form, seen, context.now())

    def outcome(self) -> Accepted | Conflict:
        if self.held.state in CLOSED:
            return self._twice()
        if self.person.status == "erased":
            return Conflict("paused", "You asked to be forgotten, and are; nothing was sent.")
        if self.person.status != "active":
            self._set(draft=_cleaned(self.context, self.form))
            return Conflict("paused", "Your part in this study is paused. What you wrote is kept; nothing was sent.")
        if self.held.redoes is not None and self._state(self.held.redoes) not in SAID:
            self._set(draft=_cleaned(self.context, self.form))
            return Conflict("already answered", "This answer was changed before; what you wrote is kept, not sent.")
        completions = records(self.adding.connection, Completion, self.held.shown)
        shown = tuple(completions[name] for name in self.held.shown)
        judgement = self.context.study.question.read(self.form, shown)
        if self.held.purpose == "practice":
            return self._practised(judgement)
        return self._kept(judgement, shown)

    def _twice(self) -> Accepted | Conflict:
        """The same form again is the same answer; another one is not taken."""
        if self.held.form != self.form:
            said = "You answered this before; to change your answer, take it back first (u)."
            return Conflict("already answered", said)
        if self.held.state == "practised":
            return Accepted(
                self.held.id, None, self._explained(self.context.study.question.read(self.form, self._shown()))
            )
        surplus = self.held.state == "surplus"
        return Accepted(self.held.id, self.held.feedback, surplus=surplus, message=SURPLUS if surplus else "")

    def _kept(self, judgement: Judgement, shown: tuple[Completion, ...]) -> Accepted:
        feedback = self._feedback(judgement, shown)
        self.adding.add(feedback)
        if self.held.redoes is not None:
            self._set(self.held.redoes, state="replaced", holds=False)
        state = self._new_state(judgement)
        said = None if state == "declined" else self.context.study.question.vote(judgement, self.held.shown)
        self._set(
            state=state,
            holds=state == "answered" and self.held.purpose == "item",
            closed=self.now,
            answer=1 + int(self.adding.connection.scalar(select(func.max(HELD.c.answer))) or 0),
            form=self.form,
            draft=None,
            feedback=feedback.id,
            opinion=said,
            seen={"seconds": self.seen.seconds},
            seconds=feedback.seconds or 0.0,
        )
        recount(self.context, self.adding.connection, self.held.item)
        values = {"last_at": self.now, "seen": self.now}
        values |= {} if self.held.redoes else {"sitting_done": self.person.sitting_done + 1}
        self.adding.connection.execute(update(PEOPLE).where(PEOPLE.c.pseudonym == self.person.pseudonym).values(values))
        return Accepted(self.held.id, feedback.id, surplus=state == "surplus", message=SURPLUS * (state == "surplus"))

    def _new_state(self, judgement: Judgement) -> str:
        """Answered; declined; or surplus, where the item has no place left for it."""
        if isinstance(judgement, Declined):
            return "declined"
        if self.held.purpose != "item" or self.held.holds:
            return "answered"
        connection, again = self.adding.connection, self.held.redoes is not None
        recount(self.context, connection, self.held.item)  # without the answer that this one replaces
        return "answered" if has_room(self.context, connection, self.held.item, decided=again) else "surplus"

    def _feedback(self, judgement: Judgement, shown: tuple[Completion, ...]) -> Feedback:
        study, prompt = self.context.study, self._prompt()
        available = shown_digest(prompt, shown)
        gold = None
        if self.held.purpose == "gold":
            gold = self.context.study.question.reorder(
                JUDGEMENT.validate_json(json.dumps(self.item.gold)), self.item.completions, self.held.shown
            )
        return Feedback(
            evaluator=self.person.evaluator,
            prompt=prompt.id,
            completions=tuple(each.id for each in shown),
            judgement=judgement,
            study=study.name,
            instructions=study.guideline_digest,
            shown_digest=self.seen.shown or available,
            available_digest=available,
            time=moment(self.now),
            seconds=self._seconds(),
            session=self.held.session,
            position_in_session=self.held.place,
            round=study.round,
            gold=gold,
            repeat_of=self.held.repeat_of,
            telemetry=self._telemetry(),
            replaces=self.held.replaces,
        )

    def _seconds(self) -> float | None:
        """The time since it was handed out; None where the clock went back, which is told of."""
        spent = self.now - self.held.issued
        if spent >= 0:
            return float(round(spent, 3))
        said = f"the clock went back {-spent:.0f} s while {self.held.id} was out; its seconds are not known"
        self.context.note(self.adding.connection, "clock", said, self.person.pseudonym)
        return None

    def _telemetry(self) -> Telemetry | None:
        counts = {name: getattr(self.seen, name) for name in ("pasted", "keystrokes", "focus_lost")}
        known = {name: max(0, int(count)) for name, count in counts.items() if count is not None}
        return Telemetry(**known) if known else None

    # -- practice -----------------------------------------------------------------------------------------------

    def _practised(self, judgement: Judgement) -> Accepted:
        """What is said for practice is explained, kept on the desk and never goes into the ledger."""
        self._set(state="practised", closed=self.now, form=self.form, draft=None, seconds=self._seconds() or 0.0)
        done = select(HELD.c.item).where(HELD.c.person == self.person.pseudonym, HELD.c.state == "practised")
        left = select(ITEMS.c.id).where(
            ITEMS.c.study == self.context.study.name,
            ITEMS.c.purpose == "practice",
            ITEMS.c.closed != "withdrawn",
            ITEMS.c.id.not_in(done),
        )
        if self.adding.connection.execute(left.limit(1)).first() is None:
            person = update(PEOPLE).where(PEOPLE.c.pseudonym == self.person.pseudonym)
            self.adding.connection.execute(person.values(practised=True))
        return Accepted(self.held.id, None, self._explained(judgement))

    def _explained(self, judgement: Judgement) -> Practised:
        if self.item.gold is None:
            return Practised(None, None, self.item.explanation)
        expected = self.context.study.question.reorder(
            JUDGEMENT.validate_json(json.dumps(self.item.gold)), self.item.completions, self.held.shown
        )
        return Practised(self.context.study.question.agree(judgement, expected), expected, self.item.explanation)

    # -- small things -------------------------------------------------------------------------------------------

    def _prompt(self) -> Prompt:
        return records(self.adding.connection, Prompt, [self.item.prompt])[self.item.prompt]

    def _shown(self) -> tuple[Completion, ...]:
        found = records(self.adding.connection, Completion, self.held.shown)
        return tuple(found[name] for name in self.held.shown)

    def _state(self, reservation: str) -> str:
        return str(self.adding.connection.scalar(select(HELD.c.state).where(HELD.c.id == reservation)))

    def _set(self, reservation: str | None = None, **values: Any) -> None:
        name = reservation or self.held.id
        self.adding.connection.execute(update(HELD).where(HELD.c.id == name).values(values))


def _held(context: Context, connection: Connection, pseudonym: str, reservation: str) -> Row[Any]:
    wanted = select(HELD).where(HELD.c.id == name_in(reservation), HELD.c.person == pseudonym)
    row = connection.execute(wanted.where(HELD.c.study == context.study.name)).one_or_none()
    if row is None:
        raise FormError("reservation", "This item is not in your hands; reload the page to go on.")
    return row


def _keep(context: Context, pseudonym: str, reservation: str, form: Mapping[str, str]) -> None:
    """Keep what could not be read as the draft, where it can be kept at all; the first error is the one to tell."""
    try:
        save_draft(context, pseudonym, reservation, form)
    except AccordError:
        return


def _fields(context: Context, form: Mapping[str, str]) -> dict[str, str]:
    """The fields of the study's form; what else the page sends is no part of the answer."""
    wanted = (*context.study.question.fields, "declined", "reason")
    return {name: form[name] for name in wanted if form.get(name)}


def _cleaned(context: Context, form: Mapping[str, str]) -> dict[str, str]:
    """A form as it can be kept. Raises `FormError` where it cannot."""
    return {name: clean_text(name, value, _longest(context, name)) for name, value in form.items()}


def _longest(context: Context, field: str) -> int:
    return MAX_REASON if field == "reason" else max(context.study.question.longest_text * 2, 500_000)
