"""Sessions kept on the server, and the passwords of whoever runs the study.

Of a session's token only the digest is kept, of a password only its argon2 hash.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, insert, select

from accord.collect.desk import tables
from accord.collect.desk.context import Context, Transaction, moment, storable_name
from accord.collect.desk.identities import Login
from accord.collect.desk.invites import MAX_SHORT_TEXT, short_text
from accord.errors import FormError

__all__ = ["Logins", "check_admin", "drop_logins", "set_admin"]

LOGINS, ADMINS = tables.logins, tables.admins
MIN_PASSWORD, MAX_PASSWORD = 10, 1_000


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    """The hash that is compared where nobody has the name, so that the time it takes does not tell."""
    return _hasher().hash(secrets.token_urlsafe(16))


def set_admin(context: Context, name: str, password: str) -> None:
    """Let somebody run the study by this name and password; a new password ends their sessions."""
    name = short_text("name", name)
    if not name:
        raise FormError("name", f"Give a name of 1 to {MAX_SHORT_TEXT} characters.")
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise FormError("password", f"Give a password of {MIN_PASSWORD} to {MAX_PASSWORD:,} characters.")
    password_hash = _hasher().hash(password.encode(errors="replace"))
    with context.writing() as tx:
        tx.execute(delete(ADMINS).where(ADMINS.c.name == name))
        tx.execute(insert(ADMINS).values(name=name, hash=password_hash))
        drop_logins(tx, "admin", name)


def check_admin(context: Context, name: str, password: str) -> bool:
    """Whether this is the password of somebody who may run the study; takes as long where nobody has the name."""
    with context.reading() as tx:
        password_hash = tx.connection.scalar(select(ADMINS.c.hash).where(ADMINS.c.name == storable_name(name)))
    try:
        sent = password[: MAX_PASSWORD + 1].encode(errors="replace")
        _hasher().verify(password_hash or _nobodys_hash(), sent)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


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
        token = secrets.token_urlsafe(32)
        with self.context.writing() as tx:
            row = {"token": _digest(token), "kind": kind, "subject": subject, "data": dict(data or {})}
            tx.execute(delete(LOGINS).where(LOGINS.c.expires < tx.now))
            tx.execute(insert(LOGINS).values(**row, created=tx.now, expires=tx.now + hours * 3_600))
        return token

    def find(self, token: str) -> Login | None:
        """The session of a token; None where there is none, or none any more."""
        with self.context.reading() as tx:
            row = tx.execute(select(LOGINS).where(LOGINS.c.token == _digest(token))).one_or_none()
        if row is None or row.expires <= tx.now:
            return None
        kind: Literal["person", "admin"] = "admin" if row.kind == "admin" else "person"
        return Login(kind, row.subject, moment(row.created), moment(row.expires), row.data)

    def drop(self, token: str) -> None:
        """End a session."""
        with self.context.writing() as tx:
            tx.execute(delete(LOGINS).where(LOGINS.c.token == _digest(token)))


def drop_logins(tx: Transaction, kind: str, subject: str) -> None:
    """End all sessions of somebody."""
    tx.execute(delete(LOGINS).where(LOGINS.c.kind == kind, LOGINS.c.subject == subject))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
