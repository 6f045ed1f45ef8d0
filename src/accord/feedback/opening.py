"""Opening a ledger: is it one, may this accord read it, and are its tables up to date?"""

from typing import NamedTuple

from sqlalchemy import Connection, func, inspect, select

from accord.errors import LedgerError
from accord.feedback.store import Store, keep_a_log, migrate
from accord.feedback.tables import APPLICATION_ID, SCHEMA, schema
from accord.feedback.where import Server

__all__ = ["make_ready"]

MIGRATIONS = "accord.feedback.migrations"
VERSION_TABLE = "ledger_version"


class Found(NamedTuple):
    """What stands at the place: `version` is None where it is no ledger, `stamped` whether migrations were kept."""

    empty: bool
    version: int | None
    stamped: bool


def make_ready(store: Store) -> None:
    """Make the ledger where there is nothing and `write` is set, bring it up to date, or refuse what is none.

    Raises `LedgerError` where it is no ledger or one of a newer accord.
    """
    with store.begin() as connection:
        found = _found(connection)
        if store.write and isinstance(store.place, Server):
            _check_server(connection, store.where)
    if found.version is None and not (found.empty and store.write):
        raise LedgerError(f"{store.where}: {_no_ledger(store, found)}")
    if found.version is not None and found.version > SCHEMA:
        raise LedgerError(
            f"{store.where}: a ledger of schema {found.version}, and this accord reads up to {SCHEMA}; update accord"
        )
    if store.write:
        if not found.stamped or found.version != SCHEMA:
            migrate(store, MIGRATIONS, VERSION_TABLE)
        keep_a_log(store)


def _found(connection: Connection) -> Found:
    tables = inspect(connection).get_table_names()
    stamped = VERSION_TABLE in tables
    if connection.dialect.name == "sqlite":
        known = connection.exec_driver_sql("PRAGMA application_id").scalar() == APPLICATION_ID
    else:
        known = stamped
    version = connection.scalar(select(func.max(schema.c.version))) if known else None
    return Found(not tables, version, stamped)


def _check_server(connection: Connection, where: str) -> None:
    """Raises `LedgerError` where the server may lose what it acknowledged, or cannot hold every text."""
    wanted = {
        "fsync": {"on"},
        "synchronous_commit": {"on", "remote_write", "remote_apply"},
        "server_encoding": {"UTF8"},
    }
    for name, values in wanted.items():
        found = connection.scalar(select(func.current_setting(name)))
        if found not in values:
            raise LedgerError(
                f"{where}: {name} is {found} on this server; a ledger needs {' or '.join(sorted(values))}"
            )


def _no_ledger(store: Store, found: Found) -> str:
    if not isinstance(store.place, Server):
        return "an SQLite file, but not a ledger; choose another file"
    if found.empty:
        return "there is no ledger here; `accord import` makes one"
    return (
        "a database of other tables, but not a ledger; choose an empty database, or an empty schema in this one "
        "(?options=-csearch_path%3Dname)"
    )
