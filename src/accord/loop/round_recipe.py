"""The recipe of each round of a run: what it takes over of the round before stands in it as paths."""

from pathlib import Path

from accord.artefacts import MODEL, folder_of_round
from accord.errors import RecipeError
from accord.recipe import Recipe
from accord.recipe.rounds import Loop
from accord.reward.learnt import LearntReward
from accord.reward.settings import RewardSettings
from accord.train.seeds import seed_of

__all__ = ["round_recipe"]

DRAWN_MODEL = "tiny"
"""The packaged model whose weights are drawn by the seed of whoever opens it."""


def round_recipe(recipe: Recipe, path: Path, number: int) -> Recipe:
    """The recipe of a round of the run at `path`: the first is that of a run without rounds.

    What it names of other rounds is absolute, as all paths of a recipe are: where whoever runs it stands is no setting.
    Raises `RecipeError` where what all rounds start from is no model that stays the same.
    """
    loop = recipe.loop
    assert loop is not None
    first = recipe.model_copy(update={"loop": None})
    if number == 1:
        return first
    path = path.absolute()
    parent = folder_of_round(path, number - 1)
    start = _first_start(recipe, path)
    policy = recipe.policy
    assert policy is not None
    changes = {
        "base": start if loop.policy == "restart" else str(parent / MODEL.path("policy")),
        "reference_model": start if loop.reference == "start" else None,
    }
    return first.model_copy(
        update={
            "seed": seed_of(recipe.seed, "round", number) % 2**31,
            "sft": None,
            "reward": recipe.reward and _going_on(recipe.reward, loop, parent, "reward"),
            "rewards": {
                name: _going_on(reward, loop, parent, f"rewards/{name}") for name, reward in recipe.rewards.items()
            },
            "policy": policy.model_copy(update=changes),
            "round": loop.of_round(number, str(parent), start),
        }
    )


def _going_on(reward: RewardSettings, loop: Loop, parent: Path, stage: str) -> RewardSettings:
    """A reward that goes on from that of the round before, where it is one that can and the loop says so."""
    if loop.reward == "anew" or not isinstance(reward, LearntReward) or reward.head_per == "unknown_group":
        return reward
    prior = "earlier" if loop.reward == "window" else "new"
    return reward.model_copy(update={"go_on_from": str(parent / MODEL.path(stage)), "prior_about": prior})


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
