"""Which columns of a file are read, and which are not: by name, so that nothing is dropped unseen."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from accord.errors import LedgerError, nearest
from accord.feedback.formats.meanings import meaning_of
from accord.feedback.formats.reading import COMMON_COLUMNS
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.settings import ImportSettings, value_at

__all__ = ["ColumnCheck"]


class ColumnCheck:
    """The columns of one file as they are met; `unread` are those that are not read, in the order of coming."""

    def __init__(self, form: Format, settings: ImportSettings) -> None:
        self.unread: list[str] = []
        self._form, self._settings = form, settings
        self._read = form.columns | COMMON_COLUMNS
        self._seen: set[str] = set()

    def check(self, row: SourceRow) -> None:
        """Note the columns of a row. Raises `LedgerError` for one that means something and would be dropped."""
        if self._form.columns and (new := row.content.keys() - self._seen):
            self._seen |= new
            for name in (name for name in row.content if name in new and not self.is_read(name)):
                self.unread.append(name)
                if name not in self._settings.ignore:
                    self._refuse_meaningful(name, row)

    def is_read(self, name: str) -> bool:
        """Whether the format reads a column of this name."""
        return name in self._read or any(fnmatchcase(name, pattern) for pattern in self._form.columns)

    def check_mapping(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Raises `LedgerError` where a column that is mapped or ignored is in none of the rows, or is not read."""
        there = sorted({name for row in rows for name in row})
        for name, path in self._settings.columns.items():
            if rows and all(value_at(row, path) is None for row in rows):
                raise LedgerError(f"--map {name}={path}: the first rows have no column '{path}'{nearest(path, there)}")
            if self._form.columns and not self.is_read(name):
                known = sorted(self._form.columns | COMMON_COLUMNS)
                raise LedgerError(
                    f"--map {name}={path}: the format {self._form.name} reads no column '{name}'{nearest(name, known)}"
                )
        for name in sorted(self._settings.ignore):
            if rows and name not in there:
                raise LedgerError(f"--ignore {name}: the first rows have no such column{nearest(name, there)}")

    def _refuse_meaningful(self, name: str, row: SourceRow) -> None:
        meaning = meaning_of(name)
        if meaning is None or not row.has(name):
            return
        targets = [target for target in meaning.targets if self.is_read(target) and target not in row.content]
        remedy = " or ".join([*(f"--map {target}={name}" for target in targets), f"--ignore {name}"])
        raise LedgerError(
            f"{row.place}: the column '{name}' would be lost, though it looks like {meaning.what}; say which: {remedy}"
        )
