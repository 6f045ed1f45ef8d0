"""Bradley-Terry against its closed form."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from accord.reward.likelihoods import bradley_terry

margins = st.floats(-20, 20, allow_nan=False)


def probability(margin: float) -> float:
    return 1 / (1 + math.exp(-margin))


@pytest.mark.parametrize("margin", [-2.0, 0.0, 0.5, 3.0])
def test_a_preference_costs_minus_its_log_probability(margin: float) -> None:
    found = bradley_terry(torch.tensor([margin]), torch.tensor([False])).item()
    assert found == pytest.approx(-math.log(probability(margin)), rel=1e-6)


@pytest.mark.parametrize("margin", [-2.0, 0.0, 0.5])
def test_a_tie_costs_half_of_each(margin: float) -> None:
    found = bradley_terry(torch.tensor([margin]), torch.tensor([True])).item()
    wanted = -(math.log(probability(margin)) + math.log(1 - probability(margin))) / 2
    assert found == pytest.approx(wanted, rel=1e-6)


@given(margins)
def test_the_gradient_is_the_probability_of_being_wrong(margin: float) -> None:
    at = torch.tensor([margin], dtype=torch.float64, requires_grad=True)
    bradley_terry(at, torch.tensor([False])).sum().backward()
    assert at.grad is not None
    assert at.grad.item() == pytest.approx(probability(margin) - 1, abs=1e-9)


@given(margins)
def test_swapping_the_two_of_a_tie_changes_nothing(margin: float) -> None:
    tie = torch.tensor([True])
    one = bradley_terry(torch.tensor([margin], dtype=torch.float64), tie)
    other = bradley_terry(torch.tensor([-margin], dtype=torch.float64), tie)
    torch.testing.assert_close(one, other)


def test_extreme_margins_stay_finite() -> None:
    found = bradley_terry(torch.tensor([-1e4, 1e4]), torch.tensor([False, True]))
    assert torch.isfinite(found).all()
