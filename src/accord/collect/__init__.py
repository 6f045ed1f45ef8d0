"""Asking: programs that judge, and contrasts that need nobody to."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accord.collect.contrast import Contrast, Contrasted
    from accord.collect.programs import ProgramAsker, Verdict, compare_by

_HOME = {
    "Contrast": "contrast",
    "Contrasted": "contrast",
    "ProgramAsker": "programs",
    "Verdict": "programs",
    "compare_by": "programs",
}

__all__ = ["Contrast", "Contrasted", "ProgramAsker", "Verdict", "compare_by"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
