"""One run: its artefacts, written whole and read back by digest, its stages, and who holds it."""

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from accord.errors import ArtefactError, storage
from accord.run.checkpoints import FOLDER, Checkpoint, Checkpoints, Retention, sweep
from accord.run.files import (
    PART,
    digest_of,
    give_usual_rights,
    put_folder,
    sync,
    sync_tree,
    within,
    write_parts,
    write_whole,
)
from accord.run.growing_log import GrowingLog
from accord.run.lock import LOCK, take_lock
from accord.run.manifest import (
    MANIFEST,
    NUMERICAL,
    FileEntry,
    InputEntry,
    Manifest,
    SpentEntry,
    StageEntry,
    current_machine,
    current_versions,
    versions_beside,
)
from accord.run.peak_memory import Peak, PeakWatch

__all__ = ["LOCK", "RunDirectory", "timed"]


class RunDirectory:
    """One run. `create` makes it, `open` takes it up; both hold the run's lock until `close`."""

    def __init__(self, path: Path, manifest: Manifest, lock: int | None) -> None:
        self.path = path
        self.manifest = manifest
        self._lock = lock
        self._verified: dict[str, tuple[int, ...]] = {}
        self._going: dict[str, _Go] = {}  # by stage that goes on
        self.retention = Retention()
        self.most_steps: int | None = None  # steps that each stage makes of those it has, where the run is a trial
        self.readers: dict[str, Any] = {}  # by prefix, so that whoever reads this run parses its files once

    # -- making and opening ------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: Path | str, *, seed: int = 0, parents: Iterable[str] = ()) -> Self:
        """A new run in an empty or missing folder; files whose names begin with a dot count.

        Raises `ArtefactError` where anything is there, `StorageError` where nothing can be written.
        """
        path = Path(path)
        with storage(path):
            if (path / MANIFEST).exists():
                raise ArtefactError(f"{path}: a run is already here; open it, or choose another folder")
            path.mkdir(parents=True, exist_ok=True)
            _check_empty(path)
        manifest = Manifest(
            name=path.name,
            id=uuid.uuid4().hex,
            seed=seed,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=current_versions(),
            machine=current_machine(),
            parents=list(parents),
        )
        run = cls(path, manifest, take_lock(path))
        try:
            run._save_manifest()
        except BaseException:
            run.close()
            raise
        return run

    @classmethod
    def open(cls, path: Path | str, *, write: bool = True) -> Self:
        """An existing run. With `write=False` no lock is taken and nothing may be written.

        What a kill left behind, half written or no longer wanted, is deleted where the run is opened for writing.
        Raises `ArtefactError` where there is no run, its manifest cannot be read, or another process works on it.
        """
        path = Path(path)
        file = path / MANIFEST
        with storage(path):
            if not file.is_file():
                raise ArtefactError(f"{path}: there is no run here (no {MANIFEST})")
            lock = take_lock(path) if write else None
            try:
                run = cls(path, Manifest.parse(file.read_bytes(), file), lock)
                if write:
                    run._sweep()
            except BaseException:
                if lock is not None:
                    os.close(lock)
                raise
        return run

    def close(self) -> None:
        """Let the lock go."""
        for stage in list(self._going):
            self._end_go(stage)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def versions(self) -> dict[str, str]:
        """Of Python and of the packages in this process; the manifest has those that the run was begun with."""
        return current_versions()

    @property
    def seed(self) -> int:
        """The seed that every random stream of the run is derived from."""
        return self.manifest.seed

    # -- artefacts ---------------------------------------------------------------------------------------

    def write_bytes(self, name: str, content: bytes, *, stage: str = "") -> Path:
        """Write an artefact whole and enter it in the manifest."""
        return self._write(name, [content], stage)

    def write_text(self, name: str, content: str, *, stage: str = "") -> Path:
        """Write an artefact of UTF-8 text."""
        return self.write_bytes(name, content.encode(), stage=stage)

    def write_json(self, name: str, content: object, *, stage: str = "") -> Path:
        """Write an artefact of JSON; NaN and infinity are refused."""
        return self.write_text(name, json.dumps(content, indent=1, allow_nan=False) + "\n", stage=stage)

    def write_jsonl(self, name: str, rows: Iterable[str | dict[str, Any]], *, stage: str = "") -> Path:
        """Write an artefact of JSON lines, one after the other; a string is taken as a line that is JSON already."""
        lines = (row if isinstance(row, str) else json.dumps(row, allow_nan=False) for row in rows)
        return self._write(name, (f"{line}\n".encode() for line in lines), stage)

    def _write(self, name: str, parts: Iterable[bytes], stage: str) -> Path:
        """An artefact of these bytes, one after the other; none of them is held."""
        self._check_open_for_writing()
        target = within(self.path, name)
        self._enter(name, *write_parts(target, parts), stage)
        self._save_manifest()
        return target

    @contextmanager
    def write_folder(self, name: str, *, stage: str = "") -> Iterator[Path]:
        """A folder of artefacts (a model): fill the path that is handed out; it appears whole or not at all."""
        self._check_open_for_writing()
        target = within(self.path, name)
        beside = target.with_name(target.name + PART)
        with storage(target):
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)
            try:
                yield beside
                give_usual_rights(beside)
                sync_tree(beside)
                put_folder(beside, target)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
        for stale in self._inside(name):
            del self.manifest.files[stale]
        for file in sorted(path for path in target.rglob("*") if path.is_file()):
            self._enter(str(file.relative_to(self.path)), digest_of(file), file.stat().st_size, stage)
        self._save_manifest()

    def adopt(self, name: str, *, stage: str = "") -> None:
        """Enter a grown file in the manifest, now that it grows no more."""
        file = within(self.path, name)
        with storage(file):
            sync(file)
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

    def discard(self, name: str) -> None:
        """Take an artefact (a file, or a folder of files) that is not needed any more out of the run."""
        names = [name] if name in self.manifest.files else self._inside(name)
        for each in names:
            del self.manifest.files[each]
        self._save_manifest()
        with storage(self.path):
            for each in names:
                within(self.path, each).unlink(missing_ok=True)
            if (folder := within(self.path, name)).is_dir():
                shutil.rmtree(folder)

    def record_input(self, name: str, entry: InputEntry) -> None:
        """Note something the run read that lies outside it."""
        self.manifest.inputs[name] = entry
        self._save_manifest()

    def record_maker(self, software: str) -> None:
        """Note the software whose files this run was read from."""
        self.manifest.made_by = software
        self._save_manifest()

    # -- stages ------------------------------------------------------------------------------------------

    def is_done(self, stage: str, settings: str) -> bool:
        """Whether `stage` finished with these settings (a digest).

        Raises `ArtefactError` where it finished with others: a run is one set of settings.
        """
        record = self.manifest.stages.get(stage)
        if record is None:
            return False
        if record.settings != settings:
            raise ArtefactError(
                f"{self.path}: stage '{stage}' finished with other settings; use a new folder for new settings, or do "
                f"it again with --again {stage}"
            )
        return True

    def begin(self, stage: str, basis: str = "") -> None:
        """Note that a go at a stage has begun; `basis` is a digest of the files that it builds on.

        Until it is finished or paused its time is noted with whatever the run keeps, so that little of it is lost in a
        kill. One that was finished, and goes on, is finished no more.
        """
        done = self.manifest.stages.pop(stage, None)
        before = SpentEntry(0, 0.0)
        if done is not None:
            before = SpentEntry(done.goes, done.seconds, done.memory, done.gpu_memory)
        earlier = self.manifest.spent.get(stage, before)
        self.manifest.begun[stage] = basis
        self.manifest.waiting.pop(stage, None)
        self.manifest.stopped.pop(stage, None)
        self.manifest.spent[stage] = replace(earlier, goes=earlier.goes + 1)
        self._end_go(stage)
        self._going[stage] = _Go(time.monotonic(), earlier.seconds, earlier.peak, PeakWatch())
        self._save_manifest()

    def pause(self, stage: str) -> None:
        """Note what the go at a stage took that ends before the stage does."""
        self._note_costs()
        self._end_go(stage)
        self._save_manifest()

    def wait(self, stage: str, reason: str) -> None:
        """Note that a stage cannot go on before something outside happens; until it is begun again."""
        self.manifest.waiting[stage] = reason
        self._save_manifest()

    def stop(self, stage: str, reason: str) -> None:
        """Note why a stage ended before it was finished; until it is begun again."""
        self.manifest.stopped[stage] = reason
        self._save_manifest()

    def plan(self, stage: str, steps: int) -> None:
        """Note how many steps a stage makes from its first to its last; until it is finished."""
        self._check_open_for_writing()
        if self.manifest.steps.get(stage) != steps:
            self.manifest.steps[stage] = steps
            self._save_manifest()

    def note_processes(self, stage: str, count: int) -> None:
        """Note how many processes train a stage in the go that is under way; alone, where others did before."""
        known = self.manifest.processes.get(stage, [])
        if count == 1 and not known:
            return
        goes = self.manifest.spent[stage].goes if stage in self.manifest.spent else 1
        self.manifest.processes[stage] = [*(known + [1] * goes)[: goes - 1], count]
        self._save_manifest()

    def finish(self, stage: str, settings: str, seconds: float, *, basis: str = "") -> None:
        """Enter a stage as finished, by a last go of so many seconds, and drop its checkpoints.

        What earlier goes at it took is added.
        """
        self.manifest.begun.pop(stage, None)
        self._drop_steps(stage)
        spent = self.manifest.spent.pop(stage, SpentEntry(1, 0.0))
        go = self._end_go(stage)
        earlier, peak = (spent.seconds, spent.peak) if go is None else (go.earlier, go.peak)
        self.manifest.stages[stage] = StageEntry(
            settings,
            round(earlier + seconds, 2),
            basis,
            spent.goes,
            versions=versions_beside(self.manifest.versions, self.versions),
            memory=peak.memory,
            gpu_memory=peak.gpu_memory,
        )
        self._save_manifest()
        self._checkpoints(stage).drop()

    def enter_stage(self, stage: str, entry: StageEntry, files: Mapping[str, FileEntry], *, parent: str | None) -> None:
        """Enter a stage as finished whose files are in place; they were made in the run `parent`, where it is named."""
        self.manifest.files |= files
        self.manifest.stages[stage] = entry
        if parent is not None and parent not in self.manifest.parents:
            self.manifest.parents.append(parent)
        self._save_manifest()

    def files_of(self, stage: str) -> dict[str, FileEntry]:
        """The files that a stage wrote, those of its parts (`policy-helpful`) among them, by name."""
        return {name: file for name, file in self.manifest.files.items() if _is_part(file.stage, stage)}

    def maker_of(self, file: FileEntry) -> str:
        """The stage that wrote a file, also where the file is of a part of it (`policy-helpful`)."""
        stages = (*self.manifest.stages, *self.manifest.begun)
        return next((stage for stage in stages if _is_part(file.stage, stage)), file.stage)

    def has_traces(self, stage: str) -> bool:
        """Whether a stage that is not finished left something that it would go on with."""
        checkpoints = any(self.path.glob(f"{FOLDER}/{stage}/[0-9]*")) or any(self.path.glob(f"{FOLDER}/{stage}-*"))
        return stage not in self.manifest.stages and (checkpoints or bool(self.files_of(stage)))

    def forget(self, stage: str) -> None:
        """Make a stage one that was never begun: its files and checkpoints are deleted."""
        files = self.files_of(stage)
        for name in files:
            del self.manifest.files[name]
        self.manifest.stages.pop(stage, None)
        self.manifest.begun.pop(stage, None)
        self.manifest.waiting.pop(stage, None)
        self.manifest.stopped.pop(stage, None)
        self._drop_steps(stage)
        self.manifest.spent.pop(stage, None)
        self._end_go(stage)
        self.manifest.processes.pop(stage, None)
        self._save_manifest()
        with storage(self.path):
            for name in files:
                within(self.path, name).unlink(missing_ok=True)
        for part in {stage, *(file.stage for file in files.values())}:
            self._checkpoints(part).drop()

    # -- growing logs and checkpoints --------------------------------------------------------------------

    def log(self, name: str) -> GrowingLog:
        """A log that grows by a line a step until its stage ends."""
        return GrowingLog(within(self.path, name))

    def save_checkpoint(self, stage: str, step: int, write: Callable[[Path], None]) -> None:
        """Make `step` the step that a resumed run goes on from; `write` fills the folder it is handed.

        Which earlier ones are kept beside it is said by `retention`.
        """
        self._check_open_for_writing()
        self._checkpoints(stage).save(step, write, lambda steps: self.retention.steps_to_keep(stage, steps))
        if self._going:
            self._save_manifest()

    def end_part(self, stage: str) -> None:
        """Note that a part of a stage has made all its steps, and delete its checkpoints."""
        if self.manifest.steps.pop(stage, None) is not None:
            self._save_manifest()
        self._checkpoints(stage).drop()

    def last_checkpoint(self, stage: str) -> Checkpoint | None:
        """The last whole checkpoint of a stage; None where the stage starts at its beginning.

        Raises `ArtefactError` where none is what was written, or it is another run's.
        """
        return self._checkpoints(stage).last()

    def best_checkpoint(self, stage: str) -> Checkpoint | None:
        """That of the step which is worth most by `retention`; None where no value is known.

        Raises `ArtefactError` where it is not what was written.
        """
        checkpoints = self._checkpoints(stage)
        best = self.retention.best(stage, checkpoints.steps)
        return None if best is None else checkpoints.at(best)

    def damaged_checkpoints(self, stage: str) -> list[str]:
        """What is wrong with any checkpoint of a stage."""
        return self._checkpoints(stage).damages()

    # -- inside ------------------------------------------------------------------------------------------

    def _checkpoints(self, stage: str) -> Checkpoints:
        versions = self.versions
        owner = {
            "run": self.manifest.id,
            "seed": self.seed,
            "stage": stage,
            **{name: versions.get(name) for name in NUMERICAL},
        }
        return Checkpoints(within(self.path, f"{FOLDER}/{stage}"), owner)

    def _sweep(self) -> None:
        """Delete what a kill left: half written files and folders, checkpoints of finished stages or earlier steps."""
        sweep(within(self.path, FOLDER))
        for stage in self.manifest.stages:
            self._checkpoints(stage).drop()
        for remnant in [path for path in self.path.rglob(f"*{PART}") if not path.is_symlink()]:
            if remnant.is_dir():
                shutil.rmtree(remnant, ignore_errors=True)
            else:
                remnant.unlink(missing_ok=True)

    def _drop_steps(self, stage: str) -> None:
        for part in [each for each in self.manifest.steps if _is_part(each, stage)]:
            del self.manifest.steps[part]

    def _inside(self, folder: str) -> list[str]:
        return [file for file in self.manifest.files if file.startswith(folder + "/")]

    def _enter(self, name: str, sha256: str, size: int, stage: str) -> None:
        self.manifest.files[name] = FileEntry(sha256, size, stage)
        self._verified.pop(name, None)

    def problem_of(self, name: str) -> str:
        """What is wrong with a file of the manifest; empty where it is what was written."""
        entry = self.manifest.files[name]
        if (known := self._verified.get(name)) is not None and _stamp_of(self.path / name) == known:
            return ""  # the very file that was checked before
        try:
            file = within(self.path, name)
        except ArtefactError:
            return "leads out of the run; a run's files lie inside of it"
        with storage(file):
            if not file.is_file():
                return "missing, though the manifest lists it"
            stamp = _stamp_of(file)
            if file.stat().st_size != entry.bytes or digest_of(file) != entry.sha256:
                return "differs from its digest in the manifest (altered or half written)"
        if stamp is not None:
            self._verified[name] = stamp
        return ""

    def _verify(self, name: str) -> None:
        if problem := self.problem_of(name):
            stage = self.manifest.files[name].stage
            remedy = f"; do its stage again with --again {stage}" if stage in self.manifest.stages else ""
            raise ArtefactError(f"{self.path / name}: {problem}{remedy}")

    def _check_open_for_writing(self) -> None:
        if self._lock is None:
            raise ArtefactError(f"{self.path}: this run was opened for reading only")

    def _note_costs(self) -> None:
        for stage, go in self._going.items():
            seconds, peak = round(go.earlier + time.monotonic() - go.began, 2), go.peak
            goes = self.manifest.spent[stage].goes
            self.manifest.spent[stage] = SpentEntry(goes, seconds, peak.memory, peak.gpu_memory)

    def _end_go(self, stage: str) -> "_Go | None":
        """The go at a stage that was under way, which is watched no more."""
        go = self._going.pop(stage, None)
        if go is not None:
            go.watch.close()
        return go

    def _save_manifest(self) -> None:
        self._check_open_for_writing()
        self._note_costs()
        write_whole(self.path / MANIFEST, (json.dumps(self.manifest.to_json(), indent=1) + "\n").encode())


@dataclass(frozen=True)
class _Go:
    """A go at a stage that is under way: when it began, what earlier ones took, and what watches its memory."""

    began: float
    earlier: float
    highest: Peak
    watch: PeakWatch

    @property
    def peak(self) -> Peak:
        """The most memory of this go and those before."""
        return self.highest.higher(self.watch.peak)


@contextmanager
def timed() -> Iterator[Callable[[], float]]:
    """Seconds since the block began, by the monotonic clock."""
    start = time.monotonic()
    yield lambda: time.monotonic() - start


def _check_empty(path: Path) -> None:
    """Raises `ArtefactError` where a folder holds anything but what a kill at this very place leaves."""
    there = sorted(file.name for file in path.iterdir() if file.name not in {LOCK, MANIFEST + PART})
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise ArtefactError(f"{path}: not empty ({there[0]}{more}); choose a new folder, or empty this one")


def _stamp_of(file: Path) -> tuple[int, ...] | None:
    """What tells a file from another, or from itself before it was written to; None where there is none."""
    try:
        state = os.stat(file)
    except OSError:
        return None
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def _is_part(part: str, stage: str) -> bool:
    return part == stage or part.startswith(f"{stage}-")
