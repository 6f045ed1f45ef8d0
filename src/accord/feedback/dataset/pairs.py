"""Training pairs, drawn from what was said.

A rating gives pairs only with other ratings of the same evaluator, prompt, session and scale: one person's 2 and
another person's 3 are not an order. A machine that says one thing in one order of an item and another in the other
states nothing. All pairs of all kinds are counted first and then drawn from by number; what was
said is read a second time for those that were drawn, so that neither the feedback nor all pairs are held as objects.
"""

import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accord.deferred import deferred
from accord.feedback.dataset.two_readings import contradicted
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

with deferred():
    from accord.feedback.provenance import is_known, replaced_ids
    from accord.feedback.store.ledger import Ledger
    from accord.feedback.store.stored_records import StoredFeedback, at_places

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
    evaluators stand for more than one person, whose ratings give no pairs, and which are machines, whose answers give
    none where they differ by the order in which they were asked.
    """
    feedback: Sequence[Feedback]
    known: Mapping[str, Evaluator]
    if isinstance(source, Ledger):
        feedback, known = StoredFeedback.of(source, upto), source.evaluators()
    else:
        feedback, known = source if isinstance(source, Sequence) else list(source), evaluators or {}
    without = {"taken back": replaced_ids(feedback), "differs by order": contradicted(lambda: feedback, known)}
    found = _Found.of(feedback, known, without)
    pairs = found.drawn(_numbers(found.possible, limit, seed)).pairs(feedback)
    unused = {reason: count for reason, count in found.unused.items() if count}
    return PairSample(pairs, found.possible, dict(found.kinds), unused)


def pairs_from_ratings(feedback: Iterable[Feedback], *, limit: int | None = None, seed: int = 0) -> list[Pair]:
    """Pairs of two ratings by one evaluator, of completions of one prompt, in one session and on one scale.

    The higher value is chosen, equal values are a tie; `margin` is their difference in widths of the scale and
    `session` theirs.
    """
    ratings = [each for each in feedback if isinstance(each.judgement, Rating)]
    found = _Found()
    for place, record in enumerate(ratings):
        assert isinstance(record.judgement, Rating)
        found.add_rating(place, record, record.judgement)
    return list(found.drawn(_numbers(found.possible, limit, seed)).pairs(ratings))


def pairs_from_comparison(feedback: Feedback) -> list[Pair]:
    """The pair that a comparison states; its strength becomes the margin. None where both sides are the same."""
    judgement = feedback.judgement
    assert isinstance(judgement, Comparison)
    return [
        _pair(feedback, chosen, rejected, tie=tie, margin=judgement.strength)
        for chosen, rejected, tie in stated_sides(feedback)
    ]


def pairs_from_ranking(feedback: Feedback) -> list[Pair]:
    """Every pair that a ranking implies: a better tier over each worse one, and ties within a tier."""
    assert isinstance(feedback.judgement, Ranking)
    return [_pair(feedback, better, worse, tie=tie) for better, worse, tie in stated_sides(feedback)]


def stated_sides(feedback: Feedback) -> list[tuple[str, str, bool]]:
    """What a comparison or a ranking states of each two completions: the better one, the other, whether they tie.

    Empty for other kinds of judgement.
    """
    match feedback.judgement:
        case Comparison(preferred=preferred):
            left, right = feedback.completions
            better, worse = (right, left) if preferred == "right" else (left, right)
            return [] if left == right else [(better, worse, preferred == "tie")]
        case Ranking(tiers=tiers):
            placed = [(number, feedback.completions[place]) for number, tier in enumerate(tiers) for place in tier]
            return [
                (better, worse, first == second)
                for (first, better), (second, worse) in combinations(placed, 2)
                if better != worse
            ]
        case _:
            return []


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


Key = tuple[str, str, str | None, str | None, int]


@dataclass
class _Found:
    """What there is to draw from, by the places of the records as they are read: numbers, no records.

    stated    the place of every record that states pairs, and how many it states
    groups    ratings that may be compared with each other: the place of the first of each completion

    The pairs of a group of m are numbered (0,1), (0,2), (1,2), (0,3), ...: pair k joins j, the largest number with
    j(j-1)/2 <= k, and i = k - j(j-1)/2.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    unused: Counter[str] = field(default_factory=Counter)
    stated: "tuple[array[int], array[int]]" = field(default_factory=lambda: (array("q"), array("q")))
    groups: dict[Key, dict[str, int]] = field(default_factory=dict)
    scales: dict[Scale, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls, feedback: Iterable[Feedback], known: Mapping[str, Evaluator], without: Mapping[str, Set[str]]
    ) -> "_Found":
        """Everything that is read; `without` names what gives nothing, by the reason."""
        found = cls()
        for place, record in enumerate(feedback):
            found.kinds[record.judgement.kind] += 1
            reason = next((reason for reason, names in without.items() if record.id in names), None)
            if reason is None:
                found._add(place, record, known)
            else:
                found.unused[reason] += 1
        return found

    def _add(self, place: int, record: Feedback, known: Mapping[str, Evaluator]) -> None:
        match record.judgement:
            case _ if record.repeat_of is not None:
                self.unused["asked again"] += 1
            case _ if record.gold is not None:
                self.unused["control question"] += 1  # it tells of the person: the same few items, asked of everybody
            case Comparison() | Ranking():
                states = len(_stated(record))
                self.unused["comparison with itself"] += isinstance(record.judgement, Comparison) and not states
                if states:
                    self.stated[0].append(place)
                    self.stated[1].append(states)
            case Rating() if record.evaluator in known and not is_known(known[record.evaluator]):
                self.unused["rating by unknown"] += 1
            case Rating():
                self.add_rating(place, record, record.judgement)
            case Label() | Spans() | Steps() | Correction() | Critique() | Demonstration() | Declined():
                self.unused[record.judgement.kind] += 1

    def add_rating(self, place: int, record: Feedback, judgement: Rating) -> None:
        """Group by evaluator, prompt, session, study and scale; of two ratings of one completion the first counts."""
        scale = self.scales.setdefault(judgement.scale, len(self.scales))
        key = (record.evaluator, record.prompt, record.session, record.study, scale)
        if self.groups.setdefault(key, {}).setdefault(record.completions[0], place) != place:
            self.unused["rated twice"] += 1

    @property
    def possible(self) -> int:
        """How many pairs there are."""
        return sum(self.stated[1]) + sum(len(group) * (len(group) - 1) // 2 for group in self.groups.values())

    def drawn(self, number_N: NDArray[np.int64]) -> "_Drawn":
        """The pairs of these numbers, ascending: those that were stated first, then those of ratings."""
        place_S, count_S = (np.array(each, dtype=np.int64) for each in self.stated)
        last_S = np.cumsum(count_S)
        stated = int(last_S[-1]) if len(last_S) else 0
        ours_N = number_N[number_N < stated]
        record_N = np.searchsorted(last_S, ours_N, side="right")
        within_N = ours_N - (last_S - count_S)[record_N]
        return _Drawn(place_S[record_N], within_N, self._of_groups(number_N[number_N >= stated] - stated))

    def _of_groups(self, number_N: NDArray[np.int64]) -> NDArray[np.int64]:
        """The places of both ratings of each pair, [N, 2]."""
        size_G = np.array([len(group) for group in self.groups.values()], dtype=np.int64)
        if not len(number_N):
            return np.empty((0, 2), dtype=np.int64)
        place_R = np.fromiter((place for group in self.groups.values() for place in group.values()), dtype=np.int64)
        first_G, pairs_G = np.cumsum(size_G) - size_G, size_G * (size_G - 1) // 2
        last_G = np.cumsum(pairs_G)
        group_N = np.searchsorted(last_G, number_N, side="right")
        within_N = number_N - (last_G - pairs_G)[group_N]
        second_N = ((1 + np.sqrt(8 * within_N + 1)) // 2).astype(np.int64)
        first_N = within_N - second_N * (second_N - 1) // 2
        place_N2: NDArray[np.int64] = place_R[first_G[group_N][:, None] + np.stack([first_N, second_N], 1)]
        return place_N2


@dataclass(frozen=True)
class _Drawn:
    """Pairs that were drawn: the record of each that was stated and which of its pairs; both ratings of each other."""

    place_S: NDArray[np.int64]
    within_S: NDArray[np.int64]
    place_R2: NDArray[np.int64]

    def pairs(self, feedback: Sequence[Feedback]) -> tuple[Pair, ...]:
        """The pairs, from the records of the feedback that they are of."""
        sides_of: dict[int, list[int]] = {}
        for place, within in zip(self.place_S.tolist(), self.within_S.tolist(), strict=True):
            sides_of.setdefault(place, []).append(within)
        stated: list[Pair] = []
        ratings: dict[int, _Rated] = {}
        for place, record in at_places(feedback, np.union1d(self.place_S, self.place_R2.ravel())):
            if place in sides_of:
                of_record = _stated(record)
                stated += [of_record[within] for within in sides_of.pop(place)]
            else:
                ratings[place] = _Rated.of(record)
        return (*stated, *(_pair_of_ratings(ratings[one], ratings[two]) for one, two in self.place_R2.tolist()))


class _Rated(NamedTuple):
    """What a pair of ratings is made of."""

    value: float
    width: float
    prompt: str
    completion: str
    evaluator: str
    session: str | None
    name: str

    @classmethod
    def of(cls, record: Feedback) -> "_Rated":
        """That of a rating; names that many share are kept once."""
        judgement = record.judgement
        assert isinstance(judgement, Rating)
        shared = (sys.intern(record.prompt), sys.intern(record.completions[0]), sys.intern(record.evaluator))
        session = None if record.session is None else sys.intern(record.session)
        return cls(judgement.value, judgement.scale.high - judgement.scale.low, *shared, session, record.id)


def _stated(record: Feedback) -> list[Pair]:
    """The pairs that a comparison or a ranking states."""
    return pairs_from_ranking(record) if isinstance(record.judgement, Ranking) else pairs_from_comparison(record)


def _pair_of_ratings(first: _Rated, second: _Rated) -> Pair:
    difference = first.value - second.value
    better, worse = (first, second) if difference >= 0 else (second, first)
    return Pair(
        prompt=first.prompt,
        chosen=better.completion,
        rejected=worse.completion,
        tie=difference == 0,
        evaluator=first.evaluator,
        session=first.session,
        margin=min(1.0, abs(difference) / first.width),
        feedback_ids=(better.name, worse.name),
    )
