"""Plackett-Luce with ties: every ranking there can be sums to one, and simple cases are those of other models."""

import itertools
import math
from collections.abc import Iterator, Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from accord.reward.likelihoods import bradley_terry, choice, davidson, plackett_luce

scores = st.lists(st.floats(-3, 3), min_size=4, max_size=4)
ties = st.lists(st.floats(-3, 2), min_size=3, max_size=3)
Order = tuple[tuple[int, ...], ...]


def weak_orders(items: Sequence[int]) -> Iterator[Order]:
    if not items:
        yield ()
    for size in range(1, len(items) + 1):
        for first in itertools.combinations(items, size):
            for rest in weak_orders([each for each in items if each not in first]):
                yield (first, *rest)


def batch(orders: Sequence[Order], score: Sequence[float], width: int) -> tuple[Tensor, Tensor, Tensor]:
    rows, sizes, firsts = [], [], []
    for order in orders:
        places = [place for tier in order for place in tier]
        behind = width - len(places)
        rows.append([*(score[place] for place in places), *[math.nan] * behind])
        sizes.append([*(len(tier) for tier in order for _ in tier), *[0] * behind])
        firsts.append([*(k == 0 for tier in order for k in range(len(tier))), *[False] * behind])
    return torch.tensor(rows, dtype=torch.float64)[:, None], torch.tensor(sizes), torch.tensor(firsts)


def log_ties(values: Sequence[float]) -> Tensor:
    return torch.tensor([0.0, *values], dtype=torch.float64)


def slow(order: Order, score: Sequence[float], tie: Sequence[float]) -> float:
    """Choices of sets one after the other, each set written out."""
    left = {place for tier in order for place in tier}
    total = 0.0

    def weight(places: Sequence[int]) -> float:
        size = len(places)
        return math.exp((0.0, *tie)[size - 1] + sum(score[place] for place in places) / size)

    for tier in order:
        sets = [s for d in range(1, len(tie) + 2) for s in itertools.combinations(sorted(left), d)]
        total -= math.log(weight(tier) / sum(map(weight, sets)))
        left -= set(tier)
    return total


@given(scores, ties, st.integers(0, 3))
@settings(max_examples=25)
def test_all_rankings_together_have_probability_one(score: list[float], tie: list[float], more: int) -> None:
    orders = [each for each in weak_orders(range(4)) if max(map(len, each)) <= more + 1]
    assert len(orders) == (24, 66, 74, 75)[more]
    nll_O = plackett_luce(*batch(orders, score, 4), log_ties(tie[:more]))[:, 0]
    assert torch.exp(-nll_O).sum().item() == pytest.approx(1, abs=1e-9)


@given(scores, ties)
@settings(max_examples=25)
def test_it_is_what_the_sets_written_out_give_whatever_stands_behind(score: list[float], tie: list[float]) -> None:
    orders = [*weak_orders(range(4)), *weak_orders(range(3)), *weak_orders([0, 2]), ((1,),)]
    nll_O = plackett_luce(*batch(orders, score, 6), log_ties(tie))[:, 0]
    assert nll_O.tolist() == pytest.approx([slow(order, score, tie) for order in orders], abs=1e-9)


@given(st.floats(-8, 8), st.floats(-3, 2))
def test_two_are_bradley_terry_and_davidson(m: float, log_nu: float) -> None:
    margin, no, yes = torch.tensor([m], dtype=torch.float64), torch.tensor([False]), torch.tensor([True])
    plain = plackett_luce(*batch([((0,), (1,))], [m, 0.0], 2), log_ties([]))[0]
    torch.testing.assert_close(plain, bradley_terry(margin, no))
    for order, tie in ((((0,), (1,)), no), (((0, 1),), yes)):
        found = plackett_luce(*batch([order], [m, 0.0], 2), log_ties([log_nu]))[0]
        torch.testing.assert_close(found, davidson(margin, tie, log_ties([log_nu])[1]))


@given(scores, ties, st.floats(-20, 20))
@settings(max_examples=25)
def test_a_constant_added_to_all_changes_nothing(score: list[float], tie: list[float], constant: float) -> None:
    orders = list(weak_orders(range(4)))
    one = plackett_luce(*batch(orders, score, 4), log_ties(tie))
    other = plackett_luce(*batch(orders, [each + constant for each in score], 4), log_ties(tie))
    torch.testing.assert_close(one, other, atol=1e-8, rtol=1e-8)


def test_more_reward_for_the_first_makes_its_place_likelier() -> None:
    nlls = [
        plackett_luce(*batch([((0,), (1, 2), (3,))], [first, 0.5, 0.0, -1.0], 4), log_ties([0.2, -1.0])).item()
        for first in (-1.0, 0.0, 1.0, 2.0)
    ]
    assert nlls == sorted(nlls, reverse=True)


def test_several_heads_at_once_are_each_alone() -> None:
    score_OMI = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0))
    size_OI, first_OI = torch.tensor([[1, 2, 2, 1]] * 5), torch.tensor([[True, True, False, True]] * 5)
    tie_D = torch.tensor([0.0, -0.3])
    together = plackett_luce(score_OMI, size_OI, first_OI, tie_D)
    alone = torch.cat([plackett_luce(score_OMI[:, m : m + 1], size_OI, first_OI, tie_D) for m in range(3)], 1)
    torch.testing.assert_close(together, alone)


def test_a_choice_is_the_first_stage_of_a_ranking_and_sums_to_one() -> None:
    score_OMI = torch.tensor([[[0.3, -1.0, 2.0, 9.0]]])
    there_OI = torch.tensor([[True, True, True, False]])
    total = sum(
        torch.exp(-choice(score_OMI[:, :, [k, *(i for i in range(3) if i != k), 3]], there_OI)).item() for k in range(3)
    )
    assert total == pytest.approx(1, abs=1e-6)
    pair = choice(torch.tensor([[[1.2, 0.5]]]), torch.tensor([[True, True]]))
    torch.testing.assert_close(pair[0], bradley_terry(torch.tensor([0.7]), torch.tensor([False])))


@pytest.mark.parametrize("tie", [[], [0.3], [0.3, -0.5, 0.1]])
def test_curvature_is_that_of_differences_of_gradients(tie: list[float]) -> None:
    orders: list[Order] = (
        [((2,), (0,), (3,), (1,)), ((0,), (2,))] if not tie else [((0, 2), (3,), (1,)), ((1,), (0, 3))]
    )
    _, size_OI, first_OI = batch(orders, [0.0] * 4, 5)
    places = torch.tensor([[*(place for tier in order for place in tier), *[0] * 5][:5] for order in orders])

    def nll(score: Tensor) -> Tensor:
        return plackett_luce(score[places][:, None], size_OI, first_OI, log_ties(tie)).sum()

    score = torch.tensor([0.4, -1.0, 2.0, 0.1], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(nll, (score,))
