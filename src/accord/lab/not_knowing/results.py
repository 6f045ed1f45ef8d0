"""What was found, by learner, comparator and mode: a number of each seed."""

from collections.abc import Callable, Sequence

import numpy as np

from accord.lab.cell import CellResult
from accord.lab.not_knowing.learning import PENALTIES
from accord.lab.not_knowing.points import AnswerPoint, ComparisonPoint, ModePoint, Point
from accord.lab.not_knowing.world import Floats
from accord.policy.abstaining import threshold

__all__ = ["Results", "answered", "bar", "by_share", "compared", "in_mode", "rewards"]

Results = Sequence[CellResult[Point]]


def bar(penalty: float) -> float:
    """The chance of being right above which answering pays: penalty / (1 + penalty)."""
    return threshold(1.0, -penalty, 0.0)


def _answers(results: Results, learner: str, penalty: float | None, words: bool) -> list[AnswerPoint]:
    return [
        point
        for cell in results
        if (cell.arm == "words") == words
        for point in cell.measurements
        if isinstance(point, AnswerPoint) and (point.learner, point.penalty) == (learner, penalty)
    ]


def answered(
    results: Results, learner: str, field: str, penalty: float | None = None, *, words: bool = False
) -> Floats:
    """A number of what a learner answers, [S]."""
    found = [getattr(point, field) for point in _answers(results, learner, penalty, words)]
    return np.array([np.nan if value is None else value for value in found], dtype=np.float64)


def rewards(
    results: Results,
    learner: str,
    penalty: float,
    *,
    knows: float | None = None,
    field: str = "rewards",
    words: bool = False,
) -> Floats:
    """What its answers are worth at a penalty, [S]; `knows` is the one that it learnt with."""
    points = _answers(results, learner, knows, words)
    return np.array([getattr(point, field)[PENALTIES.index(penalty)] for point in points], dtype=np.float64)


def by_share(
    results: Results, learner: str, penalty: float | None = None, *, words: bool = False
) -> tuple[Floats, Floats]:
    """How often it answers, and how often that is right, by tenths of agreement, [S, 10] each; NaN where unknown."""
    points = _answers(results, learner, penalty, words)
    rate_SB, right_SB = (
        np.array([[np.nan if each is None else each for each in getattr(point, field)] for point in points])
        for field in ("by_share", "right_by_share")
    )
    return rate_SB, right_SB


def compared(results: Results, comparator: str, of: Callable[[ComparisonPoint], float | Sequence[float]]) -> Floats:
    """A number, or several, of the run on a comparator's reward, [S] or [S, N]."""
    return np.array(
        [
            of(point)
            for cell in results
            for point in cell.measurements
            if isinstance(point, ComparisonPoint) and point.comparator == comparator
        ],
        dtype=np.float64,
    )


def in_mode(results: Results, learner: str, mode: str, field: str) -> Floats:
    """A number of what a learner makes of the questions of a mode, [S]."""
    return np.array(
        [
            getattr(point, field)
            for cell in results
            for point in cell.measurements
            if isinstance(point, ModePoint) and (point.learner, point.mode) == (learner, mode)
        ],
        dtype=np.float64,
    )
