"""The tables of recorded answers, beside the ledger's in the same database. Unlike the ledger's their rows go again.

Times are seconds since 1970 (UTC); `until` is when an answer is to be forgotten.
"""

from sqlalchemy import BigInteger, Column, Double, Integer, MetaData, Table, Text

__all__ = ["MIGRATIONS", "VERSION_TABLE", "answers", "keys", "sessions"]

MIGRATIONS = "accord.feedback.deployment.migrations"
VERSION_TABLE = "deployment_version"

metadata = MetaData()

sessions = Table(
    "deployment_sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("content", Text, nullable=False),
    Column("started", Double, nullable=False),
    *(Column(name, Integer, nullable=False) for name in ("requests", "declines", "draws", "records", "losses")),
)
answers = Table(
    "deployment_answers",
    metadata,
    Column("row", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("time", Double, nullable=False),
    Column("until", Double, nullable=False),
    Column("content", Text, nullable=False),
)
keys = Table("deployment_key", metadata, Column("row", Integer, primary_key=True), Column("key", Text, nullable=False))
