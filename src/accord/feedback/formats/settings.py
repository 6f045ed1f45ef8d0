"""What the user says of a file that is imported: its format, its name, what its columns are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from accord.errors import LedgerError
from accord.records import Scale

__all__ = ["ImportSettings"]


@dataclass(frozen=True)
class ImportSettings:
    """How a file is read.

    format    the format by name; None where it is to be told from the first rows
    name      the name of the source on its records; the format's own where it is None
    columns   the names that columns are read under, and the columns (`{"prompt": "question"}`; `input.text` reaches
              into a column)
    ignore    columns that are left aside knowingly
    scale     the ends of ratings, where the file does not say
    split     which part of a `datasets` folder or set
    """

    format: str | None = None
    name: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()
    scale: Scale | None = None
    split: str | None = None

    def renamed(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """A row under the names that it is to be read by."""
        if not self.columns:
            return dict(content)
        sources = {path.partition(".")[0] if path not in content else path for path in self.columns.values()}
        row = {name: value for name, value in content.items() if name not in sources}
        for name, path in self.columns.items():
            if name in row:
                raise LedgerError(
                    f"the file has a column '{name}' of its own beside '{path}', which is to be read as it; "
                    f"say what it is (--map ...={name}) or leave it aside (--ignore {name})"
                )
            if (value := value_at(content, path)) is not None:
                row[name] = value
        return row


def value_at(content: Mapping[str, Any], path: str) -> Any:
    """What stands in a column, or below it (`annotation.worker`, `answers.0`); None where there is nothing."""
    if path in content:
        return content[path]
    value: Any = content
    for step in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, Sequence) and not isinstance(value, str) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value
