"""The people of a study: coming in, being paused, and being forgotten.

The ledger knows a pseudonym and what somebody chose to say of themselves. A name and how to reach them stand in one
table of the desk; `erase` takes that row away and has the database overwrite it, and what they judged stays under the
pseudonym.
"""

import secrets
from collections.abc import Mapping
from contextlib import closing
from typing import Any, Literal, cast

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from accord.collect.desk import tables
from accord.collect.desk.access import attributes_of, drop_logins, open_invite, short, use
from accord.collect.desk.context import Context, moment, name_in, person_row
from accord.collect.desk.types import Person
from accord.collect.study.settings import Study
from accord.errors import FormError, LedgerError
from accord.records import Evaluator

__all__ = ["accept", "contact", "erase", "find", "pause", "resume", "session_name"]

SAID = ("answered", "declined", "surplus")
"""The states of a reservation whose answer stands in the ledger."""


def accept(
    context: Context,
    token: str,
    *,
    consent: bool,
    attributes: Mapping[str, str],
    name: str | None = None,
    contact: str | None = None,
) -> Person:
    """Let in whoever has the token of an invite (once), or of a sign-in link.

    Somebody who is known is let in as themselves, whatever else is given. Raises `AccessError` where the token is no
    good, `FormError` where consent is missing or an attribute is none of the study's; the token can then be used again.
    """
    now = context.now()
    with context.ledger.transaction() as adding:
        connection = adding.connection
        row = open_invite(context, connection, token)
        if row.kind == "link":
            use(connection, row.id, row.person, now)
            return person_of(context, connection, person_row(context, connection, row.person))
        if not consent:
            raise FormError("consent", "Please read what taking part means and agree to it, or close the page.")
        said = attributes_of(context.study, {**attributes, **row.attributes})
        kept = {key: short(key, value) for key, value in (("name", name), ("contact", contact))}
        pseudonym = f"p-{secrets.token_hex(5)}"
        evaluator = _evaluator(context.study, pseudonym, said)
        adding.add(evaluator)
        connection.execute(insert(tables.people).values(_new(context, pseudonym, evaluator.id, said, now)))
        if any(kept.values()):
            connection.execute(insert(tables.contacts).values(pseudonym=pseudonym, **kept))
        use(connection, row.id, pseudonym, now)
        return person_of(context, connection, person_row(context, connection, pseudonym))


def _new(context: Context, pseudonym: str, evaluator: str, said: dict[str, str], now: float) -> dict[str, Any]:
    return {
        "pseudonym": pseudonym,
        "study": context.study.name,
        "evaluator": evaluator,
        "status": "active",
        "attributes": said,
        "joined": now,
        "seen": now,
        "consent": context.study.consent_digest,
        "consented": now,
    }


def _evaluator(study: Study, pseudonym: str, said: dict[str, str]) -> Evaluator:
    pay = [
        f"{amount:g} {study.pay.currency} {unit}"
        for amount, unit in ((study.pay.per_item, "an item"), (study.pay.per_hour, "an hour"))
        if amount
    ]
    return Evaluator(
        kind="person",
        pseudonym=pseudonym,
        pool=study.name,
        attributes=said or None,
        recruitment=study.recruitment,
        payment=" and ".join(pay) or None,
        training=study.training,
    )


# -- looking up -------------------------------------------------------------------------------------------------


def find(context: Context, pseudonym: str) -> Person | None:
    """A person of this study by pseudonym; None where there is none."""
    table = tables.people
    with context.ledger.begin() as connection:
        wanted = select(table).where(table.c.pseudonym == name_in(pseudonym), table.c.study == context.study.name)
        row = connection.execute(wanted).one_or_none()
        return None if row is None else person_of(context, connection, row)


def person_of(context: Context, connection: Connection, row: Row[Any]) -> Person:
    """A row of the people's table as a value."""
    table = tables.reservations.c
    done = connection.scalar(
        select(func.count()).where(
            table.person == row.pseudonym, table.state.in_(SAID), table.study == context.study.name
        )
    )
    return Person(
        pseudonym=row.pseudonym,
        evaluator=row.evaluator,
        study=row.study,
        status=cast("Literal['active', 'paused', 'erased']", row.status),
        why=row.why,
        attributes=row.attributes,
        practised=row.practised,
        done=int(done or 0),
        session=session_name(row),
        position_in_session=row.sitting_done,
        joined_at=moment(row.joined),
        seen_at=moment(row.seen),
    )


def session_name(row: Row[Any]) -> str:
    """The name of the session that somebody is in: the unit that splits and intervals respect."""
    return f"{row.study}/{row.pseudonym}/{max(row.sitting, 1)}"


def contact(context: Context, pseudonym: str) -> tuple[str, str] | None:
    """A person's name and how to reach them, where they said so and were not erased."""
    table = tables.contacts
    with context.ledger.begin() as connection:
        person_row(context, connection, pseudonym)
        row = connection.execute(select(table).where(table.c.pseudonym == pseudonym)).one_or_none()
    return None if row is None else (row.name, row.contact)


# -- pausing and forgetting -------------------------------------------------------------------------------------


def pause(context: Context, pseudonym: str, why: str) -> None:
    """Ask somebody nothing more until `resume`; what they send meanwhile is kept as a draft."""
    _set_status(context, pseudonym, "paused", why)


def resume(context: Context, pseudonym: str) -> None:
    """Go on asking somebody who was paused."""
    _set_status(context, pseudonym, "active", "")


def _set_status(context: Context, pseudonym: str, status: str, why: str) -> None:
    with context.ledger.begin(immediate=True) as connection:
        row = person_row(context, connection, pseudonym)
        if row.status == "erased":
            raise LedgerError(f"{pseudonym} was erased; invite them anew if they want to take part again")
        table = tables.people
        connection.execute(update(table).where(table.c.pseudonym == pseudonym).values(status=status, why=why))
        context.note(connection, status, why or "goes on", pseudonym)


def erase(context: Context, pseudonym: str) -> None:
    """Forget who somebody is: contact data, attributes on the desk, notes of their invites, sessions, drafts.

    Their feedback stays in the ledger under the pseudonym. The database is then rewritten, so that the file holds no
    trace; where it is in use by others for too long, a `LedgerError` says so, and erasing again rewrites it.
    """
    with context.ledger.begin(immediate=True) as connection:
        person_row(context, connection, pseudonym)
        people, contacts, held = tables.people, tables.contacts, tables.reservations
        connection.execute(delete(contacts).where(contacts.c.pseudonym == pseudonym))
        gone = {"status": "erased", "why": "", "attributes": {}}
        connection.execute(update(people).where(people.c.pseudonym == pseudonym).values(gone))
        invites = tables.invites
        connection.execute(
            update(invites).where(invites.c.person == pseudonym).values(note="", attributes={}, expires=0.0)
        )
        connection.execute(update(held).where(held.c.person == pseudonym).values(draft=None))
        connection.execute(
            update(held).where(held.c.person == pseudonym, held.c.state == "open").values(expires=context.now() - 1)
        )
        drop_logins(connection, "person", pseudonym)
        connection.execute(update(tables.notes).where(tables.notes.c.person == pseudonym).values(message=""))
        context.note(connection, "erased", "asked to be forgotten", pseudonym)
    _rewrite(context)


def _rewrite(context: Context) -> None:
    """Have the database overwrite what was deleted: the whole file (SQLite), or the tables that held it."""
    store = context.ledger.store
    if store.engine.dialect.name == "sqlite":
        with store.translated_errors(), closing(store.engine.raw_connection()) as raw:
            cursor = raw.cursor()
            cursor.execute("PRAGMA query_only=OFF")
            cursor.execute("VACUUM")
            busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise LedgerError(f"{store.location}: forgotten, but somebody reads what the file held before; erase again")
        return
    with store.translated_errors(), store.engine.connect() as connection:
        free = connection.execution_options(isolation_level="AUTOCOMMIT")
        for table in (tables.contacts, tables.people, tables.invites, tables.reservations):
            free.exec_driver_sql(f"VACUUM FULL {table.name}")
