"""The stages of a run in their order, and what of a recipe the outcome of each depends on."""

from typing import Any

from accord.audit.examine import examine
from accord.errors import RecipeError, nearest
from accord.loop.data import data
from accord.loop.evaluate import evaluate
from accord.loop.policy import policy, sft
from accord.loop.rewards import eval_reward, judges_of, named_reward, reward
from accord.loop.stage import Context, Stage
from accord.recipe import Recipe
from accord.registry import Registry
from accord.report.page import write
from accord.run import digest_of_settings

__all__ = ["STAGES", "chosen_stages", "settings_digest", "stages_of"]

STAGES: Registry[Stage] = Registry("stage", error=RecipeError)


def audit(context: Context) -> None:
    """Put the claims of the run to the test."""
    with context.progress.busy("  audit: working the claims out again"):
        judges = judges_of(context)
        examine(context.run, judges=judges, settings=context.recipe.audit).write(context.run)


def report(context: Context) -> None:
    """The page."""
    with context.progress.busy("  report: drawing"):
        write(context.run)


for _stage in (
    Stage("data", (), "data", data),
    Stage("sft", ("data",), "sft", sft),
    Stage("reward", ("data",), "reward", reward),
    Stage("rewards", ("data",), "rewards", named_reward),
    Stage("eval_reward", ("data",), "evaluate.judge", eval_reward),
    Stage("policy", ("sft", "reward", "rewards"), "policy", policy),
    Stage("evaluate", ("policy", "eval_reward"), "evaluate", evaluate, lambda recipe: recipe.policy is not None),
    Stage("audit", ("evaluate",), "audit", audit),
    Stage("report", ("audit",), "", report),
):
    STAGES.add(_stage.name, _stage)


def stages_of(recipe: Recipe) -> dict[str, Stage]:
    """The stages that the recipe's sections ask for by name, in order."""
    return {name: stage for stage in STAGES for name in stage.sections(recipe)}


def chosen_stages(recipe: Recipe, only: tuple[str, ...]) -> dict[str, Stage]:
    """The stages of the recipe, or those of them that `only` names.

    Raises `RecipeError` for a stage that does not exist, or that the recipe has no section for.
    """
    stages = stages_of(recipe)
    for name in only:
        if name not in stages:
            if name in STAGES:
                raise RecipeError(f"no stage '{name}' in this recipe; add a section for it, or leave it out")
            raise RecipeError(f"no stage '{name}'{nearest(name, list(stages))}")
    return {name: stage for name, stage in stages.items() if not only or name in only}


def settings_digest(recipe: Recipe, name: str) -> str:
    """A digest of all settings that the outcome of a stage depends on: its own, and those of the stages it needs."""
    content = recipe.model_dump(mode="json")
    # Where the feedback lies may change, as when a run is moved; what it says is recorded with its digest.
    content["data"] = {key: value for key, value in content["data"].items() if key not in {"ledger", "source"}}
    return digest_of_settings(
        {"seed": recipe.seed, **{section: _part(content, section) for section in _sections(recipe, name)}}
    )


def _sections(recipe: Recipe, name: str) -> list[str]:
    """The sections of a stage and of all that it needs, directly or by way of others."""
    stage = stages_of(recipe)[name]
    needed = [name for need in stage.needs for name in STAGES.get(need).sections(recipe)]
    own = stage.sections(recipe)[name]
    return list(dict.fromkeys([*(section for name in needed for section in _sections(recipe, name)), own]))


def _part(content: Any, section: str) -> Any:
    for name in filter(None, section.split(".")):
        content = content[name]
    return content if section else None
