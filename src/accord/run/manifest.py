"""What is written down of a run: every file by its digest, what it read, how it was made, which stages are done."""

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import NoneType
from typing import Any, Self

from accord.errors import ArtefactError
from accord.run.files import is_plain
from accord.run.peak_memory import Peak

__all__ = [
    "MANIFEST",
    "NUMERICAL",
    "SCHEMA",
    "FileEntry",
    "InputEntry",
    "Manifest",
    "SpentEntry",
    "StageEntry",
    "current_machine",
    "current_versions",
    "versions_beside",
]

MANIFEST = "manifest.json"
"""The file that makes a folder a run."""
SCHEMA = 3
"""The version of the columns of a run's files; 2 had neither the run's id nor what a stage builds on."""
NUMERICAL = ("accord", "torch", "transformers", "tokenizers", "numpy", "peft")
"""Packages on which the numbers of a training step depend."""
PACKAGES = (*NUMERICAL, "scipy", "pydantic", "sqlalchemy")


@dataclass(frozen=True)
class FileEntry:
    """A file of a run: its digest, its size, and the stage that wrote it."""

    sha256: str
    bytes: int
    stage: str


@dataclass(frozen=True)
class InputEntry:
    """Something that the run read and that lies outside of it.

    `path` is relative to the run's folder; a database server has a `url` instead, without a password. `rows` and
    `last_row` say how far a ledger was read, `digest` what was read.
    """

    digest: str
    path: str | None = None
    url: str | None = None
    rows: int | None = None
    last_row: int | None = None

    def to_json(self) -> dict[str, str | int]:
        """What is set."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class StageEntry:
    """A finished stage: the digest of its settings, how long it took, and the digest of the files it builds on.

    `seconds` are of all goes at it together, where it was stopped and taken up again. `run` is the id of the run that
    made it, where its files were taken from another; they took no time in this one. `versions` are those of what
    computes that were not what the manifest says, where the run was begun with others. `memory` and `gpu_memory` are
    the most bytes that a go at it held.
    """

    settings: str
    seconds: float
    basis: str = ""
    goes: int = 1
    run: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    memory: int | None = None
    gpu_memory: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As written; without `run` and `versions` where they are the run's own, and what is not known."""
        return _known(self)


@dataclass(frozen=True)
class SpentEntry:
    """What a stage that is not finished has cost: how many goes at it there were, their seconds as far as noted.

    `memory` and `gpu_memory` are the most bytes that one of them held, as far as noted.
    """

    goes: int
    seconds: float
    memory: int | None = None
    gpu_memory: int | None = None

    @property
    def peak(self) -> Peak:
        """The most memory of all goes."""
        return Peak(self.memory, self.gpu_memory)

    def to_json(self) -> dict[str, Any]:
        """What is known."""
        return _known(self)


@dataclass
class Manifest:
    """What a run is made of. `files` are by path inside the run; `schema` is the version of their columns.

    id      of the run, drawn when it is made; its checkpoints carry it
    begun   the digest of what it builds on, by stage that has begun and is not finished
    waiting what a stage that has begun waits for, by stage
    stopped why a stage that has begun ended before it was finished, by stage; a kill leaves no word
    steps   of how many steps a training stage that is not finished is, by stage
    spent   what the goes at a stage that is not finished took, by stage
    made_by the software that trained it, where its files were read from those of another one; else empty
    processes  how many trained each stage, in each go at it; where it was never more than one, nothing
    """

    name: str
    id: str
    seed: int
    created: str
    versions: dict[str, str]
    machine: dict[str, str | int | None]
    schema: int = SCHEMA
    parents: list[str] = field(default_factory=list)
    inputs: dict[str, InputEntry] = field(default_factory=dict)
    files: dict[str, FileEntry] = field(default_factory=dict)
    begun: dict[str, str] = field(default_factory=dict)
    stages: dict[str, StageEntry] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    spent: dict[str, SpentEntry] = field(default_factory=dict)
    made_by: str = ""
    processes: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: bytes, place: Path) -> Self:
        """The manifest in a text.

        Raises `ArtefactError` where it is none, was written with another schema than this version reads, or names a
        file outside of the run.
        """
        try:
            content = json.loads(text)
            schema = content.get("schema", 1)
            if schema == SCHEMA:
                manifest = cls(**{name: _entry(name, value) for name, value in content.items()})
                manifest._check_types()
                return manifest
            version = content["versions"].get("accord", "unknown")
        except (AttributeError, KeyError, ValueError, TypeError, RecursionError) as error:
            raise ArtefactError(f"{place}: not a manifest of a run ({error})") from error
        raise ArtefactError(
            f"{place}: this run has schema {schema} (written by accord {version}), and this version reads {SCHEMA}; "
            "read it with that version, or run its recipe again in a new folder"
        )

    def _check_types(self) -> None:
        """Raises `TypeError` or `ValueError` where an entry is not of its type, or a file lies outside of the run."""
        files, stages, inputs = self.files.values(), self.stages.values(), self.inputs.values()
        _check(
            str,
            self.name,
            self.id,
            self.created,
            self.made_by,
            *self.begun.values(),
            *self.versions.values(),
            *self.parents,
        )
        _check(str, *self.waiting.values(), *self.stopped.values())
        _check(int, *self.steps.values())
        _check(int, *(count for counts in self.processes.values() for count in counts))
        _check(str, *(word for file in files for word in (file.sha256, file.stage)))
        _check(str, *(word for stage in stages for word in (stage.settings, stage.basis, stage.run)))
        _check(dict, *(stage.versions for stage in stages))
        _check(str, *(word for stage in stages for word in stage.versions.values()))
        _check(str, *(entry.digest for entry in inputs))
        _check((str, NoneType), *(place for entry in inputs for place in (entry.path, entry.url)))
        _check((int, NoneType), *(count for entry in inputs for count in (entry.rows, entry.last_row)))
        for timed in (stages, self.spent.values()):
            _check((int, float), *(stage.seconds for stage in timed))
            _check(int, *(stage.goes for stage in timed))
            _check((int, NoneType), *(peak for stage in timed for peak in (stage.memory, stage.gpu_memory)))
        _check(int, self.seed, *(file.bytes for file in files))
        _check((int, str, NoneType), *self.machine.values())
        for name in self.files:
            if not is_plain(name):
                raise ValueError(f"the file {name!r} leads out of the run")

    def to_json(self) -> dict[str, Any]:
        """As written in `manifest.json`; without `made_by` and `processes` where there is nothing to say."""
        content = {name: value for name, value in asdict(self).items() if name not in {"made_by", "processes"} or value}
        return content | {
            "inputs": {name: entry.to_json() for name, entry in self.inputs.items()},
            "stages": {name: entry.to_json() for name, entry in self.stages.items()},
            "spent": {name: entry.to_json() for name, entry in self.spent.items()},
        }


_ENTRIES = {"inputs": InputEntry, "files": FileEntry, "stages": StageEntry, "spent": SpentEntry}


def _known(entry: StageEntry | SpentEntry) -> dict[str, Any]:
    """The fields of an entry, those that say nothing left out."""
    optional = {"run", "versions", "memory", "gpu_memory"}
    return {name: value for name, value in vars(entry).items() if name not in optional or value}


def _entry(name: str, value: Any) -> Any:
    kind = _ENTRIES.get(name)
    return value if kind is None else {key: kind(**each) for key, each in value.items()}


def _check(kind: type | tuple[type, ...], *values: object) -> None:
    for value in values:
        if not isinstance(value, kind):
            raise TypeError(f"{value!r} is of type {type(value).__name__}")


def versions_beside(recorded: Mapping[str, str], used: Mapping[str, str]) -> dict[str, str]:
    """The versions of what computes that were used and are not those recorded of a run; "" for what was not there."""
    return {name: used.get(name, "") for name in NUMERICAL if used.get(name, "") != recorded.get(name, "")}


def current_versions() -> dict[str, str]:
    """Of Python and of the packages that a run is made with, by name."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def current_machine() -> dict[str, str | int | None]:
    """System, processor and number of cores."""
    return {"system": platform.system(), "processor": _processor(), "cores": os.cpu_count()}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
