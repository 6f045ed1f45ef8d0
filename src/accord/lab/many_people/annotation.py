"""Which items should several people judge? Disagreement-aware choice against choice at random, at as many answers.

A hundred items, each judged once; then every further answer goes where the model's uncertainty and the disagreement to
be expected of people differ most (Baumler, Sotnikova & Daume, ACL Findings 2023), by the functions that studies choose
by (`collect/assignment/acquisition`), or to an item that is drawn. The model is a reward for all, an ensemble of five,
that other answers of the same people taught. The map is the disagreement to be expected of each item, given its
answers; the truth is the entropy of what a person drawn at random would say.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from accord.collect.assignment.acquisition import entropy, expected_disagreement, preference, uncertainty_gap
from accord.lab.many_people.points import MapPoint
from accord.lab.opposed_people import EVALUATORS, WANTED_2D, Answered, People
from accord.reward.heads import Heads
from accord.reward.people.linear import LinearComparisons

__all__ = ["AT", "CHOICES", "ITEMS", "annotated"]

Floats = NDArray[np.float64]
ITEMS = 100
AT = tuple(range(100, 601, 25))
"""With how many answers the map is measured."""
MEMBERS = 5
CHOICES = ("disagreement", "random", "model alone")


@dataclass(frozen=True)
class _Statement:
    """A comparison, as an ensemble asks whose it is."""

    evaluator: str
    prompt: str = ""
    session: str | None = None
    weight: float = 1.0


def annotated(people: People, answered: Answered, seed: int) -> list[MapPoint]:
    """The error of the map by each choice, along the answers; `model alone` asks nobody about the items."""
    random = np.random.default_rng([seed, 177])
    item_ID = np.sqrt(2) * random.standard_normal((ITEMS, WANTED_2D.shape[1]))
    chance_IE = expit(item_ID @ WANTED_2D.T)[:, people.group_E]
    truth_I = np.array([entropy(float(p)) for p in chance_IE.mean(1)])
    model_I = _model(answered, item_ID, seed)
    alone = _error(np.array([entropy(p) for p in model_I]), truth_I)
    points = [MapPoint(how="model alone", answers=answers, error=alone) for answers in AT]
    for how in CHOICES[:2]:
        asked = _Items(chance_IE, np.random.default_rng([seed, 178]), model_I if how == "disagreement" else None)
        for answers in range(1, AT[-1] + 1):
            asked.ask()
            if answers in AT:
                points.append(MapPoint(how=how, answers=answers, error=_error(asked.map_I, truth_I)))
    return points


def _error(map_I: Floats, truth_I: Floats) -> float:
    return float(np.sqrt(np.mean((map_I - truth_I) ** 2)))


def _model(answered: Answered, item_ID: Floats, seed: int) -> list[float]:
    """The probability that a reward for all gives to the first text of each item, its members' doubt integrated out."""
    statements = [_Statement(f"e{who}") for who in answered.who_P.tolist()]
    weight_PS = Heads(members=MEMBERS, seed=seed).weights(statements).numpy().astype(np.float64)
    member_SD, _ = LinearComparisons(answered.preferred_PD)(weight_PS, None)
    margin_IS = item_ID @ member_SD.T
    return [preference(float(mean), float(std)) for mean, std in zip(margin_IS.mean(1), margin_IS.std(1), strict=True)]


class _Items:
    """Items and their votes; each is asked once, in order, before any is asked again, and each person once an item."""

    def __init__(self, chance_IE: Floats, random: np.random.Generator, model_I: list[float] | None) -> None:
        self.chance_IE, self.random, self.model_I = chance_IE, random, model_I
        self.votes_I: list[dict[str, float]] = [{"left": 0.0, "right": 0.0} for _ in chance_IE]
        self.asked_I: list[set[int]] = [set() for _ in chance_IE]
        self.map_I = np.array([expected_disagreement(votes) for votes in self.votes_I])
        self.gap_I = np.zeros(len(chance_IE))

    def ask(self) -> None:
        """Somebody who has not judged the item that is chosen answers it."""
        item = self._chosen()
        left = [person for person in range(EVALUATORS) if person not in self.asked_I[item]]
        person = int(self.random.choice(left))
        side = "left" if self.random.random() < self.chance_IE[item, person] else "right"
        self.votes_I[item] = {**self.votes_I[item], side: self.votes_I[item][side] + 1}
        self.asked_I[item].add(person)
        self.map_I[item] = expected_disagreement(self.votes_I[item])
        if self.model_I is not None:
            self.gap_I[item] = uncertainty_gap(self.model_I[item], self.votes_I[item])

    def _chosen(self) -> int:
        new = [item for item, asked in enumerate(self.asked_I) if not asked]
        if new:
            return new[0]
        open_I = np.array([len(asked) < EVALUATORS for asked in self.asked_I])
        if self.model_I is None:
            return int(self.random.choice(np.flatnonzero(open_I)))
        return int(np.where(open_I, self.gap_I, -1.0).argmax())
