"""Who may come in: invites and sign-in links, sessions kept on the server, and whoever runs the study.

A token is signed with a secret that the database keeps, is good for one use, and expires. Of a session's token only
the digest is kept, of a password only its argon2 hash.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import Connection, Row, delete, insert, select, update

from accord.collect.desk import tables
from accord.collect.desk.context import Context, moment, name_in, person_row
from accord.collect.desk.types import Invite, Login
from accord.collect.study.settings import Study
from accord.errors import AccessError, FormError

__all__ = [
    "Admission",
    "Logins",
    "attributes_of",
    "check_admin",
    "drop_logins",
    "examine",
    "invite",
    "link",
    "make_secret",
    "open_invite",
    "set_admin",
    "short",
    "use",
]

SIGNING = "signing"
LEAST_PASSWORD = 10
MOST_SHORT = 300


@dataclass(frozen=True)
class Admission:
    """What a token lets in: somebody new (with the attributes that the invite sets), or somebody who is known."""

    kind: Literal["invite", "link"]
    person: str | None
    attributes: Mapping[str, str]


def invite(
    context: Context, *, note: str = "", days: float = 14, attributes: Mapping[str, str] | None = None
) -> Invite:
    """A new invite for one person. `note` is for whoever runs the study; it goes when the person is erased."""
    given = attributes_of(context.study, attributes or {})
    return _issue(context, "invite", None, short("note", note), days, given)


def link(context: Context, pseudonym: str, *, days: float = 2) -> Invite:
    """A new sign-in link for somebody who took part before. Raises `AccessError` where nobody is called so."""
    with context.ledger.begin() as connection:
        person_row(context, connection, pseudonym)
    return _issue(context, "link", pseudonym, "", days, {})


def _issue(
    context: Context, kind: str, person: str | None, note: str, days: float, attributes: dict[str, str]
) -> Invite:
    name, now = secrets.token_urlsafe(12), context.now()
    expires = now + days * 86_400
    with context.ledger.begin(immediate=True) as connection:
        given = {"id": name, "study": context.study.name, "kind": kind, "person": person, "note": note}
        times = {"issued": now, "expires": expires}
        connection.execute(insert(tables.invites).values(**given, **times, attributes=attributes))
        token = _signer(context, connection).dumps(name)
    return Invite(str(token), name, moment(expires))


def examine(context: Context, token: str) -> Admission:
    """What a token would let in, without using it. Raises `AccessError`."""
    with context.ledger.begin() as connection:
        row = open_invite(context, connection, token)
        return Admission("link" if row.kind == "link" else "invite", row.person, row.attributes)


def open_invite(context: Context, connection: Connection, token: str) -> Row[Any]:
    """The row of an invite or link that may still be used. Raises `AccessError` that says why it may not."""
    table = tables.invites
    try:
        name = _signer(context, connection).loads(token) if len(token) < 500 and token.isascii() else None
    except BadSignature:
        name = None
    row = connection.execute(
        select(table).where(table.c.id == str(name), table.c.study == context.study.name)
    ).one_or_none()
    if name is None or row is None:
        raise AccessError("forged", "This link is not one of this study's; open it again from the message it came in.")
    if row.used is not None:
        raise AccessError("used", "This link was used before; ask whoever runs the study for a new one.")
    if context.now() > row.expires:
        raise AccessError("expired", "This link has expired; ask whoever runs the study for a new one.")
    if row.person is not None and person_row(context, connection, row.person).status != "active":
        raise AccessError("paused", "Your part in this study is paused; ask whoever runs it.")
    return row


def _signer(context: Context, connection: Connection) -> URLSafeSerializer:
    """Signs for this study, with the database's secret."""
    table = tables.secrets
    value = connection.scalar(select(table.c.value).where(table.c.name == SIGNING))
    assert value is not None, "the desk makes the secret when it opens"
    return URLSafeSerializer(value, salt=f"accord invite {context.study.name}")


def make_secret(connection: Connection) -> None:
    """Make the database's secret where there is none yet."""
    table = tables.secrets
    if connection.scalar(select(table.c.value).where(table.c.name == SIGNING)) is None:
        connection.execute(insert(table).values(name=SIGNING, value=secrets.token_urlsafe(48)))


def attributes_of(study: Study, given: Mapping[str, str]) -> dict[str, str]:
    """What somebody says of themselves; an empty value is nothing said."""
    said = {}
    for name, value in given.items():
        if name not in study.attributes:
            raise FormError(name, f"This study does not ask for {name!r:.60}.")
        if value and value not in study.attributes[name]:
            raise FormError(name, f"Choose one of {', '.join(study.attributes[name])}, or leave it open.")
        if value:
            said[name] = value
    return said


def short(field: str, value: str | None) -> str:
    """A short text that can be kept, without the blanks around it."""
    value = (value or "").strip()
    if len(value) > MOST_SHORT or "\0" in value or any("\ud800" <= each <= "\udfff" for each in value):
        raise FormError(field, f"Give at most {MOST_SHORT} characters, or leave it open.")
    return value


# -- whoever runs the study -------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@lru_cache(maxsize=1)
def _nobody() -> str:
    """The hash that is compared where nobody has the name, so that the time taken does not tell."""
    return _hasher().hash(secrets.token_urlsafe(16))


def set_admin(context: Context, name: str, password: str) -> None:
    """Let somebody run the study by this name and password; a new password ends their sessions."""
    if not short("name", name):
        raise FormError("name", f"Give a name of 1 to {MOST_SHORT} characters.")
    if not LEAST_PASSWORD <= len(password) <= 1_000:
        raise FormError("password", f"Give a password of {LEAST_PASSWORD} to 1,000 characters.")
    name, hashed, table = name.strip(), _hasher().hash(password.encode(errors="replace")), tables.admins
    with context.ledger.begin(immediate=True) as connection:
        connection.execute(delete(table).where(table.c.name == name))
        connection.execute(insert(table).values(name=name, hash=hashed))
        drop_logins(connection, "admin", name)


def check_admin(context: Context, name: str, password: str) -> bool:
    """Whether this is the password of somebody who may run the study; takes as long where nobody has the name."""
    with context.ledger.begin() as connection:
        kept = connection.scalar(select(tables.admins.c.hash).where(tables.admins.c.name == name_in(name)))
    try:
        _hasher().verify(kept or _nobody(), password[:1_001].encode(errors="replace"))
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


# -- sessions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Logins:
    """Signed-in sessions, by tokens of which the database keeps only the digest."""

    context: Context

    def create(
        self,
        kind: Literal["person", "admin"],
        subject: str,
        *,
        hours: float = 12,
        data: Mapping[str, str] | None = None,
    ) -> str:
        """A new session; the token is for the cookie."""
        token, now = secrets.token_urlsafe(32), self.context.now()
        values = {"token": _digest(token), "kind": kind, "subject": subject, "data": dict(data or {})}
        with self.context.ledger.begin(immediate=True) as connection:
            connection.execute(delete(tables.logins).where(tables.logins.c.expires < now))
            connection.execute(insert(tables.logins).values(**values, created=now, expires=now + hours * 3_600))
        return token

    def find(self, token: str) -> Login | None:
        """The session of a token; None where there is none, or none any more."""
        table = tables.logins
        with self.context.ledger.begin() as connection:
            row = connection.execute(select(table).where(table.c.token == _digest(token))).one_or_none()
        if row is None or row.expires <= self.context.now():
            return None
        kind: Literal["person", "admin"] = "admin" if row.kind == "admin" else "person"
        return Login(kind, row.subject, moment(row.created), moment(row.expires), row.data)

    def drop(self, token: str) -> None:
        """End a session."""
        with self.context.ledger.begin(immediate=True) as connection:
            connection.execute(delete(tables.logins).where(tables.logins.c.token == _digest(token)))


def drop_logins(connection: Connection, kind: str, subject: str) -> None:
    """End all sessions of somebody."""
    table = tables.logins.c
    connection.execute(delete(tables.logins).where(table.kind == kind, table.subject == subject))


def use(connection: Connection, name: str, person: str, now: float) -> None:
    """Note that an invite or link was used, and by whom."""
    table = tables.invites
    connection.execute(update(table).where(table.c.id == name).values(used=now, person=person))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
