"""The tables of a ledger and the triggers that let it only grow."""

from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, Text

__all__ = ["APPLICATION_ID", "SCHEMA", "TABLES", "metadata", "triggers"]

APPLICATION_ID = 0x41434344
"""In the header of the file, so that a ledger can be told from any other SQLite file."""

SCHEMA = 1
"""The version of the tables that this code writes, and the newest that it reads."""

metadata = MetaData()

schema = Table("schema", metadata, Column("row", Integer, primary_key=True), Column("version", Integer, nullable=False))


def _records(name: str, *columns: Column[str]) -> Table:
    return Table(
        name,
        metadata,
        Column("row", Integer, primary_key=True),
        Column("id", Text, nullable=False, unique=True),
        *columns,
        Column("content", Text, nullable=False),
        sqlite_autoincrement=True,
    )


def _reference(name: str, table: str) -> Column[str]:
    return Column(
        name, Text, ForeignKey(f"{table}.id", deferrable=True, initially="DEFERRED"), nullable=False, index=True
    )


prompts = _records("prompts")
evaluators = _records("evaluators")
completions = _records("completions", _reference("prompt", "prompts"))
feedback = _records("feedback", _reference("evaluator", "evaluators"), _reference("prompt", "prompts"))

TABLES = {table.name: table for table in (prompts, evaluators, completions, feedback)}


def triggers() -> list[str]:
    """The statements that make every table append-only.

    INSERT OR REPLACE deletes without firing a DELETE trigger, so the triggers before an insert step in first: a
    record that is there already is left as it stands, and a row number that is taken is refused.
    """
    refusals = [
        each.replace("TABLE", name) for name in metadata.tables for each in (_NO_UPDATE, _NO_DELETE, _NO_REPLACE)
    ]
    return refusals + [_ONCE.replace("TABLE", name) for name in TABLES]


_NO_UPDATE = """
CREATE TRIGGER TABLE_no_update BEFORE UPDATE ON TABLE BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: UPDATE of TABLE is refused');
END"""

_NO_DELETE = """
CREATE TRIGGER TABLE_no_delete BEFORE DELETE ON TABLE BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: DELETE from TABLE is refused');
END"""

_NO_REPLACE = """
CREATE TRIGGER TABLE_no_replace BEFORE INSERT ON TABLE WHEN EXISTS (SELECT 1 FROM TABLE WHERE row = NEW.row) BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: REPLACE in TABLE is refused');
END"""

_ONCE = """
CREATE TRIGGER TABLE_once BEFORE INSERT ON TABLE WHEN EXISTS (SELECT 1 FROM TABLE WHERE id = NEW.id) BEGIN
  SELECT RAISE(IGNORE);
END"""
