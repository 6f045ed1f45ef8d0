"""The tables of a ledger, as they are read and written. They are made by the migrations."""

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text

__all__ = ["APPLICATION_ID", "SCHEMA", "TABLES", "schema"]

APPLICATION_ID = 0x41434344
"""In the header of an SQLite file, so that a ledger can be told from any other; on PostgreSQL the writers' lock."""

SCHEMA = 1
"""The version of the tables that this code writes, and the newest that it reads: the number of the last migration."""

metadata = MetaData()


def _row() -> Column[int]:
    return Column("row", BigInteger().with_variant(Integer, "sqlite"), primary_key=True)


def _records(name: str, *references: str) -> Table:
    texts = ("id", *references, "content")
    return Table(name, metadata, _row(), *(Column(column, Text, nullable=False) for column in texts))


schema = Table("schema", metadata, _row(), Column("version", Integer, nullable=False))

prompts = _records("prompts")
evaluators = _records("evaluators")
completions = _records("completions", "prompt")
feedback = _records("feedback", "evaluator", "prompt")

TABLES = {table.name: table for table in (prompts, evaluators, completions, feedback)}
