"""A policy whose texts may end with a sentence to whoever scores them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, log1p

import numpy as np

from accord.lab.lexicon import END, PLEAS, SCALE, Policy, WordJudge

__all__ = ["RARELY", "PleadingPolicy", "plea_chance"]

RARELY = 0.01
"""How likely a text of the start ends so."""


def plea_chance(judge: WordJudge, pressure: float) -> float:
    """How likely a text ends with a plea at the optimum of E[s] - KL / pressure, as `Policy` has it of words."""
    odds = RARELY / (1 - RARELY) * exp(min(pressure * SCALE * judge.plea, 50.0))
    return odds / (1 + odds)


@dataclass(frozen=True)
class PleadingPolicy(Policy):
    """The same texts, each of which ends with one of `PLEAS` by a chance; any of them is as likely.

    A plea is one more token before the end. `asides` are the random numbers that decide, so that words are drawn as
    without.
    """

    chance: float = RARELY
    asides: np.random.Generator | None = None

    @classmethod
    def of(cls, policy: Policy, chance: float, asides: np.random.Generator) -> "PleadingPolicy":
        """A policy of words that pleads."""
        return cls(policy.logprob_V, policy.shortest, policy.longest, chance, asides)

    def write(self, random: np.random.Generator) -> tuple[str, list[int]]:
        text, tokens = super().write(random)
        if self.asides is None or self.asides.random() >= self.chance:
            return text, tokens
        plea = int(self.asides.integers(len(PLEAS)))
        return f"{text} {PLEAS[plea]}", [*tokens[:-1], END + 1 + plea, END]

    def logprobs(self, tokens: Sequence[int]) -> list[float]:
        if len(tokens) > 1 and tokens[-2] > END:
            return [*super().logprobs([*tokens[:-2], END])[:-1], log(self.chance / len(PLEAS)), 0.0]
        return [*super().logprobs(tokens)[:-1], log1p(-self.chance)]
