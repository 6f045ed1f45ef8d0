"""Rewards: trained, looked at on held-out pairs, and loaded again as the judges of the run."""

from accord.artefacts import CARD, SCORES
from accord.feedback import Dataset, read_data
from accord.interfaces import Judge
from accord.loop.stage import Context
from accord.recipe import Recipe
from accord.reward.combined import CombinedJudge
from accord.reward.evaluation import evaluate, score_split
from accord.reward.settings import RewardSettings
from accord.run import RunDirectory

__all__ = ["eval_reward", "judges_of", "named_reward", "policy_judge", "reward"]


def reward(context: Context) -> None:
    """The reward that the policy learns from."""
    assert context.recipe.reward is not None
    _train(context.recipe.reward, context, split="train")


def named_reward(context: Context) -> None:
    """One of the rewards that are components of what the policy learns from."""
    _train(context.recipe.rewards[context.stage.rpartition("/")[2]], context, split="train")


def eval_reward(context: Context) -> None:
    """The independent judge, from feedback that the reward never sees."""
    assert context.recipe.evaluate is not None
    _train(context.recipe.evaluate.judge, context, split="eval_reward")


def policy_judge(recipe: Recipe, run: RunDirectory) -> Judge | None:
    """What the policy learns from: `[reward]`, with each `[rewards.NAME]` as a component; None where it has neither."""
    main = None if recipe.reward is None else recipe.reward.load(run)
    if not recipe.rewards:
        return main
    others = {name: settings.load(run, stage=f"rewards/{name}") for name, settings in recipe.rewards.items()}
    return CombinedJudge("reward", main, others)


def judges_of(recipe: Recipe, run: RunDirectory) -> dict[str, Judge]:
    """The judges of the run that are trained: `reward`, which the policy learns from, and `eval_reward`."""
    stages = [("reward", recipe.reward)] if recipe.reward is not None else []
    stages += [(f"rewards/{name}", settings) for name, settings in recipe.rewards.items()]
    judges: dict[str, Judge] = {}
    if stages and all(settings.trained(run, stage=stage) for stage, settings in stages):
        judge = policy_judge(recipe, run)
        assert judge is not None
        judges["reward"] = judge
    if recipe.evaluate is not None and recipe.evaluate.judge.trained(run, stage="eval_reward"):
        judges["eval_reward"] = recipe.evaluate.judge.load(run, stage="eval_reward")
    return judges


def _train(settings: RewardSettings, context: Context, *, split: str) -> None:
    """Train a reward on a split and write its card."""
    data, run, stage = read_data(context.run), context.run, context.stage
    for _ in context.progress.steps(settings.steps(data, run, split=split, stage=stage), stage):
        pass
    if all(pair.tie for pair in data.pairs["held_out"]):
        context.progress.say(f"  {stage}: no held-out pair says which of two is better, so it is not tested")
    else:
        _write_card(settings.load(run, stage=stage), data, context, split=split)


def _write_card(judge: Judge, data: Dataset, context: Context, *, split: str) -> None:
    """Score the held-out completions, and write the scores and the card."""
    stage = context.stage
    with context.progress.busy(f"  {stage}: scoring the held-out completions"):
        scores = score_split(judge, data, "held_out")
    card = evaluate(scores, data, fitted_on=split, agreement=context.reader.summary.agreement)
    SCORES.write(context.run, scores.rows(data), stage=stage)
    CARD.write(context.run, card, stage=stage)
    context.progress.say(f"  {stage}: held-out accuracy {card.accuracy}")
