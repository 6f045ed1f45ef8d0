"""The enumerated world against what holds by definition, and against counting."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from accord.lab.enumerated import EnumWorld, draw_world

SMALL = draw_world(3, symbols=2, length=3, prompts=2)
WORLD = draw_world(0)


def test_every_text_is_there_once_and_their_probabilities_sum_to_one() -> None:
    """Two symbols up to length 3: 1 + 2 + 4 texts that end and 8 that are cut off."""
    texts = [
        tuple(a for a, inside in zip(row, mask, strict=True) if inside)
        for row, mask in zip(SMALL.action_NT.tolist(), SMALL.mask_NT.tolist(), strict=True)
    ]
    expected = [(*prefix, 2) for size in range(3) for prefix in itertools.product(range(2), repeat=size)]
    expected += list(itertools.product(range(2), repeat=3))
    assert sorted(texts) == sorted(expected)
    for world in (SMALL, WORLD):
        assert world.ref_PN.exp().sum(1).tolist() == pytest.approx([1.0] * len(world.ref_PN), abs=1e-12)


def test_a_text_is_as_likely_as_its_tokens_together() -> None:
    row = next(n for n, text in enumerate(SMALL.action_NT.tolist()) if text == [1, 0, 2])
    first_logprob = SMALL.ref_PMA[1, 0, 1]
    after_one = int(SMALL.child_MA[0, 1])
    after_two = int(SMALL.child_MA[after_one, 0])
    by_hand = first_logprob + SMALL.ref_PMA[1, after_one, 0] + SMALL.ref_PMA[1, after_two, 2]
    assert float(SMALL.ref_PN[1, row]) == pytest.approx(float(by_hand))
    assert int(SMALL.child_MA[after_two, 2]) == -1


def test_rewards_are_in_standard_deviations_of_the_reference() -> None:
    ref_PN = WORLD.ref_PN.exp()
    assert (ref_PN * WORLD.reward_PN).sum(1).tolist() == pytest.approx([0.0] * 4, abs=1e-9)
    assert (ref_PN * WORLD.reward_PN**2).sum(1).tolist() == pytest.approx([1.0] * 4, abs=1e-9)


@settings(max_examples=20)
@given(st.floats(0.05, 5), st.integers(0, 5))
def test_no_policy_is_better_than_the_optimum(beta: float, seed: int) -> None:
    """J* = beta log Z, KL(pi || pi*) = (J* - J) / beta, and a policy moved away from it loses."""
    best_PN = SMALL.optimum(beta)
    log_z = (SMALL.ref_PN + SMALL.reward_PN / beta).logsumexp(1).mean()
    assert SMALL.objective(best_PN, beta) == pytest.approx(float(beta * log_z), abs=1e-9)
    noise_PN = torch.randn(best_PN.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    other_PN = (best_PN + noise_PN).log_softmax(1)
    gap = SMALL.objective(best_PN, beta) - SMALL.objective(other_PN, beta)
    assert gap == pytest.approx(beta * SMALL.kl(other_PN, best_PN), abs=1e-9)
    assert gap > 0
    assert SMALL.expected(other_PN) <= SMALL.frontier(SMALL.kl(other_PN, SMALL.ref_PN)) + 1e-9


@pytest.mark.parametrize("beta", [0.1, 0.5, 3.0])
def test_at_its_own_optimum_the_gradient_of_grpo_vanishes(beta: float) -> None:
    """The exact gradient: sum over texts of pi (r - mean) grad log pi, and of the k3 of every token, by its prefix."""
    texts_PN = SMALL.token_optimum(beta)
    assert texts_PN.exp().sum(1).tolist() == pytest.approx([1.0, 1.0], abs=1e-9)
    table_PMA = torch.zeros_like(SMALL.ref_PMA)
    for prompt, node, action in itertools.product(*map(range, table_PMA.shape)):
        through = (SMALL.mask_NT & (SMALL.node_NT == node)).any(1)
        by = (SMALL.mask_NT & (SMALL.node_NT == node) & (SMALL.action_NT == action)).any(1)
        table_PMA[prompt, node, action] = texts_PN[prompt, by].logsumexp(0) - texts_PN[prompt, through].logsumexp(0)
    table_PMA.requires_grad_()
    token_PNT = table_PMA.log_softmax(-1)[:, SMALL.node_NT, SMALL.action_NT]
    text_PN = (token_PNT * SMALL.mask_NT).sum(-1)
    at_PN = text_PN.exp().detach()
    mean_P1 = (at_PN * SMALL.reward_PN).sum(1, keepdim=True)
    gap_PNT = SMALL.ref_PMA[:, SMALL.node_NT, SMALL.action_NT] - token_PNT
    k3_PN = ((gap_PNT.exp() - 1 - gap_PNT) * SMALL.mask_NT).sum(-1)
    (at_PN * ((SMALL.reward_PN - mean_P1) * text_PN - beta * k3_PN)).sum().backward()
    assert float(table_PMA.grad.abs().max()) < 1e-8


def test_the_frontier_goes_through_every_optimum() -> None:
    for beta in (0.1, 0.5, 2.0):
        best_PN = WORLD.optimum(beta)
        spent = WORLD.kl(best_PN, WORLD.ref_PN)
        assert WORLD.frontier(spent) == pytest.approx(WORLD.expected(best_PN), abs=1e-6)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_best_of_n_against_drawing(n: int) -> None:
    exact_N = SMALL.best_of(n)[0].exp()
    assert float(exact_N.sum()) == pytest.approx(1, abs=1e-9)
    generator = torch.Generator().manual_seed(n)
    text_RN = torch.multinomial(SMALL.ref_PN[0].exp().expand(20_000, -1), n, replacement=True, generator=generator)
    best = text_RN.gather(1, SMALL.reward_PN[0][text_RN].argmax(1, keepdim=True))[:, 0]
    share_N = torch.bincount(best, minlength=len(exact_N)) / 20_000
    chi_square = float(((share_N - exact_N) ** 2 / exact_N * 20_000).sum())
    assert chi_square < 40  # 14 degrees of freedom: above once in 4,000 at random, and the draw is fixed
    bound = math.log(n) - (n - 1) / n
    assert SMALL.kl(SMALL.best_of(n), SMALL.ref_PN) <= bound + 1e-12


def test_a_world_that_cannot_be_enumerated_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 20,736 texts"):
        draw_world(0, symbols=12, length=5)
    assert isinstance(draw_world(0, symbols=3, length=2), EnumWorld)
