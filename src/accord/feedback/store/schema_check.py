"""Opening a ledger: is it one, may this accord read it, and are its tables up to date?"""

from typing import NamedTuple

from sqlalchemy import Connection, func, inspect, select

from accord.errors import LedgerError
from accord.feedback.store.database import Store, enable_wal, migrate
from accord.feedback.store.location import Server
from accord.feedback.store.tables import APPLICATION_ID, SCHEMA, schema

__all__ = ["prepare"]

MIGRATIONS = "accord.feedback.store.migrations"
VERSION_TABLE = "ledger_version"


class SchemaState(NamedTuple):
    """What stands at the place: `version` is None where it is no ledger, `stamped` whether migrations were kept."""

    empty: bool
    version: int | None
    stamped: bool


def prepare(store: Store) -> None:
    """Make the ledger where there is nothing and `write` is set, bring it up to date, or refuse what is none.

    Raises `LedgerError` where it is no ledger or one of a newer accord.
    """
    with store.begin() as connection:
        state = _schema_state(connection)
        if store.write and isinstance(store.location, Server):
            _check_server(connection, store.location)
    if state.version is None and not (state.empty and store.write):
        raise LedgerError(f"{store.location}: {_no_ledger(store, state)}")
    if state.version is not None and state.version > SCHEMA:
        raise LedgerError(
            f"{store.location}: a ledger of schema {state.version}, and this accord reads up to {SCHEMA}; update accord"
        )
    if store.write:
        if not state.stamped or state.version != SCHEMA:
            migrate(store, MIGRATIONS, VERSION_TABLE)
        enable_wal(store)


def _schema_state(connection: Connection) -> SchemaState:
    tables = inspect(connection).get_table_names()
    stamped = VERSION_TABLE in tables
    if connection.dialect.name == "sqlite":
        known = connection.exec_driver_sql("PRAGMA application_id").scalar() == APPLICATION_ID
    else:
        known = stamped
    version = connection.scalar(select(func.max(schema.c.version))) if known else None
    return SchemaState(not tables, version, stamped)


def _check_server(connection: Connection, location: Server) -> None:
    """Raises `LedgerError` where the server may lose what it acknowledged, or cannot hold every text."""
    required = {
        "fsync": {"on"},
        "synchronous_commit": {"on", "remote_write", "remote_apply"},
        "server_encoding": {"UTF8"},
    }
    for name, values in required.items():
        setting = connection.scalar(select(func.current_setting(name)))
        if setting not in values:
            raise LedgerError(
                f"{location}: {name} is {setting} on this server; a ledger needs {' or '.join(sorted(values))}"
            )


def _no_ledger(store: Store, state: SchemaState) -> str:
    if not isinstance(store.location, Server):
        return "an SQLite file, but not a ledger; choose another file"
    if state.empty:
        return "there is no ledger here; `accord import` makes one"
    return (
        "a database of other tables, but not a ledger; choose an empty database, or an empty schema in this one "
        "(?options=-csearch_path%3Dname)"
    )
