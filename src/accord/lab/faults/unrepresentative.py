"""People who do not stand for the population: some groups are hired far more often than others."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.feedback import Dataset, weigh
from accord.lab.faults.base import Fault, register_fault
from accord.lab.lexicon import features, truth

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["MissingGroup", "Unrepresentative", "UnrepresentativeAlike"]

HIRED: Mapping[str, float] = {"north": 0.82, "south": 0.14, "west": 0.04}
STYLE: Mapping[str, float] = {"north": 0.9, "south": -0.6, "west": -0.9}
"""What each group makes of a formal word, in standard deviations of the truth."""


def hired(panel: Sequence[SimulatedEvaluator], shares: Mapping[str, float]) -> list[str]:
    """The groups of a panel hired by these shares, at least one person of each that has a share.

    They are dealt over the places, so that no group sits at the beginning.
    """
    rest = {name: max(1, round(share * len(panel))) for name, share in list(shares.items())[1:] if share > 0}
    first = next(iter(shares))
    groups = [first] * (len(panel) - sum(rest.values())) + [name for name, count in rest.items() for _ in range(count)]
    order = np.argsort([(place * 0.6180339887498949) % 1.0 for place in range(len(panel))], kind="stable")
    return [groups[place] for place in np.argsort(order).tolist()]


def accuracy_of_population(planting: "Planting", style: Mapping[str, float], shares: Mapping[str, float]) -> float:
    """How often a reward learnt from the training pairs orders two new texts as the population does in the mean.

    It learns what worth and formality count, of which alone people differ in the second: what it learns of single
    words is too uncertain to show whose answers it learns from.
    """
    from accord.lab.planted.gold import fresh_texts, orders_as, worth_learnt

    def features_of(texts: Sequence[str]) -> NDArray[np.float64]:
        return np.array([[truth(text), features(text)["style"]] for text in texts])

    decided = [pair for pair in planting.data.pairs["train"] if not pair.tie]
    texts = planting.data.completions
    chosen_N2, rejected_N2 = (
        features_of([texts[getattr(pair, side)].text for pair in decided]) for side in ("chosen", "rejected")
    )
    learnt_2 = worth_learnt(chosen_N2 - rejected_N2, np.array([pair.weight for pair in decided]))
    usual = sum(share * style[name] for name, share in shares.items())
    fresh_N2 = features_of(fresh_texts(planting))
    return orders_as(fresh_N2 @ learnt_2, fresh_N2 @ np.array([1.0, usual]))


@register_fault
class Unrepresentative(Fault):
    """Four fifths of the people are of one group, half of the population is, and groups want different things.

    The strength is how far from the population to 82 : 14 : 4 hiring goes.
    """

    name: ClassVar = "unrepresentative"
    strengths: ClassVar[tuple[float, ...]] = (0.5, 1.0)
    sets_off: ClassVar = ("MH1 composition", "MH1 consequence")
    touches: ClassVar = {"PM2 one reward": "the groups want different things"}
    cure: ClassVar = "training pairs raked to the population's shares"
    gold: ClassVar = (
        "accuracy, by the mean utility of the population, of a reward that learns what worth and formality count"
    )

    style: ClassVar[Mapping[str, float]] = STYLE

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        groups = hired(panel, self.shares())
        return [
            one.changed(group=group, weights=(1.0, self.style[group])) for one, group in zip(panel, groups, strict=True)
        ]

    def shares(self) -> Mapping[str, float]:
        """By group, its share of those hired."""
        from accord.lab.planted.panels import GROUPS

        return {name: share + self.strength * (HIRED[name] - share) for name, share in GROUPS.items()}

    def dataset(self, data: Dataset, random: np.random.Generator) -> Dataset:
        from accord.lab.planted.panels import GROUPS

        if not self.cured:
            return data
        return weigh(data, trust="none", pools={}, population={"group": dict(GROUPS)})[0]

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.panels import GROUPS

        return accuracy_of_population(planting, self.style, GROUPS)


@register_fault
class UnrepresentativeAlike(Fault):
    """Hiring as skewed as in `unrepresentative`, of people who all want the same: a control of its consequence.

    The strength is how far from the population to 82 : 14 : 4 hiring goes.
    """

    name: ClassVar = "unrepresentative-alike"
    strengths: ClassVar[tuple[float, ...]] = (1.0,)
    sets_off: ClassVar = ("MH1 composition",)

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        groups = hired(panel, Unrepresentative(self.strength).shares())
        return [one.changed(group=group) for one, group in zip(panel, groups, strict=True)]


@register_fault
class MissingGroup(Unrepresentative):
    """Nobody of the smallest group is hired, and groups want different things: no weights bring it back.

    Nothing is claimed as its cure: people of the group by quota gained nothing that could be told from chance.

    The strength is how far from the population to a share of nothing hiring goes.
    """

    name: ClassVar = "missing-group"
    strengths: ClassVar[tuple[float, ...]] = (1.0,)
    sets_off: ClassVar = ("MH1 composition", "MH1 weights")
    touches: ClassVar = {
        "PM2 one reward": "the groups want different things",
        "MH1 consequence": "those who are there want different things too",
    }
    cure: ClassVar = ""

    style: ClassVar[Mapping[str, float]] = {"north": 0.6, "south": 0.6, "west": -2.5}

    def shares(self) -> Mapping[str, float]:
        from accord.lab.planted.panels import GROUPS

        *others, last = GROUPS
        kept = {name: GROUPS[name] for name in others}
        whole = sum(kept.values())
        return {name: share / whole for name, share in kept.items()} | {last: 0.0}

    def dataset(self, data: Dataset, random: np.random.Generator) -> Dataset:
        return data
