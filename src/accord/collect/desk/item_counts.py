"""The numbers that stand beside an item, counted again from its reservations whenever one changes.

They are never added to or taken from, so they cannot drift from what they count.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Row, func, select, update

from accord.collect.assignment.acquisition import BY_VOTES, Closed, closed_by_all, closed_by_votes, uncertainty_gap
from accord.collect.desk import tables
from accord.collect.desk.context import Transaction
from accord.feedback.statistics.answer_differences import mean_difference
from accord.records import Feedback

__all__ = ["recount"]

ITEMS, PEOPLE, RESERVATIONS, ANSWERS = tables.items, tables.people, tables.reservations, tables.answers
COUNTED = ("open", "answered", "declined")


def recount(tx: Transaction, item: str) -> None:
    """Count an item's places, votes and declines, and close it where it has enough or is the experts' to judge."""
    row = tx.execute(select(ITEMS).where(ITEMS.c.id == item)).one()
    if row.purpose != "item":
        return
    groups, votes = _groups(tx, item), _Votes.of(tx, item)
    scored = tx.study.questionnaire.scored
    values = {
        "answered": _places(tx, groups, "answered", of_experts=False),
        "open": _places(tx, groups, "open", of_experts=False),
        "answered_by_experts": _places(tx, groups, "answered", of_experts=True),
        "open_with_experts": _places(tx, groups, "open", of_experts=True),
        "declined": sum(group.n for group in groups if group.state == "declined"),
        "votes": {name: dict(votes.crowd[name] + votes.expert[name]) for name in votes.names},
        "gap": row.gap,
    }
    differences = _differences(tx, item)
    values |= {"differences": differences, "difference": max(differences.values(), default=None)}
    if row.model_p is not None and scored is not None:
        values["gap"] = uncertainty_gap(row.model_p, values["votes"].get(scored.name, {}))
    if row.closed in BY_VOTES:
        values["closed"] = _closed(tx, votes, row.rulings)
    tx.execute(update(ITEMS).where(ITEMS.c.id == item).values(values))


def _differences(tx: Transaction, item: str) -> dict[str, float]:
    """By question, how far the answers that count lie apart, where two people gave some that can be compared."""
    of_item = (RESERVATIONS.c.item == item, RESERVATIONS.c.purpose == "item", RESERVATIONS.c.holds)
    query = select(ANSWERS.c.question, ANSWERS.c.feedback)
    query = query.join(RESERVATIONS, RESERVATIONS.c.id == ANSWERS.c.reservation)
    query = query.where(*of_item, RESERVATIONS.c.state == "answered", ANSWERS.c.feedback.is_not(None))
    names: defaultdict[str, list[str]] = defaultdict(list)
    for row in tx.execute(query.order_by(RESERVATIONS.c.answer)):
        names[row.question].append(row.feedback)
    by_question = {
        question: mean_difference(tx.records(Feedback, ids).values()) for question, ids in names.items() if len(ids) > 1
    }
    return {question: value for question, value in by_question.items() if value is not None}


def _groups(tx: Transaction, item: str) -> Sequence[Row[Any]]:
    """An item's reservations that count, as groups of `n`, by state, place, and whether they are an expert's."""
    keys = (RESERVATIONS.c.state, RESERVATIONS.c.holds, PEOPLE.c.expert)
    of_item = (RESERVATIONS.c.item == item, RESERVATIONS.c.purpose == "item", RESERVATIONS.c.state.in_(COUNTED))
    query = select(*keys, func.count().label("n")).join(PEOPLE, tables.WHOSE)
    return tx.execute(query.where(*of_item).group_by(*keys)).all()


def _closed(tx: Transaction, votes: "_Votes", rulings: Mapping[str, str]) -> Closed:
    """Why the crowd is asked no more, by the votes on every question that is asked of everybody."""
    study = tx.study
    return closed_by_all(
        closed_by_votes(
            votes.crowd[question.name],
            votes.expert[question.name],
            stop=study.stop,
            experts=study.experts,
            ruled=question.name in rulings,
        )
        for question in study.questionnaire.of_everybody
        if question.countable
    )


def _places(tx: Transaction, groups: Iterable[Row[Any]], state: str, *, of_experts: bool) -> int:
    """How many places of a state there are, of experts or of the crowd."""
    return sum(
        group.n for group in groups if group.holds and group.state == state and tx.is_expert(group) == of_experts
    )


@dataclass(frozen=True)
class _Votes:
    """The votes that count, by question, of the crowd and of experts."""

    crowd: Mapping[str, Counter[str]]
    expert: Mapping[str, Counter[str]]

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys([*self.crowd, *self.expert]))

    @classmethod
    def of(cls, tx: Transaction, item: str) -> Self:
        of_item = (RESERVATIONS.c.item == item, RESERVATIONS.c.purpose == "item", RESERVATIONS.c.holds)
        query = select(ANSWERS.c.question, ANSWERS.c.vote, PEOPLE.c.expert, func.count().label("n"))
        query = query.join(RESERVATIONS, RESERVATIONS.c.id == ANSWERS.c.reservation)
        query = query.join(PEOPLE, tables.WHOSE)
        query = query.where(*of_item, RESERVATIONS.c.state == "answered", ANSWERS.c.vote.is_not(None))
        votes: tuple[defaultdict[str, Counter[str]], ...] = (defaultdict(Counter), defaultdict(Counter))
        for group in tx.execute(query.group_by(ANSWERS.c.question, ANSWERS.c.vote, PEOPLE.c.expert)):
            votes[tx.is_expert(group)][group.question][group.vote] += group.n
        return cls(*votes)
