"""Which item a person could have next: a question whose answer is known, something again, or something new.

What comes first is asked of the database; the choice among it, and whether a quota leaves the person a place, are the
pure functions of `assign`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, exists, func, select

from accord.collect.assignment.lots import lot
from accord.collect.assignment.next_item import Candidate, next_item
from accord.collect.assignment.quotas import may_take
from accord.collect.desk import tables
from accord.collect.desk.context import Context, moment
from accord.collect.desk.types import Break, Done

__all__ = ["Offers"]

LOOKED_AT = 64
"""How many of the items that come first are weighed against one another."""

AGAIN_SECONDS = 20.0
"""When to look again where everything is in others' hands."""

ITEMS, HELD, PEOPLE = tables.items, tables.reservations, tables.people


@dataclass(frozen=True)
class Offers:
    """What there is for one person (a row of the people's table), inside one transaction.

    `may_write` is whether a live writer may be asked.
    """

    context: Context
    connection: Connection
    person: Row[Any]
    now: float
    may_write: bool

    def gold(self) -> Row[Any] | None:
        """A question whose answer is known and that this person has not had, by lot."""
        had = exists().where(HELD.c.item == ITEMS.c.id, HELD.c.person == self.person.pseudonym)
        found = self.connection.execute(self.of("gold").where(~had)).all()
        return min(found, key=lambda each: self._lot(each.id), default=None)

    def repeat(self) -> tuple[Row[Any], str] | None:
        """An item that this person answered a while ago and was not asked again, by lot; and what they said then."""
        again = HELD.alias()
        asked = exists().where(again.c.person == self.person.pseudonym, again.c.repeat_of == HELD.c.feedback)
        wanted = select(HELD).where(
            HELD.c.person == self.person.pseudonym,
            HELD.c.state == "answered",
            HELD.c.purpose == "item",
            HELD.c.number <= self.person.asked + 1 - self.context.study.repeat_gap,
            ~asked,
        )
        first = min(self.connection.execute(wanted).all(), key=lambda each: self._lot(each.id), default=None)
        if first is None:
            return None
        return self.connection.execute(select(ITEMS).where(ITEMS.c.id == first.item)).one(), first.feedback

    def item(self) -> Row[Any] | None:
        """Something that this person has not had."""
        seed, choose = self.context.seed, self.context.study.choose
        chosen = next_item(self._candidates(), choose=choose, seed=seed, person=self.person.pseudonym)
        if chosen is None:
            return None
        return self.connection.execute(select(ITEMS).where(ITEMS.c.id == chosen.item)).one()

    def of(self, purpose: str) -> Any:
        """The items of a purpose that the files still hold."""
        return select(ITEMS).where(
            ITEMS.c.study == self.context.study.name, ITEMS.c.purpose == purpose, ITEMS.c.closed != "withdrawn"
        )

    def count(self, wanted: Any) -> int:
        """How many rows a query finds."""
        return int(self.connection.scalar(select(func.count()).select_from(wanted.subquery())) or 0)

    def _candidates(self) -> list[Candidate]:
        """What this person has not had, of what comes first."""
        had = exists().where(
            HELD.c.item == ITEMS.c.id, HELD.c.person == self.person.pseudonym, HELD.c.state != "lapsed"
        )
        taken = ITEMS.c.answered + ITEMS.c.open
        wanted = self.of("item").where(ITEMS.c.closed == "", taken < ITEMS.c.overlap, ~had)
        wanted = wanted.where((ITEMS.c.candidates == 0) | (ITEMS.c.writing_until <= self.now))
        if not self.may_write or self.context.writer is None:
            wanted = wanted.where((ITEMS.c.candidates == 0) | (ITEMS.c.written == 1))
        if self.context.study.choose == "disagreement":
            wanted = wanted.order_by(taken > 0, ITEMS.c.gap.desc(), ITEMS.c.place)
        else:
            wanted = wanted.order_by(taken, ITEMS.c.priority.desc(), ITEMS.c.place)
        found = self.connection.execute(wanted.limit(LOOKED_AT)).all()
        same = self._same([each.id for each in found], self.person.attributes)
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

    def nothing(self) -> Break | Done:
        """No item has a place for this person: others hold them, nobody could write, or all is answered."""
        had = exists().where(
            HELD.c.item == ITEMS.c.id, HELD.c.person == self.person.pseudonym, HELD.c.state != "lapsed"
        )
        left = self.of("item").where(ITEMS.c.closed == "", ITEMS.c.answered < ITEMS.c.overlap, ~had)
        if not self.count(left):
            return Done("all", self.context.study.thanks)
        soon = moment(self.now + AGAIN_SECONDS)
        unwritten = left.where(ITEMS.c.candidates > 0, ITEMS.c.written == 0)
        if not self.count(left.where(ITEMS.c.open > 0)) and self.count(unwritten):
            return Break(soon, "writer", "The next texts are not written yet; please look again in a moment.")
        return Break(soon, "waiting", "Everything is in others' hands right now; please look again in a moment.")

    def quota(self) -> bool:
        """Whether the study's quotas leave this person's groups a place."""
        study = self.context.study
        if not study.quotas:
            return True
        taken: dict[str, Counter[str]] = {name: Counter() for name in study.quotas}
        present: dict[str, Counter[str]] = {name: Counter() for name in study.quotas}
        held = select(HELD.c.person, func.count().label("n")).where(HELD.c.study == study.name, HELD.c.holds)
        places = {each.person: each.n for each in self.connection.execute(held.group_by(HELD.c.person))}
        for each in self.connection.execute(select(PEOPLE).where(PEOPLE.c.study == study.name)):
            here = each.status == "active" and each.seen >= self.now - study.quota_wait_hours * 3_600
            for name in study.quotas:
                if (group := each.attributes.get(name)) is not None:
                    taken[name][group] += places.get(each.pseudonym, 0)
                    present[name][group] += here
        return may_take(self.person.attributes, study.quotas, taken, self._wanted(), present)

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

    def _lot(self, name: str) -> float:
        return lot(self.context.seed, self.person.pseudonym, name)
