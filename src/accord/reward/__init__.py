"""What people prefer, learnt: likelihoods, fitting, evaluation."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accord.reward.dense import ByToken
    from accord.reward.evaluate import accuracy, assess, baselines, calibration, score_split
    from accord.reward.fit import BradleyTerry, RewardStep
    from accord.reward.likelihoods import bradley_terry

__all__ = [
    "BradleyTerry",
    "ByToken",
    "RewardStep",
    "accuracy",
    "assess",
    "baselines",
    "bradley_terry",
    "calibration",
    "score_split",
]

_HOME = {
    "BradleyTerry": "fit",
    "ByToken": "dense",
    "RewardStep": "fit",
    "accuracy": "evaluate",
    "assess": "evaluate",
    "baselines": "evaluate",
    "bradley_terry": "likelihoods",
    "calibration": "evaluate",
    "score_split": "evaluate",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
