"""The stages of a run in order. A finished stage is not done again; a killed one goes on from its last checkpoint."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accord.artefacts import RECIPE
from accord.errors import AccordError, ArtefactError, WaitingForPeople, storage
from accord.lm.memory import release_memory
from accord.loop.named_code import check_extensions, extension_inputs, recipe_of
from accord.loop.progress import ProgressDisplay
from accord.loop.retention import retention_of
from accord.loop.sameness import base_inputs, basis_of, check_settings, hub_inputs
from accord.loop.stage import Context, in_run, perform
from accord.loop.stages import builds_on, chosen_stages, settings_digest, stages_of
from accord.loop.tracking import Trackers
from accord.recipe import Recipe, dump
from accord.run import MANIFEST, RunDirectory, timed

__all__ = ["drive", "noting_end", "recipe_of", "start_run"]


def start_run(
    recipe: Recipe, path: Path | str, *, resume: bool, again: tuple[str, ...] = (), parents: tuple[str, ...] = ()
) -> RunDirectory:
    """A new run of `recipe` at `path`, or the one that is there where `resume` says so.

    One of which no stage was finished, since something was wrong, is begun again without `resume` too. Stages of
    `again`, and those that build on them, are forgotten, so that they are done again. A new run notes its `parents`, by
    digest. Raises `ArtefactError` where a
    run is there and `resume` is not given, or where it was made with other settings; nothing has changed then.
    """
    path = Path(path)
    with storage(path):
        is_there = (path / MANIFEST).exists()
    forgotten = _rest_on(recipe, again)
    if not is_there:
        run = RunDirectory.create(path, seed=recipe.seed, parents=parents)
    else:
        run = RunDirectory.open(path)
        if not resume and (run.manifest.stages or run.manifest.seed != recipe.seed):
            run.close()
            raise ArtefactError(
                f"{path}: a run is already here; add --resume to go on with it, or choose another folder"
            )
    try:
        check_settings(recipe, run, but=forgotten)
        check_extensions(recipe.extensions, run)
        for name in forgotten:
            run.forget(name)
        for name, entry in (extension_inputs(recipe.extensions, run) | base_inputs(recipe, run)).items():
            run.record_input(name, entry)
        RECIPE.write(run, dump(recipe))
    except BaseException:
        run.close()
        raise
    return run


def _rest_on(recipe: Recipe, names: tuple[str, ...]) -> list[str]:
    """The stages of these names and those that build on them. Raises `RecipeError` for one that the recipe lacks."""
    chosen = chosen_stages(recipe, names) if names else {}
    return [name for name in stages_of(recipe) if name in chosen or chosen.keys() & set(builds_on(recipe, name))]


def drive(
    recipe: Recipe, run: RunDirectory, progress: ProgressDisplay, *, only: tuple[str, ...] = (), prefix: str = ""
) -> None:
    """All stages that the recipe has, or those of `only` (what they build on must be there).

    A stage is done before where its files are what it wrote and what it builds on was not made again since. With a
    `prefix` (`rounds/03`) they stand below it, and read what others below it left. Raises `RecipeError` for a stage
    that does not exist, and whatever a stage raises.
    """
    with Trackers.of(recipe, run, progress.say) as trackers:
        _drive(recipe, run, progress, trackers, only, prefix)


def _drive(
    recipe: Recipe,
    run: RunDirectory,
    progress: ProgressDisplay,
    trackers: Trackers,
    only: tuple[str, ...],
    prefix: str,
) -> None:
    stages = chosen_stages(recipe, only)
    for number, (name, stage) in enumerate(stages.items(), 1):
        full_name = f"{prefix}/{name}" if prefix else name
        place = f"[{number}/{len(stages)}] {full_name}"
        digest, basis = settings_digest(recipe, name), basis_of(recipe, run, name, prefix)
        done = run.is_done(full_name, digest)
        reason = _why_again(run, full_name, basis)
        if done and not reason:
            progress.say(f"{place}: done before")
            continue
        progress.say(f"{place}: again, since {reason}" if reason else place)
        if reason:
            run.forget(full_name)
        run.begin(full_name, basis)
        with timed() as seconds, noting_end(run, full_name):
            context = Context(in_run(recipe, run), run, progress, full_name, prefix, trackers)
            run.retention = retention_of(context)
            perform(stage, context)
        for key, entry in hub_inputs(recipe, stage.sections(recipe)[name]).items():
            run.record_input(key, entry)
        run.finish(full_name, digest, seconds(), basis=basis)
        progress.say(f"  {name}: {seconds():.0f} s")
        release_memory()


@contextmanager
def noting_end(run: RunDirectory, stage: str) -> Iterator[None]:
    """Note in the run what a stage waits for, or why it stopped, where the block ends before the stage does."""
    try:
        yield
    except WaitingForPeople as waiting:
        run.pause(stage)
        run.wait(stage, str(waiting))
        raise
    except BaseException as error:
        run.pause(stage)
        run.stop(stage, _why_stopped(error))
        raise


def _why_stopped(error: BaseException) -> str:
    """What ended a stage, in a line."""
    if isinstance(error, KeyboardInterrupt):
        return "stopped by Ctrl-C"
    return str(error) if isinstance(error, AccordError) else f"{type(error).__name__}: {error}"


def _why_again(run: RunDirectory, stage: str, basis: str) -> str:
    """Why what a stage has left cannot be built on; empty where it can, or where it left nothing."""
    record = run.manifest.stages.get(stage)
    if (record.basis if record else run.manifest.begun.get(stage, basis)) != basis:
        return "what it builds on was made again"
    for name in run.files_of(stage) if record else ():
        if problem := run.problem_of(name):
            return f"{name} {problem}"
    return ""
