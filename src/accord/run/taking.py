"""A finished stage of another run, taken into this one: its files by hard link, else by copy."""

import errno
import os
import shutil
from dataclasses import replace
from os.path import relpath
from pathlib import Path

from accord.errors import ArtefactError, storage
from accord.run.checkpoints import FOLDER
from accord.run.directory import RunDirectory
from accord.run.files import PART, digest_of, sync, within
from accord.run.lock import LOCK
from accord.run.manifest import MANIFEST, FileEntry, InputEntry, StageEntry, versions_beside

__all__ = ["moved_input", "take_stage"]

NO_LINKS = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.EACCES, errno.ENOSYS})
"""Why a file system links no file where it could be copied."""


def take_stage(run: RunDirectory, source: RunDirectory, stage: str, entry: StageEntry | None = None) -> int:
    """Enter a stage that `source` has finished as one of this run, with the id of the run that made it.

    `entry` stands for it where it has other settings or another basis here, as in a later round, which names its parent
    itself.

    What is linked takes no room, and neither run changes what the other has: files of a run are replaced, not written
    into. The stage counts when all of its files are in place; a kill before that leaves a run without it. Returns how
    many files are copies. Raises `ArtefactError` where a file is not what was written, or the copy is not, or where the
    source's manifest gives the stage a file that is not of a stage at all, or that another stage wrote here.
    """
    files, copies = source.files_of(stage), 0
    for name in files:
        _check_own(run, source, stage, name)
    for name, file in files.items():
        copies += _put(source.verified(name).resolve(), within(run.path, name), file)
    made = source.manifest.stages[stage]
    used = source.manifest.versions | made.versions
    taken = replace(
        entry or made, run=made.run or source.manifest.id, versions=versions_beside(run.manifest.versions, used)
    )
    run.enter_stage(stage, taken, files, parent=source.manifest.id if entry is None else None)
    return copies


def moved_input(entry: InputEntry, source: RunDirectory, run: RunDirectory) -> InputEntry:
    """An input of another run as one of this run, whose folder its path is relative to."""
    if entry.path is None:
        return entry
    return replace(entry, path=relpath((source.path / entry.path).resolve(), run.path.resolve()))


def _check_own(run: RunDirectory, source: RunDirectory, stage: str, name: str) -> None:
    """Raises `ArtefactError` where a file cannot be one that a stage wrote, whatever the source's manifest says."""
    held = None if name in run.files_of(stage) else run.manifest.files.get(name)
    if name in {MANIFEST, LOCK} or name.startswith(f"{FOLDER}/") or held is not None:
        raise ArtefactError(
            f"{source.path / name}: the manifest there says that stage '{stage}' wrote it, and it is "
            f"{f'a file of {held.stage} here' if held else 'no file of a stage'}; do not take anything from that run"
        )


def _put(file: Path, target: Path, entry: FileEntry) -> bool:
    """Have a whole file at its place; whether it is a copy."""
    beside = target.with_name(target.name + PART)
    with storage(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        for old in (beside, target):  # a rename onto another name of the same file would do nothing
            old.unlink(missing_ok=True)
        copied = _link_or_copy(file, beside)
        if copied and digest_of(beside) != entry.sha256:
            beside.unlink()
            raise ArtefactError(f"{file}: changed while it was copied; stop whatever writes it, and try again")
        beside.rename(target)
        sync(target.parent)
    return copied


def _link_or_copy(file: Path, beside: Path) -> bool:
    try:
        os.link(file, beside)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        try:
            shutil.copyfile(file, beside)
            sync(beside)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
        return True
    return False
