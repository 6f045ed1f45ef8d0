"""A copy taken while somebody writes is whole, opens, and can be gone on with."""

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from raw import rows
from said import sheet
from tools.postgres_cluster import Cluster, binaries
from writing import somebody_writes

from accord.cli import run
from accord.errors import LedgerError, StorageError
from accord.feedback import Ledger, backup


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        ledger.extend(sheet(0))
    return path


def test_a_copy_taken_while_somebody_writes_is_gone_on_with(path: Path, tmp_path: Path) -> None:
    with Ledger(path, write=False) as ledger:
        with somebody_writes(path):
            copied = [backup(ledger, tmp_path / f"copy-{number}.db") for number in range(4)]
        for number, each in enumerate(copied):
            with Ledger(tmp_path / f"copy-{number}.db", pooled=number % 2 == 0) as copy:
                upto = copy.last_row
                assert copy.rows() == upto == each.counts["feedback"] > 0
                assert copy.digest() == each.digest == ledger.digest(upto)
                assert len(list(copy.feedback())) == upto
                copy.extend(sheet(10**7))
                assert copy.last_row == upto + 12
        assert copied[0].counts["feedback"] < ledger.rows()


def test_what_others_keep_in_the_file_is_copied_too(path: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("CREATE TABLE people (name TEXT)")
        raw.execute("INSERT INTO people VALUES ('anna')")
        raw.commit()
    path.chmod(0o640)
    with Ledger(path, write=False) as ledger:
        backup(ledger, tmp_path / "a" / "copy.db")
    assert rows(tmp_path / "a" / "copy.db", "SELECT * FROM people") == [("anna",)]
    assert (tmp_path / "a" / "copy.db").stat().st_mode & 0o777 == 0o640
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["copy.db"]


def test_nothing_is_overwritten(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.write_text("dear to somebody")
    with Ledger(path, write=False) as ledger:
        for target in (other, path):
            with pytest.raises(StorageError, match=r"\.db: something of that name is already there"):
                backup(ledger, target)
        assert ledger.rows() == 12
    assert other.read_text() == "dear to somebody"


def test_what_an_attempt_that_was_killed_left_is_no_part_of_the_copy(path: Path, tmp_path: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        (tmp_path / f"copy.db.part{ending}").write_bytes(path.read_bytes()[:5000])
    with Ledger(path, write=False) as ledger:
        assert backup(ledger, tmp_path / "copy.db").digest == ledger.digest()
    assert [file.name for file in tmp_path.glob("copy*")] == ["copy.db"]


def test_a_damaged_ledger_makes_no_copy(path: Path, tmp_path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.extend(record for number in range(1, 60) for record in sheet(number))
    content = bytearray(path.read_bytes())
    page = len(content) // 4096 - 3
    content[page * 4096 : (page + 1) * 4096] = b"x" * 4096
    path.write_bytes(content)
    with Ledger(path, write=False) as ledger, pytest.raises(LedgerError, match="damaged"):
        backup(ledger, tmp_path / "copy.db")
    assert not list(tmp_path.glob("copy*"))


def test_a_reference_to_nothing_makes_no_copy(path: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("INSERT INTO completions (id, prompt, content) VALUES ('c', 'p-nothing', '{}')")
        raw.commit()
    with Ledger(path, write=False) as ledger, pytest.raises(LedgerError, match="completions row 5 names nothing"):
        backup(ledger, tmp_path / "copy.db")
    assert not list(tmp_path.glob("copy*"))


def test_the_verb_says_what_it_copied(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backup", str(path), "--to", str(tmp_path / "copy.db")]) == 0
    with Ledger(path, write=False) as ledger:
        assert f"12 judgements ({ledger.digest()[:16]}) in" in capsys.readouterr().out
    assert run(["backup", str(path), "--to", str(tmp_path / "copy.db")]) == 2
    assert run(["backup", str(tmp_path / "none.db"), "--to", str(tmp_path / "more.db")]) == 2


@pytest.mark.slow
def test_a_database_is_dumped_and_restored_by_postgresqls_own_tools(postgres: Cluster, tmp_path: Path) -> None:
    url, other = postgres.database(), postgres.database()
    home = binaries()
    assert home is not None
    with Ledger(url) as ledger:
        ledger.extend([*sheet(1), *sheet(2)])
        digest = ledger.digest()
        with pytest.raises(LedgerError, match="pg_dump --format=custom"):
            backup(ledger, tmp_path / "copy.db")
        dump = tmp_path / "ledger.dump"
        subprocess.run(
            [home / "pg_dump", "--format=custom", f"--file={dump}", f"--dbname={ledger.location}"], check=True
        )
        ledger.extend(sheet(3))
    subprocess.run([home / "pg_restore", f"--dbname={other}", dump], check=True)
    with Ledger(other) as restored:
        assert restored.digest() == digest
        restored.extend([*sheet(2), *sheet(4)])
        assert restored.last_row == restored.rows() == 36
    with pytest.raises(Exception, match="the ledger only grows"):
        rows(other, "DELETE FROM feedback")
