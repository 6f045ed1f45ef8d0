"""The standing of evaluators by control questions, whose answers are known."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from accord.feedback.statistics.reliability import EvaluatorSummary
from accord.feedback.statistics.workers.shrinkage import beta_prior
from accord.feedback.trust.standing import Standings, judge_standing

__all__ = ["standing_from_control_counts", "standing_from_controls"]

Floats = NDArray[np.float64]


def standing_from_controls(summaries: Iterable[EvaluatorSummary]) -> Standings:
    """`standing_from_control_counts` of what summaries hold."""
    controls = {summary.evaluator: summary.controls for summary in summaries}
    count_E = np.array([one.gold for one in controls.values()], dtype=np.float64)
    right_E = count_E * np.array([one.gold_right or 0.0 for one in controls.values()])
    return standing_from_control_counts(list(controls), right_E, count_E)


def standing_from_control_counts(evaluators: Sequence[str], right_E: Floats, count_E: Floats) -> Standings:
    """Each evaluator who was asked control questions (count_E, of which right_E rightly) against what the others reach.

    What is usual is the mean rate of all, each counting by how far they are above chance. Chance is taken for one half,
    that of two answers: where there are more, whoever answers at random is seen as one of another view, and not weighed
    down.
    """
    if not count_E.any():
        return Standings({}, {}, {})
    names = [evaluators[place] for place in np.flatnonzero(count_E).tolist()]
    right_E, count_E = right_E[count_E > 0], count_E[count_E > 0]
    mean, strength = beta_prior(right_E, count_E)
    rate_E = (right_E + mean * strength) / (count_E + strength)
    skill_E = np.maximum(2 * rate_E - 1, 0.0)
    usual = float(skill_E @ rate_E / skill_E.sum()) if skill_E.any() else 0.5
    return judge_standing(names, right_E, count_E, np.full(count_E.size, usual), method="control questions")
