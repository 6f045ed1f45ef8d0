"""What was found, arranged to be asked."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.lab.cell import CellResult
from accord.lab.many_people.annotation import AT
from accord.lab.many_people.fronts import BETA, WEIGHTS
from accord.lab.many_people.points import FrontPoint, MapPoint, PeoplePoint, Point

__all__ = ["Front", "Results", "errors", "front", "has", "values", "worst"]

Floats = NDArray[np.float64]
Results = Sequence[CellResult[Point]]


def has(results: Results, arm: str) -> bool:
    """Whether an arm was run."""
    return any(cell.arm == arm for cell in results)


def values(results: Results, arm: str, what: str, how: str = "", group: str = "") -> Floats:
    """A number of each seed's panel, [S]; empty where there is none."""
    return np.array(
        [
            point.value
            for cell in results
            if cell.arm == arm
            for point in cell.measurements
            if isinstance(point, PeoplePoint) and (point.what, point.how, point.group) == (what, how, group)
        ]
    )


def worst(results: Results, arm: str, how: str) -> Floats:
    """What the group gains by a policy that gains least, [S]."""
    majority_S, minority_S = (values(results, arm, "gain", how, group) for group in ("majority", "minority"))
    return np.minimum(majority_S, minority_S) if len(minority_S) else majority_S


@dataclass(frozen=True)
class Front:
    """Policies of S seeds at W weights of the first group: gains [S, W, 2] and KL [S, W]."""

    weight_W: Floats
    gain_SW2: Floats
    kl_SW: Floats

    @property
    def objective_SW(self) -> Floats:
        """The mixed reward that is gained, less the price of its KL."""
        mixed_SW = self.weight_W * self.gain_SW2[..., 0] + (1 - self.weight_W) * self.gain_SW2[..., 1]
        return np.asarray(mixed_SW - BETA * self.kl_SW)


def front(results: Results, how: str) -> Front:
    """The policies that were made in a way; of MaxMin one a seed, whose weight is the mean over seeds."""
    of_seed = [
        [point for point in cell.measurements if isinstance(point, FrontPoint) and point.how == how] for cell in results
    ]
    points = [row for row in of_seed if row]
    weight_W = np.array(WEIGHTS if how != "maxmin" else [np.mean([row[0].weight for row in points])])
    return Front(
        weight_W,
        np.array([[point.gain for point in row] for row in points]),
        np.array([[point.kl for point in row] for row in points]),
    )


def errors(results: Results, arm: str, how: str) -> Floats:
    """How far the map is off at each number of answers, [S, A]."""
    return np.array(
        [
            point.error
            for cell in results
            if cell.arm == arm
            for point in cell.measurements
            if isinstance(point, MapPoint) and point.how == how
        ]
    ).reshape(-1, len(AT))
