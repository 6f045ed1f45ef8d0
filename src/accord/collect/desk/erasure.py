"""Forgetting who somebody is, so that no trace is left in the database's file, or it is said what is left.

The rows that say who they are go, and the database is rewritten; what they judged stays in the ledger under the
pseudonym. Whoever reads an older state meanwhile keeps what was there then: nobody is held up by that, it is told, and
`rewrite` does the rest once they are done. Archived write-ahead logs and backups are out of reach from here.
"""

from sqlalchemy import delete, insert, select, update

from accord.collect.desk import tables
from accord.collect.desk.context import Context, Transaction
from accord.collect.desk.sign_in import drop_logins
from accord.feedback.store import rewriting

__all__ = ["erase", "rewrite", "rewrite_is_due"]

DUE = "rewrite due"  # the row of the desk's secrets that says so
PERSONAL_TABLES = (
    tables.contacts,
    tables.external_ids,
    tables.people,
    tables.invites,
    tables.reservations,
    tables.answers,
    tables.turns,
    tables.chat_answers,
    tables.notes,
    tables.logins,
)


def erase(context: Context, pseudonym: str) -> str:
    """Forget who somebody is, in all studies of the ledger.

    What goes is contact data, attributes on the desk, notes of their invites, sessions, drafts.

    Returns what is left on the disk, and why; "" where nothing is. It can be done again, for somebody who was erased.
    """
    with context.writing() as tx:
        erased = tx.person_row(pseudonym).status == "erased"
        _clear_rows(tx, pseudonym)
        drop_logins(tx, "person", pseudonym, everywhere=True)
        if not erased:
            tx.note("erased", "asked to be forgotten", pseudonym)
        _set_due(tx)
    return rewrite(context)


def _clear_rows(tx: Transaction, pseudonym: str) -> None:
    people, contacts, invites = tables.people, tables.contacts, tables.invites
    reservations, notes = tables.reservations, tables.notes
    tx.execute(delete(contacts).where(contacts.c.pseudonym == pseudonym))
    nobody = {"status": "erased", "why": "", "attributes": {}}
    tx.execute(update(people).where(people.c.pseudonym == pseudonym).values(nobody))
    tx.execute(update(invites).where(invites.c.person == pseudonym).values(note="", attributes={}, expires=0.0))
    reservations_of_person = update(reservations).where(reservations.c.person == pseudonym)
    tx.execute(reservations_of_person.values(draft=None, step_answers=[]))
    tx.execute(reservations_of_person.where(reservations.c.state == "open").values(expires=tx.now - 1))
    turns = tables.turns
    in_hand = (turns.c.person == pseudonym, turns.c.state.in_(("speaking", "writing")))
    tx.execute(update(turns).where(turns.c.person == pseudonym).values(draft=None))
    tx.execute(update(turns).where(*in_hand).values(state="ended", message=""))
    for table in (tables.external_ids, tables.chat_answers):
        tx.execute(delete(table).where(table.c.person == pseudonym))
    tx.execute(update(notes).where(notes.c.person == pseudonym).values(message=""))


def _set_due(tx: Transaction) -> None:
    if not rewrite_is_due(tx):
        tx.execute(insert(tables.secrets).values(name=DUE, value=""))


def rewrite_is_due(tx: Transaction) -> bool:
    """Whether what was forgotten may still be in the file."""
    return tx.execute(select(tables.secrets.c.name).where(tables.secrets.c.name == DUE)).first() is not None


def rewrite(context: Context) -> str:
    """Have the database overwrite what was deleted, as far as that holds nobody up; returns what is left, and why."""
    traces = rewriting.rewrite(context.ledger.store, [table.name for table in PERSONAL_TABLES])
    if not traces:
        with context.writing() as tx:
            tx.execute(delete(tables.secrets).where(tables.secrets.c.name == DUE))
    return traces
