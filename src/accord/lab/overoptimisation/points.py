"""What is measured."""

from typing import Literal

from accord.lab.cell import Measurement

__all__ = ["AlarmPoint", "CurvePoint", "Point"]


class CurvePoint(Measurement):
    """Score and gold along the KL, less the start's, of one reward, one score and one way to optimise it.

    reward      the class: linear, quadratic
    score       what is made of its doubt (`proxies.SCORES`)
    optimiser   best-of-n, rl (the exact optimum at each KL), or steps of a policy with a KL term and without
    kl          nats
    gold, score_gain
    entropy     of the policy less the start's, nats a number, where its steps were followed
    effective   texts on which the least sure point rests, where means are by reweighting
    """

    reward: str
    score: str
    optimiser: Literal["best-of-n", "rl", "with-kl", "without-kl"]
    kl: tuple[float, ...]
    score_gain: tuple[float, ...]
    gold: tuple[float, ...]
    entropy: tuple[float, ...] | None = None
    effective: float | None = None


class AlarmPoint(Measurement):
    """When RG2 turnover fires in a run that is asked at every third step.

    alarm   the first step at which it fires; none where it never does
    peak    the step at which gold is greatest
    lost    the first step after it at which a fifth of what was gained is lost; none where that never happens
    left    share of the peak's gain that is there at the alarm
    """

    reward: str
    rollouts: int
    alarm: int | None = None
    peak: int
    lost: int | None = None
    left: float | None = None


Point = CurvePoint | AlarmPoint
