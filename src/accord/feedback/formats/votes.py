"""Votes that are otherwise equal, told apart: nobody said who cast them, and each of them counts."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from accord.records import Feedback, Record

__all__ = ["Votes", "counted_votes"]


class Votes:
    """How often a vote without a voter came before. Held by digest in a temporary database, in constant memory."""

    def __init__(self, connection: sqlite3.Connection, unknown: str) -> None:
        self._connection, self._unknown = connection, unknown

    def told_apart(self, records: Iterable[Record]) -> Iterator[Record]:
        """The records; a vote of the unknown evaluator that came before carries which one it is (`occurrence`)."""
        for record in records:
            if isinstance(record, Feedback) and record.evaluator == self._unknown and record.occurrence is None:
                number = self._number(bytes.fromhex(record.id[2:]))
                yield record if number == 0 else record.model_copy(update={"occurrence": number})
            else:
                yield record

    def _number(self, digest: bytes) -> int:
        statement = (
            "INSERT INTO votes VALUES (?, 0) ON CONFLICT (digest) DO UPDATE SET number = number + 1 RETURNING number"
        )
        return int(self._connection.execute(statement, (digest,)).fetchone()[0])


@contextmanager
def counted_votes(unknown: str) -> Iterator[Votes]:
    """Counting for the votes of one source; `unknown` is the id of its evaluator of whom nothing is known."""
    connection = sqlite3.connect("", isolation_level=None)  # a temporary file, which SQLite takes away again
    try:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("CREATE TABLE votes (digest BLOB PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID")
        connection.execute("BEGIN")
        yield Votes(connection, unknown)
    finally:
        connection.close()
