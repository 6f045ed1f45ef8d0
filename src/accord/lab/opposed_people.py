"""People of whom some want the opposite of what is worth most to the others, and what they answer.

A text is a row of four numbers, a comparison tells of the difference of two. What somebody feels beside the worth is
logistic, so that people choose by Bradley and Terry; a noisier person feels so many times as much of it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["EVALUATORS", "WANTED_2D", "Answered", "People"]

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

EVALUATORS = 60
SURE = 2.0  # length of what somebody wants: two who want the same agree on .76 of the pairs
_WANTED_D = np.array([1.6, 1.0, 1.0, 1.0])  # the opposite of the first leaves .53 of the pairs in the same order
WANTED_2D: Floats = SURE * np.array([_WANTED_D, _WANTED_D * [-1, 1, 1, 1]]) / np.linalg.norm(_WANTED_D)
"""What both groups want, the majority first."""


@dataclass(frozen=True)
class Answered:
    """Whose each comparison is, [P], and what was preferred less the other text, [P, D]."""

    who_P: Whole
    preferred_PD: Floats


@dataclass(frozen=True)
class People:
    """The group of each evaluator, 0 or 1, and by how much noisier each is than usual, [E] both."""

    group_E: Whole
    noise_E: Floats

    @classmethod
    def draw(cls, minority: int, random: np.random.Generator, *, noisy: int = 0, noise: float = 1.0) -> "People":
        """Sixty people in an order that is drawn, so many of whom are opposed; as many as `noisy` are noisier."""
        order = random.permutation(EVALUATORS)
        group_E = np.repeat([0, 1], [EVALUATORS - minority, minority])[order]
        noise_E = np.repeat([1.0, noise], [EVALUATORS - noisy, noisy])[order]
        return cls(group_E, noise_E)

    def answer(self, answers: int, random: np.random.Generator) -> Answered:
        """So many comparisons of each, of texts that nobody else compares."""
        who_P = np.repeat(np.arange(EVALUATORS), answers)
        difference_PD = np.sqrt(2) * random.standard_normal((len(who_P), WANTED_2D.shape[1]))
        margin_P = (difference_PD * WANTED_2D[self.group_E[who_P]]).sum(1)
        felt_P = random.logistic(size=len(who_P)) * self.noise_E[who_P]
        return Answered(who_P, difference_PD * np.where(felt_P < margin_P, 1.0, -1.0)[:, None])
