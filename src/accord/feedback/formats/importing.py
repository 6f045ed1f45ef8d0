"""A file of feedback into a ledger: all of it, or, where anything is wrong with it, nothing."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from accord.errors import LedgerError
from accord.feedback.formats.bad_rows import bad_rows_file
from accord.feedback.formats.known_content import known_prompts, last_prompt
from accord.feedback.formats.recognition import Recognised
from accord.feedback.formats.registry import FORMATS
from accord.feedback.formats.rows import BadRow
from accord.feedback.formats.settings import ImportSettings, settings_in
from accord.feedback.formats.source import FeedbackFile, open_feedback
from accord.feedback.store.fresh import ledger_to_fill
from accord.feedback.store.ledger import Ledger
from accord.feedback.store.ledger_writer import ImportCounts
from accord.feedback.store.lots import import_records
from accord.fetch import fetch

__all__ = ["feedback_from", "import_feedback", "import_file", "import_into", "packaged_feedback"]


def import_feedback(
    source: Path | str | None, format_name: str | None, ledger: Ledger, *, name: str | None = None
) -> ImportCounts:
    """Read a file into a ledger: all of it enters, or, where anything is wrong with it, nothing.

    A long file enters by many short transactions (see `store.lots`), so that people who answer meanwhile do not wait.
    Where no format is named, the file must be recognised by exactly one. `source` None takes the packaged file of the
    format, fetched on first use. `name` is that of the source on its records, in place of the format's own. Raises
    `RecordError` that names row and column where a row is malformed.
    """
    settings = ImportSettings(format=format_name, name=name)
    return import_file(feedback_from(None if source is None else Path(source), settings), ledger)


def import_file(file: FeedbackFile, ledger: Ledger) -> ImportCounts:
    """The same for a file that is open already. Raises `RecordError` where it holds no record."""
    before = last_prompt(ledger)
    counts = import_records(ledger, file.records())
    known = known_prompts(ledger, before) if before and counts.new["prompts"] else {}
    return replace(counts, known=known)


def import_into(
    location: Path | str,
    source: Path | None,
    settings: ImportSettings,
    *,
    mapping: Path | None = None,
    bad_rows: Path | None = None,
) -> tuple[FeedbackFile, ImportCounts]:
    """Read a file (or the packaged one of its format) into the ledger at a location, made where there is none.

    Rows that cannot be read go into the file `bad_rows`, where one is named; else the first of them raises. Nothing
    enters then, and a ledger that was made for it is taken away again. Raises what `open_feedback` raises too.
    """
    with nullcontext() if bad_rows is None else bad_rows_file(bad_rows) as bad:
        file = feedback_from(source, settings, mapping=mapping, bad=bad)
        file.columns.refuse_lost()
        with ledger_to_fill(location) as ledger:
            return file, import_file(file, ledger)


def feedback_from(
    source: Path | None,
    settings: ImportSettings,
    *,
    mapping: Path | None = None,
    bad: Callable[[BadRow], None] | None = None,
) -> FeedbackFile:
    """A file, opened as `open_feedback` does; the packaged one of the format where none is named."""
    if source is not None:
        return open_feedback(source, settings, mapping=mapping, bad=bad)
    return packaged_feedback(settings if mapping is None else settings.over(settings_in(mapping)))


def packaged_feedback(settings: ImportSettings) -> FeedbackFile:
    """The packaged file of the format that is named, or of the only one that has such a file; fetched on first use."""
    if settings.split is not None:
        raise LedgerError("packaged: a file has no parts; leave --split out")
    packaged = [form for form in FORMATS if form.pinned is not None]
    if settings.format is None and len(packaged) != 1:
        names = ", ".join(form.name for form in packaged)
        raise LedgerError(f"several formats have a packaged file; give --format, one of {names}")
    form = packaged[0] if settings.format is None else FORMATS.get(settings.format)
    if form.pinned is None:
        raise LedgerError(f"the format '{form.name}' needs a file to read; no packaged file belongs to it")
    return FeedbackFile(fetch(form.pinned), Recognised(form, "its packaged file"), settings)
