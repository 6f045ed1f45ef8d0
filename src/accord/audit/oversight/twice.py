"""What people were asked twice: as before, or with everything shown of which they had seen a part."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from accord.feedback.equality import same_answer
from accord.records import Feedback, Rating
from accord.stats import Estimate
from accord.stats.clusters import Units
from accord.stats.means import t_interval

__all__ = ["Twice", "asked_again", "difference", "was_cut", "was_whole"]


@dataclass(frozen=True)
class Twice:
    """Two answers of a person about the same completions.

    changed   whether the later one says something else; `whole` whether it was given with everything shown, of which
              the earlier one saw a part (otherwise both saw the same)
    """

    earlier: Feedback
    later: Feedback
    changed: bool
    whole: bool

    @property
    def items(self) -> tuple[str, ...]:
        """What was judged, in one order."""
        return tuple(sorted(self.earlier.completions))

    @property
    def inflation(self) -> float | None:
        """By how much the earlier rating lies above the later one, in widths of the scale; None of other kinds."""
        one, other = self.earlier.judgement, self.later.judgement
        if not isinstance(one, Rating) or not isinstance(other, Rating):
            return None
        return (one.value - other.value) / (one.scale.high - one.scale.low)


def was_cut(answer: Feedback) -> bool:
    """Whether it was recorded that the person saw something else than all there was to see."""
    return None not in (answer.shown_digest, answer.available_digest) and answer.shown_digest != answer.available_digest


def was_whole(answer: Feedback) -> bool:
    """Whether it was recorded that the person saw everything."""
    return answer.shown_digest is not None and answer.shown_digest == answer.available_digest


def asked_again(feedback: Iterable[Feedback]) -> list[Twice]:
    """Each later answer beside the person's first one, where both saw the same or the later one saw the whole.

    The first one is what `repeat_of` names or, without it, the person's first of that kind in that study's question
    about the same completions that had seen a part. Answers that no program can compare are left out.
    """
    by_id: dict[str, Feedback] = {}
    first_cut: dict[Hashable, Feedback] = {}
    found: list[Twice] = []
    for answer in feedback:
        by_id[answer.id] = answer
        key = (answer.evaluator, answer.judgement.kind, tuple(sorted(answer.completions)))
        if was_cut(answer):
            first_cut.setdefault(key, answer)
        earlier = by_id.get(answer.repeat_of or "")
        if earlier is None and was_whole(answer):
            earlier = first_cut.get(key)
        if earlier is None:
            continue
        same = same_answer(earlier, answer)
        whole = was_cut(earlier) and was_whole(answer)
        if same is not None and (whole or was_cut(earlier) == was_cut(answer)):
            found.append(Twice(earlier, answer, not same, whole))
    return found


def difference(
    value_N: Sequence[float], first_N: Sequence[bool], people: Sequence[Hashable], items: Sequence[Hashable]
) -> Estimate:
    """The mean of the values where `first_N` holds less that where it does not; people are crossed with items.

    Raises ValueError where one of the two has no value.
    """
    value, first = np.asarray(value_N, dtype=np.float64), np.asarray(first_N, dtype=bool)
    sides = (~first, first)
    if not all(side.any() for side in sides):
        raise ValueError("a difference of two means needs values of both")
    influence_N, share_N = np.zeros(value.size), np.zeros(value.size)
    for sign, side in zip((-1, 1), sides, strict=True):
        influence_N[side] = sign * (value[side] - value[side].mean()) / side.sum()
        share_N[side] = 1 / (2 * side.sum())
    units = Units.of(value.size, people, items)
    spread = units.spread(influence_N, share_N)
    centre = float(value[first].mean() - value[~first].mean())
    low, high = (None, None) if spread is None else t_interval(centre, spread, 0.95)
    method = "t of the difference of two means, people crossed with items"
    return Estimate(centre, low, high, value.size, units.fewest, method=method)
