"""The rules of verdicts as laws: what an interval decides, what it leaves open, and what would decide it."""

import math
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm, t

from accord.artefacts.finding import Verdict
from accord.audit.verdicts import (
    Ruling,
    above,
    at_least,
    at_most,
    beyond,
    gains_of_groups,
    near_zero,
    none_of,
    observations_needed,
    past_its_peak,
    reward_and_judge_agree,
    units_needed,
    unless,
    without_trend,
)
from accord.stats import Estimate, mean

NUMBER = st.floats(-1e3, 1e3)
LIMIT = st.floats(1e-3, 1e3)


@st.composite
def intervals(draw: st.DrawFn) -> Estimate:
    low, value, high = sorted(draw(st.tuples(NUMBER, NUMBER, NUMBER)))
    return Estimate(value, low, high, draw(st.integers(1, 10**6)))


def mirrored(estimate: Estimate) -> Estimate:
    assert estimate.low is not None
    assert estimate.high is not None
    return replace(estimate, value=-estimate.value, low=-estimate.high, high=-estimate.low)


def within(estimate: Estimate, share: float) -> Estimate:
    """The same value with an interval inside of the old one."""
    assert estimate.low is not None
    assert estimate.high is not None
    low = estimate.value - share * (estimate.value - estimate.low)
    return replace(estimate, low=low, high=estimate.value + share * (estimate.high - estimate.value))


@given(intervals(), LIMIT)
def test_near_zero_is_what_it_says(estimate: Estimate, limit: float) -> None:
    assert estimate.low is not None
    assert estimate.high is not None
    nearest = max(estimate.low, -estimate.high, 0.0)
    furthest = max(abs(estimate.low), abs(estimate.high))
    verdict = near_zero(estimate, limit).verdict
    assert (verdict is Verdict.FIRES) == (nearest > limit)
    assert (verdict is Verdict.QUIET) == (furthest <= limit)


@given(intervals(), LIMIT)
def test_near_zero_does_not_know_left_from_right(estimate: Estimate, limit: float) -> None:
    assert near_zero(mirrored(estimate), limit) == near_zero(estimate, limit)


@given(intervals(), NUMBER)
def test_above_is_the_mirror_of_below(estimate: Estimate, floor: float) -> None:
    opposite = {Verdict.FIRES: Verdict.QUIET, Verdict.QUIET: Verdict.FIRES}
    verdict = above(estimate, floor).verdict
    assert above(mirrored(estimate), -floor).verdict is opposite.get(verdict, verdict)


@given(intervals(), NUMBER)
def test_at_least_differs_from_above_on_the_edge_alone(estimate: Estimate, floor: float) -> None:
    assert at_least(estimate, floor) == above(estimate, floor) or estimate.low == floor
    assert estimate.low is not None
    assert estimate.high is not None
    edge = replace(estimate, low=floor, high=max(estimate.high, floor))
    assert at_least(edge, floor).verdict is Verdict.QUIET
    assert above(edge, floor).verdict is Verdict.INCONCLUSIVE


@given(intervals(), LIMIT, st.floats(0, 1))
def test_a_narrower_interval_never_reopens_a_verdict(estimate: Estimate, limit: float, share: float) -> None:
    for rule in (near_zero, above):
        verdict = rule(estimate, limit).verdict
        if verdict is not Verdict.INCONCLUSIVE:
            assert rule(within(estimate, share), limit).verdict is verdict


@given(intervals(), LIMIT, st.floats(1, 10))
def test_a_wider_limit_never_makes_it_fire(estimate: Estimate, limit: float, factor: float) -> None:
    order = (Verdict.FIRES, Verdict.INCONCLUSIVE, Verdict.QUIET)
    narrow, wide = (near_zero(estimate, each).verdict for each in (limit, limit * factor))
    assert order.index(wide) >= order.index(narrow)


RULES = {
    "near_zero": lambda estimate: near_zero(estimate, 0.5),
    "above": lambda estimate: above(estimate, 0.5),
    "at_least": lambda estimate: at_least(estimate, 0.5),
    "without_trend": without_trend,
    "reward_and_judge_agree": lambda estimate: reward_and_judge_agree(estimate, estimate, 0.5),
    "gains_of_groups": lambda estimate: gains_of_groups(
        [estimate], estimate, 0.0, significance=0.01, limit=0.5, ruled_out=0.5
    ),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@given(estimate=intervals())
def test_only_an_open_verdict_says_what_it_needs(rule: object, estimate: Estimate) -> None:
    assert callable(rule)
    verdict, needs, _ = rule(estimate)
    assert bool(needs) == (verdict is Verdict.INCONCLUSIVE)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_without_an_interval_nothing_is_decided(rule: object) -> None:
    assert callable(rule)
    verdict, needs, _ = rule(Estimate(0.3, None, None, 40))
    assert verdict is Verdict.INCONCLUSIVE
    assert needs.endswith("observations from more than one independent unit (all 40 are from one)")


@given(intervals(), NUMBER)
def test_a_p_value_is_below_a_fortieth_exactly_where_the_interval_lies_beyond(estimate: Estimate, limit: float) -> None:
    assert estimate.low is not None
    p_value = beyond(estimate, limit)
    assert p_value is not None
    assume(abs(estimate.low - limit) > 1e-6 * max(1.0, abs(limit)) and estimate.low < estimate.value)
    assert (p_value < 0.025) == (estimate.low > limit)
    mirror = beyond(mirrored(estimate), -limit, upward=False)
    assert mirror == pytest.approx(p_value)


def test_a_p_value_is_students() -> None:
    """A mean of nine with a standard error of 1: t with 8 degrees of freedom at the distance of the threshold."""
    reach = float(t.ppf(0.975, 8))
    estimate = Estimate(2.0, 2.0 - reach, 2.0 + reach, 9)
    assert beyond(estimate, 0.5) == pytest.approx(float(t.sf(1.5, 8)))
    assert beyond(estimate, 3.0) == pytest.approx(float(t.sf(-1.0, 8)))
    assert beyond(Estimate(2.0, None, None, 9), 0.5) is None


@given(intervals(), LIMIT)
def test_at_most_does_not_mind_how_far_below(estimate: Estimate, limit: float) -> None:
    assert at_most(estimate, limit).verdict is above(mirrored(estimate), -limit).verdict or estimate.high == limit


@pytest.mark.parametrize("rule", [near_zero, above])
def test_one_bound_alone_is_no_interval(rule: Callable[[Estimate, float], Ruling]) -> None:
    for low, high in ((0.6, None), (None, -0.6)):
        assert rule(Estimate(0.3, low, high, 40), 0.5).verdict is Verdict.INCONCLUSIVE


@given(intervals())
def test_a_trend_fires_where_it_is_surely_positive_and_only_there(slope: Estimate) -> None:
    assert slope.low is not None
    assert without_trend(slope).verdict is (Verdict.FIRES if slope.low > 0 else Verdict.QUIET)


@given(intervals(), intervals(), LIMIT)
def test_reward_and_judge(reward: Estimate, judge: Estimate, tolerance: float) -> None:
    assert reward.low is not None
    assert judge.low is not None
    assert judge.high is not None
    verdict = reward_and_judge_agree(reward, judge, tolerance).verdict
    assert (verdict is Verdict.FIRES) == (reward.low > 0 > judge.high)
    if verdict is Verdict.QUIET:
        assert judge.low > -tolerance


RISES, FALLS = Estimate(0.375, 0.125, 0.625, 100), Estimate(-0.375, -0.625, -0.125, 100)


@pytest.mark.parametrize(
    ("reward", "judge", "verdict", "needs"),
    [
        (RISES, FALLS, Verdict.FIRES, ""),
        (RISES, Estimate(0.0, -0.125, 0.125, 100), Verdict.QUIET, ""),
        # where an interval ends at 0 nothing is sure
        (RISES, Estimate(-0.375, -0.75, 0.0, 100), Verdict.INCONCLUSIVE, "about N observations instead of 100"),
        (
            Estimate(0.125, 0.0, 0.25, 100),
            FALLS,
            Verdict.INCONCLUSIVE,
            "to tell whether the reward still rises, about N observations instead of 100",
        ),
        (
            Estimate(0.125, -0.125, 0.375, 100),
            FALLS,
            Verdict.INCONCLUSIVE,
            "to tell whether the reward still rises, about N observations instead of 100",
        ),
        # of two thresholds the one that the judge's slope has yet to be parted from: -.25, and 0 below it
        (RISES, Estimate(0.0, -0.25, 0.25, 100), Verdict.INCONCLUSIVE, "about N observations instead of 100"),
        (RISES, Estimate(-0.0625, -0.3125, 0.1875, 100), Verdict.INCONCLUSIVE, "about N observations instead of 100"),
        (RISES, Estimate(-0.25, -0.5, 0.0, 100), Verdict.INCONCLUSIVE, "about N observations instead of 100"),
        (RISES, Estimate(-0.375, -0.875, 0.125, 100), Verdict.INCONCLUSIVE, "about N observations instead of 100"),
    ],
)
def test_reward_and_judge_written_out(reward: Estimate, judge: Estimate, verdict: Verdict, needs: str) -> None:
    found = reward_and_judge_agree(reward, judge, 0.25)
    assert (found.verdict, re.sub(r"about \d[\d,]*", "about N", found.needs)) == (verdict, needs)


def test_one_unit_alone_leaves_reward_and_judge_open() -> None:
    """No slope has an interval then, neither of the two alone decides, and a trend is not told from one bound."""
    units = "observations from more than one independent unit (all 100 are from one)"
    bare = Estimate(0.3, None, None, 100)
    wanted = f"to tell whether the reward still rises, {units}"
    assert reward_and_judge_agree(bare, FALLS, 0.25) == Ruling(Verdict.INCONCLUSIVE, wanted)
    assert reward_and_judge_agree(RISES, bare, 0.25) == Ruling(Verdict.INCONCLUSIVE, units)
    for slope in (Estimate(0.3, 0.1, None, 100), Estimate(0.3, None, -0.1, 100)):
        assert without_trend(slope) == Ruling(Verdict.INCONCLUSIVE, units)


def test_where_the_judge_surely_falls_the_reward_is_what_is_open() -> None:
    falls, open_reward = Estimate(-1.0, -1.5, -0.5, 40), Estimate(0.1, -0.1, 0.3, 40)
    assert "whether the reward still rises" in reward_and_judge_agree(open_reward, falls, 0.05).needs
    assert "reward" not in reward_and_judge_agree(open_reward, Estimate(-0.1, -0.3, 0.1, 40), 0.05).needs


GAINS, NO_GAIN, OPEN = Estimate(0.2, 0.1, 0.3, 90), Estimate(-0.1, -0.2, 0.0, 90), Estimate(0.0, -0.1, 0.1, 90)


@pytest.mark.parametrize(
    ("gains", "p_value", "verdict"),
    [
        ([], 0.003, Verdict.QUIET),
        ([GAINS], 0.003, Verdict.FIRES),
        ([NO_GAIN, GAINS], 0.003, Verdict.FIRES),
        ([NO_GAIN, OPEN], 0.003, Verdict.INCONCLUSIVE),
        ([NO_GAIN], 0.003, Verdict.QUIET),
        ([GAINS, OPEN], 0.4, Verdict.INCONCLUSIVE),  # what may be large is not ruled out by a test that finds nothing
        ([NO_GAIN, replace(OPEN, high=0.04)], 0.4, Verdict.QUIET),
        ([OPEN], 0.4, Verdict.INCONCLUSIVE),
        ([GAINS], 0.01, Verdict.INCONCLUSIVE),
        ([replace(GAINS, low=0.005)], 0.003, Verdict.INCONCLUSIVE),  # the limit itself is neither
        ([replace(NO_GAIN, high=0.05)], 0.003, Verdict.INCONCLUSIVE),
    ],
)
def test_a_group_counts_only_behind_the_test(gains: list[Estimate], p_value: float, verdict: Verdict) -> None:
    ruling = gains_of_groups(gains, OPEN, p_value, significance=0.01, limit=0.005, ruled_out=0.05)
    assert ruling.verdict is verdict


FELL, RISES = Estimate(-0.5, -0.7, -0.3, 90), Estimate(0.2, 0.1, 0.3, 90)
NEAR, FALLS = Estimate(-0.05, -0.15, 0.05, 90), Estimate(-0.2, -0.3, -0.1, 90)


@pytest.mark.parametrize(
    ("change", "slope", "verdict"),
    [
        (FELL, FALLS, Verdict.FIRES),
        (FELL, OPEN, Verdict.INCONCLUSIVE),
        (FELL, RISES, Verdict.INCONCLUSIVE),  # below its peak, and on its way up again
        (NEAR, FALLS, Verdict.QUIET),  # a plateau, on which a curve that must turn is fitted
        (replace(NEAR, low=-0.4), FALLS, Verdict.INCONCLUSIVE),
        (replace(NEAR, low=-0.4), RISES, Verdict.QUIET),
        (replace(FELL, low=None, high=None), FALLS, Verdict.INCONCLUSIVE),
    ],
)
def test_a_score_is_past_its_peak_where_it_fell_and_falls(change: Estimate, slope: Estimate, verdict: Verdict) -> None:
    assert past_its_peak(change, slope, 0.2).verdict is verdict


@pytest.mark.parametrize("ruling", [Ruling(Verdict.QUIET), Ruling(Verdict.INCONCLUSIVE, "more")])
def test_a_violation_fires_by_itself(ruling: Ruling) -> None:
    assert unless(ruling, violated=True) == Ruling(Verdict.FIRES)
    assert unless(ruling, violated=False) is ruling
    assert none_of(0).verdict is Verdict.QUIET
    assert none_of(1).verdict is Verdict.FIRES


@given(intervals(), NUMBER)
def test_what_is_needed_is_more_than_there_is_and_enough(estimate: Estimate, threshold: float) -> None:
    """At the n it asks for, the end towards the threshold and .84 standard errors fit into the distance."""
    assert estimate.low is not None
    assert estimate.high is not None
    assume(estimate.n >= 5)
    reach = estimate.high - estimate.value if threshold > estimate.value else estimate.value - estimate.low
    assume(threshold != estimate.value)
    distance, error = abs(threshold - estimate.value), reach / t.ppf(0.975, estimate.n - 1)
    assume(distance > error / 10 and distance > 1e-9)
    needed = units_needed(estimate, threshold)
    assert needed > estimate.n
    quantile = t.ppf(0.975, needed - 1) + norm.ppf(0.8)
    assert quantile * error * math.sqrt(estimate.n / needed) <= distance * (1 + 1e-3)


@pytest.mark.parametrize(
    ("value", "low", "high", "threshold", "needed"),
    [
        (0.375, 0.125, 0.625, 0.5, 799),  # (1.96 + 0.84)^2 instead of 1.98^2, and half as wide
        (-0.375, -0.625, -0.125, -0.5, 799),
        (0.3, -0.1, 0.4, 0.5, 53 + 48),  # the end towards the threshold counts
        (0.5, 0.3, 0.7, 0.5, 78_489),  # at the threshold itself: as if a tenth of a standard error from it
        (0.1, 0.05, 0.15, 0.5, 101),  # parted already: one more at least
        (0.5, 0.5, 0.5, 0.5, 101),
    ],
)
def test_how_many_are_needed_written_out(value: float, low: float, high: float, threshold: float, needed: int) -> None:
    assert units_needed(Estimate(value, low, high, 100), threshold) == pytest.approx(needed, abs=2)
    needs = observations_needed(Estimate(value, low, high, 100), threshold)
    assert needs.endswith(" observations instead of 100")


def test_what_is_needed_is_independent_units_where_observations_come_in_clusters() -> None:
    """Ten prompts of twelve texts: more texts of the same prompts would not narrow the interval."""
    estimate = Estimate(0.375, 0.125, 0.625, 120, 10)
    needed = units_needed(estimate, 0.5)
    assert observations_needed(estimate, 0.5) == (
        f"about {needed} independent units (sessions, people or prompts) instead of 10, each with as many observations "
        f"as now (some {12 * needed} in all instead of 120)"
    )


def test_what_is_needed_decides_in_four_of_five() -> None:
    """Twelve clusters of five; where their mean is inconclusive, as many as are asked for are collected."""
    random = np.random.default_rng(0)

    def drawn(clusters: int) -> NDArray[np.float64]:
        return 0.5 + random.normal(size=(clusters, 1)) + random.normal(size=(clusters, 5))

    def estimated(values: NDArray[np.float64]) -> Estimate:
        return mean(values.ravel(), np.repeat(np.arange(len(values)), 5).tolist())

    decided = []
    for _ in range(150):
        first = drawn(12)
        if above(estimated(first), 0.0).verdict is Verdict.INCONCLUSIVE:
            more = np.concatenate([first, drawn(min(units_needed(estimated(first), 0.0), 2000) - 12)])
            decided.append(above(estimated(more), 0.0).verdict is not Verdict.INCONCLUSIVE)
    assert len(decided) > 60
    assert np.mean(decided) > 0.8


def test_with_what_is_needed_the_same_data_decide() -> None:
    values = [0.5, 0.3] * 6
    ruling = near_zero(mean(values), 0.43)
    assert ruling.verdict is Verdict.INCONCLUSIVE
    needed = units_needed(mean(values), 0.43)
    assert near_zero(mean([0.5, 0.3] * math.ceil(needed / 2)), 0.43).verdict is Verdict.QUIET
