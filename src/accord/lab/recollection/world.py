"""The world: a normal policy whose mean moves, gold that turns or does not, and a linear reward with its doubt."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from accord.lab.worlds import GaussWorld, Normal

__all__ = ["DIMENSIONS", "LinearReward", "Texts", "fit_reward", "gold_of"]

Floats = NDArray[np.float64]
DIMENSIONS, RADIUS = 10, 4.0
PRIOR_STD = 2.0
"""Of each weight of a reward: three times what gold's are, so that few labels give a noisy reward."""
TOLERANCE = 1e-6


def gold_of(random: np.random.Generator, *, turns: bool) -> GaussWorld:
    """Gold whose best place is RADIUS from the start, in a direction that is drawn; or that rises there for ever."""
    direction_D = random.standard_normal(DIMENSIONS)
    curvature = 2 / RADIUS
    weight_D = curvature * RADIUS * direction_D / np.linalg.norm(direction_D)
    return GaussWorld(weights=tuple(weight_D.tolist()), curvatures=(curvature,) * DIMENSIONS if turns else ())


@dataclass(frozen=True)
class Texts:
    """N pairs of texts: the first less the second, [N, D], and whether the first was preferred, [N]."""

    difference_ND: Floats
    first_N: Floats

    @classmethod
    def compared(cls, gold: GaussWorld, mean_D: Floats, n: int, random: np.random.Generator) -> Self:
        """Pairs that the policy with this mean writes, judged by Bradley-Terry."""
        policy = Normal(mean_D, np.ones(DIMENSIONS))
        left_ND, right_ND = policy.sample(n, random), policy.sample(n, random)
        return cls(left_ND - right_ND, gold.prefers(left_ND, right_ND, random).astype(float))

    @classmethod
    def all_of(cls, parts: "list[Texts]") -> Self:
        """Several together."""
        return cls(
            np.concatenate([each.difference_ND for each in parts]), np.concatenate([each.first_N for each in parts])
        )


@dataclass(frozen=True)
class LinearReward:
    """Weights [D] and their covariance, by Laplace."""

    weight_D: Floats
    covariance_DD: Floats

    def logodds(self, texts: Texts) -> Floats:
        """That the first of each pair is preferred, [N], doubt taken into account (MacKay 1992)."""
        stated_N = texts.difference_ND @ self.weight_D
        variance_N = np.einsum("nd,de,ne->n", texts.difference_ND, self.covariance_DD, texts.difference_ND)
        doubted_N: Floats = stated_N / np.sqrt(1 + np.pi * variance_N / 8)
        return doubted_N


def fit_reward(texts: Texts, *, prior_std: float = PRIOR_STD, about_D: Floats | None = None) -> LinearReward:
    """The logistic regression of largest posterior, by Newton's method; the prior is about `about_D`, or 0."""
    dimensions = texts.difference_ND.shape[1]
    centre_D = np.zeros(dimensions) if about_D is None else about_D
    signed_ND = texts.difference_ND * np.where(texts.first_N == 1, 1.0, -1.0)[:, None]
    precision = 1 / prior_std**2

    def loss(weight_D: Floats) -> float:
        distance_D = weight_D - centre_D
        return float(-log_expit(signed_ND @ weight_D).sum() + precision * distance_D @ distance_D / 2)

    weight_D = centre_D.copy()
    while True:
        wrong_N = expit(-signed_ND @ weight_D)
        gradient_D = signed_ND.T @ wrong_N - precision * (weight_D - centre_D)
        hessian_DD = (signed_ND.T * (wrong_N * (1 - wrong_N))) @ signed_ND + np.eye(dimensions) * precision
        step_D = np.linalg.solve(hessian_DD, gradient_D)
        if np.abs(step_D).max() < TOLERANCE:
            return LinearReward(weight_D, np.asarray(np.linalg.inv(hessian_DD), dtype=np.float64))
        size = 1.0
        while loss(weight_D + size * step_D) > loss(weight_D) and size > TOLERANCE:
            size /= 2
        weight_D = weight_D + size * step_D
