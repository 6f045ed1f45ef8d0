"""Worlds whose truth is known, and evaluators that go wrong in known ways."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accord.lab.evaluators import SimulatedEvaluator
    from accord.lab.lexicon import Policy, WordJudge, truth
    from accord.lab.runs import EXPECTED, FAULTS, Planting, judges, planted
    from accord.lab.worlds import GaussWorld, Normal, best_of, best_of_kl, largest

__all__ = [
    "EXPECTED",
    "FAULTS",
    "GaussWorld",
    "Normal",
    "Planting",
    "Policy",
    "SimulatedEvaluator",
    "WordJudge",
    "best_of",
    "best_of_kl",
    "judges",
    "largest",
    "planted",
    "truth",
]

_HOME = {
    "EXPECTED": "runs",
    "FAULTS": "runs",
    "GaussWorld": "worlds",
    "Normal": "worlds",
    "Planting": "runs",
    "Policy": "lexicon",
    "SimulatedEvaluator": "evaluators",
    "WordJudge": "lexicon",
    "best_of": "worlds",
    "best_of_kl": "worlds",
    "judges": "runs",
    "largest": "worlds",
    "planted": "runs",
    "truth": "lexicon",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
