"""The stages of a run in order. A finished stage is not done again; a killed one goes on from its last checkpoint."""

from os.path import relpath
from pathlib import Path

from accord.artefacts import RECIPE
from accord.errors import ArtefactError
from accord.extensions import load_extensions
from accord.lm.memory import release_memory
from accord.loop.progress import ProgressDisplay
from accord.loop.stage import Context
from accord.loop.stages import chosen_stages, settings_digest, stages_of
from accord.recipe import Recipe, dump, load
from accord.run import MANIFEST, InputEntry, RunDirectory, timed

__all__ = ["drive", "recipe_of", "start_run"]


def start_run(recipe: Recipe, path: Path | str, *, resume: bool) -> RunDirectory:
    """A new run of `recipe` at `path`, or the one that is there where `resume` says so.

    Raises `ArtefactError` where a run is there and `resume` is not given.
    """
    path = Path(path)
    if not (path / MANIFEST).exists():
        run = RunDirectory.create(path, seed=recipe.seed)
    elif resume:
        run = RunDirectory.open(path)
    else:
        raise ArtefactError(f"{path}: a run is already here; add --resume to go on with it, or choose another folder")
    try:
        _check_same(recipe, run)
        for name, entry in _extensions(recipe, run).items():
            run.record_input(name, entry)
        RECIPE.write(run, dump(recipe))
    except BaseException:
        run.close()
        raise
    return run


def _check_same(recipe: Recipe, run: RunDirectory) -> None:
    """Raises `ArtefactError` where the run, or a stage that it finished, was made with other settings."""
    if run.seed != recipe.seed:
        raise ArtefactError(f"{run.path}: this run has seed {run.seed}, the recipe {recipe.seed}; use a new folder")
    for name in stages_of(recipe):
        run.is_done(name, settings_digest(recipe, name))
    _check_extensions(recipe, run)


def recipe_of(run: RunDirectory) -> Recipe:
    """The recipe that a run was made by. Raises `ArtefactError` where an extension of it has changed since."""
    recipe = load(RECIPE.verified(run))
    _check_extensions(recipe, run)
    return recipe


def _check_extensions(recipe: Recipe, run: RunDirectory) -> None:
    """Raises `ArtefactError` where an extension is not the file that the run was made with."""
    for name, entry in _extensions(recipe, run).items():
        noted = run.manifest.inputs.get(name)
        if noted is not None and noted.digest != entry.digest:
            raise ArtefactError(f"{run.path}: {name} has changed since; put the old file back, or use a new folder")


def _extensions(recipe: Recipe, run: RunDirectory) -> dict[str, InputEntry]:
    """The extensions of a recipe as inputs of the run, by name."""
    return {
        f"extension {extension.path.name}": InputEntry(extension.sha256, relpath(extension.path, run.path.resolve()))
        for extension in load_extensions(recipe.extensions, Path())
    }


def drive(
    recipe: Recipe, run: RunDirectory, progress: ProgressDisplay, *, only: tuple[str, ...] = (), prefix: str = ""
) -> None:
    """All stages that the recipe has, or those of `only` (what they build on must be there).

    With a `prefix` (`rounds/03`) they stand below it, and read what others below it left. Raises `RecipeError` for a
    stage that does not exist, and whatever a stage raises.
    """
    stages = chosen_stages(recipe, only)
    for number, (name, stage) in enumerate(stages.items(), 1):
        full_name = f"{prefix}/{name}" if prefix else name
        place = f"[{number}/{len(stages)}] {full_name}"
        digest = settings_digest(recipe, name)
        if run.is_done(full_name, digest):
            progress.say(f"{place}: done before")
            continue
        progress.say(place)
        with timed() as seconds:
            stage.perform(Context(recipe, run, progress, full_name, prefix))
        run.finish(full_name, digest, seconds())
        progress.say(f"  {name}: {seconds():.0f} s")
        release_memory()
