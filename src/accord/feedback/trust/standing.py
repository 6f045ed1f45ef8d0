"""Careless is not opposed: what the answers of an evaluator say of how they were given.

    ordinary      nothing sure tells the evaluator from the others
    careless      surely right less often than the others, and nearer to chance than to them
    another view  surely right less often than chance, or among the careless and surely at one with some of them: as
                  informative as anybody, of something else
    unclear       would be careless, but may as well be below chance, or as far below it as others are above:
                  nothing is concluded

Whoever answers at random is right half of the time, not less. Somebody against the others is predictable, and what
they say is another opinion, not noise; it is for PM2 and MH3 to look at. Of few answers, or where a view is not the
opposite of the others', the two can be mistaken for each other: docs/quality.md says how often.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from accord.deferred import deferred

with deferred():
    from scipy.stats import false_discovery_control

    from accord.feedback.statistics.workers.shrinkage import is_told, shrunk_rates, tail_above, tail_below
    from accord.stats import Estimate

__all__ = ["HALF", "Standing", "Standings", "judge_standing", "surely_above_chance"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Standing = Literal["ordinary", "careless", "another view", "unclear"]
CHANCE = 0.5
HALF = 0.5
ERROR = 0.05  # false discovery rate among those told apart from the others, and from chance
DOUBT = 0.1  # a tail this small leaves it open whether somebody is below chance


@dataclass(frozen=True)
class Standings:
    """Of each evaluator, by name, who has an answer that can be held against something.

    accuracy   how often right, drawn to the pool's
    usual      what an ordinary evaluator reaches on the same items
    standing   what follows from both
    p_value    against answering at random less than a quarter as often as `lapse` would have it
    """

    accuracy: Mapping[str, Estimate]
    usual: Mapping[str, float]
    standing: Mapping[str, Standing]
    p_value: Mapping[str, float] = field(default_factory=dict)

    def of(self, standing: Standing) -> list[str]:
        """The evaluators of a standing, in their order."""
        return [name for name, own in self.standing.items() if own == standing]


def judge_standing(
    names: list[str], right_E: Floats, count_E: Floats, usual_E: Floats, *, method: str, lapse: float = HALF
) -> Standings:
    """The standing of E evaluators, `right_E` of whose `count_E` answers are right, beside what is usual.

    Nearer to chance than to the others are those whose rate lies so far from the usual one as a share of random answers
    above `lapse` would bring them.
    All tests are exact binomial ones, each family of them corrected after Benjamini & Hochberg (1995) at 5 %: below
    what is usual, below chance, and above the usual rate turned round, that of somebody against the others. Who cannot
    be told from the usual is ordinary, whatever their rate; who cannot be told from the opposed is not careless.
    """
    accuracy = shrunk_rates(names, right_E, count_E, method=method)
    if not accuracy:
        return Standings({}, {}, {})
    judged_E = is_told(count_E)
    value_M = np.array([estimate.value for estimate in accuracy.values()])
    right_M, count_M, usual_M = right_E[judged_E], count_E[judged_E], usual_E[judged_E]
    below_chance_M = tail_below(right_M, count_M, CHANCE)
    opposed_M = false_discovery_control(below_chance_M) < ERROR
    lower_p_M, not_turned_p_M = tail_below(right_M, count_M, usual_M), tail_above(right_M, count_M, 1 - usual_M)
    lower_M = false_discovery_control(lower_p_M) < ERROR
    not_turned_M = false_discovery_control(not_turned_p_M) < ERROR
    low_M = lower_M & (value_M < usual_M - lapse * (usual_M - CHANCE)) & ~opposed_M
    random_M = not_turned_M & (below_chance_M >= DOUBT)
    far_p_M = tail_below(right_M, count_M, usual_M - lapse / 4 * (usual_M - CHANCE))
    words_M = np.select([opposed_M, low_M & random_M, low_M], ["another view", "careless", "unclear"], "ordinary")
    return Standings(
        accuracy,
        dict(zip(accuracy, usual_M.tolist(), strict=True)),
        dict(zip(accuracy, words_M.tolist(), strict=True)),
        dict(zip(accuracy, far_p_M.tolist(), strict=True)),
    )


def surely_above_chance(right_E: Floats, count_E: Floats) -> Mask:
    """Who agrees surely more than chance would have it, [E], corrected after Benjamini & Hochberg at 5 %."""
    if not count_E.size:
        return np.zeros(0, dtype=bool)
    return np.asarray(false_discovery_control(tail_above(right_E, count_E, CHANCE)) < ERROR)
