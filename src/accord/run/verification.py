"""Every file of a run against its manifest."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from accord.errors import ArtefactError, storage
from accord.run.checkpoints import FOLDER
from accord.run.directory import LOCK, RunDirectory
from accord.run.manifest import MANIFEST

__all__ = ["Damage", "check_whole", "runs_within", "verify"]


@dataclass(frozen=True)
class Damage:
    """A file of a run that is not what was written.

    `stage` made it, "" where no stage did; `run` is where its run lies within the one that was asked about.
    """

    file: str
    problem: str
    stage: str = ""
    run: str = "."

    def below(self, folder: str) -> "Damage":
        """The same of a run that lies in a folder of another one."""
        return self if folder == "." else replace(self, file=f"{folder}/{self.file}", run=folder)


def runs_within(path: Path) -> list[Path]:
    """The rounds of a run, in order; none where it is not made in rounds."""
    with storage(path):
        return sorted(folder.parent for folder in path.glob(f"rounds/*/{MANIFEST}"))


def verify(run: RunDirectory) -> list[Damage]:
    """What is wrong with the files of a run: altered, missing, leading out of it, or not in its manifest.

    The checkpoint of a stage that is not finished is looked at too; what such a stage has written so far is not in the
    manifest yet, and is left alone. Runs that lie within this one have manifests of their own.
    """
    problems = [
        Damage(name, problem, run.maker_of(entry))
        for name, entry in run.manifest.files.items()
        if (problem := run.problem_of(name))
    ]
    for stage in run.manifest.begun:
        try:
            run.last_checkpoint(stage)
        except ArtefactError as error:
            problems.append(Damage(f"{FOLDER}/{stage}", str(error), stage))
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
    """All files below a folder, symbolic links among them, which are not followed; runs within it are their own."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            if not (path / MANIFEST).is_file():
                yield from _files(path)
        else:
            yield path
