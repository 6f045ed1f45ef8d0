"""Worlds whose truth is known, and evaluators that go wrong in known ways."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accord.lab.evaluators import SimulatedEvaluator

__all__ = [
    "SimulatedEvaluator",
]

_HOME = {
    "SimulatedEvaluator": "evaluators",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
