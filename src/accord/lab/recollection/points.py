"""What is measured."""

from accord.lab.cell import Measurement

__all__ = ["AskedPoint", "FeaturePoint", "Point", "StopPoint"]


class AskedPoint(Measurement):
    """A run of so many steps within a budget of labels.

    how     `every k`: at a fixed interval of k steps; `rule`: where the rule finds the reward wrong
    gold    of the policy after each step, less the start's
    labels  that were asked for, probes among them
    askings after the first
    """

    how: str
    gold: tuple[float, ...]
    labels: int
    askings: int


class StopPoint(Measurement):
    """A run whose reward is never learnt again, and the stop by comparisons with the policy of some steps before.

    gold    of the policy after each step, less the start's
    stop    the step whose policy is kept; None where it was never stopped
    """

    gold: tuple[float, ...]
    stop: int | None


class FeaturePoint(Measurement):
    """Rounds whose labels are about the policy's texts, and a share of them about the first start's.

    over    log-odds that a text of the policy has the feature that the first reward over-estimates, after each round
    under   the same of the one that it under-estimates
    gold    expected, less the start's
    """

    share: float
    over: tuple[float, ...]
    under: tuple[float, ...]
    gold: tuple[float, ...]


Point = AskedPoint | StopPoint | FeaturePoint
