"""The sequential test: e-values are martingales under what is stated, and grow where it is wrong."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from accord.stats.sequential import (
    ALTERNATIVES,
    GRID,
    SUREST,
    batch_ratios,
    changed_slope,
    e_value,
    log_likelihoods,
    slope_interval,
)

LOGODDS = st.floats(-SUREST, SUREST)
SLOPES = st.floats(0.1, 2.0)


@given(st.lists(LOGODDS, min_size=1, max_size=6), st.lists(SLOPES, min_size=1, max_size=3))
def test_the_expected_evidence_is_at_most_one_under_every_slope(stated_N: list[float], slopes: list[float]) -> None:
    """Over all outcomes of a few answers, each a batch: probabilities times evidence sum to 1 at most."""
    for slope in slopes:
        expected = 0.0
        for code in range(2 ** len(stated_N)):
            outcome_N = [code >> i & 1 for i in range(len(stated_N))]
            chance = np.prod([expit(slope * a * (1 if b else -1)) for a, b in zip(stated_N, outcome_N, strict=True)])
            ratios = [batch_ratios([a], [b], slopes) for a, b in zip(stated_N, outcome_N, strict=True)]
            expected += float(chance) * e_value(ratios)
        assert expected <= 1 + 1e-9
        if len(set(slopes)) == 1:
            assert expected == pytest.approx(1.0)


@given(st.lists(st.tuples(LOGODDS, st.booleans()), max_size=20))
def test_a_pair_read_in_the_other_order_says_the_same(answers: list[tuple[float, bool]]) -> None:
    stated, outcome = [a for a, _ in answers], [float(b) for _, b in answers]
    other = batch_ratios([-a for a in stated], [1 - b for b in outcome], [1.0])
    assert batch_ratios(stated, outcome, [1.0]) == pytest.approx(other)


def test_the_evidence_is_that_of_its_formula() -> None:
    """Two batches and two slopes, worked out term by term."""
    batches, slopes = [([0.3, -2.0], [1, 1]), ([9.0], [0])], [0.5, 1.0]
    by_slope = []
    for slope in slopes:
        ratios = []
        for stated, happened in batches:
            signed = [min(SUREST, max(-SUREST, a)) * (1 if b else -1) for a, b in zip(stated, happened, strict=True)]
            ratios.append([np.prod([expit(0.5 * s * a) / expit(slope * a) for a in signed]) for s in ALTERNATIVES])
        first, second = np.array(ratios)
        by_slope.append((first * second).mean() / 2 + second.mean() / 6 + 1 / 3)
    assert e_value([batch_ratios(*batch, slopes) for batch in batches]) == pytest.approx(min(by_slope))


def crossings(level: float, truth: Sequence[float], *, repetitions: int = 1500, answers: int = 10) -> float:
    """The share of simulated studies in which evidence reaches 1 / level; `truth` is the slope at each batch."""
    random = np.random.default_rng(5)
    crossed = 0
    for _ in range(repetitions):
        ratios = []
        for slope in truth:
            stated_N = random.normal(0, 1.5, answers)
            ratios.append(batch_ratios(stated_N, random.random(answers) < expit(slope * stated_N), [0.8, 0.9, 1.0]))
            if e_value(ratios) >= 1 / level:
                crossed += 1
                break
    return crossed / repetitions


@pytest.mark.parametrize("slope", [0.8, 1.0, 1.5])
def test_looked_at_after_every_batch_it_errs_as_seldom_as_it_says(slope: float) -> None:
    assert crossings(0.1, [slope] * 12, repetitions=600) <= 0.1


def test_it_finds_a_reward_that_knows_nothing_or_was_right_before() -> None:
    assert crossings(0.1, [0.0] * 10, repetitions=100) >= 0.95
    assert crossings(0.1, [1.0] * 6 + [-0.5] * 6, repetitions=100) >= 0.95


NEAR = st.sampled_from([float(each) for each in GRID[24:64]])
"""Slopes of the grid, from a ninth to four."""


@settings(max_examples=30)
@given(st.lists(LOGODDS, max_size=2), st.lists(LOGODDS, min_size=1, max_size=3), NEAR)
def test_of_a_slope_that_stays_the_expected_evidence_of_a_change_is_at_most_one(
    held_out: list[float], stated: list[float], slope: float
) -> None:
    """Over all outcomes, held-out ones too, of answers that are a batch each."""
    expected, all_of_it = 0.0, [*held_out, *stated]
    for code in range(2 ** len(all_of_it)):
        signed = [each if code >> i & 1 else -each for i, each in enumerate(all_of_it)]
        chance = np.prod([expit(slope * each) for each in signed])
        before, after = signed[: len(held_out)], signed[len(held_out) :]
        expected += float(chance) * changed_slope(log_likelihoods(before), [[each] for each in after])
    assert expected <= 1 + 1e-6


def test_evidence_of_a_change_is_that_of_its_formula() -> None:
    """A held-out answer and two batches, slope by slope."""
    prior = np.exp(-0.5 * (np.log(GRID) / 0.7) ** 2)
    prior /= prior.sum()
    batches = [[0.3, -2.0], [1.5]]

    def likelihood(slope: float, of: Sequence[float]) -> float:
        return float(np.prod([expit(slope * each) for each in of]))

    def change(slope: float, of: Sequence[float]) -> float:
        return float(np.mean([likelihood(a * slope, of) for a in ALTERNATIVES]))

    told = 0.0
    for share, slope in zip(prior, GRID, strict=True):
        held = likelihood(slope, [0.8])
        first, second = batches
        told += share * held * change(slope, [*first, *second]) / 2
        told += share * held * likelihood(slope, first) * change(slope, second) / 6
        told += share * held * likelihood(slope, [*first, *second]) / 3
    most = max(likelihood(slope, [0.8, 0.3, -2.0, 1.5]) for slope in GRID)
    assert changed_slope(log_likelihoods([0.8]), batches) == pytest.approx(told / most)


def changes_found(truth: Sequence[float], *, held_out: int, repetitions: int = 60) -> tuple[float, float]:
    """Shares of simulated studies in which both tests' mean and the one of an interval of slopes reach 10."""
    random = np.random.default_rng(11)
    found = np.zeros(2)
    for _ in range(repetitions):
        stated_N = random.normal(0, 1.5, held_out)
        signed_N = np.where(random.random(held_out) < expit(stated_N), stated_N, -stated_N)
        low, high = slope_interval(signed_N, np.ones(held_out), np.ones(held_out))
        ratios, answered, most = [], [], np.zeros(2)
        for slope in truth:
            probe_N = random.normal(0, 1.5, 20)
            signed = np.where(random.random(20) < expit(slope * probe_N), probe_N, -probe_N)
            ratios.append(batch_ratios(signed, np.ones(20), np.geomspace(low, high, 25).tolist()))
            answered.append(signed.tolist())
            alone = e_value(ratios)
            both = (alone + changed_slope(log_likelihoods(signed_N), answered)) / 2
            most = np.maximum(most, [both, alone])
        found += most >= 10
    return float(found[0] / repetitions), float(found[1] / repetitions)


def test_probes_in_which_a_judge_was_right_are_held_out_evidence() -> None:
    """With ten held-out pairs a reward that ceases to be right is found oftener, one that stays right as seldom."""
    both, alone = changes_found([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0], held_out=10)
    assert both > alone + 0.1
    assert changes_found([1.0] * 8, held_out=10)[0] <= 0.1


def test_nothing_said_is_no_evidence() -> None:
    assert e_value([]) == 1.0
    assert changed_slope(log_likelihoods([]), []) == pytest.approx(1.0)
    assert changed_slope(log_likelihoods([]), [[]]) == pytest.approx(1.0)
    assert e_value([batch_ratios([], [], [1.0])]) == pytest.approx(1.0)


def test_one_sure_answer_does_not_decide() -> None:
    assert e_value([batch_ratios([1e9], [0.0], [1.0])]) < np.exp(SUREST)


@pytest.mark.parametrize(
    ("stated", "happened", "slopes"),
    [([0.1], [0.5], [1.0]), ([0.1, 0.2], [1.0], [1.0]), ([float("nan")], [1.0], [1.0]), ([0.1], [1], [0.0])],
)
def test_what_is_no_outcome_is_refused(stated: list[float], happened: list[float], slopes: list[float]) -> None:
    with pytest.raises(ValueError, match=r"outcomes are|log-odds are"):
        batch_ratios(stated, happened, slopes)


def test_the_slopes_that_outcomes_speak_for() -> None:
    random = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        stated_N = random.normal(0, 2, 60)
        low, high = slope_interval(stated_N, random.random(60) < expit(0.5 * stated_N), np.ones(60))
        held += low <= 0.5 * 1.05 and high >= 0.5 / 1.05
    assert held >= 170
    assert slope_interval([], [], []) == (GRID[0], GRID[-1])
