"""Names that others give to people (a platform's worker, a chat front end's user), kept as keyed digests."""

import hashlib
import hmac

from sqlalchemy import ColumnElement, select, update

from accord.collect.desk import tables
from accord.collect.desk.context import Transaction
from accord.collect.desk.invites import signing_secret

__all__ = ["external_digest", "has_completed", "is_worker", "note_completion"]

EXTERNAL, CONTACTS = tables.external_ids, tables.contacts


def external_digest(tx: Transaction, kind: str, name: str) -> str:
    """The keyed digest of a name that others give to somebody, in this study."""
    key = signing_secret(tx.connection).encode()
    return hmac.new(key, "\0".join(("external", kind, tx.study.name, name)).encode(), hashlib.sha256).hexdigest()


def _of(tx: Transaction, pseudonym: str) -> tuple[ColumnElement[bool], ...]:
    return EXTERNAL.c.person == pseudonym, EXTERNAL.c.study == tx.study.name


def is_worker(tx: Transaction, pseudonym: str) -> bool:
    """Whether a person came from a platform."""
    return tx.execute(select(EXTERNAL.c.digest).where(*_of(tx, pseudonym))).first() is not None


def has_completed(tx: Transaction, pseudonym: str) -> bool:
    """Whether a worker has done their part."""
    done = (*_of(tx, pseudonym), EXTERNAL.c.completed.is_not(None))
    return tx.execute(select(EXTERNAL.c.digest).where(*done)).first() is not None


def note_completion(tx: Transaction, pseudonym: str) -> None:
    """A worker has done their part; they keep the code whatever the study asks for later."""
    done = (*_of(tx, pseudonym), EXTERNAL.c.completed.is_(None))
    tx.execute(update(EXTERNAL).where(*done).values(completed=tx.now))
