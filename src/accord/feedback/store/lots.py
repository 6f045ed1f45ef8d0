"""Many records brought into a ledger beside people who are at work on it.

They are gathered and checked in a file of their own first, so that a source with a fault brings in nothing. Then they
enter by transactions that are short, what is referred to before what refers to it, with rests between them in which
others write. Where this is cut short, what has entered stays and is whole; the same import again brings in the rest.
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import select

from accord.feedback.store.ledger import Ledger
from accord.feedback.store.ledger_writer import ImportCounts, LedgerWriter
from accord.feedback.store.location import File
from accord.feedback.store.tables import TABLES
from accord.records import Record

__all__ = ["import_records"]

AT_ONCE = 20_000  # records that enter in one transaction, whole or not at all
TURN = 0.3  # seconds after which a transaction ends, so that whoever waits for it can write
REST = 0.12  # seconds between two: SQLite lets who waits for its lock sleep for 0.1 at most before they ask again
SLICE, ROWS = 500, 5_000  # rows written before the clock is looked at; rows read at a time


def import_records(ledger: Ledger, records: Iterable[Record]) -> ImportCounts:
    """Add any number of records: in one transaction where they are few, in many short ones where not.

    Raises what the records' source raises, and `LedgerError` where a record refers to something that is in neither the
    records nor the ledger; nothing of them has entered then.
    """
    source = iter(records)
    first = list(islice(source, AT_ONCE + 1))
    if len(first) <= AT_ONCE:
        return ledger.extend(first)
    with TemporaryDirectory(prefix="accord-import-") as folder, Ledger(Path(folder) / "lot.db") as lot:
        with lot.begin(immediate=True) as connection, ledger.begin() as beside:
            writer = LedgerWriter(connection, str(ledger.location), beside=beside)
            writer.extend(chain(first, source))
            writer.finish()
        kinds: Counter[str] = Counter()
        new = {name: _enter(lot, ledger, name, kinds) for name in TABLES}
    return replace(writer.counts, new=new, judgements_new=kinds)


def _enter(lot: Ledger, ledger: Ledger, name: str, kinds: Counter[str]) -> int:
    """Bring the records of one table from the lot into the ledger; how many were new, of feedback by kind too."""
    table, last, new = TABLES[name], 0, 0
    columns = [column for column in table.c if column.name != "row"]
    query = select(table.c.row, *columns).order_by(table.c.row).limit(ROWS)
    while True:
        with lot.begin() as connection:
            rows = connection.execute(query.where(table.c.row > last)).all()
        if not rows:
            return new
        while rows:
            done, added = _enter_some(ledger, name, rows, kinds)
            last, new, rows = rows[done - 1].row, new + added, rows[done:]
            if isinstance(ledger.location, File):
                time.sleep(REST)


def _enter_some(ledger: Ledger, name: str, rows: Sequence[Any], kinds: Counter[str]) -> tuple[int, int]:
    """One transaction: the first of these rows, as many as its time allows; how many, and how many of them were new."""
    done = new = 0
    with ledger.transaction() as writer:
        began = time.monotonic()
        while done < len(rows) and (not done or time.monotonic() < began + TURN):
            some = [{key: value for key, value in row._mapping.items() if key != "row"} for row in rows[done:][:SLICE]]
            new += writer.copy(name, some)
            done += len(some)
    kinds.update(writer.counts.judgements_new)
    return done, new
