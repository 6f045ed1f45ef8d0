"""Advantages against the definition summed directly, and rewards against a case worked out by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from accord.policy.advantages import (
    above,
    every_token,
    gae,
    group_relative,
    kl_penalised,
    leave_one_out,
    returns_to_go,
    update_kl_coef,
    whitened,
)


def directly(reward: Tensor, value: Tensor, discount: float, gae_lambda: float) -> Tensor:
    """A_t = sum over l of (discount gae_lambda)^l delta_{t+l}, summed term by term for one sequence."""
    size = len(reward)
    ahead = torch.cat([value[1:], torch.zeros(1, dtype=value.dtype)])
    delta = reward + discount * ahead - value
    return torch.stack(
        [sum((discount * gae_lambda) ** (k - t) * delta[k] for k in range(t, size)) for t in range(size)]
    )


@given(
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    discount=st.floats(0.5, 1),
    gae_lambda=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_gae_equals_the_direct_sum(lengths: list[int], discount: float, gae_lambda: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    width = max(lengths)
    reward = torch.randn((len(lengths), width), generator=generator, dtype=torch.float64)
    value = torch.randn((len(lengths), width), generator=generator, dtype=torch.float64)
    mask = torch.arange(width)[None] < torch.tensor(lengths)[:, None]
    advantage, returns = gae(reward, value, mask, discount=discount, gae_lambda=gae_lambda)
    for row, size in enumerate(lengths):
        wanted = directly(reward[row, :size], value[row, :size], discount, gae_lambda)
        torch.testing.assert_close(advantage[row, :size], wanted)
        torch.testing.assert_close(returns[row, :size], wanted + value[row, :size])
        assert (advantage[row, size:] == 0).all()


def test_with_a_full_trace_the_return_is_the_reward_to_come() -> None:
    reward = torch.tensor([[1.0, 2.0, 4.0]])
    _, returns = gae(reward, torch.randn(1, 3), torch.ones(1, 3, dtype=torch.bool), discount=1.0, gae_lambda=1.0)
    torch.testing.assert_close(returns, torch.tensor([[7.0, 6.0, 4.0]]))


def test_the_score_falls_on_the_last_sampled_token_and_the_kl_on_each() -> None:
    mask = torch.tensor([[True, True, False], [True, True, True]])
    logprob = torch.tensor([[-1.0, -2.0, -9.0], [-1.0, -1.0, -1.0]])
    reference = torch.tensor([[-2.0, -2.0, 0.0], [-1.0, -1.0, -3.0]])
    found = kl_penalised(torch.tensor([5.0, 7.0]), logprob, reference, mask, kl_coef=0.1)
    torch.testing.assert_close(found, torch.tensor([[-0.1, 5.0, 0.0], [0.0, 0.0, 6.8]]))


def test_what_a_token_earned_stands_there_and_what_is_left_on_the_last() -> None:
    mask = torch.tensor([[True, True, False], [True, True, True]])
    logprob, reference = torch.tensor([[-1.0, -2.0, -9.0]] * 2), torch.tensor([[-2.0, -2.0, 0.0]] * 2)
    dense = torch.tensor([[3.0, 1.0, 7.0], [0.0, 2.0, 0.5]])
    found = kl_penalised(torch.tensor([5.0, 4.0]), logprob, reference, mask, kl_coef=0.1, dense_BT=dense)
    torch.testing.assert_close(found, torch.tensor([[2.9, 2.0, 0.0], [-0.1, 2.0, 2.9]]))
    whole = kl_penalised(torch.tensor([5.0, 4.0]), logprob, reference, mask, kl_coef=0.1)
    torch.testing.assert_close(found.sum(1), whole.sum(1))


@pytest.mark.parametrize("level", [0.0, 1000.0])
def test_what_is_equal_but_for_rounding_is_whitened_to_nothing(level: float) -> None:
    """A deviation of a millionth of the values is float32's own, and must not become advantages of size 1."""
    x = torch.full((2, 4), level) + level * 2e-7 * torch.tensor([1.0, -1.0, 1.0, -1.0])
    assert whitened(x, torch.ones(2, 4, dtype=torch.bool)).tolist() == [[0.0] * 4] * 2
    assert whitened(x + torch.eye(4)[:2], torch.ones(2, 4, dtype=torch.bool)).any()


@given(st.integers(2, 6), st.integers(2, 6), st.integers(0, 100))
def test_whitened_has_mean_zero_and_deviation_one_inside_the_mask(rows: int, width: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = 3 + 5 * torch.randn((rows, width), generator=generator, dtype=torch.float64)
    mask = torch.rand((rows, width), generator=generator) < 0.7
    mask[0, :2] = True
    found = whitened(x, mask)
    assert found[mask].mean().item() == pytest.approx(0, abs=1e-9)
    assert found[mask].std(correction=0).item() == pytest.approx(1, abs=1e-6)
    assert (found[~mask] == 0).all()


@pytest.mark.parametrize(
    ("kl", "wanted"),
    [(6.0, 0.1), (6.6, 0.1 * 1.05), (60.0, 0.1 * 1.1), (0.0, 0.1 * 0.9)],
)
def test_the_kl_coefficient_follows_its_target(kl: float, wanted: float) -> None:
    assert update_kl_coef(0.1, kl, target=6.0, rate=0.5) == pytest.approx(wanted)


def test_a_groups_scores_against_its_mean() -> None:
    score = torch.tensor([1.0, 3.0, 5.0, 2.0, 2.0, 2.0])
    assert group_relative(score, 3, scale=False).tolist() == [-2, 0, 2, 0, 0, 0]
    assert group_relative(score, 3, scale=True).tolist() == pytest.approx([-1, 0, 1, 0, 0, 0], abs=1e-3)


@pytest.mark.parametrize("group", [3, 7, 10])
@pytest.mark.parametrize("level", [0.1, -0.7, 1e3, 0.0])
def test_scores_that_are_equal_but_for_rounding_are_worth_nothing(level: float, group: int) -> None:
    """The mean of ten times 0.1 is not 0.1 in float32; an optimiser that normalises would make a step of the rest."""
    score = torch.full((2 * group,), level)
    score[1] *= 1 + 2e-7
    for found in (
        group_relative(score, group, scale=True),
        group_relative(score, group, scale=False),
        leave_one_out(score, group),
        above(score, score.mean()),
    ):
        assert (found == 0).all()
    score[0] += 1e-3 * (1 + abs(level))
    assert group_relative(score, group, scale=True)[:group].any()
    assert leave_one_out(score, group)[:group].any()


def test_a_group_of_one_or_two() -> None:
    """One sample alone teaches nothing; two lie sqrt(1/2) deviations from their mean, a little less by the 1e-4."""
    assert group_relative(torch.tensor([1.0, 7.0]), 1, scale=True).tolist() == [0, 0]
    score = torch.tensor([0.0, 2e-4], dtype=torch.float64)
    found = group_relative(score, 2, scale=True)
    assert found.tolist() == pytest.approx([-1 / (2**0.5 + 1), 1 / (2**0.5 + 1)])


def test_leave_one_out_written_out() -> None:
    found = leave_one_out(torch.tensor([1.0, 2.0, 6.0, 5.0, 5.0, 5.0]), 3)
    assert found.tolist() == [1 - 4, 2 - 3.5, 6 - 1.5, 0, 0, 0]


def test_leave_one_out_of_tokens_is_against_the_same_place() -> None:
    return_BT = torch.tensor([[5.0, 4.0, 1.0], [3.0, 0.0, 0.0], [1.0, 2.0, 1.0]])
    assert leave_one_out(return_BT, 3).tolist() == [[3, 3, 0.5], [0, -3, -1], [-3, 0, 0.5]]
    assert leave_one_out(torch.ones(4, 2), 2).tolist() == [[0, 0]] * 4


@given(st.lists(st.floats(-5, 5), min_size=4, max_size=4), st.floats(-9, 9))
def test_a_constant_reward_more_changes_no_advantage(scores: list[float], more: float) -> None:
    one = leave_one_out(torch.tensor(scores, dtype=torch.float64), 4)
    other = leave_one_out(torch.tensor(scores, dtype=torch.float64) + more, 4)
    torch.testing.assert_close(one, other, atol=1e-9, rtol=0)
    assert float(one.sum()) == pytest.approx(0, abs=1e-9)


def test_returns_are_what_is_still_to_come() -> None:
    reward_BT = torch.tensor([[1.0, 2.0, 4.0], [3.0, 5.0, 9.0]])
    mask_BT = torch.tensor([[True, True, True], [True, True, False]])
    assert returns_to_go(reward_BT, mask_BT).tolist() == [[7, 6, 4], [8, 5, 0]]


def test_an_advantage_of_a_sequence_stands_at_its_tokens_alone() -> None:
    mask_BT = torch.tensor([[True, True], [True, False]])
    assert every_token(torch.tensor([2.0, -1.0]), mask_BT).tolist() == [[2, 2], [-1, 0]]
