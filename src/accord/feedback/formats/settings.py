"""What the user says of a file that is imported: its format, its name, what its columns are.

It is said by flags of `accord import`, or kept beside the file SOURCE in SOURCE.import.toml, which is then read:

    [import]
    format = "table"
    name = "kitchen"
    ignore = ["uuid"]

    [import.columns]
    prompt = "question"
    evaluator = "annotation.worker"

    [import.values.winner]
    "0" = "tie"
"""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from accord.errors import LedgerError, nearest, storage
from accord.feedback.formats.rows import SourceRow
from accord.records import Scale, explain

__all__ = ["ImportSettings", "beside", "kept_settings", "settings_in", "settings_of", "value_at"]


class ImportSettings(BaseModel):
    """How a file is read; the keys of `[import]`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    format: str | None = Field(
        default=None, min_length=1, description="the format; told from the columns where it is left out"
    )
    name: str | None = Field(default=None, min_length=1, description="the source's name on its records")
    columns: Mapping[str, str] = Field(default={}, description="names that columns are read under, and the columns")
    values: Mapping[str, Mapping[str, Any]] = Field(default={}, description="for a column: what its values stand for")
    ignore: frozenset[str] = Field(
        default=frozenset(), strict=False, description="columns that are left aside knowingly"
    )
    scale: Scale | None = Field(default=None, description="the ends of ratings, where the file does not say: [1, 5]")
    strength_max: float = Field(default=1.0, gt=0, allow_inf_nan=False, description="what `strength` is at most")
    options: tuple[str, ...] = Field(
        default=(), strict=False, description="the labels that were offered, where the file has labels"
    )
    split: str | None = Field(default=None, min_length=1, description="the part of a `datasets` folder or set")

    @field_validator("scale", mode="before")
    @classmethod
    def _ends(cls, ends: Any) -> Any:
        if isinstance(ends, list | tuple) and len(ends) == 2:
            low, high = (float(end) if type(end) is int else end for end in ends)
            return {"low": low, "high": high}
        return ends

    def over(self, beneath: Self) -> Self:
        """These settings, and where they say nothing, those beneath; columns and names to ignore add up."""
        merged = {**beneath.columns, **self.columns}
        fields = {name: getattr(self, name) for name in self.model_fields_set}
        return beneath.model_copy(update={**fields, "columns": merged, "ignore": beneath.ignore | self.ignore})

    def renamed(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """A row under the names, and with the values, that it is to be read by."""
        row = dict(content)
        if self.columns:
            row = self._beside_mapped(content)
            for name, path in self.columns.items():
                if name in row and name not in self.ignore:
                    raise LedgerError(
                        f"the file has a column '{name}' of its own beside '{path}', which is to be read as it; say "
                        f"what it is (--map ...={name}) or leave it aside (--ignore {name})"
                    )
                if (value := value_at(content, path)) is not None:
                    row[name] = value
        for name, meanings in self.values.items():
            if name in row and (word := _word(row[name])) in meanings:
                row[name] = meanings[word]
        return row

    def _beside_mapped(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """The columns that are not mapped; of those of which a part is, the other parts by their paths."""
        paths = {path for path in self.columns.values() if path not in content}
        divided = {path.partition(".")[0] for path in paths}
        row: dict[str, Any] = {}
        for name, value in content.items():
            if name not in divided and name not in self.columns.values():
                row[name] = value
            elif name in divided - self.ignore:
                row |= {path: part for path, part in _parts_beside(value, name, paths) if path not in self.columns}
        return row

    def left_aside(self, row: SourceRow) -> SourceRow:
        """A row, renamed already, without the columns that are ignored by name."""
        aside = self.ignore - self.columns.keys()
        if not aside:
            return row
        return replace(row, content={name: value for name, value in row.content.items() if name not in aside})


def _parts_beside(value: Any, path: str, mapped: Set[str]) -> Iterator[tuple[str, Any]]:
    """What stands at a path, and what within it where some of that is mapped, without what is."""
    if path in mapped:
        return
    divided = any(each.startswith(f"{path}.") for each in mapped)
    if divided and isinstance(value, Mapping):
        parts: Iterable[tuple[Any, Any]] = value.items()
    elif divided and isinstance(value, Sequence) and not isinstance(value, str):
        parts = enumerate(value)
    else:
        yield path, value
        return
    for key, part in parts:
        yield from _parts_beside(part, f"{path}.{key}", mapped)


def _word(value: Any) -> str:
    """A value as a key of `values` has it; true and false as JSON has them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


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


def beside(source: Path, ending: str) -> Path:
    """The file whose name is that of the source with an ending, in the same folder; `.` is called as the folder is."""
    whole = source if source.name else source.absolute()
    return whole.parent / f"{whole.name}{ending}"


def kept_settings(source: Path) -> ImportSettings:
    """What SOURCE.import.toml beside the source says; nothing where there is no such file. Raises as `settings_in`."""
    path = beside(source, ".import.toml")
    with storage(path):
        there = path.is_file()
    return settings_in(path) if there else ImportSettings()


def settings_in(path: Path) -> ImportSettings:
    """What a file with an [import] section says. Raises `LedgerError` that names the file and the key."""
    with storage(path):
        text = path.read_bytes()
    try:
        content = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LedgerError(f"{path}: no TOML: {error}") from error
    if unknown := sorted(content.keys() - {"import"}):
        raise LedgerError(f"{path}: '{unknown[0]}' is not known here; everything stands in [import]")
    return settings_of(content.get("import", {}), lambda key: f"{path}: import.{key}")


def settings_of(stated: object, place: Callable[[str], str]) -> ImportSettings:
    """The settings that are stated. Raises `LedgerError` with the place of the key that is wrong."""
    try:
        return ImportSettings.model_validate(stated)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            remedy = nearest(str(first["loc"][-1]), list(ImportSettings.model_fields))
            raise LedgerError(f"{place(key)}: no such key{remedy}") from error
        raise LedgerError(f"{place(key)}: {explain(error)[1]}") from error
