"""How far each answer lies from what the others say, on one scale for ratings and for orders of two completions.

The surprise of an answer is the probability that an answer drawn at random lies nearer to the others' than it does: a
rating drawn from all ratings on the scale nearer to the mean of the others of its completion; of a comparison, either
side alike. Ties count half. So it is .5 on average for whoever answers at random, whatever is asked, and the less the
more people agree. Items differ in difficulty: the mean over everybody else's answers to the item (`usual_N`) is what
it is held against.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.errors import MissingEvidence
from accord.records import Comparison, Feedback, Rating

__all__ = ["Surprises", "room_of", "surprises_of"]

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
AT_RANDOM = 0.5


@dataclass(frozen=True)
class Surprises:
    """N answers in the order in which each person gave them, and E people.

    evaluator_N, item_N, kind_N   codes: places in `evaluators`, of what was judged, of what was asked (and its scale)
    position_N                    the place in its session
    surprise_N, usual_N           of the answer, and of everybody else's answers to the same item on average
    """

    evaluators: list[str]
    feedback: list[str]
    evaluator_N: Codes
    item_N: Codes
    kind_N: Codes
    position_N: Floats
    surprise_N: Floats
    usual_N: Floats

    @property
    def excess_N(self) -> Floats:
        """The surprise beyond what is usual on the item, as a share of random answers, [N].

        Raises `MissingEvidence` where people agree no more than by chance.
        """
        return (self.surprise_N - self.usual_N) / room_of(self.usual_N)


def room_of(surprise_N: Floats) -> float:
    """How far answers at random lie from the others' beyond these, on average.

    Raises `MissingEvidence` where that is next to nothing.
    """
    room = AT_RANDOM - float(surprise_N.mean())
    if room < 0.02:
        raise MissingEvidence("agreement among the evaluators: they agree with one another no more than by chance")
    return room


def surprises_of(answers: Iterable[Feedback]) -> Surprises:
    """The surprises of ratings and decided comparisons that others gave too, items asked again left out.

    Answers of a person stand in the order of time where it was recorded of all, else as they come. Raises
    `MissingEvidence` where nobody judged what somebody else did.
    """
    used = [
        answer
        for answer in answers
        if answer.repeat_of is None
        and (
            isinstance(answer.judgement, Rating)
            or (isinstance(answer.judgement, Comparison) and answer.judgement.preferred != "tie")
        )
    ]
    if all(answer.time is not None for answer in used):
        used.sort(key=lambda answer: answer.time.timestamp() if answer.time else 0.0)
    evaluator_N, evaluators = _codes([answer.evaluator for answer in used])
    kind_N, _ = _codes([_asked(answer) for answer in used])
    item_N, items = _codes([(_asked(answer), tuple(sorted(answer.completions))) for answer in used])
    value_N = np.array([_value(answer) for answer in used])
    surprise_N = _surprises(value_N, item_N, kind_N, len(items))
    count_N = np.bincount(item_N, np.isfinite(surprise_N), len(items))[item_N] if used else np.zeros(0)
    kept_M = np.flatnonzero(np.isfinite(surprise_N) & (count_N > 1))
    if not kept_M.size:
        raise MissingEvidence("items that more than one evaluator judged")
    total_M = np.bincount(item_N[kept_M], surprise_N[kept_M], len(items))[item_N[kept_M]]
    return Surprises(
        evaluators=[str(name) for name in evaluators],
        feedback=[used[place].id for place in kept_M],
        evaluator_N=evaluator_N[kept_M],
        item_N=item_N[kept_M],
        kind_N=kind_N[kept_M],
        position_N=np.array([_position(used[place]) for place in kept_M]),
        surprise_N=surprise_N[kept_M],
        usual_N=(total_M - surprise_N[kept_M]) / (count_N[kept_M] - 1),
    )


def _surprises(value_N: Floats, item_N: Codes, kind_N: Codes, items: int) -> Floats:
    """The surprise of each value, [N]; NaN where nobody else judged the item."""
    count_N, total_N = (np.bincount(item_N, weight_N, items)[item_N] for weight_N in (np.ones_like(value_N), value_N))
    surprise_N = np.full(value_N.size, np.nan)
    for kind in range(int(kind_N.max(initial=-1)) + 1):
        rows = np.flatnonzero((kind_N == kind) & (count_N > 1))
        others_M = (total_N[rows] - value_N[rows]) / (count_N[rows] - 1)
        distance_M = np.abs(value_N[rows] - others_M)
        pool = np.sort(value_N[kind_N == kind])
        if np.isin(pool, (-1.0, 1.0)).all():
            pool = np.array([-1.0, 1.0])  # either side alike
        surprise_N[rows] = (_within(pool, others_M, distance_M - 1e-9) + _within(pool, others_M, distance_M + 1e-9)) / 2
    return surprise_N


def _within(sorted_P: Floats, centre_M: Floats, distance_M: Floats) -> Floats:
    """The share of the sorted values that lie within a distance of a centre, [M]."""
    above = np.searchsorted(sorted_P, centre_M + distance_M, side="right")
    below = np.searchsorted(sorted_P, centre_M - distance_M, side="left")
    return np.asarray(np.maximum(above - below, 0) / max(sorted_P.size, 1))


def _asked(answer: Feedback) -> object:
    rating = answer.judgement
    return (answer.study, rating.scale.low, rating.scale.high) if isinstance(rating, Rating) else "comparison"


def _value(answer: Feedback) -> float:
    """A rating in widths of its scale (0..1); of a comparison 1 for the completion whose id comes first, -1 else."""
    match answer.judgement:
        case Rating(value=value, scale=scale):
            return (value - scale.low) / (scale.high - scale.low)
        case Comparison(preferred=side):
            left, right = answer.completions
            return 1.0 if (side == "left") == (left < right) else -1.0
        case _:
            raise TypeError(answer.judgement.kind)


def _position(answer: Feedback) -> float:
    return float("nan") if answer.position_in_session is None else float(answer.position_in_session)


def _codes(labels: Sequence[object]) -> tuple[Codes, list[object]]:
    names: dict[object, int] = {}
    codes = np.array([names.setdefault(label, len(names)) for label in labels], dtype=np.intp)
    return codes, list(names)
