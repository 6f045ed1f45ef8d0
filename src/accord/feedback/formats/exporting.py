"""What a ledger holds, or a split of a run, into a file of a format; what the format cannot hold is counted by name."""

from dataclasses import dataclass, field
from pathlib import Path

from accord.errors import LedgerError
from accord.feedback.formats.containers.writing import write_rows
from accord.feedback.formats.origins import Origins
from accord.feedback.formats.outgoing import Outgoing
from accord.feedback.formats.recognition import format_to_write
from accord.feedback.formats.registry import Format
from accord.feedback.formats.run_source import split_as_ledger
from accord.feedback.store.ledger import Ledger
from accord.run import RunDirectory

__all__ = ["ExportCounts", "export_feedback", "export_run"]


@dataclass(frozen=True)
class ExportCounts:
    """How many rows were written in which format, and what it cannot hold, counted by name."""

    format: str
    records: int
    lost: dict[str, int] = field(default_factory=dict)


def export_feedback(
    ledger: Ledger,
    path: Path | str,
    format_name: str | None = None,
    *,
    as_texts: bool = False,
    origins: Origins | None = None,
) -> ExportCounts:
    """Write what a ledger holds to a file, by the format that is named or that the file's name is of.

    `as_texts` writes prompts and answers as texts where the format takes either; `origins` are what the rows say of
    where they come from. What the format cannot hold is counted. The file appears whole or not at all. Raises
    `StorageError` where it cannot be written, `LedgerError` where the format cannot be written so.
    """
    form = format_to_write(Path(path), format_name)
    _check(form, as_texts=as_texts, origins=origins)
    if form.write_path is not None:
        return ExportCounts(form.name, form.write_path(ledger, Path(path)))
    assert form.write is not None
    outgoing = Outgoing(ledger, carries=form.carries, keeps=form.keeps, origins=origins, as_texts=as_texts)
    records = write_rows(Path(path), form.write(outgoing))
    return ExportCounts(form.name, records, dict(sorted(outgoing.lost.items())))


def export_run(
    run: RunDirectory, path: Path | str, format_name: str | None = None, *, split: str, as_texts: bool = False
) -> ExportCounts:
    """Write one split of a run to a file, with the origin of each row, by a format of rows.

    Comparisons are the pairs that the run drew, with their weights. Raises as `export_feedback` does, and `LedgerError`
    where the run has no such split, or the format holds whole ledgers.
    """
    form = format_to_write(Path(path), format_name)
    if form.write is None:
        raise LedgerError(f"the format '{form.name}' holds whole ledgers; export the ledger of the run instead")
    _check(form, as_texts=as_texts, origins=None)
    with split_as_ledger(run, split, form.carries) as (ledger, origins):
        return export_feedback(ledger, path, form.name, as_texts=as_texts, origins=origins)


def _check(form: Format, *, as_texts: bool, origins: Origins | None) -> None:
    if as_texts and not form.takes_texts:
        raise LedgerError(f"--texts: the format '{form.name}' has one shape only; leave --texts out")
    if origins is not None and form.write is None:
        raise LedgerError(f"--provenance: the format '{form.name}' has all of it already; leave --provenance out")
