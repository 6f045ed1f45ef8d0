"""What is measured: one entry a stage, the same sizes for every side."""

from dataclasses import dataclass

__all__ = ["AGAINST_OURSELVES", "GOALS", "GROUP", "NEW_TOKENS", "SIZES", "STAGES", "Goal"]

SIZES = {
    "sft": 8,
    "reward": 4,
    "reward5": 4,
    "dpo": 4,
    "dpo_lora": 4,
    "grpo": 2,
    "ppo": 2,
    "generate16": 16,
    "generate32": 32,
}
STAGES = tuple(SIZES)
GROUP = 8  # samples of a prompt in GRPO and PPO
NEW_TOKENS = 128
# Nobody else has these: PPO on the samples of GRPO, and a reward model of five members beside one.
AGAINST_OURSELVES = {"ppo": "grpo", "reward5": "reward"}


@dataclass(frozen=True)
class Goal:
    """What accord set itself: ratio to the peer's default and best setting, limit's share, memory's share."""

    default: float | None = None
    best: float | None = None
    limit_share: float | None = None
    memory: float | None = None


GOALS = {
    "sft": Goal(3.5, 2.2, 0.60, 0.65),
    "reward": Goal(3.0, 2.2, 0.60, 0.70),
    "reward5": Goal(1 / 1.3, None, None, 1.2),
    "dpo": Goal(4.0, 3.0, 0.55, 0.55),
    "dpo_lora": Goal(4.0, 3.5, 0.45, 0.35),
    "grpo": Goal(5.5, 4.5, None, 0.60),
    "ppo": Goal(1 / 1.35),
    "generate16": Goal(6.0, 3.0, 1 / 4.5, None),
    "generate32": Goal(7.0, 3.0, 1 / 4.5, None),
}
