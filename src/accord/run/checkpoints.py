"""The last whole steps of a stage, kept so that a stage that was stopped goes on from the last one.

    .checkpoints/<stage>/<step>/checkpoint.json   whose it is (run, seed, stage, step, versions), its files by digest,
                                                  which earlier steps are kept beside it
    .checkpoints/<stage>/<step>/...               what the stage wrote

A checkpoint is of one run: that of another one, or of other versions of what computes, is refused and never gone on
with. One that is damaged is passed over where an earlier one is whole. Stages may stand below one another's names
(`policy`, `policy/helpful`): each touches its own steps alone.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accord.errors import ArtefactError, storage
from accord.run.files import PART, digest_of, give_usual_rights, put_folder, sync_tree, write_whole

__all__ = ["FOLDER", "Checkpoint", "Checkpoints", "Retention", "sweep"]

FOLDER = ".checkpoints"
ABOUT = "checkpoint.json"
AGAIN = "start the stage again with --again"
_STEP = re.compile(r"\d{8}")


@dataclass(frozen=True)
class Checkpoint:
    """The step that was kept, and the folder with what the stage wrote; `damaged` tells of later ones."""

    step: int
    folder: Path
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True)
class Retention:
    """Which steps of a stage are kept.

    keep      so many, the newest by their numbers
    value_of  what a step of a stage is worth, the more the better; None where it is not known yet. Where it is given,
              the best step is kept too
    by        what the worth is measured by
    """

    keep: int = 1
    value_of: Callable[[str, int], float | None] | None = None
    by: str = ""

    def steps_to_keep(self, stage: str, steps: Sequence[int]) -> set[int]:
        """Which of the steps that are there are kept."""
        best = self.best(stage, steps)
        return set(sorted(steps)[-self.keep :]) | ({best} if best is not None else set())

    def best(self, stage: str, steps: Iterable[int]) -> int | None:
        """The step that is worth most, the first of equal ones; None where no value is known."""
        if self.value_of is None:
            return None
        values = {step: value for step in sorted(steps) if (value := self.value_of(stage, step)) is not None}
        return max(values, key=values.__getitem__, default=None)


class _DamagedError(ArtefactError):
    """A checkpoint is not what was written."""


class Checkpoints:
    """Those of one stage.

    root    where they lie
    owner   whose they are: what `checkpoint.json` must say for one to be gone on with
    """

    def __init__(self, root: Path, owner: dict[str, Any]) -> None:
        self.root, self.owner = root, owner

    @property
    def steps(self) -> list[int]:
        """The numbers of the steps that are there, in order, damaged ones among them."""
        return [int(folder.name) for folder in _steps(self.root)]

    def save(self, step: int, write: Callable[[Path], None], chosen: Callable[[list[int]], set[int]]) -> None:
        """Make `step` the step that a resumed run goes on from.

        `write` fills the folder it is handed. The checkpoint counts only once whole and on the disk, with its digests
        beside it; those of earlier steps that are not `chosen` are deleted after that, and so are those of later ones,
        which were passed over.
        """
        target = self.root / f"{step:08d}"
        beside = target.with_name(target.name + PART)
        earlier = [each for each in self.steps if each < step]
        beside_it = sorted(chosen([*earlier, step]) & set(earlier))
        with storage(self.root):
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)
            try:
                write(beside)
                files = {file.name: digest_of(file) for file in sorted(beside.iterdir())}
                about = {**self.owner, "step": step, "files": files, "kept": beside_it}
                write_whole(beside / ABOUT, json.dumps(about, indent=1).encode())
                give_usual_rights(beside)
                sync_tree(beside)
                put_folder(beside, target)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
            for old in _steps(self.root):
                if old != target and int(old.name) not in beside_it:
                    shutil.rmtree(old)

    def last(self) -> Checkpoint | None:
        """The last whole one; None where the stage starts at its beginning.

        Raises `ArtefactError` where none is whole any more, or the last is not of this run.
        """
        damaged: list[str] = []
        for folder in reversed(_steps(self.root)):
            try:
                self._check(folder)
            except _DamagedError as error:
                damaged.append(str(error))
            else:
                return Checkpoint(int(folder.name), folder, tuple(damaged))
        if damaged:
            raise ArtefactError(f"{damaged[0]}; {AGAIN}")
        return None

    def at(self, step: int) -> Checkpoint:
        """That of a step. Raises `ArtefactError` where it is not what was written, or not of this run."""
        folder = self.root / f"{step:08d}"
        self._check(folder)
        return Checkpoint(step, folder)

    def damages(self) -> list[str]:
        """What is wrong with any of them."""
        problems = []
        for folder in _steps(self.root):
            try:
                self._check(folder)
            except ArtefactError as error:
                problems.append(str(error))
        return problems

    def _check(self, folder: Path) -> None:
        """Raises `ArtefactError` where a checkpoint is not what was written, or not of this run."""
        try:
            about = json.loads((folder / ABOUT).read_bytes())
            files, owner = dict(about.pop("files")), {key: about[key] for key in self.owner}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise _DamagedError(f"{folder}: a damaged checkpoint") from error
        others = [f"{key} was {owner[key]}, now {self.owner[key]}" for key in owner if owner[key] != self.owner[key]]
        if others:
            raise ArtefactError(f"{folder}: not a checkpoint of this run ({'; '.join(others)}); {AGAIN}")
        for name, digest in files.items():
            if not (folder / name).is_file() or digest_of(folder / name) != digest:
                raise _DamagedError(f"{folder / name}: a damaged checkpoint")

    def drop(self) -> None:
        """Delete them, and those that are half written; those of stages below this one's name stay."""
        with storage(self.root):
            for folder in [*_steps(self.root), *self.root.glob(f"*{PART}")]:
                shutil.rmtree(folder, ignore_errors=True)
            for folder in (self.root, *self.root.parents):
                if folder.name == FOLDER or not folder.is_dir() or any(folder.iterdir()):
                    break
                folder.rmdir()


def sweep(root: Path) -> None:
    """Delete what a kill left below `root`: half written checkpoints, and steps that the last one does not keep.

    Where the last one is damaged, the earlier ones stay: one of them is what is gone on from.
    """
    for part in [path for path in root.rglob(f"*{PART}") if path.is_dir()]:
        shutil.rmtree(part, ignore_errors=True)
    for stage in {path.parent for path in root.rglob("*") if path.is_dir() and _STEP.fullmatch(path.name)}:
        *earlier, last = _steps(stage)
        for old in _unwanted(earlier, last):
            shutil.rmtree(old, ignore_errors=True)


def _unwanted(earlier: Sequence[Path], last: Path) -> list[Path]:
    """The steps that the last one does not keep beside it; none where it is damaged."""
    try:
        about = json.loads((last / ABOUT).read_bytes())
        kept, files = set(about.get("kept", ())), dict(about["files"])
        unwanted = [old for old in earlier if int(old.name) not in kept]
        whole = not unwanted or all(digest_of(last / name) == digest for name, digest in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return unwanted if whole else []


def _steps(root: Path) -> list[Path]:
    """The folders of the steps that were kept, in order."""
    return sorted(path for path in root.glob("*") if path.is_dir() and _STEP.fullmatch(path.name))
