"""Forgetting who somebody is, so that no trace is left in the database's file.

The rows that say who they are go, and the database is rewritten; what they judged stays in the ledger under the
pseudonym.
"""

from contextlib import closing

from sqlalchemy import delete, update

from accord.collect.desk import tables
from accord.collect.desk.context import Context, Transaction
from accord.collect.desk.sign_in import drop_logins
from accord.errors import LedgerError

__all__ = ["erase"]


def erase(context: Context, pseudonym: str) -> None:
    """Forget who somebody is: contact data, attributes on the desk, notes of their invites, sessions, drafts.

    Where the database is in use by others for too long to be rewritten, a `LedgerError` says so, and erasing again
    rewrites it.
    """
    with context.writing() as tx:
        tx.person_row(pseudonym)
        _clear_rows(tx, pseudonym)
        drop_logins(tx, "person", pseudonym)
        tx.note("erased", "asked to be forgotten", pseudonym)
    _rewrite(context)


def _clear_rows(tx: Transaction, pseudonym: str) -> None:
    people, contacts, invites = tables.people, tables.contacts, tables.invites
    reservations, notes = tables.reservations, tables.notes
    tx.execute(delete(contacts).where(contacts.c.pseudonym == pseudonym))
    nobody = {"status": "erased", "why": "", "attributes": {}}
    tx.execute(update(people).where(people.c.pseudonym == pseudonym).values(nobody))
    tx.execute(update(invites).where(invites.c.person == pseudonym).values(note="", attributes={}, expires=0.0))
    own = update(reservations).where(reservations.c.person == pseudonym)
    tx.execute(own.values(draft=None))
    tx.execute(own.where(reservations.c.state == "open").values(expires=tx.now - 1))
    tx.execute(update(notes).where(notes.c.person == pseudonym).values(message=""))


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
        outside = connection.execution_options(isolation_level="AUTOCOMMIT")
        for table in (tables.contacts, tables.people, tables.invites, tables.reservations):
            outside.exec_driver_sql(f"VACUUM FULL {table.name}")
