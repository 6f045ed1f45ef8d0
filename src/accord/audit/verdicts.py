"""How an interval becomes a verdict. Pure: no rule knows a check, a run or a file.

A rule names what a number should be. It fires where the whole interval says otherwise, is quiet where the whole
interval says so, and is inconclusive where the interval straddles the limit or there is none.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from accord.artefacts.finding import Verdict
from accord.deferred import deferred

with deferred():
    from scipy.stats import t as student_t

    from accord.stats import Estimate

__all__ = [
    "Ruling",
    "above",
    "all_of",
    "at_least",
    "at_most",
    "beyond",
    "gains_of_groups",
    "near_zero",
    "none_of",
    "observations_needed",
    "past_its_peak",
    "reward_and_judge_agree",
    "units_needed",
    "unless",
    "without_trend",
]


FOUR_OF_FIVE = 0.8416212335729143  # the quantile of the normal distribution


class Ruling(NamedTuple):
    """A verdict, what an inconclusive one needs (otherwise empty), and the p-value of the fault that it tests for.

    `p_value` is None where the number has no interval to work it out from.
    """

    verdict: Verdict
    needs: str = ""
    p_value: float | None = None


def beyond(estimate: Estimate, limit: float, *, upward: bool = True) -> float | None:
    """P(a number so far above the limit, or below it, if the truth lies on it), by Student's t over the clusters.

    The standard error is that of the end of the interval which lies towards the limit. None without an interval.
    """
    if estimate.low is None or estimate.high is None:
        return None
    distance = estimate.value - limit if upward else limit - estimate.value
    near, far = estimate.value - estimate.low, estimate.high - estimate.value
    reach = near if upward == (distance >= 0) else far
    if reach <= 0:
        return 0.0 if distance > 0 else 1.0
    units = estimate.n if estimate.clusters is None else estimate.clusters
    df = max(units - 1, 1)
    quantile = float(student_t.ppf((1 + estimate.level) / 2, df))
    return float(student_t.sf(quantile * distance / reach, df))


_QUIET = Ruling(Verdict.QUIET)
CERTAIN = Ruling(Verdict.FIRES)
"""What is wrong beyond doubt: no chance is in it, so it has no p-value."""


def near_zero(estimate: Estimate, limit: float) -> Ruling:
    """A number that should lie within `limit` of 0."""
    p_value = _smaller(beyond(estimate, limit), beyond(estimate, -limit, upward=False))
    if estimate.low is not None and estimate.high is not None:
        if estimate.low > limit or estimate.high < -limit:
            return Ruling(Verdict.FIRES, p_value=p_value)
        if -limit <= estimate.low and estimate.high <= limit:
            return Ruling(Verdict.QUIET, p_value=p_value)
        if estimate.value == 0:
            return _open(estimate, limit if estimate.high >= -estimate.low else -limit, p_value)
    return _open(estimate, limit if estimate.value >= 0 else -limit, p_value)


def at_most(estimate: Estimate, ceiling: float) -> Ruling:
    """A number that should not lie above `ceiling`; how far below it lies does not matter."""
    p_value = beyond(estimate, ceiling)
    if estimate.low is not None and estimate.high is not None:
        if estimate.low > ceiling:
            return Ruling(Verdict.FIRES, p_value=p_value)
        if estimate.high <= ceiling:
            return Ruling(Verdict.QUIET, p_value=p_value)
    return _open(estimate, ceiling, p_value)


def above(estimate: Estimate, floor: float) -> Ruling:
    """A number that should lie above `floor`."""
    p_value = beyond(estimate, floor, upward=False)
    if estimate.low is not None and estimate.high is not None:
        if estimate.high < floor:
            return Ruling(Verdict.FIRES, p_value=p_value)
        if estimate.low > floor:
            return Ruling(Verdict.QUIET, p_value=p_value)
    return _open(estimate, floor, p_value)


def at_least(estimate: Estimate, floor: float) -> Ruling:
    """A number that should not lie below `floor`; an interval that begins there is quiet."""
    return above(estimate, floor) if estimate.low != floor else Ruling(Verdict.QUIET, p_value=1.0)


def without_trend(slope: Estimate) -> Ruling:
    """A slope that should not surely be positive: quiet unless its interval lies wholly above 0."""
    if slope.low is None or slope.high is None:
        return _open(slope, 0.0)
    return Ruling(Verdict.FIRES if slope.low > 0 else Verdict.QUIET, p_value=beyond(slope, 0.0))


def all_of(*rulings: Ruling) -> Ruling:
    """What is wrong only where every one of these rules fires; quiet where one of them is.

    Its p-value is the largest of theirs (Berger 1982: an intersection-union test holds its level without correction).
    """
    p_values = [ruling.p_value for ruling in rulings]
    p_value = None if None in p_values else max(p for p in p_values if p is not None)
    verdicts = {ruling.verdict for ruling in rulings}
    if verdicts == {Verdict.FIRES}:
        return Ruling(Verdict.FIRES, p_value=p_value)
    if Verdict.QUIET in verdicts:
        return Ruling(Verdict.QUIET, p_value=p_value)
    return Ruling(Verdict.INCONCLUSIVE, next(ruling.needs for ruling in rulings if ruling.needs), p_value)


def none_of(violations: int) -> Ruling:
    """Something of which a single instance is too many."""
    return CERTAIN if violations else _QUIET


def unless(ruling: Ruling, violated: bool) -> Ruling:
    """The ruling, unless something was violated that fires by itself."""
    return CERTAIN if violated else ruling


def reward_and_judge_agree(reward: Estimate, judge: Estimate, tolerance: float) -> Ruling:
    """Two slopes along a run: fires where the reward surely rises while the judge surely falls.

    Quiet where the judge falls by less than `tolerance`.
    """
    if judge.low is not None and judge.high is not None and reward.low is not None:
        if judge.high < 0 < reward.low:
            return Ruling(Verdict.FIRES, p_value=_larger(beyond(judge, 0.0, upward=False), beyond(reward, 0.0)))
        if judge.low > -tolerance:
            return _QUIET
    if judge.high is not None and judge.high < 0:
        needs = observations_needed(reward, 0.0)
        return Ruling(Verdict.INCONCLUSIVE, f"to tell whether the reward still rises, {needs}")
    return _open(judge, 0.0 if judge.value < -tolerance else -tolerance)


def past_its_peak(change: Estimate, slope: Estimate, tolerance: float) -> Ruling:
    """A score's change since its peak, and its slope now: fires where it has surely fallen and surely still falls.

    Quiet where it has surely fallen by less than `tolerance`, or surely still rises and not surely has fallen.
    """
    p_value = _larger(beyond(change, 0.0, upward=False), beyond(slope, 0.0, upward=False))
    if change.low is not None and change.high is not None:
        if change.high < 0 and slope.high is not None and slope.high < 0:
            return Ruling(Verdict.FIRES, p_value=p_value)
        if change.low > -tolerance or (change.high >= 0 and slope.low is not None and slope.low > 0):
            return Ruling(Verdict.QUIET, p_value=p_value)
        if change.high < 0:
            return Ruling(
                Verdict.INCONCLUSIVE, f"to tell whether it still falls, {observations_needed(slope, 0.0)}", p_value
            )
    return _open(change, 0.0 if change.value < -tolerance else -tolerance, p_value)


def gains_of_groups(
    gains: Sequence[Estimate], worst: Estimate, p_value: float, *, significance: float, limit: float, ruled_out: float
) -> Ruling:
    """Groups that should not gain more than `limit` from a reward of their own; `worst` is the gain that is reported.

    A gain counts only where a test rejects one reward for all (`p_value` below `significance`). Quiet where surely no
    group gains as much as `ruled_out`.
    """
    rejected = p_value < significance
    if rejected and any(gain.low is not None and gain.low > limit for gain in gains):
        p_values = [beyond(gain, limit) for gain in gains]
        return Ruling(Verdict.FIRES, p_value=min(1.0, len(gains) * min(p for p in p_values if p is not None)))
    if all(gain.high is not None and gain.high < ruled_out for gain in gains):
        return _QUIET
    widest = max(gains, key=lambda gain: math.inf if gain.high is None else gain.high, default=worst)
    return _open(worst, limit) if rejected else _open(widest, max(ruled_out, widest.value))


def observations_needed(estimate: Estimate, threshold: float) -> str:
    """What it would take to part the interval from `threshold`, in words: `units_needed`."""
    if estimate.low is None or estimate.high is None:
        return f"observations from more than one independent unit (all {estimate.n} are from one)"
    needed = units_needed(estimate, threshold)
    if estimate.clusters is None:
        return f"about {needed:,} observations instead of {estimate.n:,}"
    return (
        f"about {needed:,} independent units (sessions, people or prompts) instead of {estimate.clusters:,}, each with "
        f"as many observations as now (some {math.ceil(needed * estimate.n / estimate.clusters):,} in all instead of "
        f"{estimate.n:,})"
    )


def units_needed(estimate: Estimate, threshold: float) -> int:
    """About how many independent units would decide in four of five repetitions, if the value is what it is now.

    The end of the interval on the side of the threshold comes nearer with the root of the number of units, by Student's
    t of as many; one in five of the next estimates falls short of this one by 0.84 standard errors. Units are the
    clusters of the estimate: more observations of the same ones do not narrow it. Raises ValueError for no interval.
    """
    if estimate.low is None or estimate.high is None:
        raise ValueError("an estimate without an interval does not say how far it moves")
    units = estimate.n if estimate.clusters is None else estimate.clusters
    tail = (1 + estimate.level) / 2
    above, below = estimate.high - estimate.value, estimate.value - estimate.low
    reach = max(above, below) if threshold == estimate.value else above if threshold > estimate.value else below
    error = reach / float(student_t.ppf(tail, max(units - 1, 1)))
    distance = max(abs(threshold - estimate.value), error / 10, 1e-12)
    needed = units + 1
    for _ in range(20):  # t depends on the number itself
        quantile = float(student_t.ppf(tail, needed - 1)) + FOUR_OF_FIVE
        needed = max(units + 1, math.ceil(units * (quantile * error / distance) ** 2))
    return needed


def _open(estimate: Estimate, threshold: float, p_value: float | None = None) -> Ruling:
    return Ruling(Verdict.INCONCLUSIVE, observations_needed(estimate, threshold), p_value)


def _smaller(first: float | None, second: float | None) -> float | None:
    """The p-value of a test to both sides of which only the nearer can be wrong."""
    return None if first is None or second is None else min(first, second)


def _larger(first: float | None, second: float | None) -> float | None:
    """The p-value of two things that must both be so."""
    return None if first is None or second is None else max(first, second)
