"""Worlds whose truth is known, and evaluators that go wrong in known ways."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accord.lab.enumerated import EnumWorld, draw_world
    from accord.lab.evaluators import SimulatedEvaluator
    from accord.lab.lexicon import Policy, WordJudge, truth
    from accord.lab.reproductions import REPRODUCTIONS
    from accord.lab.runs import EXPECTED, FAULTS, Planting, judges, planted
    from accord.lab.tables import TableLearner, improve_table
    from accord.lab.worlds import GaussWorld, Normal, largest

__all__ = [
    "EXPECTED",
    "FAULTS",
    "REPRODUCTIONS",
    "EnumWorld",
    "GaussWorld",
    "Normal",
    "Planting",
    "Policy",
    "SimulatedEvaluator",
    "TableLearner",
    "WordJudge",
    "draw_world",
    "improve_table",
    "judges",
    "largest",
    "planted",
    "truth",
]

_HOME = {
    "improve_table": "tables",
    "TableLearner": "tables",
    "REPRODUCTIONS": "reproductions",
    "draw_world": "enumerated",
    "EnumWorld": "enumerated",
    "EXPECTED": "runs",
    "FAULTS": "runs",
    "GaussWorld": "worlds",
    "Normal": "worlds",
    "Planting": "runs",
    "Policy": "lexicon",
    "SimulatedEvaluator": "evaluators",
    "WordJudge": "lexicon",
    "judges": "runs",
    "largest": "worlds",
    "planted": "runs",
    "truth": "lexicon",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
