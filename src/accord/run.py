"""A run as a folder: what went in, what came out, by digest; and taking it up again after a kill.

    manifest.json      every file by SHA-256, versions, seed, machine, inputs, parents, finished stages
    <stage>/...        artefacts, written once: beside, synced, renamed, and only then entered in the manifest
    <stage>/*.jsonl    growing logs, a line a step; cut back to the last checkpoint on resume, entered at the end
    .checkpoints/      the last whole step of the stage that is running; gone when the stage is done

Reading an artefact back checks its digest, so a half-written or altered file is refused, never used.
"""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

from accord.errors import ArtefactError, storage

__all__ = [
    "MANIFEST",
    "SCHEMA",
    "FileEntry",
    "GrowingLog",
    "InputEntry",
    "Manifest",
    "RunDirectory",
    "StageEntry",
    "digest_of",
    "digest_of_settings",
    "write_whole",
]

MANIFEST = "manifest.json"
"""The file that makes a folder a run."""
SCHEMA = 2
"""The version of the columns of a run's files; 1 is that of accord before its manifest said so."""
PACKAGES = ("accord", "torch", "transformers", "tokenizers", "numpy", "scipy", "pydantic", "peft", "sqlalchemy")


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
    """A finished stage: the digest of its settings, and how long it took."""

    settings: str
    seconds: float


@dataclass
class Manifest:
    """What a run is made of. `files` are by path inside the run; `schema` is the version of their columns."""

    name: str
    seed: int
    created: str
    versions: dict[str, str]
    machine: dict[str, str | int | None]
    schema: int = SCHEMA
    parents: list[str] = field(default_factory=list)
    inputs: dict[str, InputEntry] = field(default_factory=dict)
    files: dict[str, FileEntry] = field(default_factory=dict)
    stages: dict[str, StageEntry] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: bytes, place: Path) -> Self:
        """The manifest in a text.

        Raises `ArtefactError` where it is none, or was written with another schema than this version reads.
        """
        try:
            content = json.loads(text)
            schema = content.get("schema", 1)
            if schema == SCHEMA:
                entries = {"inputs": InputEntry, "files": FileEntry, "stages": StageEntry}
                for part, entry in entries.items():
                    content[part] = {name: entry(**value) for name, value in content[part].items()}
                return cls(**content)
            version = content["versions"].get("accord", "unknown")
        except (AttributeError, KeyError, ValueError, TypeError) as error:
            raise ArtefactError(f"{place}: not a manifest of a run ({error})") from error
        raise ArtefactError(
            f"{place}: this run has schema {schema} (written by accord {version}), and this version reads {SCHEMA}; "
            "read it with that version, or run its recipe again in a new folder"
        )

    def to_json(self) -> dict[str, Any]:
        """As written in `manifest.json`."""
        return asdict(self) | {"inputs": {name: entry.to_json() for name, entry in self.inputs.items()}}


class RunDirectory:
    """One run. `create` makes it, `open` takes it up; both hold the run's lock until `close`."""

    def __init__(self, path: Path, manifest: Manifest, lock: int | None) -> None:
        self.path = path
        self.manifest = manifest
        self._lock = lock
        self._verified: dict[str, tuple[int, int]] = {}
        self.readers: dict[str, Any] = {}  # by prefix, so that whoever reads this run parses its files once

    # -- making and opening ------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: Path | str, *, seed: int = 0, parents: Iterable[str] = ()) -> Self:
        """A new run in an empty or missing folder.

        Raises `ArtefactError` where a run already is, `StorageError` where nothing can be written.
        """
        path = Path(path)
        if (path / MANIFEST).exists():
            raise ArtefactError(f"{path}: a run is already here; open it, or choose another folder")
        with storage(path):
            path.mkdir(parents=True, exist_ok=True)
        manifest = Manifest(
            name=path.name,
            seed=seed,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=_versions(),
            machine=_machine(),
            parents=list(parents),
        )
        run = cls(path, manifest, _take_lock(path))
        run._save_manifest()
        return run

    @classmethod
    def open(cls, path: Path | str, *, write: bool = True) -> Self:
        """An existing run. With `write=False` no lock is taken and nothing may be written.

        Raises `ArtefactError` where there is no run, or its manifest cannot be read.
        """
        path = Path(path)
        file = path / MANIFEST
        if not file.is_file():
            raise ArtefactError(f"{path}: there is no run here (no manifest.json)")
        manifest = Manifest.parse(file.read_bytes(), file)
        return cls(path, manifest, _take_lock(path) if write else None)

    def close(self) -> None:
        """Let the lock go."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def seed(self) -> int:
        """The seed that every random stream of the run is derived from."""
        return self.manifest.seed

    # -- artefacts ---------------------------------------------------------------------------------------

    def write_bytes(self, name: str, content: bytes, *, stage: str = "") -> Path:
        """Write an artefact whole and enter it in the manifest."""
        self._check_open_for_writing()
        target = self.path / name
        write_whole(target, content)
        self._enter(name, hashlib.sha256(content).hexdigest(), len(content), stage)
        self._save_manifest()
        return target

    def write_text(self, name: str, content: str, *, stage: str = "") -> Path:
        """Write an artefact of UTF-8 text."""
        return self.write_bytes(name, content.encode(), stage=stage)

    def write_json(self, name: str, content: object, *, stage: str = "") -> Path:
        """Write an artefact of JSON; NaN and infinity are refused."""
        return self.write_text(name, json.dumps(content, indent=1, allow_nan=False) + "\n", stage=stage)

    def write_jsonl(self, name: str, rows: Iterable[str | dict[str, Any]], *, stage: str = "") -> Path:
        """Write an artefact of JSON lines; a string is taken as a line that is JSON already."""
        lines = [row if isinstance(row, str) else json.dumps(row, allow_nan=False) for row in rows]
        return self.write_text(name, "".join(line + "\n" for line in lines), stage=stage)

    @contextmanager
    def write_folder(self, name: str, *, stage: str = "") -> Iterator[Path]:
        """A folder of artefacts (a model): fill the path that is handed out; it appears whole or not at all."""
        self._check_open_for_writing()
        target = self.path / name
        beside = target.with_name(target.name + ".part")
        with storage(target):
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)
            try:
                yield beside
                _sync_tree(beside)
                _put(beside, target)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
        for gone in self._inside(name):
            del self.manifest.files[gone]
        for file in sorted(path for path in target.rglob("*") if path.is_file()):
            self._enter(str(file.relative_to(self.path)), digest_of(file), file.stat().st_size, stage)
        self._save_manifest()

    def adopt(self, name: str, *, stage: str = "") -> None:
        """Enter a grown file in the manifest, now that it grows no more."""
        file = self.path / name
        with storage(file):
            _sync(file)
            self._enter(name, digest_of(file), file.stat().st_size, stage)
        self._save_manifest()

    def has(self, name: str) -> bool:
        """Whether the manifest knows the artefact `name` (a file, or a folder of files)."""
        return name in self.manifest.files or any(file.startswith(name + "/") for file in self.manifest.files)

    def verified(self, name: str) -> Path:
        """The path of an artefact (a file, or a folder of files) after checking its digest.

        Raises `ArtefactError` where it is missing, not in the manifest, or differs from what was written.
        """
        names = [name] if name in self.manifest.files else self._inside(name)
        if not names:
            raise ArtefactError(f"{self.path / name}: not in the manifest of this run; run its stage again")
        for each in names:
            self._verify(each)
        return self.path / name

    def read_bytes(self, name: str) -> bytes:
        """The content of an artefact, verified."""
        return self.verified(name).read_bytes()

    def read_json(self, name: str) -> Any:
        """A JSON artefact, verified."""
        return json.loads(self.read_bytes(name))

    def read_jsonl(self, name: str) -> list[dict[str, Any]]:
        """A JSON-lines artefact, verified."""
        return [json.loads(line) for line in self.read_bytes(name).splitlines()]

    def record_input(self, name: str, entry: InputEntry) -> None:
        """Note something the run read that lies outside it."""
        self.manifest.inputs[name] = entry
        self._save_manifest()

    # -- stages ------------------------------------------------------------------------------------------

    def is_done(self, stage: str, settings: str) -> bool:
        """Whether `stage` finished with these settings (a digest).

        Raises `ArtefactError` where it finished with others: a run is one set of settings.
        """
        done = self.manifest.stages.get(stage)
        if done is None:
            return False
        if done.settings != settings:
            raise ArtefactError(
                f"{self.path}: stage '{stage}' finished with other settings; use a new folder for new settings"
            )
        return True

    def finish(self, stage: str, settings: str, seconds: float) -> None:
        """Enter a stage as finished and drop its checkpoints."""
        self.manifest.stages[stage] = StageEntry(settings, round(seconds, 2))
        self._save_manifest()
        shutil.rmtree(self._checkpoint_root(stage), ignore_errors=True)

    # -- growing logs and checkpoints --------------------------------------------------------------------

    def log(self, name: str) -> "GrowingLog":
        """A log that grows by a line a step until its stage ends."""
        return GrowingLog(self.path / name)

    def save_checkpoint(self, stage: str, step: int, write: Callable[[Path], None]) -> None:
        """Make `step` the step that a resumed run goes on from.

        `write` fills the folder it is handed. The checkpoint counts only once whole, with its digests beside it;
        the one before is deleted after that.
        """
        root = self._checkpoint_root(stage)
        target, beside = root / f"{step:08d}", root / f"{step:08d}.part"
        with storage(root):
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)
            try:
                write(beside)
                files = {file.name: digest_of(file) for file in sorted(beside.iterdir())}
                (beside / "digests.json").write_text(json.dumps(files))
                _sync_tree(beside)
                _put(beside, target)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
            for old in root.iterdir():
                if old != target:
                    shutil.rmtree(old)

    def last_checkpoint(self, stage: str) -> tuple[int, Path] | None:
        """The step and folder of the last whole checkpoint; None where the stage starts at its beginning.

        Raises `ArtefactError` where its files are not what was written.
        """
        root = self._checkpoint_root(stage)
        found = sorted(path for path in root.glob("*") if path.is_dir() and path.suffix != ".part")
        if not found:
            return None
        folder = found[-1]
        try:
            digests = json.loads((folder / "digests.json").read_bytes())
        except (OSError, ValueError) as error:
            raise ArtefactError(f"{folder}: a damaged checkpoint; delete it to start the stage again") from error
        for name, digest in digests.items():
            if not (folder / name).is_file() or digest_of(folder / name) != digest:
                raise ArtefactError(f"{folder / name}: a damaged checkpoint; delete {folder} to start the stage again")
        return int(folder.name), folder

    # -- inside ------------------------------------------------------------------------------------------

    def _checkpoint_root(self, stage: str) -> Path:
        return self.path / ".checkpoints" / stage

    def _inside(self, folder: str) -> list[str]:
        return [file for file in self.manifest.files if file.startswith(folder + "/")]

    def _enter(self, name: str, sha256: str, size: int, stage: str) -> None:
        self.manifest.files[name] = FileEntry(sha256, size, stage)
        self._verified.pop(name, None)

    def _verify(self, name: str) -> None:
        file, entry = self.path / name, self.manifest.files[name]
        if not file.is_file():
            raise ArtefactError(f"{file}: missing, though the manifest lists it; run its stage again")
        state = file.stat()
        stamp = (state.st_size, state.st_mtime_ns)
        if self._verified.get(name) == stamp:
            return
        if state.st_size != entry.bytes or digest_of(file) != entry.sha256:
            raise ArtefactError(f"{file}: differs from its digest in the manifest (altered or half written)")
        self._verified[name] = stamp

    def _check_open_for_writing(self) -> None:
        if self._lock is None:
            raise ArtefactError(f"{self.path}: this run was opened for reading only")

    def _save_manifest(self) -> None:
        self._check_open_for_writing()
        write_whole(self.path / MANIFEST, (json.dumps(self.manifest.to_json(), indent=1) + "\n").encode())


class GrowingLog:
    """JSON lines that grow while a stage runs. A line that was cut short by a kill is not a line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._whole = False  # whether the file is known to end with a whole line

    def append(self, *rows: str | dict[str, Any]) -> None:
        """Add rows and hand them to the operating system; a string is a row that is JSON already.

        A torn last line is dropped first.
        """
        text = "".join((row if isinstance(row, str) else json.dumps(row, allow_nan=False)) + "\n" for row in rows)
        with storage(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self._whole and self.path.is_file():
                os.truncate(self.path, self.path.read_bytes().rfind(b"\n") + 1)
            self._whole = False
            with self.path.open("a", encoding="utf-8") as file:
                file.write(text)
            self._whole = True

    def rows(self) -> list[dict[str, Any]]:
        """All whole rows so far. Raises `ArtefactError` where a line before the last is damaged."""
        if not self.path.is_file():
            return []
        found = []
        for number, line in enumerate(self.path.read_bytes().split(b"\n")[:-1], 1):
            try:
                found.append(json.loads(line))
            except ValueError as error:
                raise ArtefactError(f"{self.path}:{number}: a damaged line; run its stage again") from error
        return found

    def cut_back(self, step: int) -> None:
        """Keep the rows whose `step` is at most `step`: what was logged after the last checkpoint comes again."""
        kept = [row for row in self.rows() if row["step"] <= step]
        text = "".join(json.dumps(row, allow_nan=False) + "\n" for row in kept)
        write_whole(self.path, text.encode())


def digest_of(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of_settings(settings: object) -> str:
    """A short digest of anything JSON can hold."""
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_whole(target: Path, content: bytes) -> None:
    """Write a file so that it is there whole or as it was before: beside, synced, renamed.

    Raises `StorageError` where the disk is full or the folder cannot be written.
    """
    with storage(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(target.name + ".part")
        try:
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
        _sync(target.parent)


@contextmanager
def timed() -> Iterator[Callable[[], float]]:
    """Seconds since the block began, by the monotonic clock."""
    start = time.monotonic()
    yield lambda: time.monotonic() - start


def _put(beside: Path, target: Path) -> None:
    """Rename a whole folder to its place; one that is there already makes way by a rename, not by being emptied."""
    gone = target.with_name(target.name + ".gone.part")
    shutil.rmtree(gone, ignore_errors=True)
    if target.exists():
        target.rename(gone)
    beside.rename(target)
    _sync(target.parent)
    shutil.rmtree(gone, ignore_errors=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        _sync(path)
    _sync(folder)


def _take_lock(path: Path) -> int:
    with storage(path):
        handle = os.open(path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise ArtefactError(f"{path}: another process is working on this run") from error
    return handle


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _machine() -> dict[str, str | int | None]:
    return {"system": platform.system(), "processor": _processor(), "cores": os.cpu_count()}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
