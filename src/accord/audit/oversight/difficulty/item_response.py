"""How hard items are: a penalised Rasch model, and bins of difficulty by other people than those who are judged.

P(right) = sigmoid(ability of the person - difficulty of the item), with normal priors on both (Rasch 1960; Mislevy
1986). Whoever says which items are hard is not who is judged by them: people are dealt out into five parts, and the
answers of each stand in bins that the other four make. Chance that made an item look hard is then not in its bin.
"""

from dataclasses import dataclass

import numpy as np

from accord.audit.oversight.difficulty.known_answers import Bools, Codes, Floats, KnownAnswers

__all__ = ["DifficultyBins", "Rasch", "bins_of_difficulty", "fit_rasch"]

SWEEPS = 25
PARTS = 5
ABILITY_STD, DIFFICULTY_STD = 1.0, 2.0


@dataclass(frozen=True)
class Rasch:
    """Log-odds: ability_E of people, difficulty_I of items; answered_I whether anybody answered the item."""

    ability_E: Floats
    difficulty_I: Floats
    answered_I: Bools


def fit_rasch(answers: KnownAnswers) -> Rasch:
    """The most probable abilities and difficulties, by Newton steps for people and items in turn.

    Abilities are normal about their mean (SD 1), difficulties about 0 (SD 2). What was declined is left out.
    """
    said_N = ~answers.declined_N
    person_N, item_N, right_N = answers.person_N[said_N], answers.item_N[said_N], answers.right_N[said_N]
    ability_E, difficulty_I = np.zeros(len(answers.people)), np.zeros(len(answers.items))
    centre = 0.0
    present_E = np.bincount(person_N, minlength=ability_E.size) > 0
    for _ in range(SWEEPS):
        ability_E += _step(
            right_N, person_N, item_N, ability_E, difficulty_I, person_N, ability_E - centre, ABILITY_STD
        )
        centre = float(ability_E[present_E].mean()) if present_E.any() else 0.0
        difficulty_I -= _step(right_N, person_N, item_N, ability_E, difficulty_I, item_N, -difficulty_I, DIFFICULTY_STD)
    return Rasch(ability_E, difficulty_I, np.bincount(item_N, minlength=difficulty_I.size) > 0)


def _step(
    right_N: Bools,
    person_N: Codes,
    item_N: Codes,
    ability_E: Floats,
    difficulty_I: Floats,
    of_N: Codes,
    from_centre: Floats,
    std: float,
) -> Floats:
    """A Newton step of the log-odds of people, or of items (turned round), at most 1 long."""
    chance_N = 1 / (1 + np.exp(difficulty_I[item_N] - ability_E[person_N]))
    slope = np.bincount(of_N, right_N - chance_N, from_centre.size) - from_centre / std**2
    curvature = np.bincount(of_N, chance_N * (1 - chance_N), from_centre.size) + 1 / std**2
    return np.asarray(np.clip(slope / curvature, -1, 1))


@dataclass(frozen=True)
class DifficultyBins:
    """The bin of each answer of the crowd, 0 the easiest, by what other people made of its item.

    bin_N   -1 where nobody else answered the item, and for experts
    bin_KI  the bin of each item by all but the people of part k; -1 where they did not answer
    """

    bin_N: Codes
    bin_KI: Codes
    bins: int

    @property
    def hard_I(self) -> Floats:
        """For what share of the parts the item is in the hardest bin."""
        return np.asarray((self.bin_KI == self.bins - 1).mean(axis=0))


def bins_of_difficulty(answers: KnownAnswers, bins: int, *, with_experts: bool = True) -> DifficultyBins:
    """Bins of equally many items. People are dealt out by their ids, which say nothing of them.

    Experts, who are not judged, have a say in what is hard where they are `with_experts`.
    """
    part_E = np.full(len(answers.people), -1)
    crowd = [place for place in range(len(answers.people)) if not answers.expert_E[place]]
    for rank, place in enumerate(sorted(crowd, key=lambda place: answers.people[place])):
        part_E[place] = rank % PARTS
    part_N = part_E[answers.person_N]
    bin_KI = np.full((PARTS, len(answers.items)), -1)
    for part in range(PARTS):
        fitted = fit_rasch(answers.where((part_N != part) & (with_experts | (part_N >= 0))))
        placed = np.flatnonzero(fitted.answered_I)
        order = placed[np.argsort(fitted.difficulty_I[placed], kind="stable")]
        bin_KI[part, order] = np.arange(order.size) * bins // max(order.size, 1)
    bin_N = np.where(part_N < 0, -1, bin_KI[part_N, answers.item_N])
    return DifficultyBins(bin_N.astype(np.intp), bin_KI.astype(np.intp), bins)
