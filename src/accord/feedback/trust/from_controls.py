"""The standing of evaluators by control questions, whose answers are known."""

from collections.abc import Iterable

import numpy as np

from accord.feedback.statistics.reliability import EvaluatorSummary
from accord.feedback.statistics.workers.shrinkage import beta_prior
from accord.feedback.trust.standing import Standings, judge_standing

__all__ = ["standing_from_controls"]


def standing_from_controls(summaries: Iterable[EvaluatorSummary]) -> Standings:
    """Each evaluator who was asked control questions against what the others reach on theirs.

    What is usual is the mean rate of all, each counting by how far they are above chance. Chance is taken for one half,
    that of two answers: where there are more, whoever answers at random is seen as one of another view, and not weighed
    down.
    """
    asked = [summary for summary in summaries if summary.controls.gold]
    if not asked:
        return Standings({}, {}, {})
    count_E = np.array([summary.controls.gold for summary in asked], dtype=np.float64)
    right_E = count_E * np.array([summary.controls.gold_right or 0.0 for summary in asked])
    mean, strength = beta_prior(right_E, count_E)
    rate_E = (right_E + mean * strength) / (count_E + strength)
    skill_E = np.maximum(2 * rate_E - 1, 0.0)
    usual = float(skill_E @ rate_E / skill_E.sum()) if skill_E.any() else 0.5
    names = [summary.evaluator for summary in asked]
    return judge_standing(names, right_E, count_E, np.full(count_E.size, usual), method="control questions")
