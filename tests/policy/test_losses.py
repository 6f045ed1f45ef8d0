"""Losses against cases worked out by hand, and the laws they obey."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from accord.policy.losses import (
    direct_preference,
    kl_estimate,
    kl_to_reference,
    negative_log_likelihood,
    ppo_policy,
    ppo_value,
    reinforce,
)

numbers = st.floats(-5, 5, allow_nan=False)


def log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x))


def test_negative_log_likelihood_is_minus_the_log_probability() -> None:
    assert negative_log_likelihood(torch.tensor([math.log(0.25)])).item() == pytest.approx(math.log(4))


def test_reinforce_written_out() -> None:
    logprob = torch.tensor([-2.0, -0.5], requires_grad=True)
    found = reinforce(logprob, torch.tensor([3.0, -1.0]))
    assert found.loss_N.tolist() == [6.0, -0.5]
    assert found.clipped_N.dtype == torch.bool
    assert found.clipped_N.tolist() == [False, False]
    found.loss_N.sum().backward()
    assert logprob.grad is not None
    assert logprob.grad.tolist() == [-3.0, 1.0]


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "clipped"),
    [
        (1.0, 2.0, -2.0, False),  # nothing moved yet
        (1.5, 2.0, -2.4, True),  # too far up where that pays: held at 1.2
        (1.5, -2.0, 3.0, False),  # too far up where that costs: not held, so that it can come back
        (0.5, 2.0, -1.0, False),  # too far down where that costs
        (0.5, -2.0, 1.6, True),  # too far down where that pays: held at 0.8
    ],
)
def test_ppo_policy_written_out(ratio: float, advantage: float, loss: float, clipped: bool) -> None:
    found = ppo_policy(torch.tensor([math.log(ratio)]), torch.zeros(1), torch.tensor([advantage]), clip=0.2)
    assert found.loss_N.item() == pytest.approx(loss, rel=1e-6)
    assert found.clipped_N.item() is clipped


def test_no_gradient_flows_where_ppo_is_clipped() -> None:
    logprob = torch.tensor([math.log(1.5), math.log(1.1)], requires_grad=True)
    ppo_policy(logprob, torch.zeros(2), torch.ones(2), clip=0.2).loss_N.sum().backward()
    assert logprob.grad is not None
    assert logprob.grad[0].item() == 0
    assert logprob.grad[1].item() == pytest.approx(-1.1, rel=1e-5)  # d(-A r)/d log p = -A r


@given(numbers, numbers)
def test_before_the_first_update_ppo_is_the_policy_gradient(logprob: float, advantage: float) -> None:
    at = torch.tensor([logprob], dtype=torch.float64, requires_grad=True)
    ppo_policy(
        at, at.detach().clone(), torch.tensor([advantage], dtype=torch.float64), clip=0.2
    ).loss_N.sum().backward()
    assert at.grad is not None
    assert at.grad.item() == pytest.approx(-advantage)


@pytest.mark.parametrize(
    ("value", "old", "target", "loss", "clipped"),
    [
        (1.0, 0.9, 2.0, 0.5, False),
        (1.0, 0.5, 2.0, 0.845, True),  # held at 0.7: (0.7 - 2)^2 / 2
        (3.0, 0.5, 2.0, 0.845, True),
        (0.0, 1.0, -1.0, 1.62, True),  # held at 0.8: (0.8 + 1)^2 / 2
        (1.0, 0.5, 0.0, 0.5, False),  # the move was the wrong way: not held
    ],
)
def test_ppo_value_written_out(value: float, old: float, target: float, loss: float, clipped: bool) -> None:
    found = ppo_value(torch.tensor([value]), torch.tensor([old]), torch.tensor([target]), clip=0.2)
    assert found.loss_N.item() == pytest.approx(loss, rel=1e-5)
    assert found.clipped_N.item() is clipped


def test_direct_preference_written_out() -> None:
    # chosen: policy -10, reference -12; rejected: policy -11, reference -10; beta 0.1 -> logit 0.1 * (1 - (-2)) = 0.3
    margin, reference = torch.tensor([1.0, 1.0]), torch.tensor([-2.0, -2.0])
    found = direct_preference(margin, reference, torch.tensor([False, True]), beta=0.1)
    assert found[0].item() == pytest.approx(-log_sigmoid(0.3), rel=1e-6)
    assert found[1].item() == pytest.approx(-(log_sigmoid(0.3) + log_sigmoid(-0.3)) / 2, rel=1e-6)


@given(numbers, numbers, st.floats(0.01, 2))
def test_direct_preference_at_the_reference_is_log_two(margin: float, other: float, beta: float) -> None:
    at = torch.tensor([margin])
    assert direct_preference(at, at, torch.tensor([False]), beta=beta).item() == pytest.approx(math.log(2), rel=1e-6)
    tie = direct_preference(at, torch.tensor([other]), torch.tensor([True]), beta=beta).item()
    assert tie >= math.log(2) - 1e-6  # a tie is best explained by no difference


def test_a_bound_above_of_its_own() -> None:
    ratio_N = torch.tensor([0.5, 1.25, 1.5]).log()
    found = ppo_policy(ratio_N, torch.zeros(3), torch.tensor([-1.0, 1.0, 1.0]), clip=0.2, clip_high=0.3)
    assert found.loss_N.tolist() == pytest.approx([0.8, -1.25, -1.3])
    assert found.clipped_N.tolist() == [True, False, True]


def test_the_kl_estimate_is_never_negative_and_unbiased() -> None:
    """Under pi = (.2, .3, .5) its mean is the KL, worked out over the three tokens."""
    pi, ref = torch.tensor([0.2, 0.3, 0.5]), torch.tensor([0.5, 0.3, 0.2])
    found = kl_to_reference(pi.log(), ref.log())
    assert (found >= 0).all()
    assert float((pi * found).sum()) == pytest.approx(float((pi * (pi / ref).log()).sum()), abs=1e-6)


def test_the_bias_of_three_estimates_of_the_kl() -> None:
    """Under pi = (.2, .3, .5): k1 and k3 are the KL on average, k2 is half the mean square of the log-ratio."""
    pi, ref = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64), torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    exact = float((pi * (pi / ref).log()).sum())
    on_average = {kind: float((pi * kl_estimate(pi.log(), ref.log(), kind)).sum()) for kind in ("k1", "k2", "k3")}
    assert on_average["k1"] == pytest.approx(exact)
    assert on_average["k3"] == pytest.approx(exact)
    assert on_average["k2"] == pytest.approx(0.7 * math.log(2.5) ** 2 / 2)
    assert abs(on_average["k2"] - exact) > 0.01
    assert (kl_estimate(pi.log(), ref.log(), "k1") < 0).any()
    assert (kl_estimate(pi.log(), ref.log(), "k3") >= 0).all()


@pytest.mark.parametrize(("kind", "wanted"), [("k1", "nothing"), ("k2", "reverse"), ("k3", "forward")])
def test_what_each_estimate_pulls_at_as_a_loss(kind: str, wanted: str) -> None:
    """The expected gradient over tokens drawn from pi, against that of the KL either way."""
    logits = torch.tensor([0.3, -0.2, 0.9], dtype=torch.float64, requires_grad=True)
    ref = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    pi = logits.log_softmax(0)
    drawn = pi.exp().detach()
    (found,) = torch.autograd.grad((drawn * kl_estimate(pi, ref.log(), kind)).sum(), logits, retain_graph=True)
    reverse, forward = (pi.exp() * (pi - ref.log())).sum(), (ref * (ref.log() - pi)).sum()
    exact = {"nothing": 0 * reverse, "reverse": reverse, "forward": forward}[wanted]
    (gradient,) = torch.autograd.grad(exact, logits)
    torch.testing.assert_close(found, gradient)
