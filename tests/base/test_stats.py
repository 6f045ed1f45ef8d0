"""Intervals against known values and by simulation; calibration against its closed form."""

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from accord.stats import Estimate, bootstrap, expected_calibration_error, mean, proportion


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(10, 20, 0.2993, 0.7007), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_wilson_against_published_values(successes: int, n: int, low: float, high: float) -> None:
    """81 of 263 is Newcombe (1998), table I; the others by the formula by hand."""
    made = proportion(successes, n)
    assert (made.value, made.n) == (successes / n, n)
    assert (made.low, made.high) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 500), st.floats(0, 1), st.sampled_from([0.5, 0.9, 0.99]))
def test_wilson_bounds_are_the_roots_of_its_equation(n: int, share: float, level: float) -> None:
    """(p - x)^2 = z^2 x (1 - x) / n at both, with z the normal quantile of the level; one observation is enough."""
    made = proportion(round(share * n), n, level=level)
    assert (made.level, made.clusters, made.method) == (level, None, "Wilson")
    z = NormalDist().inv_cdf((1 + level) / 2)
    for bound in (made.low, made.high):
        assert bound is not None
        assert (made.value - bound) ** 2 == pytest.approx(z**2 * bound * (1 - bound) / n, abs=1e-9)


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


def within(value: float, made: Estimate) -> bool:
    assert made.low is not None
    assert made.high is not None
    return made.low <= value <= made.high


def test_the_cluster_bootstrap_covers_and_ignoring_clusters_does_not() -> None:
    random = np.random.default_rng(0)
    hit = naive = 0
    for _ in range(300):
        values, labels = clustered(random, 60)
        kept, plain = mean(values, labels, resamples=400), mean(values, resamples=400)
        hit += within(0, kept)
        naive += within(0, plain)
    assert 0.90 <= hit / 300 <= 0.98
    assert naive / 300 < 0.85


def test_both_bootstraps_agree() -> None:
    values, labels = clustered(np.random.default_rng(1), 40)
    value_N = np.asarray(values)
    one = mean(values, labels)
    other = bootstrap(lambda rows: float(value_N[rows].mean()), len(values), labels, resamples=2000)
    assert one.value == pytest.approx(other.value)
    assert (one.n, one.clusters) == (other.n, other.clusters) == (len(values), 40)
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=0.05)


def test_weights_repeat_observations() -> None:
    assert mean([1.0, 4.0], weights=[3.0, 1.0]).value == pytest.approx(mean([1.0, 1.0, 1.0, 4.0]).value)


def test_the_same_seed_gives_the_same_interval() -> None:
    values, labels = clustered(np.random.default_rng(2), 20)
    assert mean(values, labels, seed=3) == mean(values, labels, seed=3)
    assert mean(values, labels, seed=3) != mean(values, labels, seed=4)


def test_one_cluster_has_no_interval() -> None:
    made = mean([1.0, 2.0, 3.0], ["a", "a", "a"])
    assert (made.value, made.low, made.high, made.clusters) == (2.0, None, None, 1)
    assert "no interval" in str(made)


def scripted(*values: float) -> Callable[[NDArray[np.intp]], float]:
    """A statistic that is the first of `values` on the sample and the others on its resamples, in order."""
    ahead = iter(values)
    return lambda rows: next(ahead)


def test_the_interval_is_percentiles_of_the_draws() -> None:
    made = bootstrap(scripted(7.0, *range(101)), 4, level=0.8, resamples=101)
    assert made == Estimate(7.0, pytest.approx(10.0), pytest.approx(90.0), 4, None, 0.8, "cluster bootstrap")
    assert mean([0.0, 1.0], ["a", "b"], level=0.4).level == 0.4


def test_centred_draws_have_the_value_as_their_mean() -> None:
    """Every resample says 3 where the sample says 1: a bias, which centring takes off."""
    assert (bootstrap(scripted(1.0, *[3.0] * 50), 4, resamples=50)).low == 3.0
    made = bootstrap(scripted(1.0, *[3.0] * 50), 4, resamples=50, centred=True)
    assert (made.low, made.high) == (1.0, 1.0)


def test_whole_clusters_are_drawn_all_of_them_and_in_order() -> None:
    labels = [row % 3 for row in range(600)]
    draws: list[NDArray[np.intp]] = []
    bootstrap(lambda rows: float(draws.append(rows) or 0), 600, labels, resamples=40)
    for rows in draws[1:]:
        assert len(rows) == 600
        for cluster in rows.reshape(3, 200):
            assert cluster.tolist() == list(range(cluster[0], 600, 3))
    assert {int(rows[0]) for rows in draws[1:]} == {0, 1, 2}


def test_what_is_not_said_is_seed_zero_and_a_fixed_number_of_draws() -> None:
    values, labels = clustered(np.random.default_rng(3), 12)
    value_N = np.asarray(values)

    def square(rows: NDArray[np.intp]) -> float:
        return float(value_N[rows].mean() ** 2)

    plain = bootstrap(square, len(values), labels)
    assert plain == bootstrap(square, len(values), labels, level=0.95, seed=0, resamples=1000, centred=False)
    assert plain != bootstrap(square, len(values), labels, seed=1)
    assert mean(values, labels) == mean(values, labels, level=0.95, seed=0, resamples=2000)


def test_two_units_have_an_interval_and_one_has_none() -> None:
    for count, has in ((1, False), (2, True)):
        values = [1.0, 2.0][:count]
        for made in (mean(values), bootstrap(lambda rows: float(len(rows)), count)):
            assert (made.n, made.clusters) == (count, None)
            assert (made.low is not None) == (made.high is not None) == has


def test_a_tenth_of_the_draws_may_be_undefined() -> None:
    nothing = float("nan")
    assert bootstrap(scripted(1.0, nothing, *[2.0] * 9), 4, resamples=10).low == 2.0
    assert bootstrap(scripted(1.0, nothing, nothing, *[2.0] * 8), 4, resamples=10).low is None


def test_draws_of_clusters_without_weight_are_left_out() -> None:
    made = mean([1.0, 3.0], weights=[0.0, 0.5], resamples=50)
    assert (made.value, made.low, made.high) == (3.0, 3.0, 3.0)


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0.1, 3), st.integers(0, 3)), min_size=2, max_size=20))
def test_the_mean_is_the_ratio_of_sums(rows: list[tuple[float, float, int]]) -> None:
    values, weights, labels = zip(*rows, strict=True)
    made = mean(values, labels, weights=weights, resamples=20)
    total = sum(value * weight for value, weight in zip(values, weights, strict=True))
    assert made.value == pytest.approx(total / sum(weights), abs=1e-9)
    assert (made.n, made.clusters, made.method) == (len(rows), len(set(labels)), "cluster bootstrap")


def test_float32_is_computed_with_in_float64() -> None:
    value_N, weight_N = np.array([0.1, 0.7], np.float32), np.array([0.3, 0.9], np.float32)
    assert mean(value_N, weights=weight_N) == mean(value_N.astype(float), weights=weight_N.astype(float))


def test_a_statistic_that_is_mostly_undefined_has_no_interval() -> None:
    made = bootstrap(lambda rows: 1.0 if len(rows) == len(set(rows.tolist())) else float("nan"), 5, resamples=100)
    assert (made.value, made.low, made.high) == (1.0, None, None)


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
    with pytest.raises(ValueError, match="no observations"):
        mean([])
    with pytest.raises(ValueError, match="no observations"):
        bootstrap(lambda rows: 0.0, 0)
    with pytest.raises(ValueError, match="2 observations but 1 cluster"):
        mean([1.0, 2.0], ["a"])


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=30))
def test_an_interval_lies_within_the_data_and_survives_json(values: list[float]) -> None:
    made = mean(values, resamples=50)
    assert made.low is not None
    assert made.high is not None
    assert min(values) - 1e-9 <= made.low <= made.high <= max(values) + 1e-9
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
