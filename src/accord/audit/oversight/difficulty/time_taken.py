"""Does more time help with hard items? Where it does, lack of time or care is part of what fails."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from accord.audit.oversight.difficulty.known_answers import KnownAnswers
from accord.stats import Estimate, jackknife, rate_difference

__all__ = ["time_facts", "time_told"]


def time_facts(hard: KnownAnswers, unlimited: str) -> dict[str, Estimate]:
    """Accuracy for each doubling of a person's time, and where the study `unlimited` set no limit; {} without either.

    `hard` are answers to hard items, none of them declined. Times are held against each person's own mean.
    """
    facts: dict[str, Estimate] = {}
    timed = hard.where(hard.seconds_N > 0)
    if timed.right_N.size:
        log_N = np.log2(timed.seconds_N)
        sum_E, count_E = np.bincount(timed.person_N, log_N), np.bincount(timed.person_N)
        own_N = log_N - (sum_E / np.maximum(count_E, 1))[timed.person_N]

        def slope(rows: NDArray[np.intp]) -> float:
            moved = float(own_N[rows] @ own_N[rows])
            return float(own_N[rows] @ timed.right_N[rows]) / moved if moved > 0 else float("nan")

        found = jackknife(slope, own_N.size, timed.person_N.tolist())
        if np.isfinite(found.value):
            facts["accuracy on hard items by doubling of the time"] = found
    unlimited_N = np.array([study == unlimited for study in hard.studies], dtype=np.bool_)
    if unlimited_N.any() and not unlimited_N.all():
        facts["accuracy on hard items, no limit of time less one"] = rate_difference(
            hard.right_N, unlimited_N, hard.person_N.tolist(), crossed=hard.item_N.tolist()
        )
    return facts


def time_told(facts: Mapping[str, Estimate]) -> str:
    """Whether more time goes with better answers, in a sentence; empty where nobody knows."""
    if not facts:
        return ""
    if any(fact.low is not None and fact.low > 0 for fact in facts.values()):
        return " More time surely goes with better answers there, so lack of time or care (OV1) is part of it."
    return " More time does not surely go with better answers there."
