"""Which groups that were found have a head of their own: those of another mind, not those who are only noisier."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from accord.reward.people.linear import LinearComparisons
from accord.reward.people.mixture import Mixture, fit_mixture
from accord.reward.people.own_heads import own_heads, with_own_heads

Array = NDArray[np.float64]
PEOPLE, ANSWERS, FEATURES = 50, 40, 4
WANTS_D = np.array([1.5, -1.0, 0.5, 0.3])


def society(seed: int, few: int, *, noise: float = 1.0, turned: bool = False) -> tuple[Array, NDArray[np.int64]]:
    """Comparisons by people of whom the last `few` are noisier, or want the opposite of what is worth most."""
    draw = np.random.default_rng([71, seed])
    who_P = np.repeat(np.arange(PEOPLE), ANSWERS)
    minority_P = who_P >= PEOPLE - few
    feature_PD = draw.normal(size=(len(who_P), FEATURES))
    wants_PD = np.where((minority_P & turned)[:, None], WANTS_D * [-1, 1, 1, 1], WANTS_D)
    margin_P = (feature_PD * wants_PD).sum(1) / np.where(minority_P, noise, 1.0)
    return feature_PD * np.where(draw.random(len(who_P)) < expit(margin_P), 1, -1)[:, None], who_P


def known(fit: LinearComparisons, who_P: NDArray[np.int64], few: int) -> Mixture[Array]:
    """A mixture that has found who is of the minority."""
    member_EK = np.eye(2)[(np.arange(PEOPLE) >= PEOPLE - few).astype(int)]
    parameters, _ = fit(member_EK[who_P], None)
    return Mixture(parameters, member_EK.mean(0), member_EK, 0.0)


@pytest.mark.parametrize("seed", range(4))
def test_the_noisy_have_none_and_it_would_serve_them_worse(seed: int) -> None:
    feature_PD, who_P = society(seed, few=6, noise=5.0)
    fit = LinearComparisons(feature_PD)
    mixture = known(fit, who_P, few=6)
    own_D, everybody_D = mixture.parameters[1], fit(np.ones((len(who_P), 1)), None)[0][0]
    asked_PD = np.random.default_rng(seed).normal(size=(4000, FEATURES))
    right = [((asked_PD @ weight_D > 0) == (asked_PD @ WANTS_D > 0)).mean() for weight_D in (own_D, everybody_D)]
    assert right[0] < right[1]
    after, joined = with_own_heads(fit, who_P, mixture)
    assert len(after.share_K) == 1
    assert after.parameters[0] == pytest.approx(everybody_D, abs=1e-4)
    assert [each.share for each in joined] == pytest.approx([0.12])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("few", [5, 20])
def test_people_of_another_mind_have_one(few: int, seed: int) -> None:
    feature_PD, who_P = society(seed, few=few, turned=True)
    fit = LinearComparisons(feature_PD)
    mixture = fit_mixture(fit, who_P, 2, restarts=4)
    after, joined = with_own_heads(fit, who_P, mixture)
    assert after is mixture
    assert joined == []
    assert own_heads(fit, who_P, mixture).gain_K[1] > 0.05


def test_who_is_noisy_joins_those_of_the_same_mind() -> None:
    """A third of the people want the opposite, and of the others some are noisy."""
    feature_PD, who_P = society(9, few=16, turned=True)
    noisy_PD, _ = society(10, few=PEOPLE, noise=5.0)
    feature_PD[who_P < 6] = noisy_PD[who_P < 6]
    fit = LinearComparisons(feature_PD)
    group_E = np.where(np.arange(PEOPLE) < 6, 2, np.where(np.arange(PEOPLE) >= PEOPLE - 16, 1, 0))
    member_EK = np.eye(3)[group_E]
    mixture = Mixture(fit(member_EK[who_P], None)[0], member_EK.mean(0), member_EK, 0.0)
    after, joined = with_own_heads(fit, who_P, mixture)
    assert len(joined) == 1
    assert after.responsibility_EK.tolist() == np.eye(2)[(group_E == 1).astype(int)].tolist()


def test_people_who_are_alike_need_one_reward_whatever_was_found() -> None:
    feature_PD, who_P = society(3, few=0)
    fit = LinearComparisons(feature_PD)
    for groups in (2, 3):
        after, joined = with_own_heads(fit, who_P, fit_mixture(fit, who_P, groups, restarts=2))
        assert (len(after.share_K), len(joined)) == (1, groups - 1)
