"""The formats that feedback is read from and written to: a file a format, registered here."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from accord.errors import LedgerError
from accord.feedback.formats import accord_jsonl, anthropic_hh, parquet, ratings_archive, trl_preference
from accord.feedback.formats.known_content import known_prompts, last_prompt
from accord.feedback.formats.registry import FORMATS, Format, reader_for, register_format, writer_for
from accord.feedback.store.ledger import Ledger
from accord.feedback.store.ledger_writer import ImportCounts
from accord.feedback.store.lots import import_records
from accord.fetch import fetch
from accord.records import JUDGEMENT_KINDS, Record

__all__ = ["FORMATS", "ExportCounts", "FeedbackFile", "Format", "export_feedback", "import_feedback", "register_format"]

for _module in (accord_jsonl, anthropic_hh, ratings_archive, trl_preference, parquet):
    register_format(_module.FORMAT)


@dataclass(frozen=True)
class FeedbackFile:
    """A source of feedback: a file in a format that can be read."""

    path: Path
    format: Format

    def records(self) -> Iterator[Record]:
        """The records of the file. Raises `RecordError` that names file, line and field where a line is malformed."""
        assert self.format.read is not None
        return self.format.read(self.path)


@dataclass(frozen=True)
class ExportCounts:
    """How many records were written in which format, and how many judgements, by kind, it cannot hold."""

    format: str
    records: int
    left_out: dict[str, int] = field(default_factory=dict)


def import_feedback(source: Path | str | None, format_name: str | None, ledger: Ledger) -> ImportCounts:
    """Read a file into a ledger: all of it enters, or, where anything is wrong with it, nothing.

    A long file enters by many short transactions (see `store.lots`), so that people who answer meanwhile do not wait.
    Where no format is named, the file must be recognised by exactly one. `source` None takes the packaged file of the
    format, fetched on first use. Raises `RecordError` that names file, line and field where a line is malformed.
    """
    file = (
        _packaged(format_name) if source is None else FeedbackFile(Path(source), reader_for(Path(source), format_name))
    )
    before = last_prompt(ledger)
    counts = import_records(ledger, file.records())
    known = known_prompts(ledger, before) if before and counts.new["prompts"] else {}
    return replace(counts, known=known)


def export_feedback(ledger: Ledger, path: Path | str, format_name: str | None = None) -> ExportCounts:
    """Write what a ledger holds to a file, by the format that is named or that the file's name is of.

    Kinds of judgement that the format cannot hold are left out and counted. The file appears whole or not at all.
    Raises `StorageError` where it cannot be written.
    """
    form = writer_for(Path(path), format_name)
    assert form.write is not None
    records = form.write(ledger, Path(path))
    if form.carries == JUDGEMENT_KINDS:
        return ExportCounts(form.name, records)
    kinds = Counter(feedback.judgement.kind for feedback in ledger.feedback())
    return ExportCounts(form.name, records, {kind: n for kind, n in kinds.items() if kind not in form.carries})


def _packaged(format_name: str | None) -> FeedbackFile:
    """The packaged file of the format of that name, or of the only one that has such a file."""
    packaged = [form for form in FORMATS if form.pinned is not None]
    if format_name is None and len(packaged) != 1:
        names = ", ".join(form.name for form in packaged)
        raise LedgerError(f"several formats have a packaged file; give --format, one of {names}")
    form = packaged[0] if format_name is None else FORMATS.get(format_name)
    if form.pinned is None:
        raise LedgerError(f"the format '{form.name}' needs a file to read; no packaged file belongs to it")
    return FeedbackFile(fetch(form.pinned), form)
