"""Handing out: what is next for a person.

An item in somebody's hands is a reservation. It is theirs until they answer or until it lapses; whoever reloads gets
the same one again. All that decides what is next happens in one transaction, so two people at once never get the last
place of an item. Only a live writer is asked outside of it: meanwhile nobody else is handed that item.
"""

import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, Row, exists, func, insert, select, update

from accord.collect import tables
from accord.collect.assign import Candidate, lot, may_take, pick, shown_order, turn
from accord.collect.context import Context, moment, person_row, records
from accord.collect.counting import recount
from accord.collect.people import SAID, session_name
from accord.collect.types import Break, Done, Next, Paused, Practice, Task
from accord.collect.writing import Unwritten, write
from accord.records import Completion, Prompt

__all__ = ["next_for", "reserve", "task_of"]

LOOKED_AT = 64
"""How many of the items that come first are weighed against one another."""

AGAIN_SECONDS = 20.0
"""When to look again where everything is in others' hands."""

WRITES = 3
ITEMS, HELD, PEOPLE = tables.items, tables.reservations, tables.people


def next_for(context: Context, pseudonym: str) -> Next:
    """What is next for a person: the task in their hands, a new one, a break, or that there is nothing more.

    Raises `AccessError` where nobody is called so.
    """
    for attempt in range(WRITES + 1):
        with context.ledger.begin(immediate=True) as connection:
            found = _Handing(context, connection, pseudonym, may_write=attempt < WRITES).next()
        if not isinstance(found, Unwritten):
            return found
        write(context, found)
    raise AssertionError("without a writer something else was found")


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
            gone = "You asked to be forgotten, and are." if row.status == "erased" else ""
            return Paused(gone or "Your part in this study is paused; what you wrote is kept. Ask whoever runs it.")
        lapse(self.context, self.connection, now)
        if held := self._in_hands(row, now):
            return held
        if not row.practised and (practice := self._practice(row, now)):
            return practice
        if pause := self._break(row, now):
            return pause
        row = self._sitting(row, now)
        return self._new(row, now)

    # -- what is there already --------------------------------------------------------------------------------

    def _in_hands(self, row: Row[Any], now: float) -> Next | None:
        """The reservation that is open (an answer taken back comes first), or one that lapsed with a draft."""
        wanted = select(HELD).where(HELD.c.person == self.pseudonym, HELD.c.state == "open")
        held = self.connection.execute(wanted.order_by(HELD.c.redoes.is_(None), HELD.c.issued.desc()).limit(1)).first()
        if held is None and (held := self._left_behind()) is not None:
            held = self._reopen(held, row, now)
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
        for held in self.connection.execute(wanted.order_by(HELD.c.issued.desc()).limit(5)):
            item = self.connection.execute(select(ITEMS).where(ITEMS.c.id == held.item)).one()
            if held.purpose != "item" or (item.closed == "" and item.answered + item.open < item.overlap):
                return held
        return None

    def _reopen(self, held: Row[Any], row: Row[Any], now: float) -> Row[Any]:
        """Hand a lapsed reservation out again: the same one, so that a late answer to it is still the only one."""
        values = {"state": "open", "issued": now, "expires": self._expiry(now), "holds": held.purpose == "item"}
        values |= {"session": session_name(row), "place": row.sitting_done}
        self.connection.execute(update(HELD).where(HELD.c.id == held.id).values(values))
        recount(self.context, self.connection, held.item)
        return self.connection.execute(select(HELD).where(HELD.c.id == held.id)).one()

    # -- practice ---------------------------------------------------------------------------------------------

    def _practice(self, row: Row[Any], now: float) -> Practice | None:
        done = select(HELD.c.item).where(HELD.c.person == self.pseudonym, HELD.c.state == "practised")
        wanted = self._of("practice").where(ITEMS.c.id.not_in(done)).order_by(ITEMS.c.place).limit(1)
        item = self.connection.execute(wanted).first()
        if item is None:
            self._set(practised=True)
            return None
        return self._practice_of(self._reserve(item, row, "practice", now))

    def _practice_of(self, held: Row[Any]) -> Practice:
        of = self._count(self._of("practice"))
        place = self.connection.scalar(select(ITEMS.c.place).where(ITEMS.c.id == held.item)) or 0
        before = self._count(self._of("practice").where(ITEMS.c.place < place))
        return Practice(task_of(self.context, self.connection, held), before + 1, of)

    # -- breaks and sessions ----------------------------------------------------------------------------------

    def _break(self, row: Row[Any], now: float) -> Break | None:
        study = self.context.study
        if study.daily_items is not None and self._today(now) >= study.daily_items:
            day = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            return Break(day + timedelta(days=1), "daily", "That is all for today. Thank you; see you tomorrow.")
        rested = min(row.last_at, now) + study.break_minutes * 60
        if row.sitting_done >= study.session_items and now < rested:
            said = f"{row.sitting_done} answers without a break: please rest your eyes. Judgement tires before you do."
            return Break(moment(rested), "session", said)
        return None

    def _today(self, now: float) -> int:
        midnight = now - now % 86_400
        wanted = select(HELD).where(
            HELD.c.person == self.pseudonym, HELD.c.state.in_(SAID), HELD.c.closed >= midnight, HELD.c.redoes.is_(None)
        )
        return self._count(wanted)

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
        study = self.context.study
        if study.answers is not None and self._taken() >= study.answers:
            return Done("budget", study.thanks)
        number = row.asked + 1
        match turn(self.context.seed, self.pseudonym, number, gold=study.gold_share, repeat=study.repeat_share):
            case "gold":
                held = self._gold(row, now)
            case "repeat":
                held = self._repeat(row, now, number)
            case "item":
                held = None
        if held is not None:
            return self._handed(held, number, now)
        if not self._quota(row, now):
            return Done("quota", "Your group's share of this study is complete for now; places may open later.")
        chosen = pick(self._candidates(row, now), choose=study.choose, seed=self.context.seed, person=self.pseudonym)
        if chosen is None:
            return self._nothing(now)
        item = self.connection.execute(select(ITEMS).where(ITEMS.c.id == chosen.item)).one()
        if item.candidates and not item.completions:
            return Unwritten.claim(self.context, self.connection, item, now)
        return self._handed(self._reserve(item, row, "item", now), number, now)

    def _handed(self, held: Row[Any], number: int, now: float) -> Task:
        self._set(asked=number, last_at=now)
        return task_of(self.context, self.connection, held)

    def _gold(self, row: Row[Any], now: float) -> Row[Any] | None:
        """A question whose answer is known and that this person has not had, by lot."""
        had = exists().where(HELD.c.item == ITEMS.c.id, HELD.c.person == self.pseudonym)
        found = self.connection.execute(self._of("gold").where(~had)).all()
        item = min(found, key=lambda each: lot(self.context.seed, self.pseudonym, each.id), default=None)
        return None if item is None else self._reserve(item, row, "gold", now)

    def _repeat(self, row: Row[Any], now: float, number: int) -> Row[Any] | None:
        """Something that this person answered a while ago and was not asked again, by lot."""
        again = HELD.alias()
        asked = exists().where(again.c.person == self.pseudonym, again.c.repeat_of == HELD.c.feedback)
        wanted = select(HELD).where(
            HELD.c.person == self.pseudonym,
            HELD.c.state == "answered",
            HELD.c.purpose == "item",
            HELD.c.number <= number - self.context.study.repeat_gap,
            ~asked,
        )
        found = self.connection.execute(wanted).all()
        first = min(found, key=lambda each: lot(self.context.seed, self.pseudonym, each.id), default=None)
        if first is None:
            return None
        item = self.connection.execute(select(ITEMS).where(ITEMS.c.id == first.item)).one()
        return self._reserve(item, row, "repeat", now, repeat_of=first.feedback)

    def _candidates(self, row: Row[Any], now: float) -> list[Candidate]:
        """What this person has not had, of what comes first."""
        had = exists().where(HELD.c.item == ITEMS.c.id, HELD.c.person == self.pseudonym, HELD.c.state != "lapsed")
        taken = ITEMS.c.answered + ITEMS.c.open
        wanted = self._of("item").where(ITEMS.c.closed == "", taken < ITEMS.c.overlap, ~had)
        wanted = wanted.where((ITEMS.c.candidates == 0) | (ITEMS.c.writing_until <= now))
        if not self.may_write or self.context.writer is None:
            wanted = wanted.where((ITEMS.c.candidates == 0) | (ITEMS.c.written == 1))
        if self.context.study.choose == "disagreement":
            wanted = wanted.order_by(taken > 0, ITEMS.c.gap.desc(), ITEMS.c.place)
        else:
            wanted = wanted.order_by(taken, ITEMS.c.priority.desc(), ITEMS.c.place)
        found = self.connection.execute(wanted.limit(LOOKED_AT)).all()
        same = self._same([each.id for each in found], row.attributes)
        return [
            Candidate(each.id, each.answered + each.open, each.overlap, each.priority, same[each.id], each.gap)
            for each in found
        ]

    def _same(self, names: list[str], attributes: Mapping[str, str]) -> Counter[str]:
        """By item, the places taken by people of the same groups, where the study has quotas."""
        counts: Counter[str] = Counter()
        if not self.context.study.quotas:
            return counts
        wanted = select(HELD.c.item, PEOPLE.c.attributes).join(PEOPLE, PEOPLE.c.pseudonym == HELD.c.person)
        for item, theirs in self.connection.execute(wanted.where(HELD.c.item.in_(names), HELD.c.holds)):
            for name in self.context.study.quotas:
                counts[item] += name in attributes and attributes[name] == theirs.get(name)
        return counts

    def _nothing(self, now: float) -> Next:
        """No item has a place for this person: others hold them, nobody could write, or all is answered."""
        had = exists().where(HELD.c.item == ITEMS.c.id, HELD.c.person == self.pseudonym, HELD.c.state != "lapsed")
        left = self._of("item").where(ITEMS.c.closed == "", ITEMS.c.answered < ITEMS.c.overlap, ~had)
        if not self._count(left):
            return Done("all", self.context.study.thanks)
        soon = moment(now + AGAIN_SECONDS)
        unwritten = left.where(ITEMS.c.candidates > 0, ITEMS.c.written == 0)
        if not self._count(left.where(ITEMS.c.open > 0)) and self._count(unwritten):
            return Break(soon, "writer", "The next texts are not written yet; please look again in a moment.")
        return Break(soon, "waiting", "Everything is in others' hands right now; please look again in a moment.")

    # -- quotas -----------------------------------------------------------------------------------------------

    def _quota(self, row: Row[Any], now: float) -> bool:
        study = self.context.study
        if not study.quotas:
            return True
        taken: dict[str, Counter[str]] = {name: Counter() for name in study.quotas}
        present: dict[str, Counter[str]] = {name: Counter() for name in study.quotas}
        held = select(HELD.c.person, func.count().label("n")).where(HELD.c.study == study.name, HELD.c.holds)
        places = {each.person: each.n for each in self.connection.execute(held.group_by(HELD.c.person))}
        for each in self.connection.execute(select(PEOPLE).where(PEOPLE.c.study == study.name)):
            here = each.status == "active" and each.seen >= now - study.quota_wait_hours * 3_600
            for name in study.quotas:
                if (group := each.attributes.get(name)) is not None:
                    taken[name][group] += places.get(each.pseudonym, 0)
                    present[name][group] += here
        return may_take(row.attributes, study.quotas, taken, self._wanted(), present)

    def _wanted(self) -> int:
        """How many places the study has in all."""
        total = select(func.sum(ITEMS.c.overlap)).where(
            ITEMS.c.study == self.context.study.name, ITEMS.c.purpose == "item", ITEMS.c.closed == ""
        )
        decided = select(func.sum(ITEMS.c.answered)).where(
            ITEMS.c.study == self.context.study.name, ITEMS.c.purpose == "item", ITEMS.c.closed != ""
        )
        most = int(self.connection.scalar(total) or 0) + int(self.connection.scalar(decided) or 0)
        return min(most, self.context.study.answers or most)

    def _taken(self) -> int:
        """How many places are taken, by answers and open reservations."""
        return self._count(select(HELD).where(HELD.c.study == self.context.study.name, HELD.c.holds))

    # -- small things -----------------------------------------------------------------------------------------

    def _reserve(
        self, item: Row[Any], row: Row[Any], purpose: str, now: float, repeat_of: str | None = None
    ) -> Row[Any]:
        lapsed = select(HELD).where(HELD.c.item == item.id, HELD.c.person == self.pseudonym, HELD.c.state == "lapsed")
        before = self.connection.execute(lapsed.where(HELD.c.purpose == purpose, HELD.c.redoes.is_(None))).first()
        if before is not None and purpose == "item":
            return self._reopen(before, row, now)
        shown = shown_order(self.context.seed, self.pseudonym, item.id, purpose == "repeat", item.completions)
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
        return reserve(self.context, self.connection, self.pseudonym, values, now)

    def _expiry(self, now: float) -> float:
        return now + self.context.study.reserve_minutes * 60

    def _of(self, purpose: str) -> Any:
        return select(ITEMS).where(
            ITEMS.c.study == self.context.study.name, ITEMS.c.purpose == purpose, ITEMS.c.closed != "withdrawn"
        )

    def _count(self, wanted: Any) -> int:
        return int(self.connection.scalar(select(func.count()).select_from(wanted.subquery())) or 0)

    def _set(self, **values: Any) -> None:
        self.connection.execute(update(PEOPLE).where(PEOPLE.c.pseudonym == self.pseudonym).values(values))


def reserve(
    context: Context, connection: Connection, pseudonym: str, values: Mapping[str, Any], now: float
) -> Row[Any]:
    """Put something into somebody's hands until the reservation lapses."""
    name = f"r-{secrets.token_hex(10)}"
    kept = {"id": name, "study": context.study.name, "person": pseudonym, "state": "open", "issued": now}
    kept |= {"expires": now + context.study.reserve_minutes * 60, **values}
    connection.execute(insert(HELD).values(kept))
    recount(context, connection, str(values["item"]))
    return connection.execute(select(HELD).where(HELD.c.id == name)).one()


def lapse(context: Context, connection: Connection, now: float) -> None:
    """Give back the places of reservations whose time is over."""
    over = select(HELD).where(HELD.c.study == context.study.name, HELD.c.state == "open", HELD.c.expires < now)
    for held in connection.execute(over).all():
        connection.execute(update(HELD).where(HELD.c.id == held.id).values(state="lapsed", holds=False))
        recount(context, connection, held.item)


def task_of(context: Context, connection: Connection, held: Row[Any]) -> Task:
    """A reservation as the person sees it."""
    item = connection.execute(select(ITEMS).where(ITEMS.c.id == held.item)).one()
    found = records(connection, Completion, held.shown)
    done = select(func.count()).where(HELD.c.person == held.person, HELD.c.state.in_(SAID))
    return Task(
        reservation=held.id,
        item=held.item,
        prompt=records(connection, Prompt, [item.prompt])[item.prompt],
        completions=tuple(found[name] for name in held.shown),
        kind=context.study.kind,
        question=context.study.question,
        warning=item.warning,
        session=held.session,
        place_in_session=held.place,
        number=int(connection.scalar(done) or 0) + (held.redoes is None),
        issued_at=moment(held.issued),
        expires_at=moment(held.expires),
        draft=cast("Mapping[str, str] | None", held.draft),
        redo=held.redoes is not None,
        practice=held.purpose == "practice",
    )
