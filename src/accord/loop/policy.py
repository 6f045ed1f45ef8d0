"""The supervised start and the policy: what an algorithm learns from, taken from what earlier stages left."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from accord.errors import RecipeError
from accord.feedback import Dataset, read_data
from accord.interfaces import Judge
from accord.loop.rewards import policy_judge
from accord.loop.stage import Context
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
from accord.reward.dense import with_credits
from accord.run import RunDirectory

__all__ = ["policy", "sft", "start_of", "supervised_examples"]


def sft(context: Context) -> None:
    """The supervised start."""
    settings = context.recipe.sft
    assert settings is not None
    steps = settings.steps(supervised_examples(context.run), context.run, stage=context.stage)
    for _ in context.progress.steps(steps, context.stage):
        pass


def policy(context: Context) -> None:
    """The policy, by the algorithm that the recipe names."""
    data = read_data(context.run)
    for _ in context.progress.steps(_policy_steps(context.recipe, context.run, data), context.stage):
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
    return [(data.prompts[each.prompt], data.completions[each.completion]) for each in data.examples]


def _policy_steps(recipe: Recipe, run: RunDirectory, data: Dataset) -> Iterator[Any]:
    start = start_of(recipe, run)
    match recipe.policy:
        case PPO() as ppo:
            examples = supervised_examples(run) if ppo.pretrain_coef else []
            return ppo.steps(data.prompts_of("train"), _judge(recipe, run), run, start=start, examples=examples)
        case BestOfN() as best:
            return best.distil(data.prompts_of("train"), _judge(recipe, run), run, start=start)
        case Curated() as curated:
            return curated.curate(supervised_examples(run), _judge(recipe, run), run, start=start)
        case Conditional() as conditional:
            return conditional.condition(_compared(data), _judge(recipe, run), run, start=start)
        case ContextDistillation() as distillation:
            return distillation.distil(data.prompts_of("train"), run, start=start)
        case Abstaining() as abstaining:
            graded_by = policy_judge(recipe, run)
            return abstaining.abstain(supervised_examples(run), graded_by, run, start=start)
        case GRPO() | GroupSoup() | RLOO() | REINFORCE() | ReinforcePP() | RRHF() | PRO() as online:
            return online.steps(data.prompts_of("train"), _judge(recipe, run), run, start=start)
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
    """What the policy learns from; where its rewards are dense, the judge says where in a text they are earned."""
    judge = policy_judge(recipe, run)
    assert judge is not None
    return with_credits(judge) if isinstance(recipe.policy, Dense) and recipe.policy.dense else judge
