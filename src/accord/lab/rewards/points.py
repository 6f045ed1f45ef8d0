"""What is measured."""

from accord.lab.cell import Measurement

__all__ = ["RewardsPoint"]


class RewardsPoint(Measurement):
    """A number of an arm and a seed: what it is of, and for curves at which n of best of n."""

    what: str
    value: float
    n: int | None = None
