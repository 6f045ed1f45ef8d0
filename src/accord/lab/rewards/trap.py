"""The trap: gold that rises, then falls in a feature of which the texts that were compared have little.

    gold = w . q + h - (h + .3)_+^2 / 2,    q and h from N(0, 1) in what is optimised

(Gao et al. 2022, arXiv 2210.10760, saw such a fall; the recipe needs narrow coverage, as errors of light tails alone
make none: Kwa et al. 2024, arXiv 2407.14503.)
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import gammaln

from accord.lab.rewards.collection import Collection, Floats
from accord.lab.rewards.linear import Likelihood, fit, posterior
from accord.lab.rewards.people import compare
from accord.lab.rewards.points import RewardsPoint
from accord.policy.caution import certainty_equivalent
from accord.reward.terms.comparisons import Comparisons

__all__ = ["ARMS", "best_of", "gold", "trap"]

QUALITIES, WORTH = 4, 0.6  # numbers beside h, and the length of their weights
PAIRS, TURNED = 1000, 0.25
NARROW = 0.3
POOL = 65_536
LARGEST_N = tuple(2**k for k in range(12))
PRIOR_STD = 2.0
CAUTION = 0.3


@dataclass(frozen=True)
class Setting:
    """How far h reaches in what was compared, and whether the reward has squares."""

    reach: float = NARROW
    squares: bool = True


ARMS = {
    "trap-quadratic": Setting(),
    "trap-linear": Setting(squares=False),
    "trap-wide": Setting(reach=1.0),
}


def gold(number_AD: Floats, weight_Q: Floats) -> Floats:
    """What texts are worth, [A]; h is their last number."""
    h_A = number_AD[:, -1]
    return np.asarray(number_AD[:, :-1] @ weight_Q + h_A - 0.5 * np.maximum(h_A + 0.3, 0) ** 2)


def trap(setting: Setting, seed: int, *, pool: int = POOL) -> list[RewardsPoint]:
    """Gold of the best of n by the reward of the largest posterior, and by it with caution, at every n."""
    random = np.random.default_rng([seed, 163])
    weight_Q = random.standard_normal(QUALITIES)
    weight_Q *= WORTH / np.linalg.norm(weight_Q)
    expand = _squares if setting.squares else _plain
    likelihood = Likelihood([Comparisons()], _asked(setting, weight_Q, random), prior_std=PRIOR_STD, expand=expand)
    fitted_D = fit(likelihood)
    number_AD = random.standard_normal((pool, QUALITIES + 1))
    feature_AD = expand(number_AD)
    fitted_A = (feature_AD - feature_AD.mean(0)) @ fitted_D  # what was compared has no zero; members agree on the mean
    known = replace(posterior(likelihood, fitted_D), centre_D=feature_AD.mean(0))
    member_AS = fitted_A[:, None] + known.offsets(feature_AD)[:, :, 0].T
    scores = {"plain": fitted_A, "caution": certainty_equivalent(member_AS, CAUTION)}
    gold_A = gold(number_AD, weight_Q)
    return [
        RewardsPoint(what=name, n=n, value=best_of(n, score_A, gold_A))
        for name, score_A in scores.items()
        for n in LARGEST_N
    ]


def best_of(n: int, score_A: Floats, gold_A: Floats) -> float:
    """The mean gold of the best by score of n texts, over all choices of n of the A texts without replacement.

    The text of rank i from below is the best of C(i - 1, n - 1) of the C(A, n) choices.
    """
    below_A = np.arange(len(score_A), dtype=float)
    with np.errstate(divide="ignore"):
        log_A = gammaln(below_A + 1) - gammaln(np.maximum(below_A - n + 2, 1)) - gammaln(n)
    total = gammaln(len(score_A) + 1) - gammaln(n + 1) - gammaln(len(score_A) - n + 1)
    chance_A = np.where(below_A >= n - 1, np.exp(log_A - total), 0.0)
    return float(chance_A @ gold_A[np.argsort(score_A, kind="stable")])


def _asked(setting: Setting, weight_Q: Floats, random: np.random.Generator) -> Collection:
    """Comparisons of texts in which h reaches so far, a quarter of them turned round."""
    texts = Collection()
    for number in range(PAIRS):
        row_2D = random.standard_normal((2, QUALITIES + 1))
        row_2D[:, -1] *= setting.reach
        gold_2 = gold(row_2D, weight_Q)
        felt = float(gold_2[0] - gold_2[1] + random.logistic())
        if random.random() < TURNED:
            felt = -felt
        texts.say(number % 20, number, texts.texts(number, row_2D), compare(felt, grades=(0.0,)))
    return texts


def _plain(number_AD: Floats) -> Floats:
    return number_AD


def _squares(number_AD: Floats) -> Floats:
    return np.concatenate([number_AD, number_AD**2], axis=1)
