"""What terms read of a data set: the observations of a split, by kind of judgement. Nothing here takes a model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from accord.feedback import Dataset, pairs_from_comparison
from accord.records import Completion, Feedback, Pair, Ranking
from accord.reward.observations import Observation, of_pair
from accord.reward.terms.acts import observed

__all__ = [
    "Reading",
    "Tiers",
    "pairs_of",
    "ranked_in",
    "read_labels",
    "read_pairs",
    "read_rankings",
    "read_ratings",
]

Tiers = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Reading:
    """The observations of a split, and texts that evaluators wrote in them, by id, which the data set does not hold."""

    observations: list[Observation]
    written: Mapping[str, Completion] = field(default_factory=dict)


def read_pairs(data: Dataset, split: str, *, acts: bool = False) -> Reading:
    """The pairs of a split, as `pairs_of` has them."""
    return Reading([of_pair(pair) for pair in pairs_of(data, split, acts)])


def read_rankings(data: Dataset, split: str, *, comparisons: bool = False) -> Reading:
    """The rankings of a split that are of two completions at least; with `comparisons` these are rankings as well."""
    return Reading(
        [
            observed(data, split, record, (name for tier in tiers for name in tier), tiers)
            for record, tiers in ranked_in(data, split, comparisons)
        ]
    )


def read_ratings(data: Dataset, split: str) -> Reading:
    """The ratings of a split."""
    ratings = data.ratings(split)
    return Reading(
        [observed(data, split, each.feedback, each.feedback.completions, each.judgement) for each in ratings]
    )


def read_labels(data: Dataset, split: str) -> Reading:
    """The labels of a split."""
    return Reading(
        [observed(data, split, each.feedback, each.feedback.completions, each.judgement) for each in data.labels(split)]
    )


def pairs_of(data: Dataset, split: str, acts: bool) -> Iterator[Pair]:
    """The pairs of a split; of its comparisons alone, by the weights of evaluators, where `acts` says so."""
    if not acts:
        yield from data.pairs.get(split, ())
        return
    weights = data.evaluator_weights.get(split, {})
    for entry in data.comparisons(split):
        weight = weights.get(entry.feedback.evaluator, 1.0)
        yield from (pair.model_copy(update={"weight": weight}) for pair in pairs_from_comparison(entry.feedback))


def ranked_in(data: Dataset, split: str, comparisons: bool) -> Iterator[tuple[Feedback, Tiers]]:
    """What ranks two completions at least, with its tiers."""
    for entry in data.rankings(split):
        tiers = _tiers(entry.feedback, entry.judgement)
        if sum(map(len, tiers)) > 1:
            yield entry.feedback, tiers
    for compared in data.comparisons(split) if comparisons else ():
        for pair in pairs_from_comparison(compared.feedback):
            sides = (pair.chosen, pair.rejected)
            yield compared.feedback, (sides,) if pair.tie else ((pair.chosen,), (pair.rejected,))


def _tiers(record: Feedback, ranking: Ranking) -> Tiers:
    """The completions of each tier; one that stands twice counts where it is better."""
    seen: set[str] = set()
    tiers: list[tuple[str, ...]] = []
    for places in ranking.tiers:
        names = dict.fromkeys(record.completions[place] for place in places)
        tiers.append(tuple(name for name in names if name not in seen))
        seen.update(names)
    return tuple(tier for tier in tiers if tier)
