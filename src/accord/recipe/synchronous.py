"""Settings of a reward that goes on between the steps of the policy: how often, by whose answers, and how."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from accord.policy.group_soup import GroupSoup
from accord.policy.online import Online
from accord.policy.settings import PolicySettings
from accord.recipe.rounds import PEOPLE, AskedEvaluator
from accord.reward.learnt import LearntReward
from accord.reward.settings import RewardSettings

__all__ = ["Synchronous"]


class Synchronous(BaseModel):
    """`[synchronous]`: inside the policy's stage, answers on its newest texts, and a reward that learns of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    every: int = Field(ge=1, description="steps of the policy from one asking to the next")
    order: Literal["reward_first", "policy_first"] = Field(
        default="reward_first",
        description="whether the reward goes on before it scores the step's texts, or after the policy has learnt of "
        "them",
    )
    steps: int = Field(
        default=4, ge=0, description="steps that the reward makes of it; 0: answers are gathered, and it stays"
    )
    budget: int = Field(ge=0, description="answers that the policy's stage may ask for")
    study: str = Field(description="the study whose question is asked, a TOML file")
    evaluators: tuple[AskedEvaluator, ...] = Field(
        min_length=1, description="who is asked: models and programs, each with its answers at each asking"
    )
    learns_from: Literal["accumulate", "asked", "newest"] = Field(
        default="accumulate",
        description="the train split and all that the stage asked, what it asked alone, or the newest asking alone",
    )
    lr: float | None = Field(
        default=None, gt=0, description="learning rate of the reward's steps, which is constant; unset: its `optim.lr`"
    )
    optimiser: Literal["anew", "continue"] = Field(
        default="anew",
        description="the moments of the reward's optimiser begin anew each time, or go on from the last one",
    )

    @property
    def labels(self) -> int:
        """Answers that an asking takes."""
        return sum(each.labels for each in self.evaluators)

    @field_validator("evaluators")
    @classmethod
    def _machines(cls, evaluators: tuple[AskedEvaluator, ...]) -> tuple[AskedEvaluator, ...]:
        if any(each.by == PEOPLE for each in evaluators):
            raise ValueError("people cannot answer between two steps; ask them in rounds, in [loop], and leave it out")
        if any(each.several for each in evaluators):
            raise ValueError("a crowd is asked in rounds, in [loop]; between two steps take a program or a model")
        return evaluators

    def anchored(self, folder: Path) -> Self:
        """The same with its paths made absolute."""
        return self.model_copy(
            update={
                "study": str(folder / self.study),
                "evaluators": tuple(each.anchored(folder) for each in self.evaluators),
            }
        )

    def problem_with(self, policy: PolicySettings | None, reward: RewardSettings | None) -> str:
        """Why these cannot be a policy and a reward that go on in turns, as `section: why`; empty where they can."""
        if not isinstance(policy, Online) or isinstance(policy, GroupSoup) or not policy.on_policy:
            kind = "there is none" if policy is None else f"'{policy.kind}' does not train one policy on its own texts"
            return f"policy: {kind}, which [synchronous] asks about; take ppo, grpo, rloo or another that does"
        if policy.group_size < 2:
            return "policy.group_size: two texts of a prompt are compared; make it 2 or more"
        if not isinstance(reward, LearntReward) or reward.head_per == "unknown_group":
            kind = "there is none" if reward is None else f"'{reward.kind}' cannot go on from itself"
            return f"reward: {kind}, and [synchronous] has it go on; take a learnt one, such as bradley_terry"
        if self.optimiser == "continue" and reward.lora is not None:
            return 'synchronous.optimiser: adapters begin anew each time, and moments are not theirs; take "anew"'
        return ""
