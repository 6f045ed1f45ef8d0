"""Handing out: what is next for a person.

An item in somebody's hands is a reservation. It is theirs until they answer or until it lapses; whoever reloads gets
the same one again. All that decides what is next happens in one transaction, so two people at once never get the last
place of an item. Only a live writer is asked outside of it: meanwhile nobody else is handed that item.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update

from accord.collect.assignment.lots import shown_order, turn
from accord.collect.desk import tables
from accord.collect.desk.accounts import SAID, session_name
from accord.collect.desk.context import Context, moment, person_row
from accord.collect.desk.eligible_items import Offers
from accord.collect.desk.live_candidates import Unwritten, write
from accord.collect.desk.reservations import exhausted, has_room, lapse, reopen, reserve, task_of
from accord.collect.desk.types import Break, Done, Next, Paused, Practice, Task

__all__ = ["next_for"]

ITEMS, HELD, PEOPLE = tables.items, tables.reservations, tables.people
QUOTA = "Your group's share of this study is complete for now; places may open later."
PAUSED = "Your part in this study is paused; what you wrote is kept. Ask whoever runs it."
ERASED = "You asked to be forgotten, and are."


def next_for(context: Context, pseudonym: str) -> Next:
    """What is next for a person: the task in their hands, a new one, a break, or that there is nothing more.

    Raises `AccessError` where nobody is called so.
    """
    may_write = True
    while True:
        with context.ledger.begin(immediate=True) as connection:
            found = _Handing(context, connection, pseudonym, may_write).next()
        if not isinstance(found, Unwritten):
            return found
        may_write = write(context, found)


@dataclass(frozen=True)
class _Handing:
    """One person's next thing, inside one transaction."""

    context: Context
    connection: Connection
    pseudonym: str
    may_write: bool

    def next(self) -> Next | Unwritten:
        row, now = person_row(self.context, self.connection, self.pseudonym), self.context.now()
        self._set(seen=now)
        if row.status != "active":
            return Paused(ERASED if row.status == "erased" else PAUSED)
        lapse(self.context, self.connection, now)
        if held := self._in_hands(row):
            return held
        if not row.practised and (practice := self._practice(row)):
            return practice
        if pause := self._break(row, now):
            return pause
        return self._new(self._sitting(row, now), now)

    # -- what is there already --------------------------------------------------------------------------------

    def _in_hands(self, row: Row[Any]) -> Next | None:
        """The reservation that is open (an answer taken back comes first), or one that lapsed with a draft."""
        wanted = select(HELD).where(HELD.c.person == self.pseudonym, HELD.c.state == "open")
        held = self.connection.execute(wanted.order_by(HELD.c.redoes.is_(None), HELD.c.issued.desc()).limit(1)).first()
        if held is None and (held := self._left_behind()) is not None:
            held = reopen(self.context, self.connection, held, session_name(row), row.sitting_done)
        if held is None:
            return None
        if held.purpose == "practice":
            return self._practice_of(held)
        return task_of(self.context, self.connection, held)

    def _left_behind(self) -> Row[Any] | None:
        """What somebody had begun to write when it lapsed, if its item still has a place."""
        wanted = select(HELD).where(
            HELD.c.person == self.pseudonym,
            HELD.c.state == "lapsed",
            HELD.c.draft.is_not(None),
            HELD.c.redoes.is_(None),
            HELD.c.purpose.in_(("item", "gold", "repeat")),
        )
        for held in self.connection.execute(wanted.order_by(HELD.c.issued.desc()).limit(5)).all():
            if held.purpose != "item" or has_room(self.context, self.connection, held.item):
                return held
        return None

    # -- practice ---------------------------------------------------------------------------------------------

    def _practice(self, row: Row[Any]) -> Practice | None:
        done = select(HELD.c.item).where(HELD.c.person == self.pseudonym, HELD.c.state == "practised")
        wanted = self._offers(row).of("practice").where(ITEMS.c.id.not_in(done)).order_by(ITEMS.c.place).limit(1)
        item = self.connection.execute(wanted).first()
        if item is None:
            self._set(practised=True)
            return None
        return self._practice_of(self._reserve(item, row, "practice"))

    def _practice_of(self, held: Row[Any]) -> Practice:
        row = person_row(self.context, self.connection, self.pseudonym)
        of = [each.id for each in self.connection.execute(self._offers(row).of("practice").order_by(ITEMS.c.place))]
        number = of.index(held.item) + 1 if held.item in of else len(of)
        return Practice(task_of(self.context, self.connection, held), number, len(of))

    # -- breaks and sessions ----------------------------------------------------------------------------------

    def _break(self, row: Row[Any], now: float) -> Break | None:
        study = self.context.study
        if study.daily_items is not None and self._today(row, now) >= study.daily_items:
            day = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            return Break(day + timedelta(days=1), "daily", "That is all for today. Thank you; see you tomorrow.")
        rested = min(row.last_at, now) + study.break_minutes * 60
        if row.sitting_done >= study.session_items and now < rested:
            said = f"{row.sitting_done} answers without a break: please rest your eyes. Judgement tires before you do."
            return Break(moment(rested), "session", said)
        return None

    def _today(self, row: Row[Any], now: float) -> int:
        midnight = now - now % 86_400
        wanted = select(HELD).where(
            HELD.c.person == self.pseudonym,
            HELD.c.state.in_((*SAID, "replaced")),
            HELD.c.closed >= midnight,
            HELD.c.redoes.is_(None),
        )
        return self._offers(row).count(wanted)

    def _sitting(self, row: Row[Any], now: float) -> Row[Any]:
        """The person's row, in a new session where the last one is full or they rested as long as a break."""
        study = self.context.study
        rested = 0 < study.break_minutes * 60 <= now - row.last_at
        if row.sitting and row.sitting_done < study.session_items and not rested:
            return row
        self._set(sitting=row.sitting + 1, sitting_done=0)
        return person_row(self.context, self.connection, self.pseudonym)

    # -- something new ----------------------------------------------------------------------------------------

    def _new(self, row: Row[Any], now: float) -> Next | Unwritten:
        study, offers, number = self.context.study, self._offers(row), row.asked + 1
        if exhausted(self.context, self.connection):
            return Done("budget", study.thanks)
        match turn(self.context.seed, self.pseudonym, number, gold=study.gold_share, repeat=study.repeat_share):
            case "gold" if (gold := offers.gold()) is not None:
                return self._handed(self._reserve(gold, row, "gold"), number, now)
            case "repeat" if (again := offers.repeat()) is not None:
                return self._handed(self._reserve(again[0], row, "repeat", repeat_of=again[1]), number, now)
            case _:
                pass
        if not offers.quota():
            return Done("quota", QUOTA)
        item = offers.item()
        if item is None:
            return offers.nothing()
        if item.candidates and not item.completions:
            return Unwritten.claim(self.context, self.connection, item, now)
        return self._handed(self._reserve(item, row, "item"), number, now)

    def _handed(self, held: Row[Any], number: int, now: float) -> Task:
        self._set(asked=number, last_at=now)
        return task_of(self.context, self.connection, held)

    def _reserve(self, item: Row[Any], row: Row[Any], purpose: str, repeat_of: str | None = None) -> Row[Any]:
        lapsed = select(HELD).where(
            HELD.c.item == item.id,
            HELD.c.person == self.pseudonym,
            HELD.c.state == "lapsed",
            HELD.c.purpose == purpose,
            HELD.c.redoes.is_(None),
        )
        before = self.connection.execute(lapsed).first()
        if before is not None and repeat_of is None:
            return reopen(self.context, self.connection, before, session_name(row), row.sitting_done)
        shown = shown_order(self.context.seed, self.pseudonym, item.id, repeat_of or "", item.completions)
        values = {
            "item": item.id,
            "purpose": purpose,
            "holds": purpose == "item",
            "session": session_name(row),
            "place": row.sitting_done,
            "number": row.asked + 1,
            "shown": list(shown),
            "repeat_of": repeat_of,
        }
        return reserve(self.context, self.connection, self.pseudonym, values, self.context.now())

    def _offers(self, row: Row[Any]) -> Offers:
        return Offers(self.context, self.connection, row, self.context.now(), self.may_write)

    def _set(self, **values: Any) -> None:
        self.connection.execute(update(PEOPLE).where(PEOPLE.c.pseudonym == self.pseudonym).values(values))
