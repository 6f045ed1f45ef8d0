"""A transaction means the same on both stores, for the ledger's tables and for those that others keep beside them."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from raw import REFUSED, connected, rows
from said import prompt, sheet
from sqlalchemy import Connection, text

from accord.errors import AccordError, LedgerError
from accord.feedback import Ledger
from accord.feedback.store.database import switch_to_wal
from accord.records import Record


def put(connection: Connection, *values: str) -> None:
    for value in values:
        connection.execute(text("INSERT INTO beside (value) VALUES (:value)"), {"value": value})


def beside(connection: Connection) -> list[str]:
    return list(connection.scalars(text("SELECT value FROM beside ORDER BY value")))


@pytest.fixture
def ledger(where: Path | str) -> Ledger:
    """A ledger with a table beside it, opened as a web server opens it."""
    opened = Ledger(where, pooled=True)
    with opened.begin(immediate=True) as connection:
        connection.execute(text("CREATE TABLE beside (value TEXT PRIMARY KEY)"))
    return opened


def put_both(ledger: Ledger, value: str, records: Iterable[Record]) -> None:
    with ledger.transaction() as adding:
        put(adding.connection, value)
        adding.extend(records)


def broken(first: int, last: int) -> Iterator[Record]:
    for number in range(first, last):
        yield from sheet(number)
    raise ZeroDivisionError


def test_a_table_beside_the_ledger_changes_with_it_or_not_at_all(ledger: Ledger) -> None:
    put_both(ledger, "one", sheet(1))
    with pytest.raises(ZeroDivisionError):
        put_both(ledger, "two", broken(2, 3))
    with pytest.raises(LedgerError, match="not in the ledger"):
        put_both(ledger, "three", sheet(3)[1:])
    with ledger.begin() as connection:
        assert beside(connection) == ["one"]
    assert ledger.rows() == 12
    ledger.close()


def test_what_only_reads_cannot_write_and_sees_one_state(ledger: Ledger) -> None:
    with ledger.begin(immediate=True) as connection:
        put(connection, "one")
    with ledger.begin() as reading:
        assert beside(reading) == ["one"]
        with ledger.begin(immediate=True) as connection:
            put(connection, "two")
        assert beside(reading) == ["one"]
    with pytest.raises(AccordError), ledger.begin() as connection:
        put(connection, "three")
    with ledger.begin(immediate=True) as connection:  # the same connection of the pool writes again
        put(connection, "four")
        assert beside(connection) == ["four", "one", "two"]
    ledger.close()


def test_one_that_writes_keeps_others_from_writing(ledger: Ledger, where: Path | str) -> None:
    with Ledger(where, timeout=0.05) as other, ledger.begin(immediate=True) as connection:
        put(connection, "one")
        with pytest.raises(LedgerError, match="locked by another process"), other.begin(immediate=True):
            pass
        with pytest.raises(LedgerError, match="locked by another process"):
            other.add(prompt())
        with other.begin() as reading:
            assert beside(reading) == []
    ledger.close()


def test_many_threads_write_by_one_ledger(ledger: Ledger) -> None:
    def write(number: int) -> None:
        put_both(ledger, str(number), sheet(number))

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(write, range(60)))
    with ledger.begin() as connection:
        assert len(beside(connection)) == 60
    assert ledger.last_row == ledger.rows() == 720
    with ledger.begin(immediate=True), ThreadPoolExecutor(1) as pool:
        assert pool.submit(ledger.rows).result() == 720
    ledger.close()


def test_a_thread_that_waits_too_long_is_told(where: Path | str) -> None:
    with Ledger(where, timeout=0.05, pooled=True) as ledger:
        with ledger.begin(immediate=True), ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(ledger.add, prompt())
            assert isinstance(waiting.exception(), LedgerError)
        ledger.add(prompt())


def test_a_writer_without_accord_waits_its_turn(where: Path | str) -> None:
    with Ledger(where, timeout=0.05) as ledger, connected(where) as raw:
        raw.execute("BEGIN")
        raw.execute("INSERT INTO prompts (id, content) VALUES ('p-raw', '{}')")
        with pytest.raises(LedgerError, match="locked by another process"):
            ledger.extend(sheet(1))
        raw.execute("ROLLBACK")
        ledger.extend(sheet(1))
    assert rows(where, 'SELECT "row" FROM prompts') == [(1,)]


def test_a_refused_transaction_leaves_no_gap(where: Path | str) -> None:
    with Ledger(where) as ledger:
        for number in range(4):
            ledger.extend(sheet(number))
            with pytest.raises(ZeroDivisionError):
                ledger.extend(broken(100, 500))
            ledger.extend(sheet(number))
        assert ledger.last_row == ledger.rows() == 48
    assert rows(where, 'SELECT max("row"), count(*) FROM completions') == [(16, 16)]


def test_foreign_keys_hold_for_writers_without_accord(where: Path | str) -> None:
    Ledger(where).close()
    with connected(where) as raw:
        if isinstance(where, Path):
            raw.execute("PRAGMA foreign_keys=ON")
        with pytest.raises(REFUSED, match=r"(?i)foreign key"):
            raw.execute("INSERT INTO completions (id, prompt, content) VALUES ('c', 'p-nothing', '{}')")
    assert rows(where, "SELECT * FROM completions") == []


def test_what_is_acknowledged_is_synced(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db", pooled=True) as ledger, ledger.begin(immediate=True) as connection:
        assert connection.scalar(text("PRAGMA synchronous")) == 2
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1


def test_a_pool_that_is_used_up_says_so(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db", pooled=True, timeout=0.05) as ledger:
        held = [ledger.begin() for _ in range(32)]
        for each in held:
            each.__enter__()
        with pytest.raises(LedgerError, match=r"no connection became free for 0\.05 s"):
            ledger.rows()
        for each in held:
            each.__exit__(None, None, None)
        assert ledger.rows() == 0


def test_the_change_to_a_write_ahead_log_waits_where_sqlite_does_not(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE held (row)")
    other.execute("BEGIN IMMEDIATE")
    with closing(other), closing(sqlite3.connect(tmp_path / "ledger.db", timeout=0)) as impatient:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            switch_to_wal(impatient.cursor(), 0.0)
        release = threading.Timer(0.2, other.rollback)
        release.start()
        switch_to_wal(impatient.cursor(), 30.0)
        release.join()
        assert impatient.execute("PRAGMA journal_mode").fetchone() == ("wal",)
