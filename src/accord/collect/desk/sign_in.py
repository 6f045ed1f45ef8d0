"""Sessions kept on the server, and the passwords of whoever runs the study.

Of a session's token only the digest is kept, of a password only its argon2 hash. Both belong to one study of the
ledger. A browser in which somebody signed in is known by a mark that nobody else can make, so that wrong passwords of
others do not keep its owner out.
"""

import hashlib
import hmac
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
from accord.collect.desk.invites import MAX_SHORT_TEXT, short_text, signing_secret
from accord.errors import FormError

__all__ = ["Logins", "check_admin", "drop_logins", "is_known_browser", "mark_browser", "set_admin"]

LOGINS, ADMINS = tables.logins, tables.admins
MIN_PASSWORD, MAX_PASSWORD = 10, 1_000


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    """The hash that is compared where nobody has the name, so that the time it takes does not tell."""
    return _hasher().hash(secrets.token_urlsafe(16))


def set_admin(context: Context, name: str, password: str, *, sees_names: bool = False) -> None:
    """Let somebody run the study by this name and password; a new password ends their sessions.

    `sees_names` is the right to see who its people are.
    """
    name = short_text("name", name)
    if not name:
        raise FormError("name", f"Give a name of 1 to {MAX_SHORT_TEXT} characters.")
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise FormError("password", f"Give a password of {MIN_PASSWORD} to {MAX_PASSWORD:,} characters.")
    password_hash = _hasher().hash(password.encode(errors="replace"))
    with context.writing() as tx:
        tx.execute(delete(ADMINS).where(ADMINS.c.name == name, ADMINS.c.study == tx.study.name))
        tx.execute(insert(ADMINS).values(study=tx.study.name, name=name, hash=password_hash, sees_names=sees_names))
        drop_logins(tx, "admin", name)


def check_admin(context: Context, name: str, password: str) -> bool:
    """Whether this is the password of somebody who may run the study; takes as long where nobody has the name."""
    with context.reading() as tx:
        password_hash = _hash_of(tx, name)
    try:
        sent = password[: MAX_PASSWORD + 1].encode(errors="replace")
        _hasher().verify(password_hash or _nobodys_hash(), sent)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def _hash_of(tx: Transaction, name: str) -> str | None:
    query = select(ADMINS.c.hash).where(ADMINS.c.name == storable_name(name), ADMINS.c.study == tx.study.name)
    return tx.connection.scalar(query)


def mark_browser(context: Context, name: str) -> str:
    """A mark for the browser in which somebody has just signed in; good until they have another password."""
    nonce = secrets.token_hex(8)
    with context.reading() as tx:
        return f"{nonce}.{_mark(tx, name, nonce)}"


def is_known_browser(context: Context, name: str, mark: str) -> bool:
    """Whether somebody of this name signed in, in the browser that shows this mark."""
    nonce, _, signed = mark[:200].partition(".")
    if not signed:
        return False
    with context.reading() as tx:
        return hmac.compare_digest(signed.encode(errors="replace"), _mark(tx, name, nonce).encode())


def _mark(tx: Transaction, name: str, nonce: str) -> str:
    content = "\0".join(("known browser", tx.study.name, name, _hash_of(tx, name) or secrets.token_hex(8), nonce))
    return hmac.new(
        signing_secret(tx.connection).encode(), content.encode(errors="replace"), hashlib.sha256
    ).hexdigest()


@dataclass(frozen=True)
class Logins:
    """Signed-in sessions of one study, by tokens of which the database keeps only the digest."""

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
            tx.execute(
                insert(LOGINS).values(**row, study=tx.study.name, created=tx.now, expires=tx.now + hours * 3_600)
            )
        return token

    def find(self, token: str) -> Login | None:
        """The session of a token; None where there is none, or none any more."""
        with self.context.reading() as tx:
            own = select(LOGINS).where(LOGINS.c.token == _digest(token), LOGINS.c.study == tx.study.name)
            row = tx.execute(own).one_or_none()
        if row is None or row.expires <= tx.now:
            return None
        kind: Literal["person", "admin"] = "admin" if row.kind == "admin" else "person"
        return Login(kind, row.subject, moment(row.created), moment(row.expires), row.data)

    def drop(self, token: str) -> None:
        """End a session."""
        with self.context.writing() as tx:
            tx.execute(delete(LOGINS).where(LOGINS.c.token == _digest(token), LOGINS.c.study == tx.study.name))


def drop_logins(tx: Transaction, kind: str, subject: str, *, everywhere: bool = False) -> None:
    """End all sessions of somebody in this study, or in all."""
    own = (LOGINS.c.kind == kind, LOGINS.c.subject == subject)
    tx.execute(delete(LOGINS).where(*own, *(() if everywhere else (LOGINS.c.study == tx.study.name,))))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
