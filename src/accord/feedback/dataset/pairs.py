"""Training pairs, drawn from what was said.

A rating gives pairs only with other ratings of the same evaluator, prompt, session and scale: one person's 2 and
another person's 3 are not an order. All pairs of all kinds are counted first and then drawn from by number, so that
millions of possible pairs are never held as objects.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from accord.feedback.provenance import current_feedback, feedback_and_evaluators, is_known
from accord.feedback.store.ledger import Ledger
from accord.records import (
    Comparison,
    Correction,
    Critique,
    Declined,
    Demonstration,
    Evaluator,
    Feedback,
    Label,
    Pair,
    Ranking,
    Rating,
    Scale,
    Spans,
    Steps,
)

__all__ = [
    "PAIR_KINDS",
    "PairSample",
    "draw_pairs",
    "pairs_from_comparison",
    "pairs_from_ranking",
    "pairs_from_ratings",
]

PAIR_KINDS = frozenset({"comparison", "ranking", "rating"})
"""The kinds of judgement that imply pairs."""


@dataclass(frozen=True)
class PairSample:
    """The pairs that were drawn, and what became of everything else.

    `possible` counts all pairs there are, `feedback` the records that were read, by kind, `unused` those that can
    give no pair, by reason.
    """

    pairs: tuple[Pair, ...]
    possible: int
    feedback: dict[str, int] = field(default_factory=dict)
    unused: dict[str, int] = field(default_factory=dict)


def draw_pairs(
    source: Ledger | Iterable[Feedback],
    *,
    limit: int | None = None,
    seed: int = 0,
    upto: int | None = None,
    evaluators: Mapping[str, Evaluator] | None = None,
) -> PairSample:
    """At most `limit` of all pairs that the feedback implies, each equally likely, none twice (None: all).

    `upto` is the last row read of a ledger. `evaluators` (taken from the ledger where there is one) say which
    evaluators stand for more than one person: ratings of those give no pairs.
    """
    feedback, known = feedback_and_evaluators(source, evaluators, upto)
    kinds: Counter[str] = Counter()
    unused: Counter[str] = Counter()
    stated: list[Pair] = []
    ratings: list[Feedback] = []
    everything = list(feedback)
    current = list(current_feedback(everything))
    unused["taken back"] = len(everything) - len(current)
    kinds.update(record.judgement.kind for record in everything)
    for record in current:
        match record.judgement:
            case _ if record.repeat_of is not None:
                unused["asked again"] += 1
            case _ if record.gold is not None:
                unused["control question"] += 1  # it tells of the person: the same few items, asked of everybody
            case Comparison():
                of_comparison = pairs_from_comparison(record)
                unused["comparison with itself"] += not of_comparison
                stated += of_comparison
            case Ranking():
                stated += pairs_from_ranking(record)
            case Rating() if record.evaluator in known and not is_known(known[record.evaluator]):
                unused["rating by unknown"] += 1
            case Rating():
                ratings.append(record)
            case Label() | Spans() | Steps() | Correction() | Critique() | Demonstration() | Declined():
                unused[record.judgement.kind] += 1
    groups = _Groups.of(ratings)
    unused["rated twice"] = len(ratings) - sum(map(len, groups.members))
    possible = len(stated) + groups.possible
    chosen = _numbers(possible, limit, seed)
    from_stated = [stated[number] for number in chosen[chosen < len(stated)]]
    pairs = (*from_stated, *groups.pairs(chosen[chosen >= len(stated)] - len(stated)))
    return PairSample(pairs, possible, dict(kinds), {reason: count for reason, count in unused.items() if count})


def pairs_from_ratings(feedback: Iterable[Feedback], *, limit: int | None = None, seed: int = 0) -> list[Pair]:
    """Pairs of two ratings by one evaluator, of completions of one prompt, in one session and on one scale.

    The higher value is chosen, equal values are a tie; `margin` is their difference in widths of the scale and
    `session` theirs.
    """
    groups = _Groups.of([each for each in feedback if isinstance(each.judgement, Rating)])
    return list(groups.pairs(_numbers(groups.possible, limit, seed)))


def pairs_from_comparison(feedback: Feedback) -> list[Pair]:
    """The pair that a comparison states; its strength becomes the margin. None where both sides are the same."""
    judgement = feedback.judgement
    assert isinstance(judgement, Comparison)
    left, right = feedback.completions
    if left == right:
        return []
    chosen, rejected = (right, left) if judgement.preferred == "right" else (left, right)
    return [_pair(feedback, chosen, rejected, tie=judgement.preferred == "tie", margin=judgement.strength)]


def pairs_from_ranking(feedback: Feedback) -> list[Pair]:
    """Every pair that a ranking implies: a better tier over each worse one, and ties within a tier."""
    judgement = feedback.judgement
    assert isinstance(judgement, Ranking)
    placed = [(number, feedback.completions[place]) for number, tier in enumerate(judgement.tiers) for place in tier]
    return [
        _pair(feedback, better, worse, tie=first == second)
        for (first, better), (second, worse) in combinations(placed, 2)
        if better != worse
    ]


def _pair(feedback: Feedback, chosen: str, rejected: str, *, tie: bool, margin: float | None = None) -> Pair:
    return Pair(
        prompt=feedback.prompt,
        chosen=chosen,
        rejected=rejected,
        tie=tie,
        evaluator=feedback.evaluator,
        session=feedback.session,
        margin=margin,
        feedback_ids=(feedback.id,),
    )


def _numbers(possible: int, limit: int | None, seed: int) -> NDArray[np.int64]:
    """Which of the pairs `0..possible-1` are taken, ascending."""
    if limit is None or limit >= possible:
        return np.arange(possible, dtype=np.int64)
    return np.sort(np.random.default_rng(seed).choice(possible, limit, replace=False, shuffle=False))


@dataclass(frozen=True)
class _Groups:
    """Ratings that may be compared with each other, and their pairs by number.

    The pairs of a group of m are numbered (0,1), (0,2), (1,2), (0,3), ...: pair k joins j, the largest number with
    j(j-1)/2 <= k, and i = k - j(j-1)/2. `first_G` is the number of a group's first pair.
    """

    members: list[list[Feedback]]
    first_G: NDArray[np.int64]
    possible: int

    @classmethod
    def of(cls, ratings: Iterable[Feedback]) -> "_Groups":
        """Group by evaluator, prompt, session, study and scale; of two ratings of one completion the first counts."""
        by_key: dict[tuple[object, ...], dict[str, Feedback]] = {}
        scales: dict[Scale, int] = {}
        for record in ratings:
            assert isinstance(record.judgement, Rating)
            scale = scales.setdefault(record.judgement.scale, len(scales))
            key = (record.evaluator, record.prompt, record.session, record.study, scale)
            by_key.setdefault(key, {}).setdefault(record.completions[0], record)
        members = [list(group.values()) for group in by_key.values()]
        size_G = np.array([len(group) for group in members], dtype=np.int64)
        last_G = np.cumsum(size_G * (size_G - 1) // 2)
        return cls(members, np.concatenate([[0], last_G[:-1]]), int(last_G[-1]) if members else 0)

    def pairs(self, number_N: NDArray[np.int64]) -> Iterator[Pair]:
        """The pairs of these numbers."""
        group_N = np.searchsorted(self.first_G, number_N, side="right") - 1
        within_N = number_N - self.first_G[group_N]
        second_N = ((1 + np.sqrt(8 * within_N + 1)) // 2).astype(np.int64)
        first_N = within_N - second_N * (second_N - 1) // 2
        for group, first, second in zip(group_N.tolist(), first_N.tolist(), second_N.tolist(), strict=True):
            yield _rated(self.members[group][first], self.members[group][second])


def _rated(first: Feedback, second: Feedback) -> Pair:
    assert isinstance(first.judgement, Rating)
    assert isinstance(second.judgement, Rating)
    scale = first.judgement.scale
    difference = first.judgement.value - second.judgement.value
    better, worse = (first, second) if difference >= 0 else (second, first)
    return Pair(
        prompt=first.prompt,
        chosen=better.completions[0],
        rejected=worse.completions[0],
        tie=difference == 0,
        evaluator=first.evaluator,
        session=first.session,
        margin=min(1.0, abs(difference) / (scale.high - scale.low)),
        feedback_ids=(better.id, worse.id),
    )
