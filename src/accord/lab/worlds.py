"""A world in closed form: answers are vectors, the start is N(0, I), and everything that training should find is known.

The true reward is r(y) = weights . y - 1/2 sum curvatures y^2, and people choose by Bradley-Terry. Then

    argmax_pi E[r] - beta KL(pi, N(0, I))   is normal, with precision 1 + curvatures / beta
    best of n by a linear score             needs only the moments of the largest of n normal numbers
    turnover                                linear score, curved truth: the true reward rises, then falls

so that an estimator, an optimiser or an alarm can be held against the number itself and not against another run.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator
from scipy.special import expit
from scipy.stats import norm

__all__ = ["GaussWorld", "Normal", "moments_of_largest"]

Floats = NDArray[np.float64]
GRID = np.linspace(-12.0, 12.0, 4801)  # largest of n: mass beyond is below 1e-20 for n up to 1e12


@dataclass(frozen=True)
class Normal:
    """A policy of this world: independent normal numbers, mean_D and std_D."""

    mean_D: Floats
    std_D: Floats

    @property
    def kl(self) -> float:
        """KL to the start N(0, I), in nats."""
        return float(0.5 * np.sum(self.std_D**2 + self.mean_D**2 - 1 - 2 * np.log(self.std_D)))

    def sample(self, n: int, random: np.random.Generator) -> Floats:
        """n answers, [N, D]."""
        return self.mean_D + self.std_D * random.standard_normal((n, self.mean_D.size))

    def kl_of(self, y_ND: Floats) -> Floats:
        """log pi(y) - log N(y; 0, I) of each answer, [N], in nats: what a run logs as the KL of a rollout."""
        density_ND = norm.logpdf(y_ND, self.mean_D, self.std_D) - norm.logpdf(y_ND)
        return np.asarray(density_ND.sum(1))


class GaussWorld(BaseModel):
    """A true reward, or what a model takes for it: weights . y - 1/2 sum curvatures y^2."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: tuple[FiniteFloat, ...] = Field(min_length=1, description="how much each of the D numbers is worth")
    curvatures: tuple[FiniteFloat, ...] = Field(default=(), description="how fast more of it turns bad; unset: 0")

    @model_validator(mode="after")
    def _as_many(self) -> "GaussWorld":
        if self.curvatures and len(self.curvatures) != len(self.weights):
            raise ValueError(f"{len(self.weights)} weights but {len(self.curvatures)} curvatures")
        return self

    @property
    def weight_D(self) -> Floats:
        """The weights as an array."""
        return np.array(self.weights, dtype=np.float64)

    @property
    def curvature_D(self) -> Floats:
        """The curvatures as an array."""
        return np.array(self.curvatures or (0.0,) * len(self.weights), dtype=np.float64)

    @property
    def start(self) -> Normal:
        """The policy before training: N(0, I)."""
        return Normal(np.zeros(len(self.weights)), np.ones(len(self.weights)))

    def reward(self, y_ND: Floats) -> Floats:
        """The reward of each answer, [N]."""
        return np.asarray(y_ND @ self.weight_D - 0.5 * y_ND**2 @ self.curvature_D)

    def prefers(self, left_PD: Floats, right_PD: Floats, random: np.random.Generator) -> NDArray[np.bool_]:
        """Whether the left answer of each of P pairs is chosen: Bradley-Terry, sigmoid of the difference in reward."""
        chance_P = expit(self.reward(left_PD) - self.reward(right_PD))
        return np.asarray(random.random(chance_P.size) < chance_P)

    def optimal(self, beta: float) -> Normal:
        """The policy that maximises E[reward] - beta KL to the start: N(0, I) tilted by exp(reward / beta).

        Without curvature that is a shift of the mean by weights / beta, at KL |mean|^2 / 2. Raises ValueError where
        beta is not positive, or so small that the reward outgrows the penalty and there is no optimum.
        """
        if beta <= 0:
            raise ValueError(f"beta {beta} is not positive")
        precision_D = 1 + self.curvature_D / beta
        if (precision_D <= 0).any():
            raise ValueError(f"no optimum at beta {beta}: it must be above {-self.curvature_D.min():g}")
        return Normal(self.weight_D / beta / precision_D, precision_D**-0.5)

    def expected(self, policy: Normal) -> float:
        """E[reward] of a policy."""
        second_D = policy.mean_D**2 + policy.std_D**2
        return float(self.weight_D @ policy.mean_D - 0.5 * self.curvature_D @ second_D)

    def objective(self, policy: Normal, beta: float) -> float:
        """E[reward] - beta KL: what `optimal` maximises."""
        return self.expected(policy) - beta * policy.kl

    def expected_best_of(self, n: int, score: "GaussWorld") -> float:
        """E[reward] of the one of n answers of the start that `score` puts first.

        Along the direction u of the score stands the largest of n normal numbers, across it nothing is chosen:
        E[y] = u m1, E[y^2] = 1 + u^2 (m2 - 1). Raises ValueError where the score is curved or 0 everywhere.
        """
        length = float(np.linalg.norm(score.weight_D))
        if score.curvature_D.any() or not length:
            raise ValueError("the closed form needs a score with weights and without curvatures")
        along_D = score.weight_D / length
        mean, square = moments_of_largest(n)
        square_D = 1 + along_D**2 * (square - 1)
        return float(mean * self.weight_D @ along_D - 0.5 * self.curvature_D @ square_D)


def moments_of_largest(n: int) -> tuple[float, float]:
    """Mean and mean square of the largest of n standard normal numbers, whose density is n phi Phi^(n-1)."""
    if n < 1:
        raise ValueError(f"the largest of {n} numbers")
    density = np.exp(math.log(n) + norm.logpdf(GRID) + (n - 1) * norm.logcdf(GRID))
    mean, square = (float(np.trapezoid(density * GRID**power, GRID)) for power in (1, 2))
    return mean, square
