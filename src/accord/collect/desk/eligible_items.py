"""Which item a person could have next: a question whose answer is known, something again, or something new.

What comes first is asked of the database; the choice among it, and whether a quota leaves the person a place, are the
pure functions of `assignment`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, exists, func, literal, select

from accord.collect.assignment.acquisition import UNSETTLED
from accord.collect.assignment.lots import lot
from accord.collect.assignment.next_item import Candidate, next_item
from accord.collect.assignment.quotas import may_take, places
from accord.collect.desk import tables
from accord.collect.desk.context import Transaction, moment
from accord.collect.desk.tasks import Break, Done
from accord.collect.study.phrases import phrase

__all__ = ["EligibleItems"]

MAX_WEIGHED = 64
"""How many of the items that come first are weighed against one another."""

RETRY_SECONDS = 20.0
"""When to look again where everything is in others' hands."""

ITEMS, RESERVATIONS, PEOPLE = tables.items, tables.reservations, tables.people


@dataclass(frozen=True)
class _Places:
    """Of items: which ask for answers, how many places are taken, and how many there are."""

    asks: ColumnElement[bool]
    occupied: ColumnElement[int]
    number: ColumnElement[int]


@dataclass(frozen=True)
class EligibleItems:
    """What there is for one person (a row of the people's table), inside one transaction.

    `may_write` is whether a live writer may be asked.
    """

    tx: Transaction
    person: Row[Any]
    may_write: bool

    def gold(self) -> Row[Any] | None:
        """A question whose answer is known and that this person has not had, by lot."""
        questions = self.tx.execute(self.of("gold").where(~self._had(expired=True))).all()
        return min(questions, key=lambda row: self._lot(row.id), default=None)

    def repeat(self) -> tuple[Row[Any], str] | None:
        """An item that this person answered a while ago and was not asked again, by lot; and the id of their answer."""
        again = RESERVATIONS.alias()
        repeated = exists().where(again.c.person == self.person.pseudonym, again.c.repeat_of == RESERVATIONS.c.feedback)
        answered = select(RESERVATIONS).where(
            *self.tx.of_person(self.person.pseudonym),
            RESERVATIONS.c.state == "answered",
            RESERVATIONS.c.purpose == "item",
            RESERVATIONS.c.number <= self.person.asked + 1 - self.tx.study.repeat_gap,
            ~repeated,
        )
        first = min(self.tx.execute(answered).all(), key=lambda row: self._lot(row.id), default=None)
        return None if first is None else (self._item(first.item), first.feedback)

    def item(self) -> Row[Any] | None:
        """Something that this person has not had."""
        candidate = next_item(
            self._candidates(), choose=self.tx.study.choose, seed=self.tx.seed, person=self.person.pseudonym
        )
        return None if candidate is None else self._item(candidate.item)

    def of(self, purpose: str) -> Select[Any]:
        """The items of a purpose that the files still hold."""
        return select(ITEMS).where(
            ITEMS.c.study == self.tx.study.name, ITEMS.c.purpose == purpose, ITEMS.c.closed != "withdrawn"
        )

    def count(self, query: Select[Any]) -> int:
        """How many rows a query has."""
        return self.tx.count(select(func.count()).select_from(query.subquery()))

    def _item(self, name: str) -> Row[Any]:
        return self.tx.execute(select(ITEMS).where(ITEMS.c.id == name)).one()

    def _had(self, *, expired: bool) -> ColumnElement[bool]:
        """That this person has, or had, an item in their hands; `expired` reservations count where that is true."""
        had = exists().where(RESERVATIONS.c.item == ITEMS.c.id, RESERVATIONS.c.person == self.person.pseudonym)
        return had if expired else had.where(RESERVATIONS.c.state != tables.EXPIRED)

    def _candidates(self) -> list[Candidate]:
        """What this person has not had, of what comes first."""
        study, places = self.tx.study, self._places()
        occupied = places.occupied
        query = self.of("item").where(places.asks, occupied < places.number, ~self._had(expired=False))
        query = query.add_columns(occupied.label("occupied"), places.number.label("places"))
        query = query.where((ITEMS.c.candidates == 0) | (ITEMS.c.writing_until <= self.tx.now))
        if not self.may_write or self.tx.context.writer is None:
            query = query.where((ITEMS.c.candidates == 0) | (ITEMS.c.written == 1))
        full = self._full_strata()
        query = query.order_by(*[ITEMS.c.stratum.in_(full)] * bool(full), ITEMS.c.closed != UNSETTLED)
        if study.choose == "disagreement":
            query = query.order_by(occupied > 0, ITEMS.c.gap.desc(), ITEMS.c.place)
        else:
            query = query.order_by(occupied, ITEMS.c.priority.desc(), ITEMS.c.place)
        rows = self.tx.execute(query.limit(MAX_WEIGHED)).all()
        rows = [row for row in rows if row.stratum not in full] or rows
        rows = [row for row in rows if row.closed == UNSETTLED] or rows
        by_own_groups = self._places_of_own_groups([row.id for row in rows], self.person.attributes)
        return [
            Candidate(row.id, row.occupied, row.places, row.priority, by_own_groups[row.id], row.gap) for row in rows
        ]

    def _full_strata(self) -> list[str]:
        """The groups of items that have their share of the study's places; the others come first."""
        quota = self.tx.study.item_quota
        if quota is None:
            return []
        held = select(ITEMS.c.stratum, func.count().label("n")).join(RESERVATIONS, RESERVATIONS.c.item == ITEMS.c.id)
        held = held.where(RESERVATIONS.c.study == self.tx.study.name, RESERVATIONS.c.holds).group_by(ITEMS.c.stratum)
        taken = {row.stratum: row.n for row in self.tx.execute(held)}
        share = places(self._places_in_all(), quota.shares)
        return [name for name, count in share.items() if taken.get(name, 0) >= count]

    def _places(self) -> _Places:
        """The crowd's places of an item, of those that ask the crowd; for an expert those of experts."""
        crowd = _Places(ITEMS.c.closed == "", ITEMS.c.answered + ITEMS.c.open, ITEMS.c.overlap)
        if (experts := self.tx.experts_of(self.person)) is None:
            return crowd
        asks = ITEMS.c.closed == UNSETTLED
        if not experts.only:
            asks = asks | (crowd.asks & (crowd.occupied < crowd.number))
        return _Places(asks, ITEMS.c.answered_by_experts + ITEMS.c.open_with_experts, literal(experts.answers))

    def _places_of_own_groups(self, items: list[str], attributes: Mapping[str, str]) -> Counter[str]:
        """By item, the places taken by people of the same groups, where the study has quotas."""
        counts: Counter[str] = Counter()
        quotas = self.tx.study.quotas
        if not quotas:
            return counts
        takers = select(RESERVATIONS.c.item, PEOPLE.c.attributes)
        takers = takers.join(PEOPLE, tables.WHOSE)
        for taker in self.tx.execute(takers.where(RESERVATIONS.c.item.in_(items), RESERVATIONS.c.holds)):
            for name in quotas:
                counts[taker.item] += name in attributes and attributes[name] == taker.attributes.get(name)
        return counts

    def left(self) -> int:
        """How many items ask for this person's answer and have a place for it, what is in their hands among them."""
        places = self._places()
        mine = exists().where(
            RESERVATIONS.c.item == ITEMS.c.id,
            *self.tx.of_person(self.person.pseudonym),
            RESERVATIONS.c.state == "open",
            RESERVATIONS.c.redoes.is_(None),
        )
        free = places.asks & (places.occupied < places.number) & ~self._had(expired=False)
        count = self.count(self.of("item").where(free | mine))
        study = self.tx.study
        if study.answers is not None:
            taken = select(func.count()).where(RESERVATIONS.c.study == study.name, RESERVATIONS.c.holds)
            in_hand = self.count(self.of("item").where(mine))
            count = min(count, max(study.answers - self.tx.count(taken), 0) + in_hand)
        return count

    def nothing(self) -> Break | Done:
        """No item has a place for this person: others hold them, nobody could write, or all is answered."""
        of_crowd = (ITEMS.c.closed == "") & (ITEMS.c.answered < ITEMS.c.overlap)
        experts, left = self.tx.experts_of(self.person), self.of("item").where(~self._had(expired=False))
        if experts is None:
            left = left.where(of_crowd)
        else:  # what the crowd is still asked may yet become theirs
            left = left.where(of_crowd | (ITEMS.c.closed == UNSETTLED), ITEMS.c.answered_by_experts < experts.answers)
        if not self.count(left):
            return Done("all", self.tx.study.thanks)
        soon = moment(self.tx.now + RETRY_SECONDS)
        if experts is not None:
            return Break(soon, "waiting", phrase("rest.experts"))
        unwritten = left.where(ITEMS.c.candidates > 0, ITEMS.c.written == 0)
        if not self.count(left.where(ITEMS.c.open > 0)) and self.count(unwritten):
            return Break(soon, "writer", phrase("rest.writer"))
        return Break(soon, "waiting", phrase("rest.waiting"))

    def quota_is_open(self) -> bool:
        """Whether the study's quotas, which are the crowd's, leave this person's groups a place."""
        study = self.tx.study
        if not study.quotas or self.tx.is_expert(self.person):
            return True
        occupied: dict[str, Counter[str]] = {name: Counter() for name in study.quotas}
        present: dict[str, Counter[str]] = {name: Counter() for name in study.quotas}
        places = select(RESERVATIONS.c.person, func.count().label("n"))
        places = places.where(RESERVATIONS.c.study == study.name, RESERVATIONS.c.holds)
        places_of = {row.person: row.n for row in self.tx.execute(places.group_by(RESERVATIONS.c.person))}
        oldest = self.tx.now - study.quota_wait_hours * 3_600
        for person in self.tx.execute(select(PEOPLE).where(PEOPLE.c.study == study.name)):
            for name in () if self.tx.is_expert(person) else study.quotas:
                if (group := person.attributes.get(name)) is not None:
                    occupied[name][group] += places_of.get(person.pseudonym, 0)
                    present[name][group] += person.status == "active" and person.seen >= oldest
        return may_take(self.person.attributes, study.quotas, occupied, self._places_in_all(), present)

    def _places_in_all(self) -> int:
        """How many places the study has for the crowd: those of open items, and what closed ones have."""
        of_study = (ITEMS.c.study == self.tx.study.name, ITEMS.c.purpose == "item")
        still_open = select(func.sum(ITEMS.c.overlap)).where(*of_study, ITEMS.c.closed == "")
        closed = select(func.sum(ITEMS.c.answered)).where(*of_study, ITEMS.c.closed != "")
        places = self.tx.count(still_open) + self.tx.count(closed)
        if self.tx.study.answers is None:
            return places
        by_experts = self.tx.count(select(func.sum(ITEMS.c.answered_by_experts)).where(*of_study))
        return min(places, max(self.tx.study.answers - by_experts, 0))

    def _lot(self, name: str) -> float:
        return lot(self.tx.seed, self.person.pseudonym, name)
