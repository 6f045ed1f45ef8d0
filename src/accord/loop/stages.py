"""The stages of a run in their order, and what of a recipe the outcome of each depends on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accord.audit.examine import examine
from accord.deferred import deferred
from accord.errors import RecipeError, nearest
from accord.lm.settings import SAME_NUMBERS
from accord.loop.remedies import with_recipe_lines
from accord.loop.stage import Context, Stage
from accord.recipe import Recipe
from accord.recipe.judges import ModelJudge
from accord.recipe.rounds import Round
from accord.recipe.toml_text import flat
from accord.registry import Registry
from accord.reward.registry import REWARDS
from accord.run import digest_of_settings

with deferred():
    from accord.loop.asking import ask
    from accord.loop.attacks import attack_arms
    from accord.loop.compared_texts import compare_changed_references
    from accord.loop.data import data
    from accord.loop.evaluate import evaluate
    from accord.loop.harm import mark_harm
    from accord.loop.meanings import sort_answers
    from accord.loop.own_evaluation import judge_samples, measure_samples
    from accord.loop.policy import policy, sft
    from accord.loop.questions import ask_questions
    from accord.loop.rewards import combine, eval_reward, judges_of, named_reward, reward
    from accord.loop.steering import ask_challenging
    from accord.loop.texts import foretell_texts
    from accord.report.page import write

__all__ = [
    "STAGES",
    "builds_on",
    "chosen_stages",
    "sections_of",
    "settings_digest",
    "settings_in",
    "stages_of",
]

TEXTS = frozenset({"pattern", "stop", "context", "clauses", "chat_template", "question", "instructions"})
"""Settings whose texts may begin with a slash and are no paths."""
_ADDED_KEYS = ("judges", "metrics")
STAGES: Registry[Stage] = Registry("stage", error=RecipeError)


def audit(context: Context) -> None:
    """Ask both models what the audit asks them, attack them, and put the claims of the run to the test."""
    ask_questions(context)
    foretell_texts(context)
    sort_answers(context)
    attack_arms(context)
    ask_challenging(context)
    mark_harm(context)
    with context.progress.busy("  audit: working the claims out again"):
        judges = judges_of(context)
        compare_changed_references(context, judges)
        found = examine(context.run, judges=judges, settings=context.recipe.audit, prefix=context.prefix)
        with_recipe_lines(found, context.recipe).write(context.run, stage=context.stage)


def report(context: Context) -> None:
    """The page."""
    with context.progress.busy("  report: drawing"):
        write(context.run, prefix=context.prefix)


def _is_judged(recipe: Recipe) -> bool:
    return recipe.evaluate is not None and recipe.evaluate.judged


def _has_policy(recipe: Recipe) -> bool:
    return recipe.policy is not None


ADDED = ("judges/", "metrics/")
"""Stages that may be added to a run that is finished: what builds on them is made again, under settings that hold."""

for _stage in (
    Stage("ask", (), "round", ask),
    Stage("data", ("ask",), "data", data),
    Stage("sft", ("data",), "sft", sft),
    Stage("reward", ("data",), "reward", reward),
    Stage("rewards", ("data",), "rewards", named_reward),
    Stage("combine", ("reward", "rewards"), "combine", combine),
    Stage("eval_reward", ("data",), "evaluate.judge", eval_reward, _is_judged),
    Stage("policy", ("data", "sft", "reward", "rewards", "combine"), "policy", policy, beside=("synchronous",)),
    Stage("evaluate", ("policy", "eval_reward"), "evaluate", evaluate, _has_policy),
    Stage("judges", ("data", "evaluate"), "evaluate.judges", judge_samples, _has_policy),
    Stage("metrics", ("data", "evaluate"), "evaluate.metrics", measure_samples, _has_policy),
    Stage("audit", ("evaluate",), "audit", audit),
    Stage("report", ("audit", "judges", "metrics"), "", report),
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
    return digest_of_settings(settings_in(recipe.model_dump(mode="json"), sections_of(recipe, name)))


def settings_in(content: Mapping[str, Any], sections: Sequence[str]) -> dict[str, Any]:
    """The settings of some sections of a recipe, and its seed, by dotted key; what is unset is left out.

    Where things lie may change, as when a run is moved, and is left out or told by its last name: what they hold is
    noted by its digest (the ledger, a reward's file, a model's folder). So may what changes no number.
    """
    settings = {"seed": content.get("seed", 0)}
    for section in sections:
        part = _part(content, section) or {}
        kind = part.get("kind")
        free = REWARDS.get(kind).changeable if kind is not None and kind in REWARDS else frozenset()
        free = Round.changeable if section == "round" else free
        free = frozenset(_ADDED_KEYS) if section == "evaluate" else free  # each is a stage of its own
        free = ModelJudge.changeable if kind == "model" and section.startswith("evaluate.judges.") else free
        settings |= flat({key: value for key, value in part.items() if key not in free}, f"{section}.")
    return {
        key: value if key.rpartition(".")[2] in TEXTS else _last_name(value)
        for key, value in settings.items()
        if value is not None
        and key not in {"data.ledger", "data.source"}
        and key.rpartition(".")[2] not in SAME_NUMBERS
    }


def builds_on(recipe: Recipe, name: str) -> list[str]:
    """The stages of the recipe that a stage needs, directly or by way of others, in order."""
    direct = [each for need in stages_of(recipe)[name].needs for each in STAGES.get(need).sections(recipe)]
    return list(dict.fromkeys([*(each for needed in direct for each in builds_on(recipe, needed)), *direct]))


def sections_of(recipe: Recipe, name: str) -> list[str]:
    """The sections of a stage and of all that it needs, directly or by way of others."""
    stages = stages_of(recipe)
    named = [*(each for each in builds_on(recipe, name) if not each.startswith(ADDED)), name]
    own = [section for each in named for section in (stages[each].sections(recipe)[each], *stages[each].beside)]
    return list(dict.fromkeys(section for section in own if section))


def _last_name(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_last_name(each) for each in value]
    if isinstance(value, Mapping):
        return {key: _last_name(each) for key, each in value.items()}
    if not isinstance(value, str):
        return value
    kind, colon, rest = value.partition(":") if value.startswith("program:/") else ("", "", value)
    return f"{kind}{colon}{Path(rest).name}" if rest.startswith("/") else value


def _part(content: Any, section: str) -> Any:
    for name in section.split("."):
        content = content.get(name) if isinstance(content, Mapping) else None
    return content
