"""Who people are: names, contacts and notes, apart from all that they said, for those who have the right to see them.

They stand in one table of the desk, which erasure clears, and never in the ledger.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update

from accord.collect.desk import tables
from accord.collect.desk.context import Context, Transaction, storable_name
from accord.collect.desk.invites import short_text
from accord.errors import AccessError, LedgerError

__all__ = ["Identity", "change_identity", "identities_of", "may_see_names"]

CONTACTS, INVITES, ADMINS, PEOPLE = tables.contacts, tables.invites, tables.admins, tables.people


@dataclass(frozen=True)
class Identity:
    """Who somebody is, as far as they or whoever runs the study said so; "" where nobody did. `worker` is what a
    crowd platform calls them."""

    name: str = ""
    contact: str = ""
    note: str = ""
    worker: str = ""


def may_see_names(context: Context, admin: str) -> bool:
    """Whether somebody who runs the study may see who its people are."""
    with context.reading() as tx:
        return _may_see(tx, admin)


def identities_of(context: Context, by: str) -> dict[str, Identity]:
    """By pseudonym, who the people of the study are, for the admin `by`. Raises `AccessError` without the right."""
    with context.reading() as tx:
        _check(tx, by)
        of_study = select(PEOPLE.c.pseudonym).where(PEOPLE.c.study == tx.study.name)
        invited = select(INVITES.c.person, INVITES.c.note).where(INVITES.c.study == tx.study.name, INVITES.c.note != "")
        invited = invited.where(INVITES.c.person.in_(of_study))
        notes = {row.person: row.note for row in tx.execute(invited.order_by(INVITES.c.issued.desc()))}
        contacts = tx.execute(select(CONTACTS).where(CONTACTS.c.pseudonym.in_(of_study))).all()
        found = {row.pseudonym: _identity(row, notes) for row in contacts}
        return {name: Identity(note=note) for name, note in notes.items()} | found


def change_identity(context: Context, pseudonym: str, fields: Mapping[str, str], by: str) -> None:
    """Write down `name`, `contact` and `note` of somebody, as the admin `by`; one that is not given stays.

    Raises `AccessError` without the right, `FormError` for a text that is too long, `LedgerError` where they were
    erased.
    """
    with context.writing() as tx:
        _check(tx, by)
        if tx.person_row(pseudonym).status == "erased":
            raise LedgerError(f"{pseudonym} was erased; invite them anew if they want to take part again")
        values = {name: short_text(name, fields[name]) for name in ("name", "contact", "note") if name in fields}
        own = CONTACTS.c.pseudonym == pseudonym
        if tx.execute(select(CONTACTS.c.pseudonym).where(own)).first() is None:
            tx.execute(insert(CONTACTS).values(pseudonym=pseudonym, **values))
        else:
            tx.execute(update(CONTACTS).where(own).values(values))
        if "note" in values:  # what was noted with the invite is now in the note
            tx.execute(
                update(INVITES).where(INVITES.c.person == pseudonym, INVITES.c.study == tx.study.name).values(note="")
            )


def _identity(row: Row[Any], notes: Mapping[str, str]) -> Identity:
    return Identity(row.name, row.contact, row.note or notes.get(row.pseudonym, ""), row.worker)


def _may_see(tx: Transaction, admin: str) -> bool:
    query = select(ADMINS.c.sees_names).where(ADMINS.c.name == storable_name(admin), ADMINS.c.study == tx.study.name)
    return bool(tx.connection.scalar(query))


def _check(tx: Transaction, admin: str) -> None:
    if not _may_see(tx, admin):
        raise AccessError(
            "no right",
            "You may not see names in this study; whoever starts it gives the right (accord collect --names).",
        )
