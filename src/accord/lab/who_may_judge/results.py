"""What was found, arranged to be asked: a number of each seed, [S]."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from accord.lab.cell import CellResult
from accord.lab.who_may_judge.cells import ERRORS, PRESSURES, arm_of
from accord.lab.who_may_judge.points import CheckPoint, JudgePoint, Point, PolicyPoint
from accord.stats import Estimate, jackknife

__all__ = ["Results", "checks", "gold", "has", "judges", "policies", "share_of", "switch"]

Floats = NDArray[np.float64]
Results = Sequence[CellResult[Point]]
P = TypeVar("P", JudgePoint, PolicyPoint, CheckPoint)


def has(results: Results, arm: str) -> bool:
    """Whether an arm was run."""
    return any(cell.arm == arm for cell in results)


def judges(results: Results, arm: str, judge: str, number: Callable[[JudgePoint], float]) -> Floats:
    """A number of a judge."""
    return _numbers(results, arm, JudgePoint, lambda point: point.judge == judge, number)


def policies(results: Results, arm: str, design: str, money: int, number: Callable[[PolicyPoint], float]) -> Floats:
    """A number of what a design made of a sum of money."""
    return _numbers(results, arm, PolicyPoint, lambda point: (point.design, point.money) == (design, money), number)


def checks(results: Results, arm: str, check: str, design: str, answerer: str) -> Floats:
    """Whether a check fired, 0 or 1."""
    wanted = (check, design, answerer)
    return _numbers(
        results, arm, CheckPoint, lambda point: (point.check, point.design, point.answerer) == wanted, lambda p: p.fires
    )


def _numbers(
    results: Results, arm: str, kind: type[P], wanted: Callable[[P], bool], number: Callable[[P], float]
) -> Floats:
    """A number of the one point of a kind that is wanted in each cell of an arm."""
    return np.array(
        [
            float(number(point))
            for cell in results
            if cell.arm == arm
            for point in cell.measurements
            if isinstance(point, kind) and wanted(point)
        ]
    )


def gold(results: Results, arm: str, design: str, money: int, kl: float) -> Floats:
    """Gold of the policy at a KL, less the start's."""
    place = PRESSURES.index(kl)
    return policies(results, arm, design, money, lambda point: point.gold[place])


def share_of(above_S: Floats, below_S: Floats) -> Estimate:
    """A ratio of sums over seeds."""

    def ratio(rows: NDArray[np.intp]) -> float:
        below = float(below_S[rows].sum())
        return float(above_S[rows].sum()) / below if below else float("nan")

    return jackknife(ratio, len(above_S))


def switch(results: Results, money: int, kl: float) -> Callable[[NDArray[np.intp]], float]:
    """The error of the model, of some seeds, from which on people's policy has more gold than the model's.

    Between the errors that were run by a line; 0 where people's has more at no error already, 1 where it never has.
    """
    ahead_SE = np.stack(
        [gold(results, arm_of(e), "people", money, kl) - gold(results, arm_of(e), "model", money, kl) for e in ERRORS],
        axis=1,
    )
    error_E = np.array(ERRORS) / 100

    def crossing(rows: NDArray[np.intp]) -> float:
        ahead_E = ahead_SE[rows].mean(0)
        first = int((ahead_E > 0).argmax())
        if ahead_E[first] <= 0:
            return 1.0
        if not first:
            return 0.0
        before, after = ahead_E[first - 1], ahead_E[first]
        return float(error_E[first - 1] + (error_E[first] - error_E[first - 1]) * before / (before - after))

    return crossing
