"""Invites and sign-in links: tokens that are signed, good for one use, and expire.

A token is signed with a secret that the database keeps; the token itself is kept nowhere.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import Connection, Row, delete, insert, select, update

from accord.collect.desk import tables
from accord.collect.desk.context import Context, Transaction, moment
from accord.collect.desk.identities import Admission, DeviceCode, Invite
from accord.collect.study import Study
from accord.collect.study.form_fields import storable
from accord.collect.study.phrases import phrase
from accord.errors import AccessError, FormError, StudyError

__all__ = [
    "check_attributes",
    "device_code",
    "examine",
    "invite",
    "link",
    "make_secret",
    "mark_used",
    "open_invite",
    "short_text",
    "signing_secret",
    "use_code",
]

INVITES = tables.invites
SIGNING = "signing"
MAX_SHORT_TEXT = 300
MAX_TOKEN = 500
CODE_LETTERS = "23456789BCDFGHJKMNPQRSTVWXYZ"
"""Letters and digits that nobody takes for one another, and of which no word is made."""
CODE_LENGTH = 8
CODE_SECONDS = 600.0
MAX_CODE = 40  # characters of what somebody types, blanks and dashes among them
PAUSED = phrase("access.paused")
WRONG_CODE = phrase("access.code")


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


def device_code(context: Context, pseudonym: str) -> DeviceCode:
    """A short code by which somebody signs in on another machine: good once, for ten minutes, and only the newest is.

    Raises `AccessError` where nobody is called so, or they are paused.
    """
    code = "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))
    with context.writing() as tx:
        if tx.person_row(pseudonym).status != "active":
            raise AccessError("paused", PAUSED)
        expires = tx.now + CODE_SECONDS
        earlier = (INVITES.c.person == pseudonym, INVITES.c.study == tx.study.name, INVITES.c.kind == "code")
        tx.execute(delete(INVITES).where(*earlier))
        row = {"id": _code_id(tx, code), "study": tx.study.name, "kind": "code", "person": pseudonym}
        tx.execute(insert(INVITES).values(**row, note="", attributes={}, issued=tx.now, expires=expires))
    half = CODE_LENGTH // 2
    return DeviceCode(f"{code[:half]}-{code[half:]}", moment(expires))


def use_code(tx: Transaction, text: str) -> str:
    """Whose code this is, written in whatever way; it is used up. Raises `AccessError` where it is no good."""
    code = "".join(letter for letter in text.upper()[:MAX_CODE] if letter in CODE_LETTERS)
    own = (INVITES.c.study == tx.study.name, INVITES.c.kind == "code")
    row = tx.execute(select(INVITES).where(INVITES.c.id == _code_id(tx, code), *own)).one_or_none()
    if len(code) != CODE_LENGTH or row is None or row.used is not None or tx.now > row.expires:
        raise AccessError("code", WRONG_CODE)
    if tx.person_row(row.person).status != "active":
        raise AccessError("paused", PAUSED)
    mark_used(tx, row.id, row.person)
    return str(row.person)


def _code_id(tx: Transaction, code: str) -> str:
    """What a code is kept as, from which nobody without the database's secret gets the code."""
    content = f"device code\0{tx.study.name}\0{code}"
    return "code-" + hmac.new(signing_secret(tx.connection).encode(), content.encode(), hashlib.sha256).hexdigest()


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
        raise AccessError("forged", phrase("access.forged"))
    if row.used is not None:
        raise AccessError("used", phrase("access.used"))
    if tx.now > row.expires:
        raise AccessError("expired", phrase("access.expired"))
    if row.person is not None and tx.person_row(row.person).status != "active":
        raise AccessError("paused", PAUSED)
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
            raise FormError(name, phrase("form.unknown_attribute", name=f"{name!r:.60}"))
        if value and value not in study.attributes[name]:
            raise FormError(name, phrase("form.attribute", options=study.attributes[name]))
    return {name: value for name, value in attributes.items() if value}


def short_text(field: str, value: str | None) -> str:
    """A short text that can be stored, without the blanks around it. Raises `FormError`."""
    value = (value or "").strip()
    if len(value) > MAX_SHORT_TEXT or not storable(value):
        raise FormError(field, phrase("form.short_text", most=MAX_SHORT_TEXT))
    return value
