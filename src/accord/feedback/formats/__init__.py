"""The formats that feedback can be read from: one file a format, one line in the registry."""

from pathlib import Path

from accord.errors import LedgerError, nearest
from accord.feedback.formats import accord_jsonl, anthropic_hh, ratings_archive, trl_preference
from accord.feedback.formats.base import Format
from accord.feedback.store.ledger import Ledger
from accord.feedback.store.ledger_writer import ImportCounts
from accord.fetch import fetch

__all__ = ["FORMATS", "Format", "import_feedback"]

FORMATS: dict[str, Format] = {
    each.name: each
    for each in (accord_jsonl.FORMAT, anthropic_hh.FORMAT, ratings_archive.FORMAT, trl_preference.FORMAT)
}


def import_feedback(source: Path | str | None, format_name: str, ledger: Ledger) -> ImportCounts:
    """Read a file into a ledger in one transaction: all of it enters, or nothing.

    `source` None takes the packaged file of the format, fetched on first use. Raises `RecordError` that names file,
    line and field where a line is malformed.
    """
    if format_name not in FORMATS:
        raise LedgerError(f"no format is called '{format_name}'{nearest(format_name, list(FORMATS))}")
    chosen = FORMATS[format_name]
    if source is None and chosen.pinned is None:
        raise LedgerError(f"the format '{format_name}' needs a file to read; no packaged file belongs to it")
    path = fetch(chosen.pinned) if source is None and chosen.pinned else Path(source or "")
    with ledger.transaction() as writer:
        writer.extend(chosen.read(path))
    return writer.counts
