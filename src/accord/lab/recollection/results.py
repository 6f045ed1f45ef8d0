"""Points of results, as arrays over seeds: a number of a seed is the mean over its worlds."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from accord.lab.cell import CellResult
from accord.lab.recollection.points import AskedPoint, FeaturePoint, Point, StopPoint

__all__ = ["Floats", "Results", "asking_runs", "courses", "features", "has", "stops"]

Floats = NDArray[np.float64]
Results = Sequence[CellResult[Point]]
P = TypeVar("P", AskedPoint, StopPoint, FeaturePoint)


def has(results: Results, arm: str) -> bool:
    """Whether the arm was run."""
    return any(cell.arm == arm for cell in results)


def asking_runs(results: Results, arm: str, how: str, number: Callable[[AskedPoint], float]) -> Floats:
    """A number of the runs that asked so, by seed."""
    return _by_seed(results, arm, AskedPoint, lambda point: point.how == how, number)


def stops(results: Results, arm: str, number: Callable[[StopPoint], float]) -> Floats:
    """A number of the runs that may be stopped, by seed."""
    return _by_seed(results, arm, StopPoint, lambda point: True, number)


def features(results: Results, arm: str, share: float, number: Callable[[FeaturePoint], float]) -> Floats:
    """A number of the rounds with such a share, by seed."""
    return _by_seed(results, arm, FeaturePoint, lambda point: point.share == share, number)


def courses(results: Results, arm: str, share: float) -> dict[str, Floats]:
    """Mean log-odds of both features after each round, [R + 1]."""
    points = [
        point
        for cell in results
        if cell.arm == arm
        for point in cell.measurements
        if isinstance(point, FeaturePoint) and point.share == share
    ]
    return {
        "over-estimated": np.mean([point.over for point in points], axis=0),
        "under-estimated": np.mean([point.under for point in points], axis=0),
    }


def _by_seed(
    results: Results, arm: str, kind: type[P], chosen: Callable[[P], bool], number: Callable[[P], float]
) -> Floats:
    by_seed = []
    for cell in sorted((cell for cell in results if cell.arm == arm), key=lambda cell: cell.seed):
        values = [number(each) for each in cell.measurements if isinstance(each, kind) and chosen(each)]
        by_seed.append(float(np.mean(values)))
    return np.array(by_seed)
