"""What people said of pairs that a reward had foretold: those that the policy wrote, and those that were held out."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from accord.artefacts.finding import Collection
from accord.audit.evidence import ASKED_ANSWERS, Evidence
from accord.deferred import deferred
from accord.errors import MissingEvidence

with deferred():
    from scipy.optimize import minimize_scalar
    from scipy.special import expit, log_expit

    from accord.artefacts import AnsweredPair

__all__ = ["ANSWERS", "Foretold"]

Floats = NDArray[np.float64]
LEAST = 20
WIDEST = 8.0  # of the logarithm of a slope, from 0
ANSWERS = Collection(
    ASKED_ANSWERS,
    "answers on pairs that the policy of the round before wrote, and held-out pairs of its reward",
    "100 of each (`[loop]`: a round that asks)",
)


@dataclass(frozen=True)
class Foretold:
    """N answers: with what probability the one that was given was foretold, and who gave it on which prompt.

    chosen_N   the probability of what was chosen, by the reward's log-odds at the slope that fits its held-out pairs
    """

    rows: tuple[AnsweredPair, ...]
    chosen_N: Floats

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """Of the answers on pairs that the policy wrote alone.

        Raises `MissingEvidence` where there are fewer than twenty of them, or of held-out pairs.
        """
        rows = evidence.asked_answers
        held_out = [row for row in rows if row.of == "held_out"]
        fresh = tuple(row for row in rows if row.of == "fresh" and row.writers == ("policy", "policy"))
        for name, some in (("on pairs that the policy wrote", fresh), ("on pairs that were held out", held_out)):
            if len(some) < LEAST:
                raise MissingEvidence(f"{LEAST} answers {name} in {ASKED_ANSWERS} (there are {len(some)})")
        slope = _slope(np.array([row.logodds for row in held_out]))
        return cls(fresh, expit(slope * np.array([row.logodds for row in fresh])))

    @property
    def prompts(self) -> list[Hashable]:
        """Of each answer."""
        return [row.prompt for row in self.rows]

    @property
    def people(self) -> list[Hashable]:
        """Who gave each answer; one whose evaluator is not known stands for itself."""
        return [number if row.evaluator is None else row.evaluator for number, row in enumerate(self.rows)]


def _slope(chosen_N: Floats) -> float:
    """What log-odds of what was chosen are multiplied by so that they are as right as they can be; a normal prior of
    its logarithm about 0 with deviation 3."""

    def loss(logarithm: float) -> float:
        return float(-log_expit(np.exp(logarithm) * chosen_N).sum() + (logarithm / 3) ** 2 / 2)

    return float(np.exp(minimize_scalar(loss, bounds=(-WIDEST, WIDEST), method="bounded").x))
