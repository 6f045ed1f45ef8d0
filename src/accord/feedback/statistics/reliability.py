"""What is known of each evaluator, computed once; thresholds and verdicts are the audit's.

A value that the records do not allow is None: nobody is fast because no seconds were recorded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.feedback.equality import same_answer, same_judgement
from accord.feedback.provenance import is_order_known
from accord.feedback.statistics.preferences import Preferences, collect_preferences, feedback_of_known
from accord.feedback.store.ledger import Ledger
from accord.records import Comparison, Evaluator, Feedback, Rating

__all__ = ["ComparisonFacts", "ControlFacts", "EvaluatorSummary", "RatingFacts", "summarise_evaluators"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RatingFacts:
    """The ratings of one evaluator, in widths of their scale from its low end (0..1), in the order of the records.

    mean, spread         spread is the standard deviation (n - 1); None for a single rating
    consensus            correlation with the mean of everybody else's ratings of the same completions
    consensus_items      how many ratings that rests on
    same_as_before       share equal to the one given before
    same_expected        the share that the same ratings would give in a random order
    longest_run          the longest stretch of equal ratings
    at_ends              share at an end of the scale
    """

    n: int
    mean: float
    spread: float | None
    consensus: float | None
    consensus_items: int
    same_as_before: float | None
    same_expected: float | None
    longest_run: int
    at_ends: float


@dataclass(frozen=True)
class ComparisonFacts:
    """The comparisons of one evaluator: the share tied, and the share of `left` among the `placed`.

    `placed` are those that were decided and whose order on the screen was recorded.
    """

    n: int
    ties: float
    placed: int
    left: float | None


@dataclass(frozen=True)
class ControlFacts:
    """Control questions of one evaluator, answered as known to be right; and items asked again, answered the same.

    `gold` and `repeats` count those that a program can compare (`feedback.equality`): not those that were declined.
    `repeat_error` is the mean absolute difference of repeated ratings, in widths of the scale.
    """

    gold: int
    gold_right: float | None
    repeats: int
    repeat_same: float | None
    repeat_error: float | None


@dataclass(frozen=True)
class EvaluatorSummary:
    """One evaluator (by id), from all that they said and that stands.

    `pair_accuracy` is the share of their decided opinions on two completions that agree with the majority of the
    others, over the `pair_count` opinions for which the others had a majority. `seconds` is the median time of an
    answer, over `timed` answers. `ratings` and `comparisons` are None where there are none of the kind.
    """

    evaluator: str
    feedback: int
    ratings: RatingFacts | None
    comparisons: ComparisonFacts | None
    controls: ControlFacts
    pair_accuracy: float | None
    pair_count: int
    seconds: float | None
    timed: int


def summarise_evaluators(
    source: Ledger | Iterable[Feedback],
    *,
    evaluators: Mapping[str, Evaluator] | None = None,
    upto: int | None = None,
) -> list[EvaluatorSummary]:
    """A summary of every known evaluator, in the order of their first answer (in a ledger: up to row `upto`).

    Evaluators that stand for more than one person are left out.
    """
    feedback = list(feedback_of_known(source, evaluators, upto=upto))
    by_id = {record.id: record for record in feedback}
    mine: dict[str, list[Feedback]] = {}
    for record in feedback:
        mine.setdefault(record.evaluator, []).append(record)
    others = _means_of_others(feedback)
    pairs = _pair_accuracy(collect_preferences(feedback))
    return [_summary(name, answers, others, pairs.get(name, (0, 0)), by_id) for name, answers in mine.items()]


def _summary(
    name: str,
    answers: list[Feedback],
    others: Mapping[str, float],
    pairs: tuple[int, int],
    by_id: Mapping[str, Feedback],
) -> EvaluatorSummary:
    seconds = [record.seconds for record in answers if record.seconds is not None]
    right, count = pairs
    return EvaluatorSummary(
        evaluator=name,
        feedback=len(answers),
        ratings=_rating_facts(answers, others),
        comparisons=_comparison_facts(answers),
        controls=_control_facts(answers, by_id),
        pair_accuracy=right / count if count else None,
        pair_count=count,
        seconds=float(np.median(seconds)) if seconds else None,
        timed=len(seconds),
    )


def _rating_facts(answers: list[Feedback], others: Mapping[str, float]) -> RatingFacts | None:
    rated = [
        (_relative(record.judgement), others.get(record.id))
        for record in answers
        if isinstance(record.judgement, Rating)
    ]
    if not rated:
        return None
    value_M = np.array([value for value, _ in rated])
    both = [(value, other) for value, other in rated if other is not None]
    n = value_M.size
    same_M = value_M[1:] == value_M[:-1]
    _, count_V = np.unique(value_M, return_counts=True)
    return RatingFacts(
        n=n,
        mean=float(value_M.mean()),
        spread=float(value_M.std(ddof=1)) if n > 1 else None,
        consensus=_correlation(np.array(both).reshape(-1, 2)),
        consensus_items=len(both),
        same_as_before=float(same_M.mean()) if n > 1 else None,
        same_expected=float((count_V * (count_V - 1)).sum() / (n * (n - 1))) if n > 1 else None,
        longest_run=_longest_run(same_M),
        at_ends=float(np.isin(value_M, (0.0, 1.0)).mean()),
    )


def _comparison_facts(answers: list[Feedback]) -> ComparisonFacts | None:
    compared = [
        (record.judgement, is_order_known(record)) for record in answers if isinstance(record.judgement, Comparison)
    ]
    if not compared:
        return None
    placed = [judgement.preferred for judgement, known in compared if known and judgement.preferred != "tie"]
    return ComparisonFacts(
        n=len(compared),
        ties=sum(judgement.preferred == "tie" for judgement, _ in compared) / len(compared),
        placed=len(placed),
        left=placed.count("left") / len(placed) if placed else None,
    )


def _control_facts(answers: list[Feedback], by_id: Mapping[str, Feedback]) -> ControlFacts:
    right = _known(same_judgement(record.judgement, record.gold) for record in answers if record.gold is not None)
    again = [(record, by_id[record.repeat_of]) for record in answers if record.repeat_of and record.repeat_of in by_id]
    same = _known(same_answer(later, first) for later, first in again)
    apart = [
        abs(_relative(later.judgement) - _relative(first.judgement))
        for later, first in again
        if isinstance(later.judgement, Rating) and isinstance(first.judgement, Rating)
    ]
    return ControlFacts(
        gold=len(right),
        gold_right=sum(right) / len(right) if right else None,
        repeats=len(same),
        repeat_same=sum(same) / len(same) if same else None,
        repeat_error=sum(apart) / len(apart) if apart else None,
    )


def _known(same: Iterable[bool | None]) -> list[bool]:
    """The comparisons of two answers that a program can make."""
    return [each for each in same if each is not None]


def _means_of_others(feedback: Iterable[Feedback]) -> dict[str, float]:
    """For each rating (by feedback id), the mean of what everybody else gave the same completion."""
    by_completion: dict[str, dict[str, tuple[str, float]]] = {}
    for record in feedback:
        if isinstance(record.judgement, Rating) and record.repeat_of is None:
            by_completion.setdefault(record.completions[0], {}).setdefault(
                record.evaluator, (record.id, _relative(record.judgement))
            )
    means: dict[str, float] = {}
    for ratings in by_completion.values():
        total = sum(value for _, value in ratings.values())
        if len(ratings) > 1:
            means |= {name: (total - value) / (len(ratings) - 1) for name, value in ratings.values()}
    return means


def _pair_accuracy(preferences: Preferences) -> dict[str, tuple[int, int]]:
    """By evaluator: decided opinions that agree with the majority of the others, and those that could."""
    if preferences.first_N.size == 0:
        return {}
    key_N = preferences.first_N * len(preferences.completions) + preferences.second_N
    _, pair_N = np.unique(key_N, return_inverse=True)
    net_N = np.bincount(pair_N, preferences.sign_N)[pair_N] - preferences.sign_N
    used_N = (preferences.sign_N != 0) & (net_N != 0)
    right_N = used_N & (np.sign(net_N) == preferences.sign_N)
    size = len(preferences.evaluators)
    right_E = np.bincount(preferences.evaluator_N, right_N, size).astype(int).tolist()
    used_E = np.bincount(preferences.evaluator_N, used_N, size).astype(int).tolist()
    return dict(zip(preferences.evaluators, zip(right_E, used_E, strict=True), strict=True))


def _relative(rating: Rating) -> float:
    """0 at the low end of the scale, 1 at its high end."""
    return (rating.value - rating.scale.low) / (rating.scale.high - rating.scale.low)


def _correlation(both_M2: Floats) -> float | None:
    """Pearson's correlation; None for fewer than three, or where one side does not vary."""
    if len(both_M2) < 3 or (both_M2.std(axis=0) < 1e-12).any():
        return None
    one_M, other_M = (both_M2 - both_M2.mean(axis=0)).T
    return float(one_M @ other_M / np.sqrt((one_M @ one_M) * (other_M @ other_M)))


def _longest_run(same_M: NDArray[np.bool_]) -> int:
    """The longest run of equal values, from which neighbours are equal."""
    breaks = np.flatnonzero(~same_M)
    edges = np.concatenate([[-1], breaks, [same_M.size]])
    return int(np.diff(edges).max())
