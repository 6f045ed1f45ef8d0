"""Ledgers of every version open; a newer one is refused; any number of processes may begin at once."""

import multiprocessing
import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from importlib.resources import files
from itertools import count
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from raw import connected, rows
from said import sheet
from sqlalchemy import text

from accord.errors import LedgerError
from accord.feedback import Ledger, migrate
from accord.feedback.store.tables import SCHEMA

OLD = (Path(__file__).parent / "ledger_of_schema_1.sql").read_text()
ENV = "from accord.feedback.store.database import run_migrations\n\nrun_migrations()\n"
VERSION = """
from alembic import op

revision = "{revision}"
down_revision = {before}


def upgrade():
    for statement in {statements}:
        op.execute(statement)
"""
FIRST = ("0001", ["CREATE TABLE people (name TEXT PRIMARY KEY)"])
SECOND = ("0002", ["ALTER TABLE people ADD COLUMN note TEXT", "UPDATE people SET note = 'kept ' || name"])
BROKEN = ("0003", ["ALTER TABLE people ADD COLUMN more TEXT", "INSERT INTO nowhere VALUES (1)"])

NUMBERS = count()
Package = Callable[..., str]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """Makes a package of migrations, as another room keeps them for tables of its own."""

    def made(*versions: tuple[str, list[str]]) -> str:
        name = f"own_{next(NUMBERS)}"
        folder = tmp_path / name / "versions"
        folder.mkdir(parents=True)
        for init in (folder.parent, folder):
            (init / "__init__.py").write_text("")
        (folder.parent / "env.py").write_text(ENV)
        before = None
        for revision, statements in versions:
            content = VERSION.format(revision=revision, before=repr(before), statements=statements)
            (folder / f"v{revision}.py").write_text(content)
            before = revision
        return name

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return made


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A ledger from before there were migrations."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(OLD)
    return path


def test_the_migrations_are_a_line_that_ends_at_the_schema() -> None:
    script = ScriptDirectory(str(files("accord.feedback.store.migrations")))
    assert [each.revision for each in script.walk_revisions()] == [f"{SCHEMA - n:04d}" for n in range(SCHEMA)]


def test_a_ledger_of_before_opens_unchanged_and_is_stamped(old: Path) -> None:
    everything = ("schema", "prompts", "evaluators", "completions", "feedback")
    before = {name: rows(old, f"SELECT * FROM {name}") for name in everything}
    made = rows(old, "SELECT name, sql FROM sqlite_master ORDER BY name")
    with Ledger(old) as ledger:
        assert ledger.rows() == 2
        ledger.extend(sheet(2))
        assert ledger.last_row == 14
    assert rows(old, "SELECT * FROM ledger_version") == [("0001",)]
    assert {name: rows(old, f"SELECT * FROM {name}")[: len(before[name])] for name in everything} == before
    after = rows(old, "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%ledger_version%' ORDER BY name")
    assert after == made


def test_a_ledger_of_before_is_read_without_a_change(old: Path) -> None:
    before = old.read_bytes()
    with Ledger(old, write=False) as ledger:
        assert len(list(ledger.feedback())) == 2
    assert old.read_bytes() == before


def test_a_new_ledger_is_made_as_those_before(old: Path, tmp_path: Path) -> None:
    Ledger(old).close()
    Ledger(tmp_path / "new.db").close()
    made = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"
    assert rows(tmp_path / "new.db", made) == rows(old, made)


def test_tables_of_others_grow_with_what_is_in_them(where: Path | str, package: Package) -> None:
    with Ledger(where) as ledger:
        ledger.extend(sheet(1))
        migrate(ledger, package(FIRST), "own_version")
        with ledger.begin(immediate=True) as connection:
            connection.execute(text("INSERT INTO people VALUES ('anna')"))
        newer = package(FIRST, SECOND)
        migrate(ledger, newer, "own_version")
        migrate(ledger, newer, "own_version")
        assert ledger.rows() == 12
    assert rows(where, "SELECT name, note FROM people") == [("anna", "kept anna")]
    assert rows(where, "SELECT * FROM own_version") == [("0002",)]
    assert rows(where, "SELECT * FROM ledger_version") == [("0001",)]


def test_a_migration_that_fails_leaves_everything_as_it_was(where: Path | str, package: Package) -> None:
    with Ledger(where) as ledger:
        migrate(ledger, package(FIRST), "own_version")
        with pytest.raises(Exception, match="nowhere"):
            migrate(ledger, package(FIRST, SECOND, BROKEN), "own_version")
    assert rows(where, "SELECT * FROM own_version") == [("0001",)]
    with connected(where) as raw:
        assert [name for name, *_ in raw.execute("SELECT * FROM people").description] == ["name"]


def test_tables_of_a_newer_accord_are_refused(where: Path | str, package: Package) -> None:
    with Ledger(where) as ledger:
        migrate(ledger, package(FIRST, SECOND), "own_version")
        with pytest.raises(LedgerError, match=r"its tables \(own_version\) are of a newer accord"):
            migrate(ledger, package(FIRST), "own_version")


def _open(where: str, barrier: "multiprocessing.synchronize.Barrier") -> None:
    barrier.wait()
    with Ledger(Path(where) if "://" not in where else where) as ledger:
        ledger.extend(sheet(os.getpid()))


def test_processes_that_make_the_same_ledger_at_once_all_succeed(where: Path | str) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(4)
    processes = [context.Process(target=_open, args=(str(where), barrier)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    with Ledger(where, write=False) as ledger:
        assert ledger.last_row == ledger.rows() == 48
    assert rows(where, "SELECT version FROM schema") == [(SCHEMA,)]
