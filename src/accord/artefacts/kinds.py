"""What a file of a run is: its name, the type of its content, one writer and one reader.

    JsonLines    a row a line, each a record of one type; read one at a time
    RecordLines  JSON lines of `accord.records`, each beside its id
    JsonObject   one value
    Text         a text
    Folder       a model or a head: files that other libraries read

A file is named by the stage that writes it and a name within that stage's folder. Stages may stand below a prefix
(`rounds/03/policy`): their files then lie below the same prefix.
"""

from abc import ABC, abstractmethod
from collections.abc import Container, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from accord.errors import ArtefactError
from accord.records import Record, explain
from accord.run import GrowingLog, RunDirectory

__all__ = ["Artefact", "Folder", "JsonLines", "JsonObject", "RecordLines", "Row", "Text", "absent", "folder_of"]

T = TypeVar("T")
R = TypeVar("R", bound=Record)

_FOLDERS = {"evaluate": "evaluation", "audit": "", "report": "", "disclosure": "", "recipe": "", "rounds": ""}


class Row(BaseModel):
    """A row of a file: frozen, strict, no unknown columns, no NaN."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False, defer_build=True)


def absent(description: str | None = None) -> Any:
    """A column that is left out of the row where its value is None."""
    return Field(default=None, exclude_if=_is_none, description=description)


def _is_none(value: object) -> bool:
    return value is None


def folder_of(stage: str) -> str:
    """The folder of a stage's files within the run, "" for the run's own: `rounds/03/evaluate` has one of its own."""
    prefix, _, name = stage.rpartition("/")
    return "/".join(part for part in (prefix, _FOLDERS.get(name, name)) if part)


@dataclass(frozen=True)
class Artefact:
    """A file or folder of a run.

    file    its name within the stage's folder
    about   what it holds, in a sentence
    stage   the stage that writes it; "" where several do, and it must be named when it is used
    """

    file: str
    about: str
    stage: str = ""

    def path(self, stage: str = "") -> str:
        """The path inside the run, below the folder of `stage`, which is its own stage where none is named."""
        stage = stage or self.stage
        if not stage:
            raise ValueError(f"{self.file} belongs to several stages; name the one that is meant")
        folder = folder_of(stage)
        return f"{folder}/{self.file}" if folder else self.file

    def has(self, run: RunDirectory, stage: str = "") -> bool:
        """Whether the run has it."""
        return run.has(self.path(stage))


class _Typed(Artefact, ABC, Generic[T]):
    """A file of JSON whose values are of one type."""

    @property
    @abstractmethod
    def adapter(self) -> TypeAdapter[T]:
        """Reads, writes and describes values of the type."""

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of a value."""
        return self.adapter.json_schema(mode="serialization", by_alias=False)

    def encode(self, value: T) -> str:
        """A value as one line of JSON."""
        return self.adapter.dump_json(value).decode()

    def decode(self, text: bytes | str, place: str) -> T:
        """The value in a text. Raises `ArtefactError` that names the place, the column and what is wrong there."""
        try:
            return self.adapter.validate_json(text)
        except ValidationError as error:
            raise _unreadable(error, place) from error


@dataclass(frozen=True)
class JsonLines(_Typed[T]):
    """JSON lines, a row of type `row` each (a class, or a union of classes)."""

    row: Any = None

    @property
    def adapter(self) -> TypeAdapter[T]:
        """Reads, writes and describes rows."""
        return _adapter(self.row)

    def write(self, run: RunDirectory, rows: Iterable[T], *, stage: str = "") -> Path:
        """Write the file whole and enter it in the manifest."""
        return run.write_jsonl(self.path(stage), map(self.encode, rows), stage=stage or self.stage)

    def read(self, run: RunDirectory, stage: str = "") -> Iterator[T]:
        """The rows one by one, the file's digest having been checked.

        Raises `ArtefactError` where the file is missing or altered, or a line is not such a row.
        """
        file = run.verified(self.path(stage))
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                yield self.decode(line, f"{file}:{number}")

    @staticmethod
    def content_of(text: bytes | str, place: str) -> dict[str, Any]:
        """A line as a parsed JSON object. Raises `ArtefactError` where it is none."""
        try:
            return _OBJECT.validate_json(text)
        except ValidationError as error:
            raise _unreadable(error, place) from error

    def log(self, run: RunDirectory, stage: str = "") -> GrowingLog:
        """The file as a log that grows by `encode`d rows until its stage ends."""
        return run.log(self.path(stage))


@dataclass(frozen=True)
class RecordLines(JsonLines[R]):
    """JSON lines of records, each with its id beside its fields: `{"id": ..., <fields of the record>}`."""

    def encode(self, value: R) -> str:
        """The record as one line of JSON; what is unset is left out."""
        body = value.model_dump_json(exclude_none=True)
        return f'{{"id":"{value.id}",{body[1:]}' if body != "{}" else f'{{"id":"{value.id}"}}'

    def decode(self, text: bytes | str, place: str) -> R:
        """The record in a line. Raises `ArtefactError` where its content is not what its id says."""
        return self.from_content(self.content_of(text, place), place)

    def read_some(self, run: RunDirectory, ids: Container[str], stage: str = "") -> Iterator[R]:
        """The records with these ids in the order of the file; of the others nothing is worked out.

        Raises `ArtefactError` as `read` does; a line that is no object is refused, whoever asks for it.
        """
        file = run.verified(self.path(stage))
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                content = self.content_of(line, f"{file}:{number}")
                if content.get("id") in ids:
                    yield self.from_content(content, f"{file}:{number}")

    def from_content(self, content: dict[str, Any], place: str) -> R:
        """The record in a parsed line."""
        stated = content.pop("id", None)
        try:
            record: R = self.row.model_validate(content, strict=False)
        except ValidationError as error:
            raise _unreadable(error, place) from error
        if stated != record.id:
            raise ArtefactError(f"{place} id: {stated!r} is not the id of this content, which is {record.id}")
        return record

    def schema(self) -> dict[str, Any]:
        """The record's JSON Schema with its `id`."""
        schema = self.row.model_json_schema(mode="serialization", by_alias=False)
        schema["properties"] = {"id": {"type": "string", "title": "Id"}, **schema["properties"]}
        schema["required"] = ["id", *schema.get("required", ())]
        return dict(schema)


@dataclass(frozen=True)
class JsonObject(_Typed[T]):
    """A file of one JSON value of type `content`."""

    content: Any = None

    @property
    def adapter(self) -> TypeAdapter[T]:
        """Reads, writes and describes the value."""
        return _adapter(self.content)

    def write(self, run: RunDirectory, value: T, *, stage: str = "") -> Path:
        """Write the file whole and enter it in the manifest."""
        text = self.adapter.dump_json(value, indent=1).decode() + "\n"
        return run.write_text(self.path(stage), text, stage=stage or self.stage)

    def read(self, run: RunDirectory, stage: str = "") -> T:
        """The value, the file's digest having been checked. Raises `ArtefactError` as `JsonLines.read` does."""
        file = run.verified(self.path(stage))
        return self.decode(file.read_bytes(), str(file))


@dataclass(frozen=True)
class Text(Artefact):
    """A file of UTF-8 text."""

    def write(self, run: RunDirectory, text: str, *, stage: str = "") -> Path:
        """Write the file whole and enter it in the manifest."""
        return run.write_text(self.path(stage), text, stage=stage or self.stage)

    def verified(self, run: RunDirectory, stage: str = "") -> Path:
        """Its path, its digest checked. Raises `ArtefactError` where it is missing or altered."""
        return run.verified(self.path(stage))

    def read(self, run: RunDirectory, stage: str = "") -> str:
        """The text, its digest checked."""
        return run.read_bytes(self.path(stage)).decode()


@dataclass(frozen=True)
class Folder(Artefact):
    """A folder of files that belong together."""

    def write(self, run: RunDirectory, *, stage: str = "") -> AbstractContextManager[Path]:
        """A folder to fill, which appears in the run whole or not at all."""
        return run.write_folder(self.path(stage), stage=stage or self.stage)

    def verified(self, run: RunDirectory, stage: str = "") -> Path:
        """Its path, all digests checked. Raises `ArtefactError` where it is missing or altered."""
        return run.verified(self.path(stage))

    def digest(self, run: RunDirectory, stage: str = "") -> str | None:
        """The SHA-256 over its files' names and digests, as the manifest has them; None where the run has none.

        The same files have the same digest, wherever the run lies.
        """
        folder = self.path(stage) + "/"
        files = {name: entry for name, entry in run.manifest.files.items() if name.startswith(folder)}
        if not files:
            return None
        lines = (f"{name.removeprefix(folder)} {files[name].sha256}\n" for name in sorted(files))
        return sha256("".join(lines).encode()).hexdigest()


_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind, config=None if _is_model(kind) else ConfigDict(strict=True))
    return _ADAPTERS[kind]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and (issubclass(kind, BaseModel) or hasattr(kind, "__dataclass_fields__"))


def _unreadable(error: ValidationError, place: str) -> ArtefactError:
    column, problem = explain(error)
    where = f"{place} {column}" if column else place
    return ArtefactError(f"{where}: {problem}; run the stage that writes this file again")
