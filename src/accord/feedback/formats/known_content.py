"""What a source brings that the ledger has already, under another name."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator

from sqlalchemy import select

from accord.feedback.formats.votes import digests_on_disk
from accord.feedback.store.ledger import Ledger
from accord.feedback.store.tables import TABLES

__all__ = ["known_prompts", "last_prompt"]

ROWS = 5_000


def last_prompt(ledger: Ledger) -> int:
    """The row of the last prompt; 0 where there is none."""
    table = TABLES["prompts"]
    with ledger.begin() as connection:
        return int(connection.scalar(select(table.c.row).order_by(table.c.row.desc()).limit(1)) or 0)


def known_prompts(ledger: Ledger, after: int) -> dict[str, int]:
    """How many prompts behind the row `after` have the text of one before it, by the name that this one came under."""
    known: Counter[str] = Counter()
    with digests_on_disk("CREATE TABLE texts (digest BLOB PRIMARY KEY, source TEXT NOT NULL) WITHOUT ROWID") as texts:
        for row, content in _prompts(ledger):
            prompt = json.loads(content)
            digest = hashlib.sha256(json.dumps(prompt["messages"]).encode()).digest()[:12]
            if row <= after:
                source = str(prompt.get("source") or "no name")
                texts.execute("INSERT INTO texts VALUES (?, ?) ON CONFLICT DO NOTHING", (digest, source))
            elif earlier := texts.execute("SELECT source FROM texts WHERE digest = ?", (digest,)).fetchone():
                known[earlier[0]] += 1
    return dict(known)


def _prompts(ledger: Ledger) -> Iterator[tuple[int, str]]:
    table, last = TABLES["prompts"], 0
    query = select(table.c.row, table.c.content).order_by(table.c.row).limit(ROWS)
    while True:
        with ledger.begin() as connection:
            rows = connection.execute(query.where(table.c.row > last)).all()
        if not rows:
            return
        yield from ((row.row, row.content) for row in rows)
        last = rows[-1].row
