"""Every likelihood against its formula in plain numbers or an integral, its gradient against differences."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import logistic as logistic_distribution
from scipy.stats import norm
from torch import Tensor

from accord.reward.likelihoods import (
    bradley_terry,
    choice,
    davidson,
    gaussian,
    graded_comparison,
    lapsed,
    logistic,
    noise_corrected,
    normal_rating,
    ordinal_rating,
    plackett_luce,
    rao_kupper,
    thurstone,
    with_margin,
)

margins = st.floats(-15, 15, allow_nan=False)
thresholds = st.floats(0.05, 4, allow_nan=False)
NO, YES = torch.tensor([False]), torch.tensor([True])


def at(value: float) -> Tensor:
    return torch.tensor([value], dtype=torch.float64)


def p(nll: Tensor) -> float:
    return math.exp(-nll.item())


# -- two completions -----------------------------------------------------------------------------------------------


@given(margins, st.floats(-4, 3))
def test_davidson_is_its_formula_and_sums_to_one(m: float, log_nu: float) -> None:
    nu = at(log_nu)[0]
    won, lost, tied = (p(davidson(at(s * m), tie, nu)) for s, tie in ((1, NO), (-1, NO), (1, YES)))
    total = math.exp(m / 2) + math.exp(-m / 2) + math.exp(log_nu)
    assert won == pytest.approx(math.exp(m / 2) / total, rel=1e-9)
    assert tied == pytest.approx(math.exp(log_nu) / total, rel=1e-9)
    assert won + lost + tied == pytest.approx(1, abs=1e-12)
    assert won / lost == pytest.approx(math.exp(m), rel=1e-9)  # ties leave the odds of preferences as they are


@given(margins)
def test_davidson_without_ties_and_rao_kupper_without_threshold_are_bradley_terry(m: float) -> None:
    plain = bradley_terry(at(m), NO)
    torch.testing.assert_close(davidson(at(m), NO, at(-200.0)[0]), plain)
    torch.testing.assert_close(rao_kupper(at(m), NO, at(0.0)[0]), plain)
    torch.testing.assert_close(with_margin(at(m), NO, at(0.0)), plain)


@given(margins, thresholds)
def test_rao_kupper_is_its_formula_and_sums_to_one(m: float, threshold: float) -> None:
    theta, first, second = math.exp(threshold), math.exp(m), 1.0
    found = [p(rao_kupper(at(s * m), tie, at(threshold)[0])) for s, tie in ((1, NO), (-1, NO), (1, YES))]
    assert found[0] == pytest.approx(first / (first + theta * second), rel=1e-9)
    tied = (theta**2 - 1) * first * second / ((first + theta * second) * (theta * first + second))
    assert found[2] == pytest.approx(tied, rel=1e-7)
    assert sum(found) == pytest.approx(1, abs=1e-9)


@given(st.floats(-6, 6), st.lists(thresholds, min_size=1, max_size=4))
def test_graded_comparisons_are_areas_of_the_logistic_density(m: float, steps: list[float]) -> None:
    cuts = np.cumsum(steps)
    ends = [*cuts, math.inf]
    total = 0.0
    for side in (1, -1):
        for grade in range(len(cuts)):
            found = p(graded_comparison(at(side * m), torch.tensor([grade]), torch.tensor(cuts)))
            area, _ = quad(lambda x: logistic_distribution.pdf(x - side * m), ends[grade], min(ends[grade + 1], 60))  # noqa: B023
            assert found == pytest.approx(area, abs=1e-7)
            total += found
    total += p(graded_comparison(at(m), torch.tensor([-1]), torch.tensor(cuts)))
    assert total == pytest.approx(1, abs=1e-9)


@given(st.floats(-5, 5), thresholds)
def test_thurstone_is_an_integral_of_the_normal_density(m: float, threshold: float) -> None:
    cut = at(threshold)[0]
    won, lost, tied = (p(thurstone(at(s * m), tie, cut)) for s, tie in ((1, NO), (-1, NO), (1, YES)))
    for found, low, high in ((won, threshold, 40), (lost, -40, -threshold), (tied, -threshold, threshold)):
        area, _ = quad(lambda x: norm.pdf(x - m), low, high, points=[m] if low < m < high else None)
        assert found == pytest.approx(area, abs=1e-7)
    assert won + lost + tied == pytest.approx(1, abs=1e-9)
    assert p(thurstone(at(m), NO)) == pytest.approx(float(norm.cdf(m)), rel=1e-9)


def test_tails_stay_finite_and_exact() -> None:
    for m in (-40.0, 40.0, -1e4, 1e4):
        for nll in (
            thurstone(at(m), YES, at(0.3)[0]),
            thurstone(at(m), NO, at(0.3)[0]),
            rao_kupper(at(m), YES, at(0.3)[0]),
            davidson(at(m), YES, at(-1.0)[0]),
            lapsed(bradley_terry(at(m), NO), at(0.1)[0]),
        ):
            assert torch.isfinite(nll).all()
    wanted = -(norm.logcdf(-39.7) + math.log1p(-math.exp(norm.logcdf(-40.3) - norm.logcdf(-39.7))))
    assert thurstone(at(40.0), YES, at(0.3)[0]).item() == pytest.approx(wanted, rel=1e-9)


@given(margins, st.floats(0, 5))
def test_a_least_margin_moves_the_loss_and_not_ties(m: float, least: float) -> None:
    moved = with_margin(at(m), NO, at(least))
    torch.testing.assert_close(moved, bradley_terry(at(m) - least, NO))
    torch.testing.assert_close(with_margin(at(m), YES, at(least)), bradley_terry(at(m), YES))


# -- what people do ------------------------------------------------------------------------------------------------


@given(margins, st.floats(0.001, 0.9))
def test_a_lapse_mixes_with_chance(m: float, lapse: float) -> None:
    rate = at(lapse)[0]
    won, lost = (p(lapsed(bradley_terry(at(s * m), NO), rate)) for s in (1, -1))
    assert won == pytest.approx((1 - lapse) / (1 + math.exp(-m)) + lapse / 2, rel=1e-9)
    assert won + lost == pytest.approx(1, abs=1e-9)
    three = [p(lapsed(davidson(at(s * m), t, at(0.0)[0]), rate, 3)) for s, t in ((1, NO), (-1, NO), (1, YES))]
    assert sum(three) == pytest.approx(1, abs=1e-9)
    assert min(three) >= lapse / 3 - 1e-12


@given(margins, st.floats(0, 0.45))
def test_a_corrected_loss_is_the_clean_one_on_average(m: float, flips: float) -> None:
    right, wrong = bradley_terry(at(m), NO), bradley_terry(at(-m), NO)
    mean = (1 - flips) * noise_corrected(right, wrong, flips) + flips * noise_corrected(wrong, right, flips)
    torch.testing.assert_close(mean, right, atol=1e-9, rtol=1e-9)


# -- one completion ------------------------------------------------------------------------------------------------


@given(st.floats(-5, 5), st.floats(-3, 3), st.floats(-1, 1), st.floats(-1, 1))
def test_ratings_have_a_normal_density(y: float, r: float, shift: float, log_slope: float) -> None:
    nll = normal_rating(at(r), at(y), shift_O=at(shift), log_slope_O=at(log_slope), log_std=at(-0.4)[0])
    wanted = -norm.logpdf(y, loc=shift + math.exp(log_slope) * r, scale=math.exp(-0.4))
    assert nll.item() == pytest.approx(wanted, rel=1e-9)
    moved = normal_rating(
        at(r + 0.7),
        at(y),
        shift_O=at(shift - 0.7 * math.exp(log_slope)),
        log_slope_O=at(log_slope),
        log_std=at(-0.4)[0],
    )
    torch.testing.assert_close(moved, nll, rtol=1e-8, atol=1e-8)  # place of the rewards and shift are one


@given(st.floats(-8, 8), st.lists(thresholds, min_size=1, max_size=6), st.floats(-4, 4))
def test_levels_are_areas_of_the_logistic_density_and_sum_to_one(r: float, steps: list[float], first: float) -> None:
    ends = [-math.inf, *(first + np.cumsum([0, *steps])), math.inf]
    shares = [p(ordinal_rating(at(r), at(a), at(b))) for a, b in itertools.pairwise(ends)]
    assert sum(shares) == pytest.approx(1, abs=1e-9)
    for share, a, b in zip(shares, ends, ends[1:], strict=False):
        assert share == pytest.approx(
            float(logistic_distribution.cdf(b - r) - logistic_distribution.cdf(a - r)), abs=1e-9
        )


@given(st.floats(-8, 8), st.floats(0.1, 3))
def test_a_higher_reward_has_no_lower_rating(r: float, more: float) -> None:
    ends = torch.tensor([-math.inf, -1.0, 0.5, 2.0, math.inf], dtype=torch.float64)

    def mean_level(reward: float) -> float:
        return sum(k * p(ordinal_rating(at(reward), ends[k : k + 1], ends[k + 1 : k + 2])) for k in range(4))

    assert mean_level(r + more) > mean_level(r)


@given(margins, st.floats(0, 1))
def test_a_label_is_a_cross_entropy(x: float, share: float) -> None:
    right = 1 / (1 + math.exp(-x))
    wanted = -(share * math.log(right) + (1 - share) * math.log1p(-right))
    assert logistic(at(x), at(share)).item() == pytest.approx(wanted, rel=1e-6, abs=1e-9)


# -- gradients -----------------------------------------------------------------------------------------------------

CUTS = torch.tensor([0.4, 1.1], dtype=torch.float64)
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "davidson": lambda x: davidson(x[:1], YES, x[1]),
    "davidson, preferred": lambda x: davidson(x[:1], NO, x[1]),
    "rao_kupper": lambda x: rao_kupper(x[:1], YES, x[1].exp()),
    "graded": lambda x: graded_comparison(x[:1], torch.tensor([0]), CUTS * x[1].exp()),
    "thurstone": lambda x: thurstone(x[:1], YES, x[1].exp()),
    "thurstone, preferred": lambda x: thurstone(x[:1], NO, x[1].exp()),
    "lapsed": lambda x: lapsed(bradley_terry(x[:1], NO), x[1].sigmoid()),
    "noise": lambda x: noise_corrected(bradley_terry(x[:1], NO), bradley_terry(-x[1:], NO), 0.2),
    "normal": lambda x: normal_rating(x[:1], at(0.3), shift_O=x[1:], log_slope_O=x[1:], log_std=x[1]),
    "ordinal": lambda x: ordinal_rating(x[:1], x[1:] - 1, x[1:]),
    "ordinal, last": lambda x: ordinal_rating(x[:1], x[1:], at(math.inf)),
    "logistic": lambda x: logistic(x[:1], at(0.3)),
    "plackett_luce": lambda x: plackett_luce(
        torch.stack([x[0], x[1], x[0] * x[1]])[None, None],
        torch.tensor([[1, 2, 2]]),
        torch.tensor([[True, True, False]]),
        torch.stack([torch.zeros_like(x[0]), x[1]]),
    ),
    "choice": lambda x: choice(x[None, None], torch.tensor([[True, True]])),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("point", [(0.3, -0.5), (-2.0, 0.2), (4.0, 0.9)])
def test_gradients_are_differences(name: str, point: tuple[float, float]) -> None:
    x = torch.tensor(point, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda each: FUNCTIONS[name](each).sum(), (x,), atol=1e-6)
    assert torch.autograd.gradgradcheck(lambda each: FUNCTIONS[name](each).sum(), (x,), atol=1e-5)  # for curvature


def test_a_prior_is_the_normal_density_up_to_its_constant() -> None:
    one, two = torch.tensor([0.5, -1.0]), torch.tensor([[2.0]])
    found = gaussian([one, two], [torch.zeros(2), torch.ones(1, 1)], 0.7)
    density = [norm.logpdf(0.5, scale=0.7), norm.logpdf(-1, scale=0.7), norm.logpdf(2, loc=1, scale=0.7)]
    assert found.item() == pytest.approx(-sum(density) + 3 * norm.logpdf(0, scale=0.7), rel=1e-5)
