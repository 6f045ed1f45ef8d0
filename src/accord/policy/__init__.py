"""Make the model better by feedback: one file an algorithm, pure losses and advantages."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accord.policy.advantages import adapted, gae, group_relative, kl_penalised, whitened
    from accord.policy.dpo import DPO, DPOStep
    from accord.policy.evaluate import compare, describe, distinct, win_rate
    from accord.policy.grpo import GRPO, GRPOStep
    from accord.policy.losses import (
        direct_preference,
        kl_to_reference,
        negative_log_likelihood,
        ppo_policy,
        ppo_value,
    )
    from accord.policy.ppo import PPO, PPOStep
    from accord.policy.rollout import Rollout, measure, roll_out
    from accord.policy.sft import SFT, SFTStep

__all__ = [
    "DPO",
    "GRPO",
    "PPO",
    "SFT",
    "DPOStep",
    "GRPOStep",
    "PPOStep",
    "Rollout",
    "SFTStep",
    "adapted",
    "compare",
    "describe",
    "direct_preference",
    "distinct",
    "gae",
    "group_relative",
    "kl_penalised",
    "kl_to_reference",
    "measure",
    "negative_log_likelihood",
    "ppo_policy",
    "ppo_value",
    "roll_out",
    "whitened",
    "win_rate",
]

_HOME = {
    "DPO": "dpo",
    "DPOStep": "dpo",
    "GRPO": "grpo",
    "GRPOStep": "grpo",
    "PPO": "ppo",
    "PPOStep": "ppo",
    "Rollout": "rollout",
    "SFT": "sft",
    "SFTStep": "sft",
    "adapted": "advantages",
    "compare": "evaluate",
    "describe": "evaluate",
    "direct_preference": "losses",
    "distinct": "evaluate",
    "gae": "advantages",
    "group_relative": "advantages",
    "kl_penalised": "advantages",
    "kl_to_reference": "losses",
    "measure": "rollout",
    "negative_log_likelihood": "losses",
    "ppo_policy": "losses",
    "ppo_value": "losses",
    "roll_out": "rollout",
    "whitened": "advantages",
    "win_rate": "evaluate",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
