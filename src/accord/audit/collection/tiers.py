"""Who answers how well for how much: the pools of a study of comparisons, and what each item got."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from accord.audit.collection.cost_thresholds import CostThresholds
from accord.audit.collection.label_information import information_of
from accord.audit.evidence import LedgerRecords
from accord.errors import MissingEvidence
from accord.feedback.equality import same_judgement
from accord.records import Comparison, Feedback
from accord.stats import Estimate, rate

__all__ = ["Item", "Tier", "TieredStudy", "study_of_tiers"]

SIDES = {"left": 1, "right": -1, "tie": 0}


@dataclass(frozen=True)
class Tier:
    """A pool of evaluators: how often an answer is right, by control questions or by agreement; and what it costs."""

    pool: str
    accuracy: Estimate
    cost: float


@dataclass(frozen=True)
class Item:
    """Two completions of a prompt, by their ids, and who said what: (pool, 1 for the first, -1; 0 for a tie)."""

    prompt: str
    completions: tuple[str, str]
    votes: tuple[tuple[str, int], ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many answers of each pool took a side."""
        counts: dict[str, int] = defaultdict(int)
        for pool, side in self.votes:
            counts[pool] += side != 0
        return dict(counts)


@dataclass(frozen=True)
class TieredStudy:
    """A study whose pools are all known. `priced` says that costs were named; else they are seconds."""

    name: str
    tiers: Mapping[str, Tier]
    items: tuple[Item, ...]
    priced: bool

    @property
    def accuracy(self) -> dict[str, float]:
        """By pool."""
        return {pool: tier.accuracy.value for pool, tier in self.tiers.items()}

    def cost(self, item: Item, per_item: float) -> float:
        """Of an item with all its answers."""
        return per_item + sum(self.tiers[pool].cost for pool, _ in item.votes)

    def information(self, accuracy: Mapping[str, float]) -> float:
        """Of all labels, where people are right so often."""
        return sum(information_of(item.counts, accuracy) for item in self.items)


def study_of_tiers(records: LedgerRecords, thresholds: CostThresholds) -> TieredStudy:
    """The study that `thresholds` names; or one of two pools or more: whose pools all answered control questions before
    others, then that of most pools, then the largest. Control questions are no items.

    Raises `MissingEvidence` where no study has enough items, or how well a pool answers or what it costs is not known.
    """
    by_study: dict[str, list[Feedback]] = defaultdict(list)
    for answer in records.feedback.values():
        if isinstance(answer.judgement, Comparison) and answer.repeat_of is None:
            by_study[answer.study or ""].append(answer)
    if thresholds.study:
        by_study = {name: answers for name, answers in by_study.items() if name == thresholds.study}
    pools = {name: _pools(answers, records) for name, answers in by_study.items()}
    controlled = {
        name: {pools[name][one.evaluator] for one in by_study[name] if one.gold is not None} for name in pools
    }
    several = [name for name in pools if thresholds.study or len(set(pools[name].values())) > 1]
    lacking: list[str] = []

    def order(name: str) -> tuple[bool, int, int]:
        of_study = set(pools[name].values())
        return of_study != controlled[name], -len(of_study), -len(by_study[name])

    for name in sorted(several, key=order):
        try:
            return _study(name, by_study[name], pools[name], thresholds)
        except MissingEvidence as error:
            lacking.append(error.what)
    raise MissingEvidence(
        lacking[0]
        if lacking
        else "a study in which two pools of evaluators compared completions (or its name, `[audit.cost] study`)"
    )


def _study(name: str, answers: Sequence[Feedback], pools: Mapping[str, str], thresholds: CostThresholds) -> TieredStudy:
    items = _items(answers, pools)
    if len(items) < thresholds.min_items:
        raise MissingEvidence(f"a study of {thresholds.min_items} compared items")
    priced = bool(thresholds.per_answer)
    tiers = {}
    for pool in sorted(set(pools.values())):
        own = [answer for answer in answers if pools[answer.evaluator] == pool]
        of_items = any(answer.gold is None for answer in own)
        accuracy = _by_controls(own) or _by_agreement(items, pool)
        cost = thresholds.per_answer.get(pool) if priced else _seconds(own)
        if accuracy is not None and cost is not None and cost > 0:
            tiers[pool] = Tier(pool, accuracy, cost)
        elif of_items:
            raise MissingEvidence(_lack(pool, priced, cost))
    return TieredStudy(name, tiers, items, priced)


def _lack(pool: str, priced: bool, cost: float | None) -> str:
    if cost is None or cost <= 0:
        what = f"`[audit.cost.per_answer]` of '{pool}'" if priced else "`[audit.cost.per_answer]`, or Feedback.seconds,"
        return f"what an answer of the pool '{pool}' costs ({what})"
    return f"how often the pool '{pool}' is right: control questions (Feedback.gold), or items that two of it answered"


def _pools(answers: Sequence[Feedback], records: LedgerRecords) -> dict[str, str]:
    """The pool of each evaluator; its kind where it is of none."""
    found = {}
    for answer in answers:
        evaluator = records.evaluators.get(answer.evaluator)
        found[answer.evaluator] = "" if evaluator is None else evaluator.pool or evaluator.kind
    return found


def _items(answers: Sequence[Feedback], pools: Mapping[str, str]) -> tuple[Item, ...]:
    """What was compared, in the order of the first answer; answers in the order of their times, or of the ledger."""
    votes: dict[tuple[str, tuple[str, str]], list[tuple[str, int]]] = defaultdict(list)
    timed = all(answer.time is not None for answer in answers)
    for answer in sorted(answers, key=lambda answer: answer.time.timestamp() if timed and answer.time else 0.0):
        if answer.gold is None and isinstance(answer.judgement, Comparison):
            first, second = sorted(answer.completions)
            side = SIDES[answer.judgement.preferred] * (1 if answer.completions[0] == first else -1)
            votes[answer.prompt, (first, second)].append((pools[answer.evaluator], side))
    return tuple(Item(prompt, texts, tuple(of_item)) for (prompt, texts), of_item in votes.items())


def _seconds(answers: Sequence[Feedback]) -> float | None:
    seconds = [answer.seconds for answer in answers if answer.seconds is not None]
    return float(np.median(seconds)) if seconds else None


def _by_controls(answers: Sequence[Feedback]) -> Estimate | None:
    """Over people. None where too few answered control questions for an interval."""
    right = [
        (same_judgement(answer.judgement, answer.gold), answer.evaluator)
        for answer in answers
        if answer.gold is not None
    ]
    known = [(float(is_right), who) for is_right, who in right if is_right is not None]
    if not known:
        return None
    accuracy = rate([is_right for is_right, _ in known], [who for _, who in known])
    return None if accuracy.low is None else replace(accuracy, method=f"control questions; {accuracy.method}")


def _by_agreement(items: Sequence[Item], pool: str) -> Estimate | None:
    """Where two of a pool agree with probability A, each is right in 1/2 + sqrt(2 A - 1) / 2, if they err apart.

    Over prompts. None where nobody answered what another of the pool did.
    """
    agreed, prompts = [], []
    for item in items:
        sides = [side for of, side in item.votes if of == pool and side]
        if len(sides) > 1:
            ones, number = sum(side > 0 for side in sides), len(sides)
            alike = ones * (ones - 1) + (number - ones) * (number - ones - 1)
            agreed.append(alike / (number * (number - 1)))
            prompts.append(item.prompt)
    if not agreed:
        return None
    agreement = rate(agreed, prompts)
    if agreement.low is None or agreement.high is None:
        return None
    value, low, high = (
        0.5 + math.sqrt(max(2 * end - 1, 0.0)) / 2 for end in (agreement.value, agreement.low, agreement.high)
    )
    return replace(agreement, value=value, low=low, high=high, method=f"agreement of two; {agreement.method}")
