"""The last whole step of a stage, kept so that a stage that was stopped goes on from it.

    .checkpoints/<stage>/<step>/checkpoint.json   whose it is (run, seed, stage, step, versions), its files by digest
    .checkpoints/<stage>/<step>/...               what the stage wrote

A checkpoint is of one run: that of another one, or of other versions of what computes, is refused and never gone on
with. Stages may stand below one another's names (`policy`, `policy/helpful`): each touches its own steps alone.
"""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accord.errors import ArtefactError, storage
from accord.run.files import PART, digest_of, put_folder, sync_tree, write_whole

__all__ = ["FOLDER", "Checkpoint", "Checkpoints", "sweep"]

FOLDER = ".checkpoints"
ABOUT = "checkpoint.json"
_STEP = re.compile(r"\d{8}")


@dataclass(frozen=True)
class Checkpoint:
    """The step that was kept, and the folder with what the stage wrote."""

    step: int
    folder: Path


class Checkpoints:
    """Those of one stage.

    root    where they lie
    owner   whose they are: what `checkpoint.json` must say for one to be gone on with
    """

    def __init__(self, root: Path, owner: dict[str, Any]) -> None:
        self.root, self.owner = root, owner

    def save(self, step: int, write: Callable[[Path], None]) -> None:
        """Make `step` the step that a resumed run goes on from.

        `write` fills the folder it is handed. The checkpoint counts only once whole and on the disk, with its digests
        beside it; the one before is deleted after that.
        """
        target = self.root / f"{step:08d}"
        beside = target.with_name(target.name + PART)
        with storage(self.root):
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)
            try:
                write(beside)
                files = {file.name: digest_of(file) for file in sorted(beside.iterdir())}
                about = {**self.owner, "step": step, "files": files}
                write_whole(beside / ABOUT, json.dumps(about, indent=1).encode())
                sync_tree(beside)
                put_folder(beside, target)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
            for old in _steps(self.root):
                if old != target:
                    shutil.rmtree(old)

    def last(self) -> Checkpoint | None:
        """The last whole one; None where the stage starts at its beginning.

        Raises `ArtefactError` where its files are not what was written, or it is not of this run.
        """
        steps = _steps(self.root)
        if not steps:
            return None
        folder = steps[-1]
        again = "start the stage again with --again"
        try:
            about = json.loads((folder / ABOUT).read_bytes())
            files, owner = dict(about.pop("files")), {key: about[key] for key in self.owner}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArtefactError(f"{folder}: a damaged checkpoint; {again}") from error
        others = [f"{key} was {owner[key]}, now {self.owner[key]}" for key in owner if owner[key] != self.owner[key]]
        if others:
            raise ArtefactError(f"{folder}: not a checkpoint of this run ({'; '.join(others)}); {again}")
        for name, digest in files.items():
            if not (folder / name).is_file() or digest_of(folder / name) != digest:
                raise ArtefactError(f"{folder / name}: a damaged checkpoint; {again}")
        return Checkpoint(int(folder.name), folder)

    def drop(self) -> None:
        """Delete them, and those that are half written; those of stages below this one's name stay."""
        for folder in [*_steps(self.root), *self.root.glob(f"*{PART}")]:
            shutil.rmtree(folder, ignore_errors=True)
        for folder in (self.root, *self.root.parents):
            if folder.name == FOLDER or not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()


def sweep(root: Path) -> None:
    """Delete what a kill left below `root`: half written checkpoints, and all but the last of each stage."""
    for part in [path for path in root.rglob(f"*{PART}") if path.is_dir()]:
        shutil.rmtree(part, ignore_errors=True)
    for stage in {path.parent for path in root.rglob("*") if path.is_dir() and _STEP.fullmatch(path.name)}:
        for old in _steps(stage)[:-1]:
            shutil.rmtree(old, ignore_errors=True)


def _steps(root: Path) -> list[Path]:
    """The folders of the steps that were kept, in order."""
    return sorted(path for path in root.glob("*") if path.is_dir() and _STEP.fullmatch(path.name))
