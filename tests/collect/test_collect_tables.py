"""The desk's tables: what the migrations make is what the code writes, on both stores."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from small_desks import lay
from sqlalchemy import select, update

from accord.collect import Desk
from accord.collect.desk.tables import VERSION_TABLE, metadata, secrets
from accord.errors import LedgerError
from accord.feedback import Ledger


def test_the_migrations_make_the_tables(tmp_path: Path, where: Path | str) -> None:
    with Ledger(where) as ledger:
        Desk(lay(tmp_path), ledger)
        with ledger.begin() as connection:
            options = {"include_name": lambda name, kind, _: kind != "table" or str(name) in metadata.tables}
            context = MigrationContext.configure(connection, opts={**options, "version_table": VERSION_TABLE})
            differences = [diff for diff in compare_metadata(context, metadata) if "collect_" in str(diff)]
    assert differences == []


def test_opening_again_keeps_the_secret(tmp_path: Path, where: Path | str) -> None:
    study = lay(tmp_path)
    secrets_read = []
    for _ in range(2):
        with Ledger(where) as ledger:
            Desk(study, ledger)
            with ledger.begin() as connection:
                secrets_read.append(connection.scalar(select(secrets.c.value)))
    assert secrets_read[0] == secrets_read[1]
    assert len(secrets_read[0] or "") > 40


def test_tables_of_a_newer_accord_are_refused(tmp_path: Path) -> None:
    study = lay(tmp_path)
    with Ledger(tmp_path / "l.db") as ledger:
        Desk(study, ledger)
        with ledger.begin(immediate=True) as connection:
            connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
        with pytest.raises(LedgerError, match="newer accord"):
            Desk(study, ledger)


def test_the_ledger_itself_still_only_grows(tmp_path: Path) -> None:
    from accord.feedback.store.tables import TABLES

    with Ledger(tmp_path / "l.db") as ledger:
        Desk(lay(tmp_path), ledger).load_items()
        with pytest.raises(LedgerError, match="only grows"), ledger.begin(immediate=True) as connection:
            connection.execute(update(TABLES["prompts"]).values(content="{}"))
