"""kill -9 in the middle of writing: whatever was acknowledged is in the ledger, and its reservation is closed."""

import signal
import time
from pathlib import Path

import pytest
from small_desks import join, lay, opened, pairs, task
from sqlalchemy import select

from accord.collect.desk import tables
from accord.feedback import Ledger
from forked import COLLECTING, DEVNULL, forked

KILLS = 20

SUBMITTING = """
import sys
from datetime import UTC, datetime
from accord.collect import Desk, Study, Task
from accord.feedback import Ledger
folder, where, pseudonym = sys.argv[1:]
desk = Desk(Study.load(folder + "/study.toml"), Ledger(where, pooled=True, timeout=60))
print("ready", flush=True)
while isinstance(current := desk.next(pseudonym), Task):
    receipt = desk.submit(pseudonym, current.reservation, {"preferred": "left"})
    print(current.reservation, receipt.feedback, flush=True)
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_was_acknowledged_is_kept(tmp_path: Path, where: Path | str) -> None:
    study = lay(tmp_path, pairs(3000), session_items=100_000)
    acknowledged: list[tuple[str, str]] = []
    with Ledger(where) as ledger:
        desk = opened(study, ledger)
        anna = join(desk)
        for kill in range(KILLS):
            acknowledged += killed(SUBMITTING, [str(tmp_path), str(where), anna.pseudonym], kill)
            in_ledger = {record.id for record in ledger.feedback()}
            assert {feedback for _, feedback in acknowledged} <= in_ledger
            with ledger.begin() as connection:
                columns = tables.reservations.c
                rows = connection.execute(select(columns.id, columns.state, columns.feedback)).all()
            closed = {row.id: row.feedback for row in rows if row.state == "answered"}
            assert all(closed[reservation] == feedback for reservation, feedback in acknowledged)
            assert set(closed.values()) == in_ledger, "no answer without its reservation, and none the other way round"
            assert sum(row.state == "open" for row in rows) <= 1
        before = task(desk, anna)
        assert task(desk, anna) == before, "a reload takes up where they were"
        assert len(acknowledged) >= KILLS


def killed(code: str, arguments: list[str], number: int) -> list[tuple[str, str]]:
    """What a process acknowledged before it was killed, somewhere between its answers."""
    with forked(arguments, code=code, imports=COLLECTING, stderr=DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        first = process.stdout.readline()
        time.sleep(0.05 + 0.013 * number)
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
    acknowledged = [line.split() for line in (first + rest).splitlines(keepends=True) if line.endswith("\n")]
    return [(reservation, feedback) for reservation, feedback in acknowledged]
