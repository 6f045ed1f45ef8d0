"""The numbers that stand beside an item, counted again from its reservations whenever one changes.

They are never added to or taken from, so they cannot drift from what they count.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, func, select, update

from accord.collect.assignment.acquisition import BY_VOTES, closed_by_votes, uncertainty_gap
from accord.collect.desk import tables
from accord.collect.desk.context import Transaction

__all__ = ["recount"]

ITEMS, PEOPLE, RESERVATIONS = tables.items, tables.people, tables.reservations
COUNTED = ("open", "answered", "declined")


def recount(tx: Transaction, item: str) -> None:
    """Count an item's places, votes and declines, and close it where it has enough or is the experts' to judge."""
    row = tx.execute(select(ITEMS).where(ITEMS.c.id == item)).one()
    if row.purpose != "item":
        return
    groups = _groups(tx, item)
    crowd, expert = _votes(tx, groups, of_experts=False), _votes(tx, groups, of_experts=True)
    votes = crowd + expert
    values = {
        "answered": _places(tx, groups, "answered", of_experts=False),
        "open": _places(tx, groups, "open", of_experts=False),
        "answered_by_experts": _places(tx, groups, "answered", of_experts=True),
        "open_with_experts": _places(tx, groups, "open", of_experts=True),
        "declined": sum(group.n for group in groups if group.state == "declined"),
        "votes": dict(votes),
        "gap": row.gap if row.model_p is None else uncertainty_gap(row.model_p, votes),
    }
    if row.closed in BY_VOTES:
        study, ruled = tx.study, row.adjudicated is not None
        values["closed"] = closed_by_votes(crowd, expert, stop=study.stop, experts=study.experts, ruled=ruled)
    tx.execute(update(ITEMS).where(ITEMS.c.id == item).values(values))


def _groups(tx: Transaction, item: str) -> Sequence[Row[Any]]:
    """An item's reservations that count, as groups of `n`, by state, vote, place, and whether they are an expert's."""
    keys = (RESERVATIONS.c.state, RESERVATIONS.c.opinion, RESERVATIONS.c.holds, PEOPLE.c.expert)
    of_item = (RESERVATIONS.c.item == item, RESERVATIONS.c.purpose == "item", RESERVATIONS.c.state.in_(COUNTED))
    query = select(*keys, func.count().label("n")).join(PEOPLE, PEOPLE.c.pseudonym == RESERVATIONS.c.person)
    return tx.execute(query.where(*of_item).group_by(*keys)).all()


def _places(tx: Transaction, groups: Iterable[Row[Any]], state: str, *, of_experts: bool) -> int:
    """How many places of a state there are, of experts or of the crowd."""
    return sum(
        group.n for group in groups if group.holds and group.state == state and tx.is_expert(group) == of_experts
    )


def _votes(tx: Transaction, groups: Iterable[Row[Any]], *, of_experts: bool) -> Counter[str]:
    """The votes that count, of experts or of the crowd."""
    votes: Counter[str] = Counter()
    for group in groups:
        if (
            group.holds
            and group.state == "answered"
            and group.opinion is not None
            and tx.is_expert(group) == of_experts
        ):
            votes[group.opinion] += group.n
    return votes
