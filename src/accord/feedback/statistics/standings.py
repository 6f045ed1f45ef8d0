"""Models in the order in which people prefer what they write: Bradley-Terry, Elo and win rates, with intervals.

A battle is an opinion on two texts to one prompt that two different models wrote (`Completion.writer`). Its strengths
are those of Bradley and Terry (1952), by Newman's (2023) iteration, on the scale of Elo (1978): 400 points are odds of
ten to one. Each pair of models that met counts one tie more than was voted, so that a model which won everything has a
finite rating. Intervals are those of `accord.stats`, over people or over their conversations, whose votes are alike.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import evalica
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from accord.feedback.dataset.pairs import stated_sides
from accord.feedback.dataset.units import Joined
from accord.feedback.provenance import current_feedback, is_identified, is_known, is_order_known
from accord.feedback.store.ledger import Ledger
from accord.records import Comparison, Completion, Evaluator, Feedback, Label, Ranking
from accord.stats import Estimate, jackknife, rate

__all__ = ["BAD", "Battle", "PairRecord", "Standing", "Standings", "battles_of", "standings", "standings_of"]

BAD = "bad"
"""The only option of the label that both texts of a battle carry where both were bad."""
POINTS = 400 / math.log(10)  # of the Elo scale, a unit of log-strength
MEAN_RATING = 1000.0
FEWEST_PEOPLE = 5  # that an interval may be over; with fewer it is over the conversations of these people
ENDLESS = "no interval: that of the win rate reaches 0 or 1, which are odds without end"
WINNERS = {2: evalica.Winner.X, 1: evalica.Winner.Draw, 0: evalica.Winner.Y}
UNBOUNDED = "no interval: some models won, or lost, all that they fought with the others; the win rate has one"
Rows = NDArray[np.intp]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Battle:
    """One opinion: `score` is 1 where the text of `left` was better, 0.5 a tie, 0 where that of `right` was.

    `order_known` where these are the sides of a screen. `conversation` is whatever the opinion hangs together with.
    """

    left: str
    right: str
    score: float
    evaluator: str
    conversation: str
    person_known: bool = True
    order_known: bool = True
    both_bad: bool = False


@dataclass(frozen=True)
class Standing:
    """A model among those that it can be compared with (its `group`, from 1).

    rank_low, rank_high   best and worst place that the intervals of the differences leave it, from 1
    rating                Bradley-Terry on the scale of Elo; the mean of a group is 1000
    elo                   Elo's own rating, updated vote by vote (K = 4) in the order in which they came
    win_rate              how often its text was preferred; a tie is half
    """

    model: str
    group: int
    rank_low: int
    rank_high: int
    rating: Estimate
    elo: Estimate
    win_rate: Estimate
    battles: int


@dataclass(frozen=True)
class PairRecord:
    """Two models that met: how often the text of `model` was preferred to that of `opponent`, a tie half."""

    model: str
    opponent: str
    win_rate: Estimate


@dataclass(frozen=True)
class Standings:
    """All models, best first, and what they rest on.

    `clusters` says over what intervals are; `left_out` counts opinions that are no battle, by the reason.
    `left_rate` is how often the text on the left was preferred, where the order was recorded: 0.5 without a habit.
    """

    models: tuple[Standing, ...]
    pairs: tuple[PairRecord, ...]
    battles: int
    ties: int
    both_bad: int
    people: int
    clusters: Literal["people", "conversations"]
    groups: int
    left_rate: Estimate | None
    left_out: Mapping[str, int]


def battles_of(
    feedback: Iterable[Feedback],
    completions: Mapping[str, Completion],
    evaluators: Mapping[str, Evaluator],
    *,
    study: str | None = None,
    by: Literal["person", "model", "rule", "simulated"] | None = None,
) -> tuple[list[Battle], Counter[str]]:
    """The battles in comparisons and rankings that stand, in their order, and what was left out, by the reason.

    Only those of one `study`, or `by` evaluators of one kind, where that is said.
    """
    said = [
        record
        for record in current_feedback(feedback)
        if (study is None or record.study == study) and (by is None or evaluators[record.evaluator].kind == by)
    ]
    bad = {(record.evaluator, record.completions[0]) for record in said if _says_bad(record)}
    battles: list[Battle] = []
    left_out: Counter[str] = Counter()
    for record in said:
        if not isinstance(record.judgement, Comparison | Ranking):
            continue
        if record.repeat_of is not None or record.gold is not None:
            left_out["a control, or asked again"] += 1
            continue
        for better, other, tie in stated_sides(record):
            sides = sorted((better, other), key=record.completions.index)
            left, right = (completions[side].writer for side in sides)
            if left is None or right is None:
                left_out["it is not recorded which model wrote a text"] += 1
            elif left == right:
                left_out["both texts are by one model"] += 1
            else:
                known = is_known(evaluators[record.evaluator])
                battles.append(
                    Battle(
                        left=left,
                        right=right,
                        score=0.5 if tie else float(better == sides[0]),
                        evaluator=record.evaluator,
                        conversation=record.conversation or record.session or record.prompt,
                        person_known=known and is_identified(evaluators[record.evaluator]),
                        order_known=is_order_known(record) and isinstance(record.judgement, Comparison),
                        both_bad=tie and all((record.evaluator, side) in bad for side in sides),
                    )
                )
    return battles, left_out


def _says_bad(record: Feedback) -> bool:
    judgement = record.judgement
    return isinstance(judgement, Label) and judgement.selected == judgement.options == (BAD,)


def standings_of(
    ledger: Ledger,
    *,
    study: str | None = None,
    by: Literal["person", "model", "rule", "simulated"] | None = None,
) -> Standings | None:
    """The standings in a ledger; None where no two texts of different models were compared."""
    battles, left_out = battles_of(ledger.feedback(), ledger.completions(), ledger.evaluators(), study=study, by=by)
    return standings(battles, left_out) if battles else None


def standings(battles: Sequence[Battle], left_out: Mapping[str, int] | None = None) -> Standings:
    """The standings that battles leave, in the order in which they were fought.

    Raises ValueError for none.
    """
    if not battles:
        raise ValueError("no battles, so no standings")
    table = _Table(battles)
    models = [standing for group, names in enumerate(table.groups, 1) for standing in table.standings(names, group)]
    sided = [battle for battle in battles if battle.order_known]
    return Standings(
        models=tuple(models),
        pairs=tuple(table.pairs()),
        battles=len(battles),
        ties=sum(battle.score == 0.5 for battle in battles),
        both_bad=sum(battle.both_bad for battle in battles),
        people=table.people,
        clusters=table.clusters,
        groups=len(table.groups),
        left_rate=rate([battle.score for battle in sided], [table.cluster(battle) for battle in sided])
        if sided
        else None,
        left_out=dict(left_out or {}),
    )


class _Table:
    """Battles as arrays, and what is fitted to some of them."""

    def __init__(self, battles: Sequence[Battle]) -> None:
        self.battles = battles
        known = all(battle.person_known for battle in battles)
        self.people = len({battle.evaluator for battle in battles if battle.person_known})
        by_people = known and self.people >= FEWEST_PEOPLE
        self.clusters: Literal["people", "conversations"] = "people" if by_people else "conversations"
        self._cluster_N = [self.cluster(battle) for battle in battles]
        self._names = sorted({name for battle in battles for name in (battle.left, battle.right)})
        code = {name: place for place, name in enumerate(self._names)}
        self._left_N = np.array([code[battle.left] for battle in battles])
        self._right_N = np.array([code[battle.right] for battle in battles])
        self._twice_N = np.array([round(2 * battle.score) for battle in battles])
        self._fits: dict[tuple[str, bytes], Floats] = {}
        self.groups = self._connected()
        self._group_of_place = {code[name]: group for group, names in enumerate(self.groups) for name in names}
        self._ties_of_group = [self._ties(group) for group in range(len(self.groups))]

    def cluster(self, battle: Battle) -> str:
        """What a battle is a part of, as far as intervals are concerned."""
        return battle.evaluator if self.clusters == "people" else battle.conversation

    def _connected(self) -> list[list[str]]:
        """Models that met, or met some that met: the largest group first."""
        joined = Joined()
        for battle in self.battles:
            joined.join(battle.left, battle.right)
        groups: dict[str, list[str]] = {}
        for name in self._names:
            groups.setdefault(joined.root(name), []).append(name)
        return sorted(groups.values(), key=lambda names: (-len(names), names))

    def _ties(self, group: int) -> NDArray[np.int64]:
        """One tie of every two models of a group that met: rows of left, right and twice the score of left."""
        met = {
            (min(pair), max(pair), 1)
            for pair in zip(self._left_N.tolist(), self._right_N.tolist(), strict=True)
            if self._group_of_place[pair[0]] == group
        }
        return np.array(sorted(met), dtype=np.int64)

    def standings(self, names: Sequence[str], group: int) -> list[Standing]:
        """Those of one group, best first."""
        places = {name: self._names.index(name) for name in names}
        rows = np.flatnonzero(np.isin(self._left_N, list(places.values())))
        bounded = self._is_bounded(rows, list(places.values()))
        others = tuple(places.values())
        rating = partial(self._estimate, rows, bounded)
        ratings = {
            name: self._of_two(rows, place, bounded)
            if len(names) == 2
            else rating(partial(self._rating, place, others))
            for name, place in places.items()
        }
        order = sorted(names, key=lambda name: (-ratings[name].value, name))
        above, below = Counter[str](), Counter[str]()
        for first, better in enumerate(order):
            for worse in order[first + 1 :]:
                if self._is_better(rows, bounded, places[better], places[worse]):
                    below[better] += 1
                    above[worse] += 1
        return [
            Standing(
                model=name,
                group=group,
                rank_low=1 + above[name],
                rank_high=len(names) - below[name],
                rating=ratings[name],
                elo=rating(partial(self._elo, places[name])),
                win_rate=self._win_rate(self._own(places[name]), places[name]),
                battles=len(self._own(places[name])),
            )
            for name in order
        ]

    def _estimate(self, rows: Rows, bounded: bool, statistic: Callable[[Rows], float]) -> Estimate:
        """A statistic of some of the rows; without an interval where votes that are alike would make it too narrow."""
        clusters = [self._cluster_N[row] for row in rows]
        if bounded:
            return jackknife(lambda chosen: statistic(rows[chosen]), len(rows), clusters)
        count = len(set(clusters))
        return Estimate(statistic(rows), None, None, len(rows), count, method=UNBOUNDED)

    def _is_bounded(self, rows: Rows, places: Sequence[int]) -> bool:
        """Whether no models always beat all others (Ford 1957): then likelihood alone gives finite ratings."""
        code = {place: number for number, place in enumerate(places)}
        left, right = ([code[place] for place in side[rows].tolist()] for side in (self._left_N, self._right_N))
        scores = self._twice_N[rows].tolist()
        edges = [(b, a) for a, b, twice in zip(left, right, scores, strict=True) if twice > 0]
        edges += [(a, b) for a, b, twice in zip(left, right, scores, strict=True) if twice < 2]
        begins, ends = zip(*edges, strict=True)
        beaten = coo_array((np.ones(len(edges)), (begins, ends)), shape=(len(places), len(places)))
        components, _ = connected_components(beaten, connection="strong")
        return bool(components == 1)

    def _of_two(self, rows: Rows, place: int, bounded: bool) -> Estimate:
        """The rating of one of two models: its win rate, ends and all, as odds."""
        value = MEAN_RATING + float(self._strengths(rows)[place])
        won = self._win_rate(rows, place)
        if not bounded or won.low is None or won.high is None or won.low <= 0 or won.high >= 1:
            return Estimate(value, None, None, won.n, won.clusters, method=ENDLESS if bounded else UNBOUNDED)
        low, high = (MEAN_RATING + POINTS / 2 * math.log(end / (1 - end)) for end in (won.low, won.high))
        return Estimate(value, low, high, won.n, won.clusters, method=f"{won.method}, as odds")

    def _is_better(self, rows: Rows, bounded: bool, better: int, worse: int) -> bool:
        """Whether the interval of the difference leaves nothing else; of two that won or lost all, that of the rate."""
        met = rows[np.isin(self._left_N[rows], [better, worse]) & np.isin(self._right_N[rows], [better, worse])]
        if bounded and len(self.groups[self._group_of_place[better]]) > 2:
            gap = self._estimate(rows, bounded, partial(self._gap, better, worse))
            return gap.low is not None and gap.low > 0
        won = self._win_rate(met, better) if len(met) else None
        return won is not None and won.low is not None and won.low > 0.5

    def pairs(self) -> list[PairRecord]:
        """Every two models that met, in order of name."""
        low_N, high_N = np.minimum(self._left_N, self._right_N), np.maximum(self._left_N, self._right_N)
        met = sorted(set(zip(low_N.tolist(), high_N.tolist(), strict=True)))
        return [
            PairRecord(
                self._names[low],
                self._names[high],
                self._win_rate(np.flatnonzero((low_N == low) & (high_N == high)), low),
            )
            for low, high in met
        ]

    def _own(self, place: int) -> Rows:
        return np.flatnonzero((self._left_N == place) | (self._right_N == place))

    def _win_rate(self, rows: Rows, place: int) -> Estimate:
        score_N = np.where(self._left_N[rows] == place, self._twice_N[rows], 2 - self._twice_N[rows]) / 2
        return rate(score_N, [self._cluster_N[row] for row in rows])

    def _rating(self, place: int, others: Sequence[int], rows: Rows) -> float:
        strength_M = self._strengths(rows)
        return MEAN_RATING + float(strength_M[place] - strength_M[list(others)].mean())

    def _gap(self, better: int, worse: int, rows: Rows) -> float:
        strength_M = self._strengths(rows)
        return float(strength_M[better] - strength_M[worse])

    def _elo(self, place: int, rows: Rows) -> float:
        return float(self._fitted("elo", rows, self._fit_elo)[place])

    def _strengths(self, rows: Rows) -> Floats:
        return self._fitted("bradley-terry", rows, self._fit_strengths)

    def _fitted(self, kind: str, rows: Rows, fit: Callable[[Rows], Floats]) -> Floats:
        key = kind, hashlib.sha256(rows.tobytes()).digest()
        if key not in self._fits:
            self._fits[key] = fit(rows)
        return self._fits[key]

    def _fit_strengths(self, rows: Rows) -> Floats:
        """Points of each model: votes that are alike are fitted as one, by their number."""
        ties = self._ties_of_group[self._group_of_place[self._left_N[rows[0]]]]
        alike = np.stack([self._left_N[rows], self._right_N[rows], self._twice_N[rows]], axis=1)
        votes, counts = np.unique(alike, axis=0, return_counts=True)
        left, right, twice = np.concatenate([votes, ties]).T.tolist()
        result = evalica.bradley_terry(
            left,
            right,
            [WINNERS[score] for score in twice],
            weights=[*counts.astype(float).tolist(), *[1.0] * len(ties)],
            tolerance=1e-9,
            limit=100_000,
        )
        return self._by_place({name: POINTS * math.log(score) for name, score in result.scores.items()})

    def _fit_elo(self, rows: Rows) -> Floats:
        result = evalica.elo(
            self._left_N[rows].tolist(),
            self._right_N[rows].tolist(),
            [WINNERS[score] for score in self._twice_N[rows].tolist()],
        )
        return self._by_place(dict(result.scores.items()), MEAN_RATING)

    def _by_place(self, values: Mapping[int, float], missing: float = np.nan) -> Floats:
        return np.array([values.get(place, missing) for place in range(len(self._names))], dtype=np.float64)
