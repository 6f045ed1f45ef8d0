"""What a ledger holds into a file of a format; what the format cannot hold is counted by name."""

from dataclasses import dataclass, field
from pathlib import Path

from accord.feedback.formats.containers.writing import write_rows
from accord.feedback.formats.outgoing import Outgoing
from accord.feedback.formats.recognition import format_to_write
from accord.feedback.store.ledger import Ledger

__all__ = ["ExportCounts", "export_feedback"]


@dataclass(frozen=True)
class ExportCounts:
    """How many rows were written in which format, and what it cannot hold, counted by name."""

    format: str
    records: int
    lost: dict[str, int] = field(default_factory=dict)


def export_feedback(ledger: Ledger, path: Path | str, format_name: str | None = None) -> ExportCounts:
    """Write what a ledger holds to a file, by the format that is named or that the file's name is of.

    What the format cannot hold is counted. The file appears whole or not at all. Raises `StorageError` where it cannot
    be written.
    """
    form = format_to_write(Path(path), format_name)
    if form.write_path is not None:
        return ExportCounts(form.name, form.write_path(ledger, Path(path)))
    assert form.write is not None
    outgoing = Outgoing(ledger, carries=form.carries, keeps=form.keeps)
    records = write_rows(Path(path), form.write(outgoing))
    return ExportCounts(form.name, records, dict(sorted(outgoing.lost.items())))
