"""The stages of a run in order. A finished stage is not done again; a killed one goes on from its last checkpoint."""

from collections.abc import Callable
from pathlib import Path

from accord.audit.examine import examine
from accord.errors import ArtefactError, RecipeError, nearest
from accord.lm.memory import release_memory
from accord.loop import stages
from accord.loop.data import data
from accord.loop.evaluate import evaluate, judges_of
from accord.loop.progress import ProgressDisplay
from accord.recipe import Recipe, dump
from accord.report.page import write
from accord.run import RunDirectory, digest_of_settings, timed

__all__ = ["STAGES", "drive", "stages_of", "start_run"]

Stage = Callable[[Recipe, RunDirectory, ProgressDisplay], None]


def audit(recipe: Recipe, run: RunDirectory, progress: ProgressDisplay) -> None:
    """Put the claims of the run to the test."""
    with progress.busy("  audit: working the claims out again"):
        examine(run, judges=judges_of(recipe, run), settings=recipe.audit).write(run)


def report(recipe: Recipe, run: RunDirectory, progress: ProgressDisplay) -> None:
    """The page."""
    with progress.busy("  report: drawing"):
        write(run)


STAGES: dict[str, Stage] = {
    "data": data,
    "sft": stages.sft,
    "reward": stages.reward,
    "eval_reward": stages.eval_reward,
    "policy": stages.policy,
    "evaluate": evaluate,
    "audit": audit,
    "report": report,
}

# What each stage's outcome depends on: its own section, and all that the stages before it used.
_SECTIONS: dict[str, tuple[str, ...]] = {
    "data": ("seed", "data"),
    "sft": ("seed", "data", "sft"),
    "reward": ("seed", "data", "reward"),
    "eval_reward": ("seed", "data", "evaluate.judge"),
    "policy": ("seed", "data", "sft", "reward", "policy"),
    "evaluate": ("seed", "data", "sft", "reward", "policy", "evaluate"),
    "audit": ("seed", "data", "sft", "reward", "policy", "evaluate", "audit"),
    "report": ("seed", "data", "sft", "reward", "policy", "evaluate", "audit"),
}


def start_run(recipe: Recipe, path: Path | str, *, resume: bool) -> RunDirectory:
    """A new run of `recipe` at `path`, or the one that is there where `resume` says so.

    Raises `ArtefactError` where a run is there and `resume` is not given.
    """
    path = Path(path)
    if not (path / "manifest.json").exists():
        run = RunDirectory.create(path, seed=recipe.seed)
    elif resume:
        run = RunDirectory.open(path)
    else:
        raise ArtefactError(f"{path}: a run is already here; add --resume to go on with it, or choose another folder")
    try:
        _check_same(recipe, run)
        run.write_text("recipe.toml", dump(recipe))
    except BaseException:
        run.close()
        raise
    return run


def _check_same(recipe: Recipe, run: RunDirectory) -> None:
    """Raises `ArtefactError` where the run, or a stage that it finished, was made with other settings."""
    if run.seed != recipe.seed:
        raise ArtefactError(f"{run.path}: this run has seed {run.seed}, the recipe {recipe.seed}; use a new folder")
    for stage in STAGES:
        run.is_done(stage, _digest(recipe, stage))


def drive(recipe: Recipe, run: RunDirectory, progress: ProgressDisplay, *, only: tuple[str, ...] = ()) -> None:
    """All stages that the recipe has, or those of `only` (what they build on must be there).

    Raises `RecipeError` for a stage that does not exist, and whatever a stage raises.
    """
    for name in only:
        if name not in STAGES:
            raise RecipeError(f"no stage '{name}'{nearest(name, list(STAGES))}")
    wanted = [name for name in STAGES if name in (only or stages_of(recipe))]
    for number, name in enumerate(wanted, 1):
        digest = _digest(recipe, name)
        if run.is_done(name, digest):
            progress.say(f"[{number}/{len(wanted)}] {name}: done before")
            continue
        progress.say(f"[{number}/{len(wanted)}] {name}")
        with timed() as seconds:
            STAGES[name](recipe, run, progress)
        run.finish(name, digest, seconds())
        progress.say(f"  {name}: {seconds():.0f} s")
        release_memory()


def stages_of(recipe: Recipe) -> list[str]:
    """The stages that the recipe's sections ask for, in order."""
    asked = {
        "sft": recipe.sft is not None,
        "reward": recipe.reward is not None,
        "eval_reward": recipe.evaluate is not None,
        "policy": recipe.policy is not None,
        "evaluate": recipe.evaluate is not None and recipe.policy is not None,
    }
    return [name for name in STAGES if asked.get(name, True)]


def _digest(recipe: Recipe, stage: str) -> str:
    content = recipe.model_dump(mode="json")
    # Where the feedback lies may change, as when a run is moved; what it says is recorded with its digest.
    content["data"] = {name: value for name, value in content["data"].items() if name not in {"ledger", "source"}}
    parts = {}
    for section in _SECTIONS[stage]:
        head, _, tail = section.partition(".")
        part = content[head]
        parts[section] = part[tail] if tail and part is not None else part
    return digest_of_settings(parts)
