"""The numbers that stand beside an item, counted again from its reservations whenever one changes.

They are never added to or taken from, so they cannot drift from what they count.
"""

from sqlalchemy import Connection, func, select, update

from accord.collect.assignment.acquisition import is_decided, uncertainty_gap
from accord.collect.desk import tables
from accord.collect.desk.context import Context

__all__ = ["recount"]


def recount(context: Context, connection: Connection, item: str) -> None:
    """Count an item's places, votes and declines, and close it where it has enough."""
    held, table = tables.reservations, tables.items
    row = connection.execute(select(table).where(table.c.id == item)).one()
    if row.purpose != "item":
        return
    state = select(held.c.state, held.c.opinion, held.c.holds, func.count().label("n")).where(
        held.c.item == item, held.c.purpose == "item", held.c.state.in_(("open", "answered", "declined"))
    )
    found = connection.execute(state.group_by(held.c.state, held.c.opinion, held.c.holds)).all()
    answered = [each for each in found if each.state == "answered" and each.holds]
    votes: dict[str, int] = {}
    for each in answered:
        if each.opinion is not None:
            votes[each.opinion] = votes.get(each.opinion, 0) + each.n
    values = {
        "answered": sum(each.n for each in answered),
        "open": sum(each.n for each in found if each.state == "open" and each.holds),
        "declined": sum(each.n for each in found if each.state == "declined"),
        "votes": votes,
        "gap": row.gap if row.model_p is None else uncertainty_gap(row.model_p, votes),
    }
    if row.closed in {"", "decided"}:
        values["closed"] = "decided" if is_decided(votes, context.study.stop) else ""
    connection.execute(update(table).where(table.c.id == item).values(values))
