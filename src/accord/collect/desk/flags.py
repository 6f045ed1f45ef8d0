"""Whom to talk to, and about what: each flag is a number with its interval that crosses a line that is stated here.

A flag is no verdict. An interval must lie beyond the line as a whole, so that a few answers flag nobody; a preference
for a side is a binomial test, by Bonferroni over the people tested.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats as scipy_stats

from accord.collect.desk.types import Flag
from accord.collect.study import Question
from accord.records import Declined, Feedback
from accord.stats import Estimate, proportion

__all__ = ["Habits", "flags_of", "habits_of", "median"]

WORDS_A_SECOND = 15.0
"""Faster than this nobody reads; fluent reading is 4 to 5 words a second."""

LEAST_SECONDS = 1.0
MOST_FAST = 0.2
LEAST_GOLD = 0.8
LEAST_SAME = 0.75
MOST_PASTED = 0.2
MOST_DECLINED = 0.2
SIDE_LEVEL = 0.05


@dataclass(frozen=True)
class Habits:
    """What somebody's answers show; None where there is nothing to go by.

    fast      share of answers sent before what was shown could be read
    gold      share of control questions answered as known to be right
    repeats   share of items asked again that were answered the same
    left      share of `left` among decided comparisons, and `left_p` its two-sided binomial p against one half
    pasted    share of written answers into which something was pasted
    declined  share of items declined
    """

    fast: Estimate | None
    gold: Estimate | None
    repeats: Estimate | None
    left: Estimate | None
    left_p: float | None
    pasted: Estimate | None
    declined: Estimate | None


def habits_of(question: Question, said: Sequence[tuple[Feedback, int]], by_id: dict[str, Feedback]) -> Habits:
    """Somebody's habits, from what stands of what they said, each with the words they were shown."""
    answers = [each for each, _ in said if not isinstance(each.judgement, Declined)]
    timed = [(each.seconds, words) for each, words in said if each.seconds is not None]
    decided = [side for each in answers if (side := question.side(each.judgement)) is not None]
    written = [
        each.telemetry.pasted
        for each in answers
        if question.written and each.telemetry is not None and each.telemetry.pasted is not None
    ]
    left = sum(side == "left" for side in decided)
    return Habits(
        fast=_share([seconds < max(LEAST_SECONDS, words / WORDS_A_SECOND) for seconds, words in timed]),
        gold=_share([question.agree(each.judgement, each.gold) for each in answers if each.gold is not None]),
        repeats=_share(
            [_same(question, each, by_id.get(each.repeat_of)) for each in answers if each.repeat_of is not None]
        ),
        left=_share([side == "left" for side in decided]),
        left_p=float(scipy_stats.binomtest(left, len(decided)).pvalue) if decided else None,
        pasted=_share([count > 0 for count in written]),
        declined=_share([isinstance(each.judgement, Declined) for each, _ in said]),
    )


def flags_of(habits: Habits, people: int) -> tuple[Flag, ...]:
    """What to talk to somebody about, among so many people who were looked at."""
    found: list[Flag] = []
    if habits.fast is not None and _above(habits.fast, MOST_FAST):
        said = f"{_of(habits.fast)} answers came before the text could be read ({WORDS_A_SECOND:g} words a second)"
        found.append(Flag("too fast", said))
    if habits.gold is not None and _below(habits.gold, LEAST_GOLD):
        found.append(Flag("gold low", f"{_of(habits.gold)} control questions were answered as known to be right"))
    if habits.left is not None and habits.left_p is not None and habits.left_p * people < SIDE_LEVEL:
        side = "left" if habits.left.value > 0.5 else "right"
        share = max(habits.left.value, 1 - habits.left.value)
        found.append(Flag("side bias", f"{share:.0%} of {habits.left.n} choices were {side} (p = {habits.left_p:.2g})"))
    if habits.pasted is not None and _above(habits.pasted, MOST_PASTED):
        found.append(Flag("pasted", f"into {_of(habits.pasted)} written answers something was pasted"))
    if habits.repeats is not None and _below(habits.repeats, LEAST_SAME):
        found.append(Flag("repeats differ", f"{_of(habits.repeats)} items asked again were answered the same"))
    if habits.declined is not None and _above(habits.declined, MOST_DECLINED):
        found.append(Flag("declines often", f"{_of(habits.declined)} items were declined"))
    return tuple(found)


def median(values: Sequence[float], *, level: float = 0.95) -> Estimate | None:
    """The median with its interval from order statistics, which needs no distribution; None of no values.

    Between the k-th smallest and the k-th largest, with the largest k for which Binomial(n, 1/2) falls below k with
    probability (1 - level)/2 at most; there is no interval of fewer than six values at 95 %.
    """
    n = len(values)
    if n == 0:
        return None
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    k = int(scipy_stats.binom.ppf((1 - level) / 2, n, 0.5))
    low, high = (float(ordered[k - 1]), float(ordered[n - k])) if k > 0 else (None, None)
    return Estimate(float(np.median(ordered)), low, high, n, level=level, method="order statistics")


def _same(question: Question, again: Feedback, first: Feedback | None) -> bool | None:
    """Whether the same was said again; None where the first is gone or answers of the kind are never equal."""
    if first is None:
        return None
    one, other = question.vote(again.judgement, again.completions), question.vote(first.judgement, first.completions)
    return None if one is None or other is None else one == other


def _share(found: Sequence[bool | None]) -> Estimate | None:
    known = [each for each in found if each is not None]
    return proportion(sum(known), len(known)) if known else None


def _above(estimate: Estimate, line: float) -> bool:
    return estimate.low is not None and estimate.low > line


def _below(estimate: Estimate, line: float) -> bool:
    return estimate.high is not None and estimate.high < line


def _of(estimate: Estimate) -> str:
    return f"{round(estimate.value * estimate.n)} of {estimate.n}"
