"""The recipe of each round of a run: what it takes over of the round before stands in it as paths."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from accord.artefacts import MODEL, MOMENTS, folder_of_round
from accord.errors import RecipeError
from accord.recipe import Recipe
from accord.recipe.rounds import Loop
from accord.reward.learnt import LearntReward
from accord.reward.settings import RewardSettings
from accord.train.seeds import seed_of

__all__ = ["round_recipe"]

S = TypeVar("S", bound=BaseModel)
DRAWN_MODEL = "tiny"
"""The packaged model whose weights are drawn by the seed of whoever opens it."""


def round_recipe(recipe: Recipe, path: Path, number: int) -> Recipe:
    """The recipe of a round of the run at `path`: the first is that of a run without rounds.

    What it names of other rounds is absolute, as all paths of a recipe are: where whoever runs it stands is no setting.
    Raises `RecipeError` where what all rounds start from is no model that stays the same.
    """
    loop = recipe.loop
    assert loop is not None
    first = _keeping_moments(recipe.model_copy(update={"loop": None}), loop)
    if number == 1:
        return first
    path = path.absolute()
    parent = folder_of_round(path, number - 1)
    start = _first_start(recipe, path)
    policy = recipe.policy
    assert policy is not None
    changes: dict[str, object] = {
        "base": start if loop.policy == "restart" else str(parent / MODEL.path("policy")),
        "reference_model": start if loop.reference == "start" else None,
    }
    if loop.policy == "continue":
        changes |= _moments(first.policy, parent, "policy")
    return first.model_copy(
        update={
            "seed": seed_of(recipe.seed, "round", number) % 2**31,
            "sft": None,
            "reward": first.reward and _going_on(first.reward, loop, parent, _stage_of_reward(parent)),
            "rewards": {
                name: _going_on(reward, loop, parent, f"rewards/{name}") for name, reward in first.rewards.items()
            },
            "policy": first.policy and first.policy.model_copy(update=changes),
            "round": loop.of_round(number, str(parent), start),
        }
    )


def _going_on(reward: RewardSettings, loop: Loop, parent: Path, stage: str) -> RewardSettings:
    """A reward that goes on from that of the round before, where it is one that can and the loop says so."""
    if loop.reward == "anew" or not isinstance(reward, LearntReward) or reward.head_per == "unknown_group":
        return reward
    prior = "earlier" if loop.reward == "window" else "new"
    changes: dict[str, object] = {"go_on_from": str(parent / MODEL.path(stage)), "prior_about": prior}
    return reward.model_copy(update=changes | _moments(reward, parent, stage))


def _stage_of_reward(parent: Path) -> str:
    """The stage of the round before whose model its reward ended as: the policy's, where it went on in that."""
    return "policy-reward" if (parent / MODEL.path("policy-reward")).is_dir() else "reward"


def _keeping_moments(recipe: Recipe, loop: Loop) -> Recipe:
    """The recipe whose stages leave the moments of their optimisers, where the next round goes on with them."""
    if loop.optimiser == "anew":
        return recipe

    def keeping(settings: S) -> S:
        optim = getattr(settings, "optim", None)
        kept = optim and optim.model_copy(update={"keep_moments": True})
        return settings.model_copy(update={"optim": kept}) if kept else settings

    return recipe.model_copy(
        update={
            "policy": recipe.policy and keeping(recipe.policy),
            "reward": recipe.reward and keeping(recipe.reward),
            "rewards": {name: keeping(reward) for name, reward in recipe.rewards.items()},
        }
    )


def _moments(settings: BaseModel | None, parent: Path, stage: str) -> dict[str, object]:
    """The optimiser of a stage that goes on with the moments that one of the round before left, where it left some."""
    folder, optim = parent / MOMENTS.path(stage), getattr(settings, "optim", None)
    if optim is None or not optim.keep_moments or not folder.is_dir():
        return {}
    return {"optim": optim.model_copy(update={"moments_from": str(folder)})}


def _first_start(recipe: Recipe, path: Path) -> str:
    policy = recipe.policy
    assert policy is not None
    if recipe.sft is not None:
        own = folder_of_round(path, 1) / MODEL.path("sft")
        return str(policy.starts_from(own) or own)
    start = policy.base
    if start is None or start == DRAWN_MODEL:
        raise RecipeError(
            f"recipe.policy.base: the weights of '{DRAWN_MODEL}' are drawn anew by each round's seed, and all rounds "
            "are held near one start; add an [sft] section"
        )
    return start
