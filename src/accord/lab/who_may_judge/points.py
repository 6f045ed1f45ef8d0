"""What is measured."""

from accord.lab.cell import Measurement

__all__ = ["CheckPoint", "JudgePoint", "Point", "PolicyPoint"]


class JudgePoint(Measurement):
    """A judge by itself.

    accuracy  share of pairs of the start's texts of which it prefers the better one; `hard` of those that people guess
              at more often than not
    picks     gold of what it picks out of n texts, less the start's, for each n of `cells.PICKED`
    best      the same of whoever knows gold
    """

    judge: str
    accuracy: float
    hard: float
    picks: tuple[float, ...]
    best: tuple[float, ...]


class PolicyPoint(Measurement):
    """What a sum of money made of the start.

    answers   how many were bought, by judge
    accuracy  share of pairs of the start's texts that the reward orders by gold
    picks     gold of what the reward picks out of n texts, less the start's, for each n of `cells.PICKED`
    gold      of the policy that is optimal for the reward, less the start's, at each KL of `cells.PRESSURES`
    """

    design: str
    money: int
    answers: dict[str, int]
    accuracy: float
    picks: tuple[float, ...]
    gold: tuple[float, ...]


class CheckPoint(Measurement):
    """What a check of the audit says by itself of what a design made, by the answers of `answerer`.

    Without an estimate it could not be assessed.
    """

    check: str
    design: str
    answerer: str
    fires: bool
    estimate: float | None


Point = JudgePoint | PolicyPoint | CheckPoint
