"""What is told of a score beside it, and what is kept of it: numbers by name, the same names for every text."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from accord.interfaces import Scores

__all__ = ["members_of", "numbers_of"]


def numbers_of(scores: Mapping[str, Scores]) -> dict[str, list[float]]:
    """For rewards by name: `NAME` and, where it says so, `NAME_std` and `NAME_COMPONENT`; a number a text each."""
    told: dict[str, list[float]] = {}
    for name, each in scores.items():
        told[name] = _floats(each.value_N)
        if each.std_N is not None:
            told[f"{name}_std"] = _floats(each.std_N)
        for part, component in each.components.items():
            told[f"{name}_{part}"] = _floats(component.value_N)
    return told


def members_of(scores: Mapping[str, Scores], index: int) -> dict[str, list[float]]:
    """What each member makes of one text, by `NAME_members`; nothing of rewards without members."""
    found = {name: each.members_NS for name, each in scores.items()}
    return {f"{name}_members": _floats(members[index]) for name, members in found.items() if members is not None}


def _floats(values: Any) -> list[float]:
    return [float(value) for value in np.asarray(values)]
