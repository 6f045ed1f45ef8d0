"""Stages that stand as an earlier run has them: their files are linked, by digest, and nothing is learnt again."""

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from accord.errors import storage
from accord.loop.progress import ProgressDisplay
from accord.loop.sameness import basis_of
from accord.loop.stages import settings_digest, stages_of
from accord.recipe import Recipe
from accord.run import RunDirectory

__all__ = ["carry_over"]


def carry_over(
    recipe: Recipe, source: RunDirectory, run: RunDirectory, names: Collection[str], progress: ProgressDisplay
) -> None:
    """Enter the stages `names` (and parts of them, `rewards/NAME`) of `source` as finished in `run`.

    Their files are hard links where the file system has them, copies else. Raises `ArtefactError` where one is not what
    was written.
    """
    for name in stages_of(recipe):
        if name.partition("/")[0] not in names or name in run.manifest.stages or name not in source.manifest.stages:
            continue
        for file in source.files_of(name):
            _link(source.verified(file), run.path / file)
        run.adopt_all(source.files_of(name))
        basis = basis_of(recipe, run, name)
        run.begin(name, basis)
        run.finish(name, settings_digest(recipe, name), 0.0, basis=basis)
        progress.say(f"{name}: as in {source.manifest.name}")


def _link(source: Path, target: Path) -> None:
    with storage(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)
