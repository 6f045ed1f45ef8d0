"""Dispatch: what is next for a person.

An item in somebody's hands is a reservation. It is theirs until they answer or until it expires; whoever reloads gets
the same one again. All that decides what is next happens in one transaction, so two people at once never get the last
place of an item. Only a live writer is asked outside of it: meanwhile nobody else is handed that item.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, select, update

from accord.collect.assignment.lots import shown_order, turn
from accord.collect.desk import tables
from accord.collect.desk.accounts import session_name
from accord.collect.desk.assistance import drawn_assistance
from accord.collect.desk.context import Context, Transaction, moment
from accord.collect.desk.dialogues import UnansweredTurn, answer_turn, step_of
from accord.collect.desk.eligible_items import EligibleItems
from accord.collect.desk.external_ids import has_completed, is_worker, note_completion
from accord.collect.desk.live_candidates import Unwritten, write_candidates
from accord.collect.desk.reservations import exhausted, expire, has_room, reopen, reserve, task_of
from accord.collect.desk.screening import finish_practice
from accord.collect.desk.suggestions import drawn_suggestions
from accord.collect.desk.tasks import Break, Done, NextStep, Paused, Practice
from accord.collect.study.phrases import phrase

__all__ = ["items_left", "next_step"]

ITEMS, RESERVATIONS, PEOPLE = tables.items, tables.reservations, tables.people
MAX_DRAFTS = 5
QUOTA = phrase("rest.quota")
PAUSED = phrase("rest.paused")
ERASED = phrase("rest.erased")
TODAY = phrase("rest.today")


def next_step(context: Context, pseudonym: str) -> NextStep:
    """What is next for a person: the task in their hands, a new one, a break, or that there is nothing more.

    Raises `AccessError` where nobody is called so.
    """
    may_write = True
    while True:
        with context.writing() as tx:
            step = _Dispatch(tx, pseudonym, may_write).next()
        match step:
            case Unwritten():
                may_write = write_candidates(context, step)
            case UnansweredTurn():
                answer_turn(context, step)
            case _:
                return step


def items_left(context: Context, pseudonym: str) -> int:
    """How many items there are for a person that they have not had, as far as can be told now."""
    with context.reading() as tx:
        return EligibleItems(tx, tx.person_row(pseudonym), may_write=True).left()


@dataclass(frozen=True)
class _Dispatch:
    """One person's next step, inside one transaction."""

    tx: Transaction
    pseudonym: str
    may_write: bool

    def next(self) -> NextStep | Unwritten | UnansweredTurn:
        person = self.tx.person_row(self.pseudonym)
        self._set(seen=self.tx.now)
        if person.status == "screened":
            return self._screened()
        if person.status != "active":
            return Paused(ERASED if person.status == "erased" else PAUSED)
        expire(self.tx)
        if step := self._in_hands(person):
            return step
        if not person.practised:
            if practice := self._practice(person):
                return practice
            if self.tx.person_row(self.pseudonym).status == "screened":
                return self._screened()
        if complete := self._complete():
            return complete
        if pause := self._break(person):
            return pause
        return self._ended(self._new(self._in_session(person)))

    # -- what is there already --------------------------------------------------------------------------------

    def _in_hands(self, person: Row[Any]) -> NextStep | UnansweredTurn | None:
        """The reservation that is open (an answer taken back comes first), or one that expired with a draft."""
        query = select(RESERVATIONS).where(*self.tx.of_person(self.pseudonym), RESERVATIONS.c.state == "open")
        redone_first = (RESERVATIONS.c.redoes.is_(None), RESERVATIONS.c.issued.desc())
        reservation = self.tx.execute(query.order_by(*redone_first).limit(1)).first()
        if reservation is None and (expired := self._with_draft(person)) is not None:
            reservation = reopen(self.tx, expired, session_name(person), person.sitting_done)
        if reservation is None:
            return None
        return self._as_practice(reservation) if reservation.purpose == "practice" else self._step(reservation)

    def _step(self, reservation: Row[Any]) -> NextStep | UnansweredTurn:
        """A reservation as the person sees it: a task, or the conversation on its topic."""
        is_dialogue = self.tx.study.dialogue is not None and reservation.purpose == "item"
        return step_of(self.tx, reservation) if is_dialogue else task_of(self.tx, reservation, self._left())

    def _left(self) -> int:
        """How many items there are for the person, with the one that they get now."""
        return self._eligible(self.tx.person_row(self.pseudonym)).left()

    def _with_draft(self, person: Row[Any]) -> Row[Any] | None:
        """What somebody had begun to write when it expired, if its item still has a place."""
        query = select(RESERVATIONS).where(
            *self.tx.of_person(self.pseudonym),
            RESERVATIONS.c.state == tables.EXPIRED,
            RESERVATIONS.c.draft.is_not(None),
            RESERVATIONS.c.redoes.is_(None),
            RESERVATIONS.c.purpose.in_(("item", "gold", "repeat")),
        )
        for reservation in self.tx.execute(query.order_by(RESERVATIONS.c.issued.desc()).limit(MAX_DRAFTS)).all():
            if reservation.purpose != "item" or has_room(self.tx, reservation.item, person):
                return reservation
        return None

    # -- practice ---------------------------------------------------------------------------------------------

    def _practice(self, person: Row[Any]) -> Practice | None:
        done = select(RESERVATIONS.c.item).where(
            *self.tx.of_person(self.pseudonym), RESERVATIONS.c.state == "practised"
        )
        questions = self._eligible(person).of("practice").where(ITEMS.c.id.not_in(done))
        item = self.tx.execute(questions.order_by(ITEMS.c.place).limit(1)).first()
        if item is None:
            finish_practice(self.tx, self.pseudonym)
            return None
        return self._as_practice(self._reserve(item, person, "practice"))

    def _as_practice(self, reservation: Row[Any]) -> Practice:
        person = self.tx.person_row(self.pseudonym)
        questions = self._eligible(person).of("practice").order_by(ITEMS.c.place)
        names = [row.id for row in self.tx.execute(questions)]
        number = names.index(reservation.item) + 1 if reservation.item in names else len(names)
        return Practice(task_of(self.tx, reservation), number, len(names))

    # -- the end of a part ------------------------------------------------------------------------------------

    def _screened(self) -> Done:
        screen = self.tx.study.screen_out
        message = self.tx.study.thanks if screen is None else screen.message
        return Done("screened", message, None if screen is None else screen)

    def _complete(self) -> Done | None:
        """That somebody from a platform has done their part, now or before."""
        platform = self.tx.study.platform
        if platform is None or not is_worker(self.tx, self.pseudonym):
            return None
        if not has_completed(self.tx, self.pseudonym):
            if self._answers() < platform.items:
                return None
            note_completion(self.tx, self.pseudonym)
        return Done("complete", self.tx.study.thanks, platform)

    def _ended(self, step: NextStep | Unwritten | UnansweredTurn) -> NextStep | Unwritten | UnansweredTurn:
        """What ends for everybody, as it ends for somebody from a platform.

        All that there was is a whole part of whoever answered some of it; for whom others left nothing it is full.
        """
        platform = self.tx.study.platform
        if platform is None or not isinstance(step, Done) or not is_worker(self.tx, self.pseudonym):
            return step
        if step.reason == "all" and self._answers():
            note_completion(self.tx, self.pseudonym)
            return replace(step, ending=platform)
        return replace(step, ending=platform.full)

    def _answers(self) -> int:
        """How many answers of the person's stand in the ledger."""
        standing = (*self.tx.of_person(self.pseudonym), RESERVATIONS.c.state.in_(tables.IN_LEDGER))
        return self.tx.count(select(func.count()).where(*standing))

    # -- breaks and sessions ----------------------------------------------------------------------------------

    def _break(self, person: Row[Any]) -> Break | None:
        study, now = self.tx.study, self.tx.now
        if study.daily_items is not None and self._answers_today(person) >= study.daily_items:
            midnight = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            return Break(midnight + timedelta(days=1), "daily", TODAY)
        rested_at = min(person.last_at, now) + study.break_minutes * 60
        if person.sitting_done >= study.session_items and now < rested_at:
            return Break(moment(rested_at), "session", phrase("rest.session", n=person.sitting_done))
        return None

    def _answers_today(self, person: Row[Any]) -> int:
        midnight = self.tx.now - self.tx.now % 86_400
        today = select(RESERVATIONS).where(
            *self.tx.of_person(self.pseudonym),
            RESERVATIONS.c.state.in_((*tables.IN_LEDGER, "replaced")),
            RESERVATIONS.c.closed >= midnight,
            RESERVATIONS.c.redoes.is_(None),
        )
        return self._eligible(person).count(today)

    def _in_session(self, person: Row[Any]) -> Row[Any]:
        """The person's row, in a new session where the last one is full or they rested as long as a break."""
        study = self.tx.study
        rested = 0 < study.break_minutes * 60 <= self.tx.now - person.last_at
        if person.sitting and person.sitting_done < study.session_items and not rested:
            return person
        self._set(sitting=person.sitting + 1, sitting_done=0)
        return self.tx.person_row(self.pseudonym)

    # -- something new ----------------------------------------------------------------------------------------

    def _new(self, person: Row[Any]) -> NextStep | Unwritten | UnansweredTurn:
        study, eligible, number = self.tx.study, self._eligible(person), person.asked + 1
        if exhausted(self.tx):
            return Done("budget", study.thanks)
        match turn(self.tx.seed, self.pseudonym, number, gold=study.gold_share, repeat=study.repeat_share):
            case "gold" if (gold := eligible.gold()) is not None:
                return self._hand_out(self._reserve(gold, person, "gold"), number)
            case "repeat" if (again := eligible.repeat()) is not None:
                return self._hand_out(self._reserve(again[0], person, "repeat", repeat_of=again[1]), number)
            case _:
                pass
        if not eligible.quota_is_open():
            return Done("quota", QUOTA)
        item = eligible.item()
        if item is None:
            return eligible.nothing()
        if item.candidates and not item.completions:
            return Unwritten.claim(self.tx, item)
        return self._hand_out(self._reserve(item, person, "item"), number)

    def _hand_out(self, reservation: Row[Any], number: int) -> NextStep | UnansweredTurn:
        self._set(asked=number, last_at=self.tx.now)
        return self._step(reservation)

    def _reserve(self, item: Row[Any], person: Row[Any], purpose: str, repeat_of: str | None = None) -> Row[Any]:
        expired = select(RESERVATIONS).where(
            RESERVATIONS.c.item == item.id,
            *self.tx.of_person(self.pseudonym),
            RESERVATIONS.c.state == tables.EXPIRED,
            RESERVATIONS.c.purpose == purpose,
            RESERVATIONS.c.redoes.is_(None),
        )
        earlier = self.tx.execute(expired).first()
        if earlier is not None and repeat_of is None:
            return reopen(self.tx, earlier, session_name(person), person.sitting_done)
        order = shown_order(self.tx.seed, self.pseudonym, item.id, repeat_of or "", item.completions)
        values = {
            "item": item.id,
            "purpose": purpose,
            "holds": purpose == "item",
            "session": session_name(person),
            "place": person.sitting_done,
            "number": person.asked + 1,
            "shown": list(order),
            "repeat_of": repeat_of,
            "suggested": {} if purpose == "practice" else drawn_suggestions(self.tx, item, self.pseudonym),
            "assistance": None if purpose == "practice" else drawn_assistance(self.tx, item, self.pseudonym),
        }
        return reserve(self.tx, self.pseudonym, values)

    def _eligible(self, person: Row[Any]) -> EligibleItems:
        return EligibleItems(self.tx, person, self.may_write)

    def _set(self, **values: Any) -> None:
        self.tx.execute(update(PEOPLE).where(*self.tx.is_person(self.pseudonym)).values(values))
