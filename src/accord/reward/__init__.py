"""What people prefer, learnt: likelihoods, fitting, evaluation."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accord.reward.dense import ByToken
    from accord.reward.evaluation import accuracy, baselines, calibration, evaluate, score_split
    from accord.reward.fit import BradleyTerry, RewardStep
    from accord.reward.likelihoods import bradley_terry

__all__ = [
    "BradleyTerry",
    "ByToken",
    "RewardStep",
    "accuracy",
    "baselines",
    "bradley_terry",
    "calibration",
    "evaluate",
    "score_split",
]

_HOME = {
    "BradleyTerry": "fit",
    "ByToken": "dense",
    "RewardStep": "fit",
    "accuracy": "evaluation",
    "evaluate": "evaluation",
    "baselines": "evaluation",
    "bradley_terry": "likelihoods",
    "calibration": "evaluation",
    "score_split": "evaluation",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
