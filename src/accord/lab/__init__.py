"""Worlds whose truth is known, and evaluators that go wrong in known ways."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accord.collect.sources.simulated import SimulatedEvaluator
    from accord.lab.enumerated import EnumWorld, draw_world
    from accord.lab.faults import FAULTS, Fault, register_fault, some_of
    from accord.lab.lexicon import Policy, WordJudge, truth
    from accord.lab.planted import judges_of, plant
    from accord.lab.reproductions import REPRODUCTIONS
    from accord.lab.tables import TableTrainer, train_table
    from accord.lab.worlds import GaussWorld, Normal, moments_of_largest

__all__ = [
    "FAULTS",
    "REPRODUCTIONS",
    "EnumWorld",
    "Fault",
    "GaussWorld",
    "Normal",
    "Policy",
    "SimulatedEvaluator",
    "TableTrainer",
    "WordJudge",
    "draw_world",
    "judges_of",
    "moments_of_largest",
    "plant",
    "register_fault",
    "some_of",
    "train_table",
    "truth",
]

_HOME = {
    "train_table": "tables",
    "TableTrainer": "tables",
    "REPRODUCTIONS": "reproductions",
    "draw_world": "enumerated",
    "EnumWorld": "enumerated",
    "FAULTS": "faults",
    "Fault": "faults",
    "GaussWorld": "worlds",
    "Normal": "worlds",
    "Policy": "lexicon",
    "SimulatedEvaluator": "accord.collect.sources.simulated",
    "WordJudge": "lexicon",
    "judges_of": "planted",
    "moments_of_largest": "worlds",
    "plant": "planted",
    "register_fault": "faults",
    "some_of": "faults",
    "truth": "lexicon",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOME[name]
    return getattr(import_module(home if "." in home else f"{__name__}.{home}"), name)
