"""PM1: a preference that changed is told from people who tire, who differ, or who always wanted the opposite."""

import numpy as np
import pytest
from numpy.typing import NDArray

from accord.audit.misspecification.bradley_terry import fit
from accord.audit.misspecification.contexts import Opinions, beyond_chance, fit_each, gains_by_context, halves_in_time

PEOPLE, TEXTS, EACH = 20, 24, 72
Floats = NDArray[np.float64]


def simulated(weight_EC2: Floats, seed: int = 0) -> Opinions:
    """Answers of people whose weights on score and length are [E, 2 contexts, 2], half of them in each context."""
    random = np.random.default_rng(seed)
    evaluator_N = np.repeat(np.arange(PEOPLE), EACH)
    context_N = np.tile(np.arange(EACH) % 2, PEOPLE)
    text_N = random.integers(TEXTS, size=evaluator_N.size)
    difference_N2 = random.normal(size=(evaluator_N.size, 2))
    margin_N = (difference_N2 * weight_EC2[evaluator_N, context_N]).sum(1)
    right_N = random.random(evaluator_N.size) < 1 / (1 + np.exp(-margin_N))
    return Opinions(np.where(right_N[:, None], difference_N2, -difference_N2), evaluator_N, context_N, text_N)


def weights(first: tuple[float, float], second: tuple[float, float]) -> Floats:
    return np.tile(np.array([first, second]), (PEOPLE, 1, 1))


def gain(opinions: Opinions, *, by_text: bool = False) -> float:
    return float(beyond_chance(opinions, 4.0, by_text=by_text).mean())


@pytest.mark.parametrize("seed", range(4))
def test_who_wants_the_same_throughout_gains_nothing(seed: int) -> None:
    assert abs(gain(simulated(weights((2, 0), (2, 0)), seed))) < 0.006


@pytest.mark.parametrize("seed", range(4))
def test_who_tires_wants_nothing_else(seed: int) -> None:
    assert gain(simulated(weights((3, 0), (0.7, 0)), seed)) < 0.006


@pytest.mark.parametrize("seed", range(4))
def test_people_who_differ_and_stay_gain_nothing(seed: int) -> None:
    random = np.random.default_rng(seed)
    weight_E12 = random.normal(size=(PEOPLE, 1, 2)) * 2
    assert gain(simulated(np.repeat(weight_E12, 2, axis=1), seed)) < 0.006


@pytest.mark.parametrize("by_text", [False, True])
def test_who_wants_the_opposite_later_gains(by_text: bool) -> None:
    assert gain(simulated(weights((2, 0), (-2, 0))), by_text=by_text) > 0.1


def test_who_turns_to_another_quality_gains() -> None:
    assert gain(simulated(weights((2, 0), (0, 2)))) > 0.05


def test_every_answer_is_foretold_by_the_others() -> None:
    opinions = simulated(weights((2, 0), (-2, 0)))
    gain_N = gains_by_context(opinions, 4.0)
    assert gain_N.shape == opinions.evaluator_N.shape
    assert np.isfinite(gain_N).all()


def test_halves_are_each_persons_own() -> None:
    order = [("a", 1.0), ("b", 100.0), ("a", 2.0), ("b", 200.0), ("a", 3.0), ("a", 4.0)]
    assert list(halves_in_time(order)) == [0, 0, 0, 1, 1, 1]


def test_each_group_is_fitted_as_by_itself() -> None:
    """The last group has no row, and keeps its centre."""
    opinions = simulated(weights((2, 0.5), (-1, 1)))
    centre_G2 = np.random.default_rng(1).normal(size=(PEOPLE + 1, 2))
    together_G2 = fit_each(opinions.difference_N2, opinions.evaluator_N, centre_G2, 4.0)
    for person in range(PEOPLE):
        alone_2 = fit(opinions.difference_N2[opinions.evaluator_N == person], centre_G2[person], 4.0)
        np.testing.assert_allclose(together_G2[person], alone_2, atol=1e-6)
    np.testing.assert_array_equal(together_G2[-1], centre_G2[-1])
