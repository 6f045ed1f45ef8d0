"""The ledger: prompts, evaluators, completions, feedback; nothing of it can be changed or taken away."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, Text, column, inspect, table

from accord.feedback.store.tables import APPLICATION_ID
from accord.feedback.store.triggers import (
    postgres_functions,
    postgres_once,
    postgres_triggers,
    sqlite_once,
    sqlite_refusals,
)

revision = "0001"
down_revision = None

REFERENCES = {
    "prompts": {},
    "evaluators": {},
    "completions": {"prompt": "prompts"},
    "feedback": {"evaluator": "evaluators", "prompt": "prompts"},
}


def upgrade() -> None:
    """Make the tables; those of a ledger from before there were migrations stay as they are."""
    connection = op.get_bind()
    if inspect(connection).has_table("schema"):
        return
    on_sqlite = connection.dialect.name == "sqlite"
    op.create_table("schema", _row(on_sqlite), Column("version", Integer, nullable=False))
    for name, references in REFERENCES.items():
        op.create_table(
            name,
            _row(on_sqlite),
            Column("id", Text, nullable=False, unique=True),
            *(_reference(each, other) for each, other in references.items()),
            Column("content", Text, nullable=False),
            sqlite_autoincrement=True,
        )
    for statement in _sqlite() if on_sqlite else _postgres():
        connection.exec_driver_sql(statement)
    connection.execute(table("schema", column("version")).insert().values(version=1))


def _row(on_sqlite: bool) -> Column[int]:
    return Column("row", Integer if on_sqlite else BigInteger, primary_key=True, autoincrement=on_sqlite)


def _reference(name: str, other: str) -> Column[str]:
    return Column(
        name, Text, ForeignKey(f"{other}.id", deferrable=True, initially="DEFERRED"), nullable=False, index=True
    )


def _sqlite() -> list[str]:
    refusals = [statement for name in ("schema", *REFERENCES) for statement in sqlite_refusals(name)]
    return [*refusals, *map(sqlite_once, REFERENCES), f"PRAGMA application_id={APPLICATION_ID}"]


def _postgres() -> list[str]:
    records = [statement for name in REFERENCES for statement in postgres_once(name)]
    return [*postgres_functions(), *postgres_triggers("schema"), *records]
