"""Rewards of runs for the trainers of others: functions for TRL, verl and OpenRLHF, and a server to ask."""

from typing import TYPE_CHECKING, Any

from accord.extras import import_module

if TYPE_CHECKING:
    from accord.handover.openrlhf_texts import AnswerEnds
    from accord.handover.reward_functions import openrlhf_reward, trl_rewards, verl_reward
    from accord.handover.reward_server import make_reward_app
    from accord.handover.run_reward import RunReward, open_rewards

__all__ = [
    "AnswerEnds",
    "RunReward",
    "make_reward_app",
    "open_rewards",
    "openrlhf_reward",
    "trl_rewards",
    "verl_reward",
]

_HOME = {
    "AnswerEnds": "openrlhf_texts",
    "RunReward": "run_reward",
    "make_reward_app": "reward_server",
    "open_rewards": "run_reward",
    "openrlhf_reward": "reward_functions",
    "trl_rewards": "reward_functions",
    "verl_reward": "reward_functions",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
