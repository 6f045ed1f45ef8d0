"""How an interval becomes a verdict. Pure: no rule knows a check, a run or a file.

A rule names what a number should be. It fires where the whole interval says otherwise, is quiet where the whole
interval says so, and is inconclusive where the interval straddles the limit or there is none.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from accord.artefacts.finding import Verdict
from accord.stats import Estimate

__all__ = [
    "Ruling",
    "above",
    "at_least",
    "gains_of_groups",
    "near_zero",
    "none_of",
    "observations_needed",
    "reward_and_judge_agree",
    "unless",
    "without_trend",
]


class Ruling(NamedTuple):
    """A verdict, and what an inconclusive one needs (otherwise empty)."""

    verdict: Verdict
    needs: str = ""


_FIRES, _QUIET = Ruling(Verdict.FIRES), Ruling(Verdict.QUIET)


def near_zero(estimate: Estimate, limit: float) -> Ruling:
    """A number that should lie within `limit` of 0."""
    if estimate.low is not None and estimate.high is not None:
        if estimate.low > limit or estimate.high < -limit:
            return _FIRES
        if -limit <= estimate.low and estimate.high <= limit:
            return _QUIET
    return _open(estimate, limit if estimate.value >= 0 else -limit)


def above(estimate: Estimate, floor: float) -> Ruling:
    """A number that should lie above `floor`."""
    if estimate.low is not None and estimate.high is not None:
        if estimate.high < floor:
            return _FIRES
        if estimate.low > floor:
            return _QUIET
    return _open(estimate, floor)


def at_least(estimate: Estimate, floor: float) -> Ruling:
    """A number that should not lie below `floor`; an interval that begins there is quiet."""
    return _QUIET if estimate.low == floor else above(estimate, floor)


def without_trend(slope: Estimate) -> Ruling:
    """A slope that should not surely be positive: quiet unless its interval lies wholly above 0."""
    if slope.low is None or slope.high is None:
        return _open(slope, 0.0)
    return _FIRES if slope.low > 0 else _QUIET


def none_of(violations: int) -> Ruling:
    """Something of which a single instance is too many."""
    return _FIRES if violations else _QUIET


def unless(ruling: Ruling, violated: bool) -> Ruling:
    """The ruling, unless something was violated that fires by itself."""
    return _FIRES if violated else ruling


def reward_and_judge_agree(reward: Estimate, judge: Estimate, tolerance: float) -> Ruling:
    """Two slopes along a run: fires where the reward surely rises while the judge surely falls.

    Quiet where the judge falls by less than `tolerance`.
    """
    if judge.low is not None and judge.high is not None and reward.low is not None:
        if judge.high < 0 < reward.low:
            return _FIRES
        if judge.low > -tolerance:
            return _QUIET
    if judge.high is not None and judge.high < 0:
        needs = observations_needed(reward, 0.0)
        return Ruling(Verdict.INCONCLUSIVE, f"to tell whether the reward still rises, {needs}")
    return _open(judge, 0.0 if judge.value < -tolerance else -tolerance)


def gains_of_groups(
    gains: Sequence[Estimate], worst: Estimate, p_value: float, *, significance: float, limit: float
) -> Ruling:
    """Groups that should not gain more than `limit` from a reward of their own; `worst` is the gain that is reported.

    A gain counts only where a test rejects one reward for all (`p_value` below `significance`). Quiet where that test
    does not, or no group can gain as much.
    """
    rejected = p_value < significance
    if rejected and any(gain.low is not None and gain.low > limit for gain in gains):
        return _FIRES
    if not rejected or all(gain.high is not None and gain.high < limit for gain in gains):
        return _QUIET
    return _open(worst, limit)


def observations_needed(estimate: Estimate, threshold: float) -> str:
    """About how many observations would part the interval from `threshold`: its width falls with their root."""
    if estimate.low is None or estimate.high is None:
        return f"observations from more than one independent unit (all {estimate.n} are from one)"
    half_width = (estimate.high - estimate.low) / 2
    distance = max(abs(threshold - estimate.value), half_width / 10, 1e-12)
    needed = max(estimate.n + 1, math.ceil(estimate.n * (half_width / distance) ** 2))
    return f"about {needed} observations instead of {estimate.n}"


def _open(estimate: Estimate, threshold: float) -> Ruling:
    return Ruling(Verdict.INCONCLUSIVE, observations_needed(estimate, threshold))
