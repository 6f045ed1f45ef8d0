"""Votes that are otherwise equal, told apart: no row said who cast them, and each of them counts."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from accord.feedback.provenance import is_known
from accord.records import Evaluator, Feedback, Record

__all__ = ["Votes", "counted_votes", "digests_on_disk"]


class Votes:
    """How often a vote without a voter came before. Held by digest in a temporary database, in constant memory."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._unknown: set[str] = set()

    def told_apart(self, records: Iterable[Record]) -> Iterator[Record]:
        """The records; a vote of one whom no row names that came before carries which one it is (`occurrence`)."""
        for record in records:
            if isinstance(record, Evaluator) and (not is_known(record) or _is_concluded_rule(record)):
                self._unknown.add(record.id)
            if isinstance(record, Feedback) and record.evaluator in self._unknown and record.occurrence is None:
                number = self._number(bytes.fromhex(record.id[2:]))
                yield record if number == 0 else record.model_copy(update={"occurrence": number})
            else:
                yield record

    def _number(self, digest: bytes) -> int:
        statement = (
            "INSERT INTO votes VALUES (?, 0) ON CONFLICT (digest) DO UPDATE SET number = number + 1 RETURNING number"
        )
        return int(self._connection.execute(statement, (digest,)).fetchone()[0])


def _is_concluded_rule(evaluator: Evaluator) -> bool:
    """Whether this is a program that no row names: what it says twice it says of two answers that are alike."""
    return evaluator.kind == "rule" and evaluator.inferred is True


@contextmanager
def counted_votes() -> Iterator[Votes]:
    """Counting for the votes of one source; each evaluator comes before what it said."""
    with digests_on_disk(
        "CREATE TABLE votes (digest BLOB PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID"
    ) as connection:
        yield Votes(connection)


@contextmanager
def digests_on_disk(table: str) -> Iterator[sqlite3.Connection]:
    """A temporary database of one table, of which little is in memory; SQLite takes it away again."""
    connection = sqlite3.connect("", isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute(table)
        connection.execute("BEGIN")
        yield connection
    finally:
        connection.close()
