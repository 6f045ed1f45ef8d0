"""Every file of a run against its manifest."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from accord.run.checkpoints import FOLDER
from accord.run.directory import LOCK, RunDirectory
from accord.run.manifest import MANIFEST

__all__ = ["Damage", "check_whole", "verify"]


@dataclass(frozen=True)
class Damage:
    """A file of a run that is not what was written; `stage` made it, "" where no stage did."""

    file: str
    problem: str
    stage: str = ""


def verify(run: RunDirectory) -> list[Damage]:
    """What is wrong with the files of a run: altered, missing, leading out of it, or not in its manifest.

    The checkpoints of a stage that is not finished are looked at too; what such a stage has written so far is not in
    the manifest yet, and is left alone.
    """
    problems = [
        Damage(name, problem, run.maker_of(entry))
        for name, entry in run.manifest.files.items()
        if (problem := run.problem_of(name))
    ]
    for stage in run.manifest.begun:
        problems += (Damage(f"{FOLDER}/{stage}", problem, stage) for problem in run.damaged_checkpoints(stage))
    return [*problems, *(Damage(name, "not in the manifest") for name in _unknown(run))]


def check_whole(run: RunDirectory, *, but: Collection[str] = ()) -> None:
    """Raises `ArtefactError` that names the first file of a run that is not what was written.

    Files of the stages `but`, which are about to be written anew, are passed over.
    """
    for name, entry in run.manifest.files.items():
        if run.maker_of(entry) not in but:
            run.verified(name)


def _unknown(run: RunDirectory) -> Iterator[str]:
    unfinished = tuple(f"{stage}{end}" for stage in run.manifest.begun for end in ("/", "-"))
    for path in sorted(_files(run.path)):
        name = path.relative_to(run.path).as_posix()
        if name in run.manifest.files or name in {MANIFEST, LOCK} or name.startswith((f"{FOLDER}/", *unfinished)):
            continue
        yield name


def _files(folder: Path) -> Iterator[Path]:
    """All files below a folder, symbolic links among them, which are not followed."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        else:
            yield path
