"""The laws that Gao, Schulman & Hilton fitted to gold over d = sqrt(KL) (2022, arXiv 2210.10760, section 3.1).

    best of n   R(d) = d (alpha - beta d)        its peak at d = alpha / (2 beta)
    RL          R(d) = d (alpha - beta ln d)     its peak at d = exp(alpha / beta - 1)

R is gold less that of the start.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from accord.lab.trap_world import Floats

__all__ = ["Law", "aic_difference", "fit_law"]

Form = Literal["best-of-n", "rl"]


@dataclass(frozen=True)
class Law:
    """A fitted law: its coefficients, the share of the variance that it explains, and its squared errors' sum."""

    form: Form
    alpha: float
    beta: float
    r_squared: float
    squares: float
    points: int

    @property
    def peak(self) -> float:
        """The d at which it is greatest; infinite where it only rises, 0 where it only falls."""
        if self.beta <= 0:
            return math.inf if self.alpha > 0 or self.form == "rl" else 0.0
        if self.form == "best-of-n":
            return max(0.0, self.alpha / (2 * self.beta))
        exponent = self.alpha / self.beta - 1
        return math.exp(exponent) if exponent < 100 else math.inf


def fit_law(d_N: Floats, gain_N: Floats, form: Form) -> Law:
    """Least squares of gold less the start's at d above 0. Raises ValueError for fewer than three points."""
    used_N = d_N > 0
    d_N, gain_N = d_N[used_N], gain_N[used_N]
    if len(d_N) < 3:
        raise ValueError(f"a law of two coefficients needs three points, and there are {len(d_N)}")
    bend_N = d_N if form == "best-of-n" else np.log(d_N)
    (alpha, beta), *_ = np.linalg.lstsq(np.stack([d_N, -d_N * bend_N], 1), gain_N)
    squares = float(np.sum((gain_N - d_N * (alpha - beta * bend_N)) ** 2))
    spread = float(np.sum((gain_N - gain_N.mean()) ** 2))
    return Law(form, float(alpha), float(beta), 1 - squares / spread if spread else math.nan, squares, len(d_N))


def aic_difference(law: Law, rival: Law) -> float:
    """Akaike's criterion of a law less that of another with as many coefficients: below 0 the first fits better."""
    if not law.squares or not rival.squares:
        return math.nan
    return law.points * math.log(law.squares / rival.squares)
