"""Invites and sign-in links: tokens that are signed, good for one use, and expire.

A token is signed with a secret that the database keeps; the token itself is kept nowhere.
"""

import secrets
from collections.abc import Mapping
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import Connection, Row, insert, select, update

from accord.collect.desk import tables
from accord.collect.desk.context import Context, Transaction, moment
from accord.collect.desk.identities import Admission, Invite
from accord.collect.study import Study
from accord.collect.study.form_fields import storable
from accord.errors import AccessError, FormError, StudyError

__all__ = [
    "check_attributes",
    "examine",
    "invite",
    "link",
    "make_secret",
    "mark_used",
    "open_invite",
    "short_text",
    "signing_secret",
]

INVITES = tables.invites
SIGNING = "signing"
MAX_SHORT_TEXT = 300
MAX_TOKEN = 500


def invite(
    context: Context,
    *,
    note: str = "",
    days: float = 14,
    attributes: Mapping[str, str] | None = None,
    expert: bool = False,
) -> Invite:
    """A new invite for one person. `note` is for whoever runs the study; it goes when the person is erased.

    Raises `FormError` for an unknown attribute, `StudyError` for an `expert` in a study that has none.
    """
    if expert and context.study.experts is None:
        raise StudyError("study.experts: missing; add the section to invite experts")
    values = {
        "kind": "expert" if expert else "invite",
        "note": short_text("note", note),
        "attributes": check_attributes(context.study, attributes or {}),
    }
    with context.writing() as tx:
        return _issue(tx, values, days)


def link(context: Context, pseudonym: str, *, days: float = 2) -> Invite:
    """A new sign-in link for somebody who took part before. Raises `AccessError` where nobody is called so."""
    with context.writing() as tx:
        tx.person_row(pseudonym)
        return _issue(tx, {"kind": "link", "person": pseudonym, "note": "", "attributes": {}}, days)


def _issue(tx: Transaction, values: Mapping[str, Any], days: float) -> Invite:
    name, expires = secrets.token_urlsafe(12), tx.now + days * 86_400
    row = {"id": name, "study": tx.study.name, "issued": tx.now, "expires": expires, **values}
    tx.execute(insert(INVITES).values(row))
    return Invite(str(_signer(tx).dumps(name)), name, moment(expires))


def examine(context: Context, token: str) -> Admission:
    """What a token would let in, without using it. Raises `AccessError`."""
    with context.reading() as tx:
        row = open_invite(tx, token)
        return Admission("link" if row.kind == "link" else "invite", row.person, row.attributes)


def open_invite(tx: Transaction, token: str) -> Row[Any]:
    """The row of an invite or link that may still be used. Raises `AccessError` that says why it may not."""
    try:
        name = _signer(tx).loads(token) if len(token) < MAX_TOKEN and token.isascii() else None
    except BadSignature:
        name = None
    row = tx.execute(select(INVITES).where(INVITES.c.id == str(name), INVITES.c.study == tx.study.name)).one_or_none()
    if name is None or row is None:
        raise AccessError("forged", "This link is not one of this study's; open it again from the message it came in.")
    if row.used is not None:
        raise AccessError("used", "This link was used before; ask whoever runs the study for a new one.")
    if tx.now > row.expires:
        raise AccessError("expired", "This link has expired; ask whoever runs the study for a new one.")
    if row.person is not None and tx.person_row(row.person).status != "active":
        raise AccessError("paused", "Your part in this study is paused; ask whoever runs it.")
    return row


def mark_used(tx: Transaction, name: str, person: str) -> None:
    """Note that an invite or link was used, and by whom."""
    tx.execute(update(INVITES).where(INVITES.c.id == name).values(used=tx.now, person=person))


def _signer(tx: Transaction) -> URLSafeSerializer:
    """Signs for this study, with the database's secret."""
    return URLSafeSerializer(signing_secret(tx.connection), salt=f"accord invite {tx.study.name}")


def signing_secret(connection: Connection) -> str:
    """What everything is signed with that the desk hands out."""
    table = tables.secrets
    value = connection.scalar(select(table.c.value).where(table.c.name == SIGNING))
    assert value is not None, "the desk makes the secret when it opens"
    return str(value)


def make_secret(connection: Connection) -> None:
    """Make the database's secret where there is none yet."""
    table = tables.secrets
    if connection.scalar(select(table.c.value).where(table.c.name == SIGNING)) is None:
        connection.execute(insert(table).values(name=SIGNING, value=secrets.token_urlsafe(48)))


def check_attributes(study: Study, attributes: Mapping[str, str]) -> dict[str, str]:
    """What somebody says of themselves, without the attributes left empty. Raises `FormError`."""
    for name, value in attributes.items():
        if name not in study.attributes:
            raise FormError(name, f"This study does not ask for {name!r:.60}.")
        if value and value not in study.attributes[name]:
            raise FormError(name, f"Choose one of {', '.join(study.attributes[name])}, or leave it open.")
    return {name: value for name, value in attributes.items() if value}


def short_text(field: str, value: str | None) -> str:
    """A short text that can be stored, without the blanks around it. Raises `FormError`."""
    value = (value or "").strip()
    if len(value) > MAX_SHORT_TEXT or not storable(value):
        raise FormError(field, f"Give at most {MAX_SHORT_TEXT} characters, or leave it open.")
    return value
