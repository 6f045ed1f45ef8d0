"""DQ2: whether the same money, spent otherwise, would make a better reward."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from accord.artefacts.finding import Collection
from accord.audit.challenges import DQ2
from accord.audit.checks import LEDGER, Outcome, check
from accord.audit.collection.cost_thresholds import CostThresholds
from accord.audit.collection.label_information import information_of, label_of
from accord.audit.collection.learning_curve import Curve, fitted
from accord.audit.collection.tiers import TieredStudy, study_of_tiers
from accord.audit.evidence import Evidence, LedgerRecords
from accord.audit.verdicts import at_most
from accord.errors import MissingEvidence
from accord.run import MANIFEST
from accord.stats import Estimate

__all__ = ["CONTROLS", "Frontier", "frontier", "frontier_of"]

CONTROLS = Collection(
    "Feedback.gold",
    "control questions for every pool that answers, with the seconds of each answer or what it costs",
    "200 answers of each pool by 12 people, and 100 items that people compared",
    "controls",
)
GRID = 5  # values of a parameter that are tried between the ends of its interval
A_TENTH_MORE = 1.1  # of the spending


@check(
    DQ2,
    "frontier",
    claim="The same money could not have bought a better reward.",
    thresholds=CostThresholds,
    needs=(LEDGER,),
    collect=CONTROLS,
)
def frontier(evidence: Evidence, thresholds: CostThresholds) -> Outcome:
    """Accuracy of a reward from the labels as they are, against that from the best allocation at equal cost.

    An allocation is a pool and a number of answers an item. By `label_information` and `learning_curve` the best is
    the one whose labels tell most for their cost; a mixture is never better than the best of its parts. The interval of
    the loss puts together what it moves by within those of each pool's accuracy and of the curve's (Zou & Donner 2008).
    """
    found = frontier_of(evidence.all_records, thresholds)
    loss, best = found.loss, found.best
    unit = "of the cost named in the recipe" if found.study.priced else "of the answers' median seconds"
    here, there = found.accuracy(found.present), found.accuracy(found.information(best))
    return Outcome(
        ruling=at_most(loss, thresholds.below),
        estimate=loss,
        threshold=f"above {thresholds.below:g}",
        result=f"A reward learnt from these {len(found.study.items):,} items (study '{found.study.name}') is right "
        f"in about {here:.1%} of the pairs; at the same {found.cost:,.0f} {unit}, {best} would make it {there:.1%}. "
        "By a model of words: a better reward moves both.",
        remedy=f"Spend on {best}; ask again only where answers differ, and experts where the crowd is near chance. "
        "This takes it that there are as many items as the money would ask about, and people who err apart.",
        evidence=(MANIFEST,),
        facts=_facts(found),
        source="Dawid & Skene 1979 with one coin each; the angle of a linear discriminant, Raudys & Jain 1991; "
        "Zou & Donner 2008, Statistics in Medicine 27, p. 1693",
    )


@dataclass(frozen=True, order=True)
class Allocation:
    """So many answers of a pool on each item."""

    pool: str
    answers: int

    def __str__(self) -> str:
        return f"{self.answers} {'answer' if self.answers == 1 else 'answers'} of '{self.pool}' an item"


@dataclass(frozen=True)
class Frontier:
    """Allocations of a study's cost, and how accurate a reward each would make."""

    study: TieredStudy
    curve: Curve
    thresholds: CostThresholds

    @cached_property
    def cost(self) -> float:
        """Of the items as they were answered, control questions not counted."""
        return sum(self.study.cost(item, self.thresholds.per_item) for item in self.study.items)

    @cached_property
    def present(self) -> float:
        """Information of the labels as they are."""
        return self.study.information(self.study.accuracy)

    @property
    def allocations(self) -> list[Allocation]:
        """All that are tried."""
        return [
            Allocation(pool, answers)
            for pool in self.study.tiers
            for answers in range(1, self.thresholds.max_answers + 1)
        ]

    @cached_property
    def best(self) -> Allocation:
        """The one that tells most for the money."""
        return max(self.allocations, key=self.information)

    def information(self, of: Allocation, accuracy: Mapping[str, float] | None = None) -> float:
        """Of all labels that the money buys so, where people are right so often (None: as estimated)."""
        accuracy = self.study.accuracy if accuracy is None else accuracy
        cost = self.thresholds.per_item + of.answers * self.study.tiers[of.pool].cost
        return self.cost / cost * information_of({of.pool: of.answers}, accuracy)

    def accuracy(self, information: float) -> float:
        """Of a reward that learns from labels of so much information."""
        return self.curve.accuracy(information)

    @cached_property
    def loss(self) -> Estimate:
        """Accuracy of the best allocation less that of the present one, 0 at least."""
        gain = self.curve.gain
        clusters = len({item.prompt for item in self.study.items})
        value = self._loss(self.study.accuracy, gain.value)
        if gain.low is None or gain.high is None:
            return Estimate(value, None, None, len(self.study.items), clusters, method="no interval of the curve")
        ranges = [_range(partial(self._loss_where, pool), tier.accuracy) for pool, tier in self.study.tiers.items()]
        ranges.append(_range(lambda end: self._loss(self.study.accuracy, end), gain))
        low, high = (math.sqrt(sum((value - ends[side]) ** 2 for ends in ranges)) for side in (0, 1))
        method = "recovered from the intervals of the pools' accuracies and of the curve"
        return Estimate(value, max(value - low, 0.0), value + high, len(self.study.items), clusters, method=method)

    def _loss_where(self, pool: str, right: float) -> float:
        return self._loss({**self.study.accuracy, pool: right}, self.curve.gain.value)

    def _loss(self, accuracy: Mapping[str, float], gain: float) -> float:
        present = self.study.information(accuracy)
        scale = present / self.present if self.present else 1.0
        best = max(self.information(of, accuracy) for of in self.allocations)
        of_best, of_present = (self.curve.accuracy(x, gain=gain, scale=scale) for x in (best, present))
        return max(of_best - of_present, 0.0)


def frontier_of(records: LedgerRecords, thresholds: CostThresholds) -> Frontier:
    """The frontier of the study that `study_of_tiers` finds. Raises `MissingEvidence` where it cannot be told."""
    study = study_of_tiers(records, thresholds)
    texts = [[records.completions[item.completions[side]].text for item in study.items] for side in (0, 1)]
    label_N = np.array([label_of(item.votes, study.accuracy) for item in study.items])
    if not label_N.any():
        raise MissingEvidence("answers that are right more often than chance is")
    curve = fitted(texts[0], texts[1], label_N, [item.prompt for item in study.items])
    return Frontier(study, curve, thresholds)


def _range(loss: Callable[[float], float], parameter: Estimate) -> tuple[float, float]:
    """The least and the largest loss within the interval of a parameter."""
    if parameter.low is None or parameter.high is None:
        return loss(parameter.value), loss(parameter.value)
    tried = [loss(float(end)) for end in (*np.linspace(parameter.low, parameter.high, GRID), parameter.value)]
    return min(tried), max(tried)


def _facts(found: Frontier) -> dict[str, Estimate]:
    """How good each pool is, what it costs, and how accurate each allocation of the money would make a reward."""
    study, count = found.study, len(found.study.items)

    def plain(value: float) -> Estimate:
        return Estimate(value, None, None, count)

    surest = max(study.tiers, key=lambda pool: study.accuracy[pool])
    few = count / 10 * information_of({surest: 1}, study.accuracy)
    here = found.accuracy(found.present)
    return (
        {f"'{pool}': right": tier.accuracy for pool, tier in study.tiers.items()}
        | {f"'{pool}': cost": plain(tier.cost) for pool, tier in study.tiers.items()}
        | {"accuracy as it is": plain(here)}
        | {f"accuracy with {of}": plain(found.accuracy(found.information(of))) for of in found.allocations}
        | {
            "accuracy from a tenth more of the same": plain(found.accuracy(A_TENTH_MORE * found.present) - here),
            f"accuracy from a tenth of the items, each by one of '{surest}'": plain(found.accuracy(few)),
            "accuracy that no number of labels exceeds": plain(1 - math.acos(found.curve.ceiling) / math.pi),
        }
    )
