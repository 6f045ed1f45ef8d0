"""What is measured."""

from accord.lab.cell import Measurement

__all__ = ["FrontPoint", "MapPoint", "PeoplePoint", "Point"]


class PeoplePoint(Measurement):
    """A number of a panel: what it is, of which way to learn rewards, and of which group."""

    what: str
    how: str = ""
    group: str = ""
    value: float


class FrontPoint(Measurement):
    """A policy between two groups: the weight of the first, what each gains over the start, the KL in nats.

    `how` is `retrained` on the mixed reward, `soup` of the weights of both groups' policies, `mixture` of their texts,
    or `maxmin`.
    """

    how: str
    weight: float
    gain: tuple[float, float]
    kl: float


class MapPoint(Measurement):
    """How far a map of disagreement is off, root mean square over items in bits, with so many answers in all."""

    how: str
    answers: int
    error: float


Point = PeoplePoint | FrontPoint | MapPoint
