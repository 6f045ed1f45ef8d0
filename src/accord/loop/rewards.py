"""Reward models: trained, looked at on held-out pairs, and loaded again as the judges of the run."""

from accord.feedback import read_data
from accord.interfaces import Judge
from accord.loop.stage import Context
from accord.recipe import Recipe
from accord.reward.evaluation import evaluate, score_split
from accord.reward.fit import BradleyTerry
from accord.run import RunDirectory

__all__ = ["eval_reward", "judges_of", "reward"]


def reward(context: Context) -> None:
    """The reward model that the policy learns from."""
    assert context.recipe.reward is not None
    _fit(context.recipe.reward, context, split="train")


def eval_reward(context: Context) -> None:
    """The independent judge, from feedback that the reward model never sees."""
    assert context.recipe.evaluate is not None
    _fit(context.recipe.evaluate.judge, context, split="eval_reward")


def judges_of(recipe: Recipe, run: RunDirectory) -> dict[str, Judge]:
    """The run's judges by name: `reward`, which the policy learnt from, and the independent `eval_reward`."""
    judges: dict[str, Judge] = {}
    if recipe.reward is not None and run.has("reward/model"):
        judges["reward"] = recipe.reward.load(run)
    if recipe.evaluate is not None and run.has("eval_reward/model"):
        judges["eval_reward"] = recipe.evaluate.judge.load(run, stage="eval_reward")
    return judges


def _fit(settings: BradleyTerry, context: Context, *, split: str) -> None:
    run, progress, stage = context.run, context.progress, context.stage
    data = read_data(run)
    for _ in progress.steps(settings.steps(data, run, split=split, stage=stage), stage):
        pass
    with progress.busy(f"  {stage}: scoring the held-out completions"):
        model = settings.load(run, stage=stage)
        scores = score_split(model, data, "held_out")
    found = evaluate(scores, data, fitted_on=split, score_scale=model.score_scale)
    agreement = run.read_json("data/summary.json").get("agreement")
    rows = [
        {
            "completion": name,
            "prompt": data.completions[name].prompt,
            "score": score,
            "length": len(model.causal.encode_completion(data.completions[name].text)),
        }
        for name, score in scores.items()
    ]
    run.write_jsonl(f"{stage}/scores.jsonl", rows, stage=stage)
    content = {name: estimate.to_json() for name, estimate in found.items()}
    run.write_json(f"{stage}/evaluation.json", {**content, "agreement": agreement}, stage=stage)
    progress.say(f"  {stage}: held-out accuracy {found['accuracy']}")
