"""Stages that stand in a later round as the round before has them: nothing is learnt again, files are linked."""

from collections.abc import Collection

from accord.loop.progress import ProgressDisplay
from accord.loop.sameness import basis_of
from accord.loop.stages import settings_digest, stages_of
from accord.recipe import Recipe
from accord.run import RunDirectory, StageEntry
from accord.run.taking import take_stage

__all__ = ["carry_over"]


def carry_over(
    recipe: Recipe, source: RunDirectory, run: RunDirectory, names: Collection[str], progress: ProgressDisplay
) -> None:
    """Enter the stages `names` (and parts of them, `rewards/NAME`) of `source` as finished in `run`.

    Raises `ArtefactError` where a file is not what was written.
    """
    for name in stages_of(recipe):
        if name.partition("/")[0] in names and name not in run.manifest.stages and name in source.manifest.stages:
            entry = StageEntry(settings_digest(recipe, name), 0.0, basis_of(recipe, run, name))
            take_stage(run, source, name, entry)
            progress.say(f"{name}: as in {source.manifest.name}")
