"""Intervals hold what they promise: a few designs quickly, all of `tools/interval_coverage.py` when there is time."""

import pytest
from tools.interval_coverage import DESIGNS, measure

QUICK = (
    "mean, normal, 3 clusters",
    "KL a text, gamma, 12 prompts x 10",
    "rate of 0.995, correlated by .15",
    "win rate of 0.91, 12 prompts x 10 x 2, prompts differ by 1 SD",
    "accuracy, 10 people with sessions of their own, 40 of the same 40 texts",
)


@pytest.mark.parametrize("name", QUICK)
def test_an_interval_holds_the_truth(name: str) -> None:
    """200 draws: at a true 93 %, fewer than 88 % hold once in 300 tests; percentiles of clusters held in 34 to 89 %."""
    assert measure(DESIGNS[name], 200, seed=20).share >= 0.88


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", DESIGNS)
def test_every_interval_holds_the_truth_in_93_of_100(name: str) -> None:
    """Within three standard errors of 93 %; above 97 % only where counts are few."""
    design = DESIGNS[name]
    coverage = measure(design, 400, seed=21)
    assert coverage.share >= 0.93 - 3 * 0.0128
    assert design.few or coverage.share <= 0.97 + 3 * 0.0085
