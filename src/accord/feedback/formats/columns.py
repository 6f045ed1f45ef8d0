"""Which columns of a file are read, and which are not: by name, so that nothing is dropped unseen."""

from collections import Counter
from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase

from accord.errors import LedgerError, nearest
from accord.feedback.formats.meanings import meaning_of
from accord.feedback.formats.reading import COMMON_COLUMNS
from accord.feedback.formats.registry import FORMATS, Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.settings import ImportSettings

__all__ = ["ColumnCheck", "check_named_columns"]


class ColumnCheck:
    """The columns of one file as they are met, and what within them is `passed_over`, counted by name.

    `lost` says of those among them that mean something what they would have to be called; nothing is read before it is
    empty (`refuse_lost`).
    """

    def __init__(self, form: Format, settings: ImportSettings) -> None:
        self.passed_over: Counter[str] = Counter()
        self.lost: dict[str, str] = {}
        self._form, self._settings = form, settings
        self._read = form.columns | _common_columns(form)
        self._seen: set[str] = set()
        self._unread: list[str] = []

    @property
    def unread(self) -> list[str]:
        """The columns that are not read, in the order of coming, and how much of what else."""
        return [*self._unread, *(f"{count:,} {what}" for what, count in self.passed_over.items())]

    def note(self, row: SourceRow) -> None:
        """Note the columns of a row, of which the format reads some."""
        if not self._form.columns or not (new := row.content.keys() - self._seen):
            return
        for name in (name for name in row.content if name in new and row.has(name)):
            self._seen.add(name)
            if not self.is_read(name):
                self._unread.append(name)
                self._note_meaning(name, row)

    def refuse_lost(self) -> None:
        """Raises `LedgerError` where columns that mean something would be lost, with what to say for each."""
        if self.lost:
            raise LedgerError("; ".join(self.lost.values()) + " (what such a column says is not dropped unasked)")

    def is_read(self, name: str) -> bool:
        """Whether the format reads a column of this name."""
        return name in self._read or any(fnmatchcase(name, pattern) for pattern in self._form.columns)

    def check_mapping(self) -> None:
        """Raises `LedgerError` where a column is mapped to a name that the format does not read."""
        for name, path in self._settings.columns.items():
            if self._form.columns and not self.is_read(name):
                known = sorted(self._read)
                raise LedgerError(
                    f"--map {name}={path}: the format {self._form.name} reads no column '{name}'{nearest(name, known)}"
                )

    def _note_meaning(self, name: str, row: SourceRow) -> None:
        """What a column that is not read looks like, and the flags that say what becomes of it."""
        if name in self._settings.ignore:
            return
        absent = sorted(column for column in self._form.columns if column not in row.content and "*" not in column)
        if near := get_close_matches(name, absent, n=1, cutoff=0.8):
            what, targets = f"'{near[0]}', misspelt", near
        elif meaning := meaning_of(name):
            what = meaning.what
            targets = [target for target in meaning.targets if self.is_read(target) and target not in row.content]
        else:
            return
        readers = [f"--format {form.name}" for form in FORMATS if form.fallback and name in form.columns - self._read]
        remedy = " or ".join([*(f"--map {target}={name}" for target in targets), *readers, f"--ignore {name}"])
        self.lost[name] = f"{row.place} {name} looks like {what}: {remedy}"


def _common_columns(form: Format) -> frozenset[str]:
    """Those of the common columns that say something of what the format carries."""
    if not form.carries:
        return frozenset()
    return COMMON_COLUMNS - form.not_common - (set() if "comparison" in form.carries else {"strength"})


def check_named_columns(settings: ImportSettings, columns: Iterable[str]) -> None:
    """Raises `LedgerError` where the first rows lack a column that is mapped or ignored, or whose values are said."""
    there = sorted(columns)
    for name, path in settings.columns.items():
        if path not in there and path.partition(".")[0] not in there:
            raise LedgerError(f"--map {name}={path}: the first rows have no column '{path}'{nearest(path, there)}")
    for name in settings.values:
        if name not in settings.columns and name not in there:
            known = [*settings.columns, *there]
            raise LedgerError(f"import.values.{name}: the first rows have no such column{nearest(name, known)}")
    for name in sorted(settings.ignore):
        if name not in there:
            raise LedgerError(f"--ignore {name}: the first rows have no such column{nearest(name, there)}")
