"""Worlds whose truth is known, and evaluators that go wrong in known ways."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accord.lab.evaluators import SimulatedEvaluator
    from accord.lab.worlds import GaussWorld, Normal, best_of, best_of_kl, largest

__all__ = [
    "GaussWorld",
    "Normal",
    "SimulatedEvaluator",
    "best_of",
    "best_of_kl",
    "largest",
]

_HOME = {
    "GaussWorld": "worlds",
    "Normal": "worlds",
    "SimulatedEvaluator": "evaluators",
    "best_of": "worlds",
    "best_of_kl": "worlds",
    "largest": "worlds",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
