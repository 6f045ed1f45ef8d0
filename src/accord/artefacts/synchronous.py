"""What became of the reward while the policy learnt from it: a row for each time that it was due to go on."""

from typing import Literal

from pydantic import Field

from accord.artefacts.kinds import JsonLines, JsonObject, Row, absent
from accord.stats import Estimate

__all__ = ["REWARD_UPDATE", "REWARD_UPDATES", "RewardUpdate", "RightShare"]


class RightShare(Row):
    """How often a reward orders judged pairs as they were ordered; ties are left out."""

    before: Estimate = Field(description="by the reward as it was")
    after: Estimate | None = absent("by the reward as it is then; absent where it did not learn")


class RewardUpdate(Row):
    """A step of the policy at which the reward was due to go on."""

    step: int = Field(ge=1, description="of the policy")
    every: int = Field(ge=1, description="steps of the policy from one to the next")
    order: Literal["reward_first", "policy_first"] = Field(
        description="whether the reward goes on before it scores the step's texts, or after the policy's update"
    )
    round: int = Field(ge=1, description="of the run")
    policy: str = Field(description="digest of the weights that wrote the texts")
    pairs: int = Field(ge=0, description="pairs of the step's texts that were asked about")
    new_pairs: int = Field(ge=0, description="pairs that the answers make, ties among them")
    labels: int = Field(ge=0, description="answers that were given")
    spent: int = Field(ge=0, description="answers of the stage so far")
    learnt: bool = Field(description="whether the reward learnt")
    reason: str = Field(description="why, or why not")
    version: int = Field(ge=0, description="how often the reward has learnt in this stage")
    reward: str | None = absent("digest of the model that came of it")
    learns_from: str = Field(description="what it learns from: `accumulate`, `asked` or `newest`")
    judgements: int | None = absent("pairs that it learnt from")
    steps: int = Field(ge=0, description="steps of the reward")
    optimiser: Literal["anew", "continue"] | None = absent("what became of its optimiser's moments")
    first_loss: float | None = absent("in its first step, nats an observation")
    last_loss: float | None = absent("in its last step")
    fresh: RightShare | None = absent("on the pairs that were asked about")
    held_out: RightShare | None = absent("on held-out pairs, 200 at most")
    skipped: bool | None = absent("where whoever was asked failed, and the policy went on without")


REWARD_UPDATE: JsonObject[RewardUpdate] = JsonObject(
    "update.json",
    "what was asked between two steps of the policy, and what the reward learnt of it (`policy-reward/0004`; its pairs "
    "and texts lie beside it)",
    content=RewardUpdate,
)
REWARD_UPDATES: JsonLines[RewardUpdate] = JsonLines(
    "reward_updates.jsonl",
    "the steps at which the reward was due to go on while the policy learnt (`[synchronous]`)",
    "policy",
    row=RewardUpdate,
)
