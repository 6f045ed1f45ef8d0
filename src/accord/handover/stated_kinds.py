"""Rewards that are stated and not learnt, opened from a run without the extra `train`: their settings alone."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from accord import reward as kinds
from accord.artefacts import NORMALISATION, RECIPE
from accord.errors import ArtefactError
from accord.extras import TRAIN, lacking
from accord.interfaces import Judge
from accord.recipe.toml_text import read_toml
from accord.reward.combine import COMBINATIONS, Combination
from accord.reward.of_run import RewardSections
from accord.reward.settings import RewardSettings
from accord.run import RunDirectory

__all__ = ["STATED_KINDS", "stated_rewards"]

STATED_KINDS: Mapping[str, str] = {
    "abstention": "AbstentionReward",
    "answer": "AnswerReward",
    "brier": "BrierReward",
    "format": "FormatReward",
    "json_schema": "JsonSchemaReward",
    "length": "LengthReward",
    "python": "PythonReward",
    "unit_tests": "UnitTestsReward",
}
"""Kinds that need no model, and the names of their settings in `accord.reward`."""


def stated_rewards(run: RunDirectory, *, judge: bool) -> dict[str, Judge] | None:
    """The rewards of a run by name, where nothing of them is learnt; None where something is, or an extension may be.

    With `judge` the independent judge is among them. Where that alone is learnt, and the extra is lacking, it is left
    out. Raises `ArtefactError` where the recipe cannot be read.
    """
    recipe = read_toml(RECIPE.read(run), RECIPE.path())
    main, named = recipe.get("reward"), recipe.get("rewards") or {}
    other = (recipe.get("evaluate") or {}).get("judge") if judge else None
    if recipe.get("extensions") or not all(map(_is_stated, filter(None, [main, *named.values()]))):
        return None
    if other is not None and not _is_stated(other):
        if not lacking(TRAIN):
            return None
        other = None
    rewards = {name: _settings(section, run) for name, section in named.items()}
    sections = RewardSections(_settings(main, run) if main else None, rewards, _combination(recipe.get("combine"), run))
    found = {"reward": sections.judge(run)} if _is_ready(sections, run) else {}
    if other is not None and (settings := _settings(other, run)).trained(run, stage="eval_reward"):
        found["eval_reward"] = settings.load(run, stage="eval_reward")
    return {name: each for name, each in found.items() if each is not None}


def _is_stated(section: Any) -> bool:
    return isinstance(section, dict) and section.get("kind") in STATED_KINDS


def _is_ready(sections: RewardSections, run: RunDirectory) -> bool:
    """Whether the stages of all rewards, and of what combines them, are done."""
    stages = {f"rewards/{name}": each for name, each in sections.rewards.items()}
    stages |= {} if sections.reward is None else {"reward": sections.reward}
    combined = sections.combine is None or NORMALISATION.has(run, "combine")
    return combined and all(each.trained(run, stage=stage) for stage, each in stages.items())


def _settings(section: dict[str, Any], run: RunDirectory) -> RewardSettings:
    settings: type[RewardSettings] = getattr(kinds, STATED_KINDS[section["kind"]])
    try:
        return settings.model_validate(section)
    except ValidationError as error:
        raise ArtefactError(
            f"{run.path}/{RECIPE.path()}: a reward of it cannot be read ({error.errors()[0]})"
        ) from error


def _combination(section: dict[str, Any] | None, run: RunDirectory) -> Combination | None:
    if section is None:
        return None
    try:
        return COMBINATIONS.get(section.get("kind", "")).model_validate(section)
    except ValidationError as error:
        raise ArtefactError(f"{run.path}/{RECIPE.path()}: [combine] cannot be read ({error.errors()[0]})") from error
