"""Reservations: an item in somebody's hands, until they answer or until it lapses."""

import secrets
from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Connection, Row, func, insert, select, update

from accord.collect.desk import tables
from accord.collect.desk.accounts import SAID
from accord.collect.desk.context import Context, moment, records
from accord.collect.desk.item_counts import recount
from accord.collect.desk.types import Task
from accord.records import Completion, Prompt

__all__ = ["exhausted", "has_room", "lapse", "reopen", "reserve", "task_of"]

ITEMS, HELD = tables.items, tables.reservations


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


def reopen(context: Context, connection: Connection, held: Row[Any], session: str, place: int) -> Row[Any]:
    """Hand a lapsed reservation out again: the same one, so that a late answer to it is still the only one."""
    now = context.now()
    values = {"state": "open", "issued": now, "expires": now + context.study.reserve_minutes * 60}
    values |= {"holds": held.purpose == "item", "session": session, "place": place}
    connection.execute(update(HELD).where(HELD.c.id == held.id).values(values))
    recount(context, connection, held.item)
    return connection.execute(select(HELD).where(HELD.c.id == held.id)).one()


def lapse(context: Context, connection: Connection, now: float) -> None:
    """Give back the places of reservations whose time is over."""
    over = select(HELD).where(HELD.c.study == context.study.name, HELD.c.state == "open", HELD.c.expires < now)
    for held in connection.execute(over).all():
        connection.execute(update(HELD).where(HELD.c.id == held.id).values(state="lapsed", holds=False))
        recount(context, connection, held.item)


def exhausted(context: Context, connection: Connection) -> bool:
    """Whether the study has all the answers that it was to have, those in people's hands among them."""
    if context.study.answers is None:
        return False
    held = select(func.count()).where(HELD.c.study == context.study.name, HELD.c.holds)
    return int(connection.scalar(held) or 0) >= context.study.answers


def has_room(context: Context, connection: Connection, item: str, *, decided: bool = False) -> bool:
    """Whether an item has a place, and the study an answer, to give; `decided` items too where that is said."""
    row = connection.execute(select(ITEMS).where(ITEMS.c.id == item)).one()
    asks = row.closed == "" or (decided and row.closed == "decided")
    return asks and row.answered + row.open < row.overlap and not exhausted(context, connection)


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
        question=context.study.question,
        warning=item.warning,
        session=held.session,
        position_in_session=held.place,
        number=int(connection.scalar(done) or 0) + (held.redoes is None),
        issued_at=moment(held.issued),
        expires_at=moment(held.expires),
        draft=cast("Mapping[str, str] | None", held.draft),
        redo=held.redoes is not None,
        practice=held.purpose == "practice",
    )
