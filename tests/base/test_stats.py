"""Intervals against published values, closed forms and other software; that they hold: `test_interval_coverage.py`."""

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats as scipy_stats

from accord.stats import (
    Estimate,
    Units,
    calibration_error,
    expected_calibration_error,
    jackknife,
    mean,
    median,
    proportion,
    rate,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)],
)
def test_clopper_pearson_against_published_values(successes: int, n: int, low: float, high: float) -> None:
    """Newcombe (1998), table I, method 5."""
    made = proportion(successes, n)
    assert (made.value, made.n) == (successes / n, n)
    assert (made.low, made.high) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 500), st.floats(0, 1), st.sampled_from([0.5, 0.9, 0.99]))
def test_a_proportion_is_bounded_where_the_binomial_tail_is_half_of_what_is_left(
    n: int, share: float, level: float
) -> None:
    """P(X >= x) at the lower end and P(X <= x) at the upper are (1 - level) / 2; one observation is enough."""
    successes = round(share * n)
    made = proportion(successes, n, level=level)
    assert (made.level, made.clusters, made.method) == (level, None, "Clopper-Pearson")
    assert made.low is not None
    assert made.high is not None
    binomial = scipy_stats.binom
    if successes:
        assert binomial.sf(successes - 1, n, made.low) == pytest.approx((1 - level) / 2, abs=1e-6)
    if successes < n:
        assert binomial.cdf(successes, n, made.high) == pytest.approx((1 - level) / 2, abs=1e-6)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (3, 2), (-1, 2)])
def test_what_is_no_proportion_is_refused(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="not a proportion"):
        proportion(successes, n)


def clustered(random: np.random.Generator, clusters: int) -> tuple[list[float], list[int]]:
    """Values with mean 0 whose clusters share half of their variance; clusters of 1 to 9."""
    size_C = random.integers(1, 10, clusters)
    label_N = np.repeat(np.arange(clusters), size_C)
    value_N = random.normal(size=clusters)[label_N] + random.normal(size=label_N.size)
    return value_N.tolist(), label_N.tolist()


def ends(made: Estimate) -> tuple[float, float]:
    assert made.low is not None
    assert made.high is not None
    return made.low, made.high


def test_a_mean_of_symmetric_values_is_students() -> None:
    value_N = np.array([-3.0, -1.0, 1.0, 3.0, 0.5, -0.5])
    expected = scipy_stats.ttest_1samp(value_N, 0).confidence_interval(0.9)
    assert ends(mean(value_N, level=0.9)) == pytest.approx((expected.low, expected.high))


def test_clusters_of_one_size_are_as_good_as_their_means() -> None:
    random = np.random.default_rng(0)
    value_CN = random.normal(size=(7, 1)) + random.normal(size=(7, 4))
    of_all = mean(value_CN.ravel(), np.repeat(np.arange(7), 4).tolist())
    assert ends(of_all) == pytest.approx(ends(mean(value_CN.mean(1))))
    assert (of_all.n, of_all.clusters) == (28, 7)


def test_skewed_values_reach_further_on_their_long_side() -> None:
    """By Hall's cubic: the equation that it solves holds at both ends, and turns round with the data."""
    value_N = np.random.default_rng(1).gamma(1.0, 1.0, 20)
    made = mean(value_N)
    low, high = ends(made)
    assert high - made.value > made.value - low
    deviation_N = (value_N - value_N.mean()) / 20 / np.sqrt(1 - 1 / 20)
    error = float(np.sqrt((deviation_N**2).sum()))
    skewness = float((deviation_N**3).sum()) / error**3
    for end, tail in ((low, 0.975), (high, 0.025)):
        t = (made.value - end) / error
        cubic = t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6
        assert cubic == pytest.approx(scipy_stats.t.ppf(tail, 19))
    assert ends(mean(-value_N)) == pytest.approx((-high, -low))


def test_the_spread_of_clusters_of_any_size_is_the_matrix_formula() -> None:
    """CR2 and its degrees of freedom written out with matrices (Bell & McCaffrey 2002) under both working models."""
    random = np.random.default_rng(2)
    share_C = random.dirichlet(np.ones(6))
    residual_C = random.normal(size=6)
    residual_C -= share_C @ residual_C
    spread = Units.of(6, None).spread(share_C * residual_C, share_C)
    assert spread is not None
    maker_CC = np.eye(6) - np.ones((6, 1)) @ share_C[None]
    scale_CC = np.diag(share_C / np.sqrt(1 - share_C))
    freedom = []
    for variance_C in (np.ones(6), 1 / share_C):
        covariance_CC = scale_CC @ maker_CC @ np.diag(variance_C) @ maker_CC.T @ scale_CC
        freedom.append(np.trace(covariance_CC) ** 2 / (covariance_CC**2).sum())
    assert spread.variance == pytest.approx(((scale_CC @ residual_C) ** 2).sum())
    assert spread.df == pytest.approx(max(min(freedom), 1.0))


def test_two_ways_add_what_each_explains_and_take_off_what_both_do() -> None:
    random = np.random.default_rng(3)
    people_N, texts_N = np.repeat(np.arange(8), 5), np.tile(np.arange(5), 8)
    value_N = random.normal(size=8)[people_N] + random.normal(size=5)[texts_N] + random.normal(size=40)
    share_N = np.full(40, 1 / 40)
    influence_N = share_N * (value_N - value_N.mean())
    people, texts, cells = (
        Units.of(40, labels.tolist()).spread(influence_N, share_N) for labels in (people_N, texts_N, np.arange(40))
    )
    both = Units.of(40, people_N.tolist(), texts_N.tolist()).spread(influence_N, share_N)
    assert people is not None
    assert texts is not None
    assert cells is not None
    assert both is not None
    assert both.variance == pytest.approx(people.variance + texts.variance - cells.variance)
    assert min(people.df, texts.df) <= both.df <= people.df + texts.df
    made = mean(value_N, people_N.tolist(), crossed=texts_N.tolist())
    assert (made.clusters, made.method) == (5, "t over clusters, 8 x 5 crossed")


def test_what_lies_within_a_cluster_or_is_the_same_for_all_is_no_second_way() -> None:
    values, labels = clustered(np.random.default_rng(4), 12)
    finer = [f"{label}/{place % 2}" for place, label in enumerate(labels)]
    plain = mean(values, labels)
    assert mean(values, labels, crossed=finer) == plain
    assert mean(values, labels, crossed=["one"] * len(values)) == plain
    assert ends(mean(values, finer, crossed=labels)) == ends(plain)
    assert ends(mean(values, ["one"] * len(values), crossed=labels)) == ends(plain)


@pytest.mark.parametrize("values", [[1.0] * 480, [0.0] * 480, [0.5] * 480])
def test_alike_data_are_never_certain(values: list[float]) -> None:
    """40 clusters of 12 that all say the same are 40 observations: of 40 right, at least .912 at 95 %."""
    made = rate(values, np.repeat(np.arange(40), 12).tolist())
    low, high = ends(made)
    assert high - low > 0.08
    if values[0] == 1:
        assert (low, high) == (pytest.approx(proportion(40, 40).low), 1.0)
        assert "few counts, so it holds more often" in made.method


def test_a_rate_of_independent_answers_is_about_a_proportion() -> None:
    values = [1.0] * 70 + [0.0] * 30
    assert ends(rate(values)) == pytest.approx(ends(proportion(70, 100)), abs=0.01)


def test_a_rate_stays_within_its_range_and_is_no_surer_than_its_mean() -> None:
    random = np.random.default_rng(5)
    for _ in range(20):
        value_N = (random.random(60) < 0.95).astype(float)
        labels = np.repeat(np.arange(6), 10).tolist()
        low, high = ends(rate(value_N, labels))
        assert 0 <= low <= value_N.mean() <= high <= 1
        if 0 < value_N.mean() < 1:
            t_low, t_high = ends(mean(value_N, labels))
            assert low <= max(t_low, 0) + 1e-12
            assert high >= min(t_high, 1) - 1e-12


def test_information_bounds_what_values_between_are_worth() -> None:
    random = np.random.default_rng(6)
    values, labels = random.uniform(0.45, 0.55, 40), np.repeat(np.arange(10), 4).tolist()
    one, many = rate(values, labels), rate(values, labels, information=4000)
    assert ends(one)[1] - ends(one)[0] > 2 * (ends(many)[1] - ends(many)[0])


def test_a_rate_is_of_values_between_0_and_1() -> None:
    for values in ([0.5, 1.1], [-0.1, 0.5]):
        with pytest.raises(ValueError, match="between 0 and 1"):
            rate(values)


def test_weights_repeat_observations() -> None:
    for estimate in (mean, rate):
        assert estimate([1.0, 0.5], weights=[3.0, 1.0]).value == pytest.approx(estimate([1.0, 1.0, 1.0, 0.5]).value)


def test_one_cluster_has_no_interval_and_says_why() -> None:
    for made in (mean([0.0, 1.0, 1.0], ["a"] * 3), rate([0.0, 1.0, 1.0], ["a"] * 3), jackknife(len, 3, ["a"] * 3)):
        assert (made.low, made.high, made.clusters) == (None, None, 1)
        assert made.method == "no interval of a single cluster"
    assert "no interval" in str(mean([1.0]))
    assert median([1.0, 2.0, 3.0], ["a"] * 3).low is None


def test_two_clusters_have_a_wide_interval() -> None:
    low, high = ends(mean([0.0, 0.0, 1.0, 1.0], ["a", "a", "b", "b"]))
    assert (low, high) == pytest.approx((0.5 - 12.706 * 0.5, 0.5 + 12.706 * 0.5), abs=1e-3)
    assert ends(rate([0.0, 0.0, 1.0, 1.0], ["a", "a", "b", "b"])) == (0.0, 1.0)


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0.1, 3), st.integers(0, 3)), min_size=2, max_size=20))
def test_the_mean_is_the_ratio_of_sums(rows: list[tuple[float, float, int]]) -> None:
    values, weights, labels = zip(*rows, strict=True)
    made = mean(values, labels, weights=weights)
    total = sum(value * weight for value, weight in zip(values, weights, strict=True))
    assert made.value == pytest.approx(total / sum(weights), abs=1e-9)
    assert (made.n, made.clusters) == (len(rows), len(set(labels)))


def test_clusters_without_weight_tell_nothing() -> None:
    assert ends(mean([9.0, 1.0, 3.0], weights=[0.0, 1.0, 1.0])) == pytest.approx(ends(mean([1.0, 3.0])))


def test_float32_is_computed_with_in_float64() -> None:
    value_N, weight_N = np.array([0.1, 0.7], np.float32), np.array([0.3, 0.9], np.float32)
    assert mean(value_N, weights=weight_N) == mean(value_N.astype(float), weights=weight_N.astype(float))


def test_the_jackknife_of_a_mean_is_the_mean() -> None:
    values, labels = clustered(np.random.default_rng(7), 15)
    value_N = np.asarray(values)
    made = jackknife(lambda rows: float(value_N[rows].mean()), len(values), labels)
    assert ends(made) == pytest.approx(ends(mean(values, labels)))
    assert (made.value, made.n, made.clusters) == (pytest.approx(value_N.mean()), len(values), 15)


def test_more_clusters_than_groups_are_left_out_together() -> None:
    """1,000 clusters in 200 groups: as many calls and one for all, and about the interval of the mean."""
    value_N = np.random.default_rng(8).normal(size=1000)
    calls: list[int] = []

    def statistic(rows: NDArray[np.intp]) -> float:
        calls.append(rows.size)
        return float(value_N[rows].mean())

    made = jackknife(statistic, 1000)
    assert calls == [1000, *[995] * 200]
    width = np.diff(ends(mean(value_N)))[0]
    assert np.diff(ends(made))[0] == pytest.approx(width, rel=0.15)


def test_a_statistic_that_is_undefined_without_some_cluster_has_no_interval() -> None:
    made = jackknife(lambda rows: 1.0 if 3 in rows else float("nan"), 5)
    assert (made.value, made.low, made.high) == (1.0, None, None)


def test_a_median_lies_between_order_statistics() -> None:
    """Of 25 values the 8th and the 18th: Binomial(25, 1/2) falls below 8 in .0216. Of fewer than six, none."""
    value_N = np.random.default_rng(9).permutation(25).astype(float)
    assert median(value_N) == Estimate(12.0, 7.0, 17.0, 25, method="order statistics")
    assert median([3.0, 1.0]) == Estimate(2.0, None, None, 2, method="no interval of so few observations")


def test_a_median_over_clusters_counts_what_they_are_worth() -> None:
    random = np.random.default_rng(10)
    value_CN = 3 * random.normal(size=(12, 1)) + random.normal(size=(12, 20))
    labels = np.repeat(np.arange(12), 20).tolist()
    of_people, of_answers = median(value_CN.ravel(), labels), median(value_CN.ravel())
    assert of_people.value == of_answers.value
    assert np.diff(ends(of_people))[0] > 2 * np.diff(ends(of_answers))[0]


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (Estimate(0.5, 0.4, 0.6, 16), "0.500 [0.400, 0.600], n=16"),
        (Estimate(0.5, 0.4, 0.6, 16, 4), "0.500 [0.400, 0.600], n=16 in 4 clusters"),
        (Estimate(0.5, None, 0.6, 16), "0.500 [no interval], n=16"),
        (Estimate(0.5, 0.4, None, 16), "0.500 [no interval], n=16"),
    ],
)
def test_an_estimate_is_printed_with_its_interval_and_n(made: Estimate, text: str) -> None:
    assert str(made) == text


def test_nothing_observed_is_an_error() -> None:
    nothing: list[Callable[[], Estimate]] = [
        lambda: mean([]),
        lambda: rate([]),
        lambda: median([]),
        lambda: jackknife(len, 0),
        lambda: calibration_error(np.array([]), np.array([])),
    ]
    for of_nothing in nothing:
        with pytest.raises(ValueError, match="no observations"):
            of_nothing()
    with pytest.raises(ValueError, match="2 observations but 1 cluster"):
        mean([1.0, 2.0], ["a"])
    with pytest.raises(ValueError, match="a single cluster"):
        Units.of(2, ["a", "a"]).covariance(np.zeros((2, 1)))


def test_what_weighs_nothing_is_not_there() -> None:
    values, clusters, weights = [0.0, 1.0, 1.0, 0.0, 1.0], ["a", "a", "b", "b", "c"], [1.0, 2.0, 1.0, 1.0, 0.0]
    for of in (mean, rate):
        assert of(values, clusters, weights=weights) == of(values[:4], clusters[:4], weights=weights[:4])
        assert of([0.0, 1.0], ["a", "b"], weights=[1.0, 0.0]).low is None
        with pytest.raises(ValueError, match="no observations"):
            of([0.0, 1.0], weights=[0.0, 0.0])


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=30))
def test_an_interval_holds_its_value_and_survives_json(values: list[float]) -> None:
    made = mean(values)
    low, high = ends(made)
    assert low - 1e-9 <= made.value <= high + 1e-9
    assert Estimate.from_json(made.to_json()) == made


def test_calibration_error_closed_form() -> None:
    """Two bins of equal mass: |0.2 - 0.5| and |0.8 - 1|, half the weight each."""
    probability_N = np.array([0.2, 0.8, 0.2, 0.8])
    outcome_N = np.array([0.0, 1.0, 1.0, 1.0])
    assert expected_calibration_error(probability_N, outcome_N, bins=2) == pytest.approx(0.25)
    assert expected_calibration_error(np.array([0.5, 0.5]), np.array([0.5, 0.5])) == 0.0


def test_fifteen_bins_of_equal_mass_unless_it_is_said_otherwise() -> None:
    """Two forecasts of each of 15 values, right on average: every bin is exact, where one more would split them."""
    probability_N = np.repeat(np.arange(1, 16) / 16, 2)
    outcome_N = probability_N + np.tile([0.5, -0.5], 15) / 16
    assert expected_calibration_error(probability_N, outcome_N) == pytest.approx(0, abs=1e-12)
    assert expected_calibration_error(probability_N, outcome_N, bins=16) == pytest.approx(2 * 0.5 / 16 / 30)
    assert expected_calibration_error(probability_N, outcome_N, bins=1000) == pytest.approx(0.5 / 16)


def test_forecasts_that_are_equal_stay_in_their_order() -> None:
    """So that the number is the same on every machine. Of each two values the first half came false, the second true:
    bins that keep the order are off by .25, .75, .75 and .25."""
    probability_N, outcome_N = np.tile([0.25, 0.75], 500), np.repeat([0.0, 1.0], 500)
    assert expected_calibration_error(probability_N, outcome_N, bins=4) == pytest.approx(0.5)


def test_a_calibrated_forecast_has_little_error() -> None:
    random = np.random.default_rng(0)
    probability_N = random.random(20_000)
    outcome_N = (random.random(20_000) < probability_N).astype(float)
    assert expected_calibration_error(probability_N, outcome_N) < 0.02
    assert expected_calibration_error(probability_N**3, outcome_N) > 0.1


def test_six_pairs_at_one_half_are_not_off_by_half() -> None:
    """Six coins come down on one side or the other: the plain error is one half a coin, that without chance is not."""
    half_N, fell_N = np.full(6, 0.5), np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    assert expected_calibration_error(half_N, fell_N) == pytest.approx(0.5)
    made = calibration_error(half_N, fell_N)
    assert (made.value, made.low) == (0.0, 0.0)
    assert ends(calibration_error(half_N, np.ones(6)))[0] < 0.5


def test_a_calibration_error_without_chance_is_found() -> None:
    """Forecasts that are too bold by a factor of two; the truth of .161 is the mean of |p - q| over 15 bins."""
    random = np.random.default_rng(11)
    logit_N = 3 * random.normal(size=3000)
    happened_N = (random.random(3000) < 1 / (1 + np.exp(-logit_N / 3))).astype(float)
    made = calibration_error(1 / (1 + np.exp(-logit_N)), happened_N)
    low, high = ends(made)
    assert 0.1 < low < made.value < high
    assert made == calibration_error(1 / (1 + np.exp(-logit_N)), happened_N)
    assert made.value < expected_calibration_error(1 / (1 + np.exp(-logit_N)), happened_N)


def test_calibration_over_clusters_is_less_sure() -> None:
    random = np.random.default_rng(12)
    probability_N = random.random(600)
    label_N = np.repeat(np.arange(12), 50)
    happened_N = (random.random(12)[label_N] < probability_N).astype(float)
    plain = calibration_error(probability_N, happened_N)
    over = calibration_error(probability_N, happened_N, label_N.tolist())
    crossed = calibration_error(
        probability_N, happened_N, label_N.tolist(), crossed=np.tile(np.arange(50), 12).tolist()
    )
    assert ends(over)[1] > ends(plain)[1]
    assert (over.clusters, crossed.clusters) == (12, 12)
    assert calibration_error(probability_N, happened_N, [0] * 600).low is None


def test_what_has_no_interval_says_why() -> None:
    undefined = jackknife(lambda _: float("nan"), 4)
    assert (undefined.low, undefined.high, undefined.method) == (None, None, "undefined without one of the clusters")
    exact = calibration_error(np.array([0.0, 1.0] * 10), np.array([0.0, 1.0] * 10))
    assert (exact.value, exact.low) == (0.0, 0.0)
    assert "single cluster" not in exact.method
