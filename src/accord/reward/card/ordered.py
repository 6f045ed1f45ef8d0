"""Statistics of scores beside what people said: shares, areas under the curve, correlations, over whoever said it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from accord.feedback import Dataset, Judged, is_known, text_groups
from accord.records import Feedback
from accord.stats import Estimate, jackknife, rate

__all__ = ["Outcome", "area", "area_of", "half_wins", "shares", "units_of_acts", "within_evaluators"]

Outcome = tuple[str, Estimate | None, str | None]
"""What was measured, the estimate, and why there is none or what it leaves out."""

Floats = NDArray[np.float64]
FEW_EVALUATORS = 5  # with fewer, prompts are what varies


def half_wins(margin: float) -> float:
    """1 where it is positive, 0 where it is negative, one half at 0."""
    return 0.5 * (float(np.sign(margin)) + 1.0)


def units_of_acts(feedback: Sequence[Feedback], data: Dataset) -> tuple[list[str], list[str]]:
    """Of each act who judged and which texts, as `feedback.sampled_units` has it of pairs."""
    known = {name for name, evaluator in data.evaluators.items() if is_known(evaluator)}
    who = [act.session or (act.evaluator if act.evaluator in known else None) or act.prompt for act in feedback]
    return who, text_groups(act.completions or (act.prompt,) for act in feedback)


def shares(won: Sequence[float], acts: Sequence[Judged[Any]], data: Dataset) -> Estimate | None:
    """The mean of shares, one an act, over whoever judged and the texts; None of nothing."""
    if not won:
        return None
    who, texts = units_of_acts([act.feedback for act in acts], data)
    return rate(np.array(won), who, crossed=texts)


def area_of(value_N: Floats, is_N: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often one that is scores above one that is not, ties half; NaN of one kind only."""
    ones = int(is_N.sum())
    others = is_N.size - ones
    if not ones or not others:
        return float("nan")
    rank_N = rankdata(value_N)
    return float((rank_N[is_N].sum() - ones * (ones + 1) / 2) / (ones * others))


def area(
    value_N: Floats, is_N: NDArray[np.bool_], acts: Sequence[Judged[Any]], data: Dataset, reason: str
) -> tuple[Estimate | None, str | None]:
    """`area_of` with its interval over texts, or the reason why there is none."""
    if is_N.all() or not is_N.any():
        return None, reason
    _, texts = units_of_acts([act.feedback for act in acts], data)
    return within(jackknife(lambda rows: area_of(value_N[rows], is_N[rows]), is_N.size, texts), 0.0, 1.0), None


def within(estimate: Estimate, least: float, most: float) -> Estimate:
    """The estimate with the ends of its interval where the quantity can be."""
    if estimate.low is None or estimate.high is None:
        return estimate
    return replace(estimate, low=max(estimate.low, least), high=min(estimate.high, most))


def within_evaluators(value_N: Floats, rated_N: Floats, feedback: Sequence[Feedback], data: Dataset) -> Estimate | None:
    """Spearman's correlation of scores and ratings within each evaluator, weighted by their ratings.

    Evaluators count who gave three ratings at least, not all of them alike. The interval is over evaluators, or over
    prompts where there are fewer than five evaluators.
    """
    code_of = {name: code for code, name in enumerate(dict.fromkeys(act.evaluator for act in feedback))}
    code_N = np.array([code_of[act.evaluator] for act in feedback])
    known: dict[bytes, float] = {}  # by rows: whoever is not left out keeps theirs

    def correlation(rows: NDArray[np.intp]) -> float:
        total, weight = 0.0, 0
        by_evaluator = rows[np.argsort(code_N[rows], kind="stable")]
        for mine in np.split(by_evaluator, np.flatnonzero(np.diff(code_N[by_evaluator])) + 1):
            own = known.get(key := mine.tobytes())
            if own is None:
                own = known[key] = _spearman(value_N[mine], rated_N[mine])
            if np.isfinite(own):
                total, weight = total + own * mine.size, weight + mine.size
        return total / weight if weight else float("nan")

    everything = np.arange(len(feedback))
    if not len(feedback) or not np.isfinite(correlation(everything)):
        return None
    many = len(code_of) >= FEW_EVALUATORS
    clusters = [act.evaluator if many else act.prompt for act in feedback]
    return within(jackknife(correlation, len(feedback), clusters), -1.0, 1.0)


def _spearman(first_N: Floats, second_N: Floats) -> float:
    """NaN of fewer than three, or where one of the two is constant."""
    if first_N.size < 3 or np.ptp(first_N) == 0 or np.ptp(second_N) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(first_N), rankdata(second_N))[0, 1])
