"""The numbers that stand beside an item, counted again from its reservations whenever one changes.

They are never added to or taken from, so they cannot drift from what they count.
"""

from collections import Counter

from sqlalchemy import func, select, update

from accord.collect.assignment.acquisition import is_decided, uncertainty_gap
from accord.collect.desk import tables
from accord.collect.desk.context import Transaction

__all__ = ["recount"]

ITEMS, RESERVATIONS = tables.items, tables.reservations
COUNTED = ("open", "answered", "declined")


def recount(tx: Transaction, item: str) -> None:
    """Count an item's places, votes and declines, and close it where it has enough."""
    row = tx.execute(select(ITEMS).where(ITEMS.c.id == item)).one()
    if row.purpose != "item":
        return
    keys = (RESERVATIONS.c.state, RESERVATIONS.c.opinion, RESERVATIONS.c.holds)
    of_item = (RESERVATIONS.c.item == item, RESERVATIONS.c.purpose == "item", RESERVATIONS.c.state.in_(COUNTED))
    groups = tx.execute(select(*keys, func.count().label("n")).where(*of_item).group_by(*keys)).all()
    answered = [group for group in groups if group.state == "answered" and group.holds]
    votes: Counter[str] = Counter()
    for group in answered:
        if group.opinion is not None:
            votes[group.opinion] += group.n
    values = {
        "answered": sum(group.n for group in answered),
        "open": sum(group.n for group in groups if group.state == "open" and group.holds),
        "declined": sum(group.n for group in groups if group.state == "declined"),
        "votes": dict(votes),
        "gap": row.gap if row.model_p is None else uncertainty_gap(row.model_p, votes),
    }
    if row.closed in {"", "decided"}:
        values["closed"] = "decided" if is_decided(votes, tx.study.stop) else ""
    tx.execute(update(ITEMS).where(ITEMS.c.id == item).values(values))
