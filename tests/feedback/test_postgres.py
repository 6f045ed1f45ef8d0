"""What only a server can do: be of others, forget, sign people in, let go of a connection."""

import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from raw import REFUSED, connected, rows
from said import completion, person, prompt, rating, sheet
from tools.postgres_cluster import Cluster

from accord.errors import LedgerError
from accord.feedback import Ledger
from accord.records import Record

pytestmark = pytest.mark.slow
SECRET = "hunter2-hunter2"


@pytest.fixture
def url(postgres: Cluster) -> str:
    return postgres.database()


def name_of(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE feedback",
        "TRUNCATE schema",
        "TRUNCATE prompts CASCADE",
        "DELETE FROM feedback WHERE false",
        "INSERT INTO prompts (id, content) VALUES ('p', '') ON CONFLICT (id) DO UPDATE SET content = ''",
        "MERGE INTO prompts USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
    ],
)
@pytest.mark.parametrize("role", ["origin", "replica"])
def test_no_statement_takes_anything_away(url: str, statement: str, role: str) -> None:
    with Ledger(url) as ledger:
        ledger.extend(sheet(1))
        before = ledger.digest(), ledger.counts()
        with connected(url) as raw:
            raw.execute(f"SET session_replication_role = {role}")
            with pytest.raises(REFUSED, match="the ledger only grows"):
                raw.execute(statement)
        assert (ledger.digest(), ledger.counts()) == before


def test_rows_are_numbered_by_the_ledger_alone(url: str) -> None:
    with Ledger(url) as ledger:
        ledger.add(prompt("one"))
    with connected(url) as raw:
        raw.execute("INSERT INTO prompts (\"row\", id, content) VALUES (99, 'p-99', '{}'), (98, 'p-98', '{}')")
    assert rows(url, 'SELECT "row", id FROM prompts ORDER BY "row"')[1:] == [(2, "p-99"), (3, "p-98")]


def test_what_is_no_ledger_is_refused(url: str) -> None:
    with pytest.raises(LedgerError, match="there is no ledger here"):
        Ledger(url, write=False)
    with connected(url) as raw:
        raw.execute("CREATE TABLE t (x INTEGER)")
    for write in (True, False):
        with pytest.raises(LedgerError, match="a database of other tables, but not a ledger"):
            Ledger(url, write=write)
    assert rows(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("t",)]


def test_a_schema_of_its_own_holds_another_ledger(url: str) -> None:
    with connected(url) as raw:
        raw.execute("CREATE SCHEMA study")
    own = f"{url}&options=-csearch_path%3Dstudy"
    with Ledger(url) as one, Ledger(own) as other:
        one.extend(sheet(1))
        other.extend([*sheet(2), *sheet(3)])
        assert (one.rows(), other.rows()) == (12, 24)
        assert one.digest() != other.digest()
    with connected(url) as raw, pytest.raises(REFUSED, match="the ledger only grows"):
        raw.execute("DELETE FROM study.feedback")


@pytest.mark.parametrize(
    ("options", "setting", "message"),
    [
        ("ENCODING 'LATIN1' TEMPLATE template0", None, "server_encoding is LATIN1 on this server; .* needs UTF8"),
        ("", "synchronous_commit = off", "synchronous_commit is off on this server; a ledger needs on or"),
    ],
)
def test_a_server_that_would_lose_something_is_refused(
    postgres: Cluster, options: str, setting: str | None, message: str
) -> None:
    url = postgres.database(options)
    if setting:
        postgres.run(f"ALTER DATABASE {name_of(url)} SET {setting}")
    with pytest.raises(LedgerError, match=message):
        Ledger(url)


@pytest.fixture
def no_fsync(postgres: Cluster) -> Iterator[None]:
    """The cluster without fsync, for as long as the test lasts."""
    for change, wanted in (("SET fsync = off", "off"), ("RESET fsync", "on")):
        postgres.run(f"ALTER SYSTEM {change}")
        postgres.run("SELECT pg_reload_conf()")
        deadline = time.monotonic() + 30
        while postgres.run("SHOW fsync") != [(wanted,)]:
            assert time.monotonic() < deadline
        if wanted == "off":
            yield


@pytest.mark.usefixtures("no_fsync")
def test_a_server_that_does_not_sync_is_refused(url: str) -> None:
    with pytest.raises(LedgerError, match="fsync is off on this server; a ledger needs on"):
        Ledger(url)


def test_a_database_that_is_missing_is_named(postgres: Cluster) -> None:
    with pytest.raises(LedgerError, match=r'database "nowhere" does not exist; .* is the database there'):
        Ledger(postgres.url("nowhere"))


def test_a_role_that_may_only_insert_keeps_the_ledger(postgres: Cluster, url: str) -> None:
    with Ledger(url) as ledger:
        ledger.extend(sheet(1))
    postgres.role("scribe")
    postgres.run("GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO scribe", name_of(url))
    theirs = postgres.url(name_of(url), "scribe")
    with Ledger(theirs) as ledger:
        assert ledger.extend([*sheet(1), *sheet(2)]).new["feedback"] == 12
        assert ledger.last_row == 24
    with connected(theirs) as raw:
        for statement in ("DROP TRIGGER feedback_refuse ON feedback", "DROP TABLE feedback", "DELETE FROM feedback"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                raw.execute(statement)


def test_signing_in_by_password(postgres: Cluster, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    postgres.role("anna", f"SUPERUSER PASSWORD '{SECRET}'")
    with Ledger(postgres.url_by_tcp(name_of(url), "anna", SECRET)) as ledger:
        ledger.extend(sheet(1))
        shown = str(ledger.location)
    assert shown == postgres.url_by_tcp(name_of(url), "anna")
    with pytest.raises(LedgerError, match="no password supplied"):
        Ledger(shown)
    monkeypatch.setenv("PGPASSWORD", SECRET)
    with Ledger(shown, write=False) as ledger:
        assert ledger.rows() == 12
    wrong = "another-secret"
    with pytest.raises(LedgerError, match="password authentication failed") as caught:
        Ledger(postgres.url_by_tcp(name_of(url), "anna", wrong))
    assert wrong not in "".join(traceback.format_exception(caught.value))


def test_a_connection_that_was_ended_is_opened_again(postgres: Cluster, url: str) -> None:
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name_of(url)}'"
    with Ledger(url, pooled=True) as ledger:
        ledger.extend(sheet(1))
        postgres.run(end)
        assert ledger.extend(sheet(2)).new["feedback"] == 12

        def cut() -> Iterator[Record]:
            yield from sheet(3)
            postgres.run(end)

        with pytest.raises(LedgerError, match="can be added again without harm"):
            ledger.extend(cut())
        assert ledger.rows() == 24
        assert ledger.extend(sheet(3)).new["feedback"] == 12


def test_nothing_stays_open_between_calls(postgres: Cluster, url: str) -> None:
    with Ledger(url) as ledger:
        ledger.extend(sheet(1))
        assert postgres.run(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name_of(url)}'") == [(0,)]


def test_a_nul_in_a_name_is_refused(url: str) -> None:
    asked, by = prompt(), person("a")
    about = completion(asked, "x").model_copy(update={"prompt": "p-\0"})
    with Ledger(url) as ledger, pytest.raises(LedgerError, match="NUL"):
        ledger.add(asked, by, about, rating(by, about, 1.0))


def test_the_url_is_what_errors_name(url: str) -> None:
    with Ledger(url) as ledger, pytest.raises(LedgerError, match=rf"^{str(ledger.location).partition('?')[0]}"):
        ledger.extend(sheet(1)[1:])
    assert not Path("postgresql:").exists()
