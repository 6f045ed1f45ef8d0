"""Rankings of four: Plackett-Luce against six pairs a ranking that are counted as independent."""

import numpy as np

from accord.lab.rewards.collection import Collection, Floats
from accord.lab.rewards.linear import Likelihood, fit, posterior
from accord.lab.rewards.people import People
from accord.lab.rewards.points import RewardsPoint
from accord.reward.terms.comparisons import Comparisons
from accord.reward.terms.rankings import Rankings

__all__ = ["REPEATS", "rankings_of_four"]

WIDTH, RANKINGS, TEXTS = 6, 120, 200
PRIOR = 3.0
REPEATS = 6


def rankings_of_four(seed: int, *, repeats: int = REPEATS) -> list[RewardsPoint]:
    """Over rankings drawn anew: the error of differences in reward, what is claimed of it, and how often it covers."""
    random = np.random.default_rng([seed, 165])
    weight_D = 1.5 * _direction(random)
    text_2ND = random.standard_normal((2, TEXTS, WIDTH))
    difference_ND = text_2ND[0] - text_2ND[1]
    error: dict[str, list[Floats]] = {"plackett-luce": [], "pairs": []}
    claim: dict[str, list[Floats]] = {"plackett-luce": [], "pairs": []}
    for _ in range(repeats):
        texts = _ranked(weight_D, random)
        for name, term in (("plackett-luce", Rankings()), ("pairs", Comparisons())):
            likelihood = Likelihood([term], texts, prior_std=PRIOR)
            fitted_D = fit(likelihood)
            error[name].append(difference_ND @ (fitted_D - weight_D))
            claim[name].append(posterior(likelihood, fitted_D).margin_std(text_2ND[0], text_2ND[1])[:, 0])
    return [
        RewardsPoint(what=f"{what} {name}", value=value)
        for name in error
        for what, value in _summary(np.array(error[name]), np.array(claim[name])).items()
    ]


def _summary(error_RN: Floats, claim_RN: Floats) -> dict[str, float]:
    """Root mean squares of the error and of what is claimed, and the share that 1.96 claimed errors cover."""
    return {
        "error": float(np.sqrt(np.mean(error_RN**2))),
        "claimed": float(np.sqrt(np.mean(claim_RN**2))),
        "coverage": float(np.mean(np.abs(error_RN) < 1.96 * claim_RN)),
    }


def _ranked(weight_D: Floats, random: np.random.Generator) -> Collection:
    texts, people = Collection(), People.draw(weight_D, 12, 1.0, random)
    for number in range(RANKINGS):
        people.rank(texts, number, random.standard_normal((4, len(weight_D))))
    return texts


def _direction(random: np.random.Generator) -> Floats:
    weight_D = random.standard_normal(WIDTH)
    return np.asarray(weight_D / np.linalg.norm(weight_D))
