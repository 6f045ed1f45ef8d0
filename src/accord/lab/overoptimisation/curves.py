"""What was found, arranged to be asked: curves as arrays over seeds, and alarms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from accord.lab.cell import CellResult
from accord.lab.overoptimisation.laws import Form, Law, fit_law
from accord.lab.overoptimisation.points import AlarmPoint, CurvePoint, Point
from accord.lab.trap_world import Floats

__all__ = ["INDUCED", "Curves", "Results", "alarms", "curves", "scores_of"]

Results = Sequence[CellResult[Point]]
INDUCED = ("narrow-1000", "narrow-5000")


@dataclass(frozen=True)
class Curves:
    """The curves of S seeds at the same KLs: sqrt(KL) [N], and gold, scores and entropies, [S, N] each."""

    d_N: Floats
    gold_SN: Floats
    score_SN: Floats
    entropy_SN: Floats | None = None

    def __len__(self) -> int:
        return len(self.gold_SN)

    @property
    def peak_S(self) -> Floats:
        """The largest gold of each seed."""
        return np.asarray(self.gold_SN.max(1))

    @property
    def peak_d_S(self) -> Floats:
        """Where it is."""
        return np.asarray(self.d_N[self.gold_SN.argmax(1)])

    def at(self, d: float) -> Floats:
        """Gold at a sqrt(KL), [S], between the points by a line."""
        return np.array([np.interp(d, self.d_N, gold_N) for gold_N in self.gold_SN])

    def laws(self, form: Form) -> list[Law]:
        """The law fitted to each seed."""
        return [fit_law(self.d_N, gold_N, form) for gold_N in self.gold_SN]


def curves(results: Results, arm: str, reward: str, score: str, optimiser: str) -> Curves | None:
    """The curves of an arm; None where it was not run, or has none of that kind. KLs are the mean over seeds."""
    found = [
        point
        for cell in results
        if cell.arm == arm
        for point in cell.measurements
        if isinstance(point, CurvePoint) and (point.reward, point.score, point.optimiser) == (reward, score, optimiser)
    ]
    if not found:
        return None
    kl_SN = np.array([point.kl for point in found])
    entropies = [point.entropy for point in found if point.entropy is not None]
    return Curves(
        np.sqrt(np.maximum(kl_SN.mean(0), 0.0)),
        np.array([point.gold for point in found]),
        np.array([point.score_gain for point in found]),
        np.array(entropies) if entropies else None,
    )


def scores_of(results: Results, arm: str) -> list[str]:
    """The scores that an arm was optimised by, in order."""
    points = [point for cell in results if cell.arm == arm for point in cell.measurements]
    return list(dict.fromkeys(point.score for point in points if isinstance(point, CurvePoint)))


def alarms(results: Results, arms: Sequence[str], rollouts: int) -> list[tuple[str, AlarmPoint]]:
    """Every run that the alarm was asked in, with its arm, at so many rollouts a step."""
    return [
        (cell.arm, point)
        for cell in results
        if cell.arm in arms
        for point in cell.measurements
        if isinstance(point, AlarmPoint) and point.rollouts == rollouts
    ]
