"""The training stages of a run: each reads what the stages before it left in the run, and leaves its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from accord.errors import RecipeError
from accord.feedback import Dataset, read_data
from accord.interfaces import Judge
from accord.loop.progress import ProgressDisplay
from accord.policy.abstaining import Abstaining
from accord.policy.best_of_n import BestOfN
from accord.policy.conditional import Conditional
from accord.policy.context_distillation import ContextDistillation
from accord.policy.curated import Curated
from accord.policy.dpo import DPO
from accord.policy.group_soup import GroupSoup
from accord.policy.grpo import GRPO
from accord.policy.ipo import IPO
from accord.policy.kto import KTO
from accord.policy.online import Dense
from accord.policy.orpo import ORPO
from accord.policy.ppo import PPO
from accord.policy.pro import PRO
from accord.policy.reinforce import REINFORCE
from accord.policy.reinforce_pp import ReinforcePP
from accord.policy.rloo import RLOO
from accord.policy.rrhf import RRHF
from accord.policy.sft import SFT
from accord.policy.simpo import SimPO
from accord.policy.supervised import Example
from accord.recipe import Recipe
from accord.records import Prompt
from accord.reward.dense import ByToken
from accord.reward.evaluation import evaluate, score_split
from accord.reward.fit import BradleyTerry
from accord.run import RunDirectory

__all__ = ["eval_reward", "policy", "reward", "sft", "start_of", "supervised_examples"]


def sft(recipe: Recipe, run: RunDirectory, progress: ProgressDisplay) -> None:
    """The supervised start."""
    assert recipe.sft is not None
    examples = supervised_examples(run)
    for _ in progress.steps(recipe.sft.steps(examples, run), "sft"):
        pass


def reward(recipe: Recipe, run: RunDirectory, progress: ProgressDisplay) -> None:
    """The reward model that the policy learns from."""
    assert recipe.reward is not None
    _fit(recipe.reward, run, progress, split="train", stage="reward")


def eval_reward(recipe: Recipe, run: RunDirectory, progress: ProgressDisplay) -> None:
    """The independent judge, from feedback that the reward model never sees."""
    assert recipe.evaluate is not None
    _fit(recipe.evaluate.judge, run, progress, split="eval_reward", stage="eval_reward")


def policy(recipe: Recipe, run: RunDirectory, progress: ProgressDisplay) -> None:
    """The policy, by the algorithm that the recipe names."""
    data = read_data(run)
    for _ in progress.steps(_policy_steps(recipe, run, data), "policy"):
        pass


def start_of(recipe: Recipe, run: RunDirectory) -> Path | str:
    """What the policy starts from, and is compared with: its own base, else the supervised start."""
    if recipe.policy is not None and recipe.policy.kind != "sft" and recipe.policy.base is not None:
        return recipe.policy.base
    if recipe.sft is not None:
        return run.verified("sft/model")
    if recipe.policy is not None and recipe.policy.base is not None:
        return recipe.policy.base
    raise RecipeError("recipe.policy.base: missing; name a model, or add an [sft] section")


def supervised_examples(run: RunDirectory) -> list[Example]:
    """What the supervised start learns from: prompts and completions of the train side."""
    data = read_data(run)
    rows = run.read_jsonl("data/sft.jsonl")
    return [(data.prompts[row["prompt"]], data.completions[row["completion"]]) for row in rows]


def prompts_of(run: RunDirectory, data: Dataset, split: str) -> list[Prompt]:
    """The prompts of a split, in the order of the run's file."""
    rows = run.read_jsonl("data/prompts.jsonl")
    return [data.prompts[row["id"]] for row in rows if row["split"] == split]


def _policy_steps(recipe: Recipe, run: RunDirectory, data: Dataset) -> Iterator[Any]:
    start = start_of(recipe, run)
    match recipe.policy:
        case PPO() as ppo:
            examples = supervised_examples(run) if ppo.pretrain_coef else []
            return ppo.steps(prompts_of(run, data, "train"), _judge(recipe, run), run, start=start, examples=examples)
        case BestOfN() as best:
            return best.distil(prompts_of(run, data, "train"), _judge(recipe, run), run, start=start)
        case Curated() as curated:
            return curated.curate(supervised_examples(run), _judge(recipe, run), run, start=start)
        case Conditional() as conditional:
            return conditional.condition(_compared(data), _judge(recipe, run), run, start=start)
        case ContextDistillation() as distillation:
            return distillation.distil(prompts_of(run, data, "train"), run, start=start)
        case Abstaining() as abstaining:
            graded_by = None if recipe.reward is None else _judge(recipe, run)
            return abstaining.abstain(supervised_examples(run), graded_by, run, start=start)
        case GRPO() | GroupSoup() | RLOO() | REINFORCE() | ReinforcePP() | RRHF() | PRO() as online:
            return online.steps(prompts_of(run, data, "train"), _judge(recipe, run), run, start=start)
        case DPO() | IPO() | SimPO() | ORPO() | KTO() as pairwise:
            return pairwise.steps(data, run, start=start)
        case SFT() as again:
            chosen = {pair.chosen for pair in data.pairs["train"] if not pair.tie}
            examples = [(data.prompts[data.completions[i].prompt], data.completions[i]) for i in sorted(chosen)]
            return again.steps(examples, run, start=start, stage="policy")
        case None:
            raise RecipeError("recipe.policy: missing")


def _compared(data: Dataset) -> list[Example]:
    """Every completion that stands in a pair of the train side, better or worse."""
    names = dict.fromkeys(name for pair in data.pairs["train"] for name in (pair.chosen, pair.rejected))
    return [(data.prompts[data.completions[name].prompt], data.completions[name]) for name in names]


def _judge(recipe: Recipe, run: RunDirectory) -> Judge:
    """The reward model; where the policy's rewards are dense, it says where in a text they are earned."""
    assert recipe.reward is not None
    model = recipe.reward.load(run)
    return ByToken(model) if isinstance(recipe.policy, Dense) and recipe.policy.dense else model


def _fit(settings: BradleyTerry, run: RunDirectory, progress: ProgressDisplay, *, split: str, stage: str) -> None:
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
