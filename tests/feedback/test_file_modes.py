"""Who may read what people said: its owner, whatever the umask."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from said import sheet

from accord.feedback import Ledger, backup, export_feedback


@pytest.fixture(autouse=True)
def open_to_all() -> Iterator[None]:
    """The umask under which most machines make files; and none at all."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {each.name: each.stat().st_mode & 0o777 for each in folder.iterdir()}


def test_a_ledger_its_log_its_copies_and_its_exports_are_private(tmp_path: Path) -> None:
    with Ledger(tmp_path / "people.db", pooled=True) as ledger:
        ledger.extend(sheet(1))
        backup(ledger, tmp_path / "copy.db")
        for name in ("all.jsonl", "all.parquet"):
            (tmp_path / f"{name}.part").write_text("left by an export that was killed")
            export_feedback(ledger, tmp_path / name)
        found = modes(tmp_path)
        assert {"people.db", "people.db-wal", "people.db-shm", "copy.db", "all.jsonl", "all.parquet"} == set(found)
        assert set(found.values()) == {0o600}


@pytest.mark.parametrize(("mode", "copied"), [(0o644, 0o600), (0o666, 0o600), (0o640, 0o640), (0o600, 0o600)])
def test_a_copy_is_no_more_open_than_it_was_meant(tmp_path: Path, mode: int, copied: int) -> None:
    path = tmp_path / "people.db"
    with Ledger(path) as ledger:
        ledger.extend(sheet(1))
        path.chmod(mode)
        backup(ledger, tmp_path / "copy.db")
    assert modes(tmp_path)["people.db"] == mode  # somebody's ledger is left as it is; the desk closes it
    assert modes(tmp_path)["copy.db"] == copied


def test_reading_leaves_nothing_beside_a_ledger_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "people.db"
    with Ledger(path) as ledger:
        ledger.extend(sheet(1))
    before = path.read_bytes()
    for pooled in (False, True):
        with Ledger(path, write=False, pooled=pooled) as ledger:
            assert ledger.rows() == 12
        assert set(modes(tmp_path)) == {"people.db"}
    assert path.read_bytes() == before


def test_what_may_only_be_read_is_read(tmp_path: Path) -> None:
    path = tmp_path / "people.db"
    with Ledger(path) as ledger:
        ledger.extend(sheet(1))
    path.chmod(0o400)
    with Ledger(path, write=False) as ledger:
        assert ledger.rows() == 12


def test_a_second_opening_leaves_the_locks_of_the_first(tmp_path: Path) -> None:
    """The last of a database's connections takes its log away: another process must see that this one is not gone."""
    path = tmp_path / "people.db"
    with Ledger(path, pooled=True) as ledger:
        ledger.extend(sheet(1))
        for write in (True, False):
            Ledger(path, write=write).close()
        visit = (
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM sqlite_master'); c.close()"
        )
        subprocess.run([sys.executable, "-c", visit, str(path)], check=True)
        assert path.with_name("people.db-wal").exists()
        ledger.extend(sheet(2))
        with Ledger(path, write=False) as other:
            assert other.rows() == ledger.rows()
