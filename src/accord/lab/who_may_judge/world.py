"""What texts are worth, and what each judge takes them to be worth.

A text is a row of ten numbers, of N(0, I) at the start: six that have to be read, three that a program can verify, and
its style s, the last. With w the worth of the others,

    gold     w . y - s^2 / 2                    style is worth nothing, and too much of it costs
    model    w . y - s^2 / 2 + e (1.5 s + s^2 / 2)     e is its error: at 1 style is worth as much as all else,
                                                       without end
    program  the part of gold that it can verify

People take texts for what they are worth; their answers are noisy. Rewards have weights for the numbers and for their
squares, so that they can say all that any judge sees.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.lab.trap_world import with_squares
from accord.lab.worlds import GaussWorld

__all__ = ["NUMBERS", "STYLE", "WORTH", "Items", "JudgedWorld"]

Floats = NDArray[np.float64]

READ, VERIFIABLE = 6, 3  # numbers that have to be read, and those that a program verifies
NUMBERS = READ + VERIFIABLE + 1
STYLE = NUMBERS - 1
WORTH = 1.5  # length of the weights of the numbers that count; what an error of 1 makes of style
VERIFIED = 0.4  # share of the variance of gold, style aside, that a program can verify
HARDEST = 4.0


@dataclass(frozen=True)
class JudgedWorld:
    """What the numbers are worth, [D], 0 for style; the model's error; whether a program can verify everything."""

    weight_D: Floats
    error: float = 0.0
    all_verifiable: bool = False

    @classmethod
    def draw(cls, random: np.random.Generator, *, error: float = 0.0, all_verifiable: bool = False) -> "JudgedWorld":
        """Directions of what has to be read and of what can be verified."""
        read_R, verifiable_V = random.standard_normal(READ), random.standard_normal(VERIFIABLE)
        read_R *= WORTH * (1 - VERIFIED) ** 0.5 / np.linalg.norm(read_R)
        verifiable_V *= WORTH * VERIFIED**0.5 / np.linalg.norm(verifiable_V)
        return cls(np.concatenate([read_R, verifiable_V, [0.0]]), error, all_verifiable)

    @property
    def gold(self) -> GaussWorld:
        """The true reward, and what people take a text to be worth."""
        return _view(self.weight_D, 0.0, 1.0)

    @property
    def model(self) -> GaussWorld:
        """What the model takes a text to be worth."""
        return _view(self.weight_D, WORTH * self.error, 1 - self.error)

    @property
    def program(self) -> GaussWorld:
        """What a program can say of a text."""
        if self.all_verifiable:
            return self.gold
        verified_D = np.where(np.arange(NUMBERS) < READ, 0.0, self.weight_D)
        return _view(verified_D, 0.0, 0.0)


def _view(weight_D: Floats, style: float, curvature: float) -> GaussWorld:
    curvature_D = np.where(np.arange(NUMBERS) == STYLE, curvature, 0.0)
    return GaussWorld(weights=(*weight_D[:STYLE].tolist(), style), curvatures=tuple(curvature_D.tolist()))


@dataclass(frozen=True)
class Items:
    """P pairs of the start's texts to judge, [P, D] each, and how difficult each is for people, 0 to 4."""

    left_PD: Floats
    right_PD: Floats
    difficulty_P: Floats

    @classmethod
    def draw(cls, pairs: int, random: np.random.Generator) -> "Items":
        """Pairs that nobody has judged."""
        left_PD, right_PD = random.standard_normal((2, pairs, NUMBERS))
        return cls(left_PD, right_PD, HARDEST * random.random(pairs))

    def __len__(self) -> int:
        return len(self.difficulty_P)

    def __getitem__(self, places: slice | NDArray[np.intp]) -> "Items":
        return Items(self.left_PD[places], self.right_PD[places], self.difficulty_P[places])

    @property
    def features_PW(self) -> Floats:
        """What a reward reads of the left text less that of the right one: numbers and squares, [P, 2 D]."""
        return with_squares(self.left_PD) - with_squares(self.right_PD)

    def margins(self, view: GaussWorld) -> Floats:
        """By how much the left text is worth more, [P]."""
        return np.asarray(view.reward(self.left_PD) - view.reward(self.right_PD))
