"""Asking: programs that judge."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accord.collect.programs import ProgramAsker, Verdict, compare_by

_HOME = {"ProgramAsker": "programs", "Verdict": "programs", "compare_by": "programs"}

__all__ = ["ProgramAsker", "Verdict", "compare_by"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
