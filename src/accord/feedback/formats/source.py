"""A file of feedback, opened: its format is known, its columns are checked, and its records stream."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path

from accord.errors import RecordError
from accord.feedback.formats.columns import ColumnCheck
from accord.feedback.formats.containers import rows_of
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.recognition import Recognised, format_of_file, format_of_rows, named_format
from accord.feedback.formats.rows import BadRow, SourceRow
from accord.feedback.formats.settings import ImportSettings
from accord.feedback.formats.votes import counted_votes
from accord.records import Feedback, Record

__all__ = ["FeedbackFile", "open_feedback"]

FIRST = 20


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
    judgements: Counter[str] = field(default_factory=Counter)
    columns: ColumnCheck = field(init=False)

    def __post_init__(self) -> None:
        self.columns = ColumnCheck(self.recognised.format, self.settings)

    @property
    def source(self) -> str:
        """The name that the records carry."""
        return self.settings.name or self.recognised.format.name

    def records(self) -> Iterator[Record]:
        """The records of the file. Raises `RecordError` that names row and column where something is malformed.

        Nothing that a bad row would give is among them; the rows of one unit are bad together.
        """
        form = self.recognised.format
        self.rows = self.bad_rows = 0
        self.judgements.clear()
        read_path = form.read_path
        for record in self._of_rows() if read_path is None else read_path(self.path):
            if isinstance(record, Feedback):
                self.judgements[record.judgement.kind] += 1
            yield record
        if not self.judgements and not self.rows and read_path is None:
            raise RecordError("no records: the file is empty", place=self.path.name)

    def _of_rows(self) -> Iterator[Record]:
        reading = Reading(self.source, scale=self.settings.scale)
        with counted_votes() as votes:
            for unit in self._units():
                yield from votes.told_apart(self._read(unit, reading))

    def _read(self, unit: list[SourceRow], reading: Reading) -> list[Record]:
        """The records of one unit: all of them or, where something is wrong with it, none."""
        read = self.recognised.format.read
        assert read is not None
        try:
            for row in unit:
                self.columns.check(row)
            return list(read(unit, reading))
        except RecordError as error:
            problem = error if error.place else RecordError(str(error), place=unit[0].place)
            for row in unit:
                self._set_aside(BadRow(problem, row.content))
            return []

    def _units(self) -> Iterator[list[SourceRow]]:
        key = self.recognised.format.unit
        if key is None:
            yield from ([row] for row in self._rows())
        else:
            for _, rows in groupby(self._rows(), lambda row: key(row.content)):
                yield list(rows)

    def _rows(self) -> Iterator[SourceRow]:
        for row in rows_of(self.path):
            self.rows += 1
            if isinstance(row, BadRow):
                self._set_aside(row)
            else:
                yield SourceRow(row.place, self.settings.renamed(row.content))

    def _set_aside(self, row: BadRow) -> None:
        if self.bad is None:
            raise row.problem
        self.bad_rows += 1
        self.bad(row)


def open_feedback(
    path: Path, settings: ImportSettings | None = None, *, bad: Callable[[BadRow], None] | None = None
) -> FeedbackFile:
    """Open a file of feedback: tell its format, unless it is named, and check the columns of its first rows.

    Raises `LedgerError` where no format or several fit, or a column that means something would not be read;
    `RecordError` where there is nothing in it; `StorageError` where it cannot be opened.
    """
    settings = settings or ImportSettings()
    recognised = named_format(settings.format) if settings.format is not None else format_of_file(path)
    if recognised is not None and recognised.format.read_path is not None:
        return FeedbackFile(path, recognised, settings)
    first = list(islice(rows_of(path), FIRST))
    if not first:
        raise RecordError("no records: the file is empty", place=path.name)
    readable = [SourceRow(row.place, row.content) for row in first if isinstance(row, SourceRow)]
    contents = [settings.renamed(row.content) for row in readable]
    if recognised is None:
        if not contents and isinstance(first[0], BadRow):
            raise first[0].problem
        recognised = format_of_rows(contents, path)
    file = FeedbackFile(path, recognised, settings, bad)
    file.columns.check_mapping([row.content for row in readable])
    for row, content in zip(readable, contents, strict=True):
        file.columns.check(SourceRow(row.place, content))
    return file
