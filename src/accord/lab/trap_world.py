"""The trap: gold that rises, then falls in a feature of which the texts that were compared have little.

    gold = w . q + h - (h + .3)_+^2 / 2,    q and h from N(0, 1) in what is optimised

(Gao et al. 2022, arXiv 2210.10760, saw such a fall; the recipe needs narrow coverage, as errors of light tails alone
make none: Kwa et al. 2024, arXiv 2407.14503.) A text is a row of numbers, h the last of them; the start is N(0, I).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from accord.lab.worlds import Normal

__all__ = ["NARROW", "QUALITIES", "Compared", "TrapWorld", "reaching", "with_squares"]

Floats = NDArray[np.float64]

QUALITIES, WORTH = 4, 0.6  # numbers beside h, and the length of their weights
TURNED = 0.25
NARROW = 0.3
KNEE = 0.3  # how far below 0 the fall begins


class Compared(NamedTuple):
    """Two texts [2, D], and by how much the first seemed better to whoever compared them, turned round or not."""

    row_2D: Floats
    felt: float


@dataclass(frozen=True)
class TrapWorld:
    """What q is worth, [Q], and whether there is a trap: without one h is worth h, however much there is of it."""

    weight_Q: Floats
    trapped: bool = True

    @classmethod
    def draw(cls, random: np.random.Generator, *, trapped: bool = True) -> "TrapWorld":
        """A direction of q."""
        weight_Q = random.standard_normal(QUALITIES)
        return cls(weight_Q * (WORTH / np.linalg.norm(weight_Q)), trapped)

    def gold(self, number_AD: Floats) -> Floats:
        """What texts are worth, [A]."""
        h_A = number_AD[:, -1]
        plain_A = number_AD[:, :-1] @ self.weight_Q + h_A
        return np.asarray(plain_A - 0.5 * np.maximum(h_A + KNEE, 0) ** 2) if self.trapped else np.asarray(plain_A)

    def expected(self, policy: Normal) -> float:
        """E[gold] of a policy: E[(h + .3)_+^2] = (a^2 + s^2) Phi(a/s) + a s phi(a/s) with h ~ N(m, s^2), a = m + .3."""
        plain = float(policy.mean_D[:-1] @ self.weight_Q + policy.mean_D[-1])
        if not self.trapped:
            return plain
        above, std = float(policy.mean_D[-1]) + KNEE, float(policy.std_D[-1])
        square = (above**2 + std**2) * norm.cdf(above / std) + above * std * norm.pdf(above / std)
        return plain - 0.5 * float(square)

    def compared(self, writer: Normal, pairs: int, random: np.random.Generator) -> Iterator[Compared]:
        """Comparisons by Bradley and Terry of texts by `writer`, a quarter of them turned round."""
        for _ in range(pairs):
            row_2D = writer.mean_D + writer.std_D * random.standard_normal((2, QUALITIES + 1))
            gold_2 = self.gold(row_2D)
            felt = float(gold_2[0] - gold_2[1] + random.logistic())
            yield Compared(row_2D, -felt if random.random() < TURNED else felt)


def reaching(reach: float) -> Normal:
    """Who writes what is compared: as the start does, with h so many times as wide."""
    return Normal(np.zeros(QUALITIES + 1), np.array([1.0] * QUALITIES + [reach]))


def with_squares(number_AD: Floats) -> Floats:
    """The numbers and their squares, [A, 2 D]: features of a reward that can bend."""
    return np.concatenate([number_AD, number_AD**2], axis=1)
