"""Whether the policy learnt from a judge: only one that it did not learn from says whether it became better."""

from accord.artefacts import RunReader
from accord.extensions import load_extensions
from accord.recipe import Recipe
from accord.reward.kinds.classifier import Classifier
from accord.reward.kinds.python import PythonReward
from accord.reward.settings import RewardSettings

__all__ = ["learnt_by_policy", "model_taught", "taught_by"]


def learnt_by_policy(recipe: Recipe) -> dict[str, RewardSettings]:
    """The rewards that the policy is trained on, by their sections; none where it learns from no judge."""
    if recipe.policy is None or "judge" not in recipe.policy.needs:
        return {}
    main = {} if recipe.reward is None else {"reward": recipe.reward}
    return {**main, **{f"rewards.{name}": reward for name, reward in recipe.rewards.items()}}


def taught_by(settings: RewardSettings, recipe: Recipe) -> str | None:
    """Why a judge or metric is not independent of what the policy was trained on; None where it is.

    What is learnt is learnt from feedback that no reward sees (the split `eval_reward`). What is stated is the same as
    a reward of its kind, whatever its limits are; a function or a published model, where it is that very one.
    """
    if settings.learns_from:
        return None
    for section, reward in learnt_by_policy(recipe).items():
        if _is_same(settings, reward):
            return f"the policy was trained on it: [{section}] is of the same kind, {reward.kind}"
    return None


def _is_same(judge: RewardSettings, reward: RewardSettings) -> bool:
    if not (isinstance(judge, type(reward)) or isinstance(reward, type(judge))):
        return judge.kind == reward.kind == "length"  # a reward of lengths rewards a length
    if isinstance(judge, PythonReward) and isinstance(reward, PythonReward):
        return judge.function == reward.function and _code_of(judge) == _code_of(reward)
    if isinstance(judge, Classifier) and isinstance(reward, Classifier):
        return judge.model == reward.model
    return True


def _code_of(settings: PythonReward) -> str:
    (extension,) = load_extensions([settings.file], settings.file.parent)
    return extension.sha256


def model_taught(name: str, recipe: Recipe, reader: RunReader) -> str | None:
    """Why a model of that name is not independent: it gave answers that were learnt from."""
    evaluators = {each.id for each in reader.evaluators.values() if each.kind == "model" and each.pseudonym == name}
    if not evaluators:
        return None
    answers = sum(record.evaluator in evaluators for record in reader.feedback("train"))
    return f"{answers:,} of the answers that the run learnt from are by {name}" if answers else None
