"""What a ledger holds, out of it: `export`, and a copy of it, `backup`."""

from pathlib import Path

from accord.cli.printing import print_json

__all__ = ["backup", "export"]


def export(
    ledger: str,
    *,
    to: Path,
    format: str | None = None,
    extension: list[Path] | None = None,
    json: bool = False,
) -> None:
    """Write what a ledger holds: as JSON lines that `import` reads back without loss, or flat as Parquet.

    Example: accord export ratings.db --to ratings.jsonl

    Parameters
    ----------
    ledger
        The ledger, a file or postgresql://user@host/database.
    to
        The file to write: NAME.jsonl for all records, NAME.parquet for a table of a row a judgement. Formats of rows
        (docs/formats.md) are written as .jsonl, .json, .csv, .tsv or .parquet; texts also end in .gz or .zst.
    format
        How to write it; told from the file's name where only one format fits.
    extension
        A Python file that registers a format of your own; may be given more than once.
    json
        Print the counts as JSON.
    """
    from accord.extensions import load_extensions
    from accord.feedback import Ledger, export_feedback

    load_extensions(extension or (), Path.cwd())
    with Ledger(ledger, write=False) as opened:
        counts = export_feedback(opened, to, format)
    if json:
        print_json({"format": counts.format, "records": counts.records, "lost": counts.lost, "file": str(to)})
        return
    print(f"{counts.records:,} rows of {counts.format} in {to}")
    if counts.lost:
        names = ", ".join(f"{number:,} x {name}" for name, number in counts.lost.items())
        print(f"left out, since {counts.format} cannot hold it: {names}")


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
