"""A file of feedback, opened: its format is known, its columns are checked, and its records stream."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path

from pydantic import ValidationError

from accord.errors import LedgerError, RecordError, storage
from accord.feedback.formats.columns import ColumnCheck, check_named_columns
from accord.feedback.formats.containers import rows_of
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.recognition import Recognised, format_of_file, format_of_rows, named_format
from accord.feedback.formats.rows import BadRow, SourceRow
from accord.feedback.formats.settings import ImportSettings, kept_settings, settings_in
from accord.feedback.formats.votes import counted_votes
from accord.records import Feedback, Record, explain

__all__ = ["FeedbackFile", "open_feedback"]

FIRST = 100


@dataclass
class FeedbackFile:
    """A file that can be read in a format. What was met on the way stands in it when the records have been read.

    bad   is called with every row that cannot be read; where it is None, the first one raises
    """

    path: Path
    recognised: Recognised
    settings: ImportSettings = field(default_factory=ImportSettings)
    bad: Callable[[BadRow], None] | None = None
    rows: int = 0
    bad_rows: int = 0
    first_bad: RecordError | None = None
    judgements: Counter[str] = field(default_factory=Counter)
    columns: ColumnCheck = field(init=False)

    def __post_init__(self) -> None:
        self.columns = ColumnCheck(self.recognised.format, self.settings)

    @property
    def source(self) -> str:
        """The name that the records carry."""
        return self.settings.name or self.recognised.format.name

    def records(self, *, limit: int | None = None, check_columns: bool = True) -> Iterator[Record]:
        """The records of the file, of no more rows than `limit`; nothing that a bad row would give is among them.

        The rows of one unit are bad together. Raises `RecordError` that names row and column where something is
        malformed, `LedgerError` where a column that means something is not read (not without `check_columns`).
        """
        form = self.recognised.format
        self.rows = self.bad_rows = 0
        self.first_bad = None
        self.judgements.clear()
        read_path = form.read_path
        for record in self._of_rows(limit, check_columns) if read_path is None else read_path(self.path):
            if isinstance(record, Feedback):
                self.judgements[record.judgement.kind] += 1
            yield record
        if read_path is None and self.bad_rows == self.rows:
            problem = (
                f"all of its {self.rows:,} rows are bad; the first: {self.first_bad}"
                if self.rows
                else "the file is empty"
            )
            raise RecordError(f"no records: {problem}", place=self.path.name)

    def _of_rows(self, limit: int | None, check_columns: bool) -> Iterator[Record]:
        self.columns.passed_over.clear()
        reading = Reading(self.source, self.settings, self.columns.passed_over)
        with counted_votes() as votes:
            for unit in self._units(limit):
                for row in unit:
                    self.columns.note(row)
                if check_columns:
                    self.columns.refuse_lost()
                records = self._read(unit, reading)
                yield from votes.told_apart(records) if self.recognised.format.counts_votes else records

    def _read(self, unit: list[SourceRow], reading: Reading) -> list[Record]:
        """The records of one unit: all of them or, where something is wrong with it, none."""
        read = self.recognised.format.read
        assert read is not None
        try:
            records = list(read([self.settings.left_aside(row) for row in unit], reading))
            for record in records:
                _ = record.id  # half a character in a text is told here, where the row is known
        except RecordError as error:
            problem = error if error.place else RecordError(str(error), place=unit[0].place)
        except ValidationError as error:
            field_name, reason = explain(error)
            problem = RecordError(reason, place=f"{unit[0].place} {field_name}".rstrip())
        else:
            return records
        for row in unit:
            self._set_aside(BadRow(problem, row.original))
        return []

    def _units(self, limit: int | None) -> Iterator[list[SourceRow]]:
        key = self.recognised.format.unit
        if key is None:
            yield from ([row] for row in self._rows(limit))
        else:
            for _, rows in groupby(self._rows(limit), lambda row: key(row.content)):
                yield list(rows)

    def _rows(self, limit: int | None) -> Iterator[SourceRow]:
        for row in islice(rows_of(self.path, self.settings.split), limit):
            self.rows += 1
            if isinstance(row, BadRow):
                self._set_aside(row)
            else:
                yield SourceRow(row.place, self.settings.renamed(row.content), row.content)

    def _set_aside(self, row: BadRow) -> None:
        if self.bad is None:
            raise row.problem
        self.bad_rows += 1
        self.first_bad = self.first_bad or row.problem
        self.bad(row)


def open_feedback(
    path: Path,
    settings: ImportSettings | None = None,
    *,
    mapping: Path | None = None,
    bad: Callable[[BadRow], None] | None = None,
) -> FeedbackFile:
    """Open a file of feedback: tell its format, unless it is named, and note the columns of its first rows.

    Where `settings` say nothing, what the file `mapping` says holds; without one, SOURCE.import.toml beside the source.
    Raises `LedgerError` where no format or several fit, or a mapping names what is not there; `RecordError` where there
    is nothing in it; `StorageError` where it cannot be opened.
    """
    with storage(path):
        ordinary = path.is_file()  # raises where no file can have this name
    settings = (settings or ImportSettings()).over(kept_settings(path) if mapping is None else settings_in(mapping))
    if settings.split is not None and ordinary:
        raise LedgerError(f"{path}: a file has no parts; leave --split out")
    recognised = named_format(settings.format) if settings.format is not None else format_of_file(path)
    if recognised is not None and recognised.format.read_path is not None:
        return FeedbackFile(path, recognised, settings)
    first = list(islice(rows_of(path, settings.split), FIRST))
    if not first:
        raise RecordError("no records: the file is empty", place=path.name)
    readable = [SourceRow(row.place, row.content) for row in first if isinstance(row, SourceRow)]
    contents = [settings.renamed(row.content) for row in readable]
    if readable:
        parts = {name for content in contents for name in content} - settings.columns.keys()
        check_named_columns(settings, parts.union(*(row.content for row in readable)))
    if recognised is None:
        if not contents and isinstance(first[0], BadRow):
            raise first[0].problem
        recognised = format_of_rows(contents, path)
    file = FeedbackFile(path, recognised, settings, bad)
    file.columns.check_mapping()
    for row, content in zip(readable, contents, strict=True):
        file.columns.note(SourceRow(row.place, content))
    return file
