"""How far people agree: one another, as a whole, and with what all the others think on average.

Two people's agreement bounds no judge. Where each answers rightly with probability p they agree in p^2 + (1 - p)^2 of
the pairs, and the best judge is right in max(p, 1 - p), which is more. What a judge with one opinion for everybody can
reach is estimated by leaving one evaluator out and asking all the others (`consensus_accuracy`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from accord.feedback.dataset.units import sampled_units, text_groups
from accord.feedback.provenance import feedback_and_evaluators, is_known
from accord.feedback.statistics.alpha import alpha
from accord.feedback.statistics.codings import Codings
from accord.feedback.statistics.preferences import (
    Codes,
    Preferences,
    collect_preferences,
    feedback_of_known,
)
from accord.feedback.store.ledger import Ledger
from accord.records import Evaluator, Feedback, Pair, Rating
from accord.stats import Estimate, Units, rate, rate_of

__all__ = ["agreement_of_preferences", "consensus_accuracy", "krippendorff_alpha", "pair_agreement"]

Floats = NDArray[np.float64]


def pair_agreement(
    source: Ledger | Iterable[Feedback],
    *,
    prompts: Collection[str] | None = None,
    sessions: Collection[str] | None = None,
    upto: int | None = None,
    evaluators: Mapping[str, Evaluator] | None = None,
) -> Estimate | None:
    """How often another evaluator orders two completions as the first one did; where the other saw a tie, half.

    Over every known evaluator who put two completions in an order (by rating, ranking or comparing them) and everybody
    else who judged both: it is the accuracy of one other person as a judge, ties counted as those of a judge are. With
    u for one order, d for the other and z ties, u (u - 1) + d (d - 1) + (u + d) z / 2 of (u + d) (u + d + z - 1) agree.
    `n` counts evaluators who were held against another, each time. Clusters are sessions and, crossed with them, the
    texts that were compared.

    `prompts` and `sessions` restrict what is looked at; `upto` is the last row read of a ledger.
    None where no two known evaluators judged the same two completions.
    """
    preferences = collect_preferences(
        feedback_of_known(source, evaluators, upto=upto, prompts=prompts, sessions=sessions)
    )
    return agreement_of_preferences(preferences)


def agreement_of_preferences(preferences: Preferences) -> Estimate | None:
    """`pair_agreement` of opinions that were gathered before.

    Every opinion of somebody stands against all others on the same pair; one that decided is held against them.
    """
    if not preferences.first_N.size:
        return None
    size = len(preferences.completions)
    pair_P, pair_N = np.unique(preferences.first_N * size + preferences.second_N, return_inverse=True)
    ballots = _Ballots.of(preferences.sign_N, pair_N)
    total = float(ballots.held_N.sum())
    if not total:
        return None
    centre = float(ballots.agreeing_N.sum()) / total
    groups = text_groups([(str(key // size), str(key % size)) for key in pair_P.tolist()])
    units = Units.of(pair_N.size, preferences.session_N.tolist(), [groups[pair] for pair in pair_N.tolist()])
    _, within_N = np.unique(np.stack([pair_N, preferences.session_N]), axis=1, return_inverse=True)
    inside = _Ballots.of(preferences.sign_N, within_N)
    own_N = ballots.agreeing_N - centre * ballots.held_N
    others_N = ballots.agreed_with_N - centre * ballots.holding_N
    twice_N = inside.agreeing_N - centre * inside.held_N  # of pairs of opinions within a session
    spread = units.spread(
        (own_N + others_N - twice_N) / total, (ballots.held_N + ballots.holding_N) / (2 * total), own_N / total
    )
    return rate_of(centre, spread, units, n=int(total), information=total)


class _Ballots(NamedTuple):
    """Of each opinion [N]: the others it is held against where it decided, and how many agree (a tie half); and the
    others that decided and are held against it, and how many of these it agrees with.
    """

    held_N: Floats
    agreeing_N: Floats
    holding_N: Floats
    agreed_with_N: Floats

    @classmethod
    def of(cls, sign_N: Codes, pair_N: Codes) -> Self:
        """From the sign of each opinion, and the pair that it is of."""
        up_N, down_N, all_N = (
            np.bincount(pair_N, weight_N)[pair_N] for weight_N in (sign_N > 0, sign_N < 0, np.ones(sign_N.size))
        )
        decided_N = sign_N != 0
        alike_N = np.where(sign_N > 0, up_N, down_N) - 1
        return cls(
            held_N=np.where(decided_N, all_N - 1, 0.0),
            agreeing_N=np.where(decided_N, alike_N + (all_N - up_N - down_N) / 2, 0.0),
            holding_N=up_N + down_N - decided_N,
            agreed_with_N=np.where(decided_N, alike_N, (up_N + down_N) / 2),
        )


def consensus_accuracy(
    pairs: Sequence[Pair], feedback: Iterable[Feedback], evaluators: Mapping[str, Evaluator] | None = None
) -> Estimate | None:
    """How often all the others, taken together, order a pair as its evaluator did: what one judge can reach for all.

    Over the pairs that are not tied, whose evaluator is known, and that others judged. The others order two completions
    by the difference of their mean ratings on the same scale; where they rated none of both, by the majority of their
    comparisons and rankings. Equal means count half. As the others are few, their mean is noisy: who knew everybody's
    opinion would do better, so this is what can be reached at least.

    None where there is no such pair.
    """
    records = feedback if isinstance(feedback, Sequence) else list(feedback)
    ratings = _ratings(feedback_of_known(records, evaluators))
    known = feedback_of_known(records, evaluators)
    votes = _votes(collect_preferences(record for record in known if not isinstance(record.judgement, Rating)))
    decided, outcomes = [], []
    for pair in pairs:
        who = pair.evaluator
        if pair.tie or who is None or (evaluators and who in evaluators and not is_known(evaluators[who])):
            continue
        margin = _mean_difference(ratings, pair, who)
        margin = _majority(votes, pair, who) if margin is None else margin
        if margin is not None:
            decided.append(pair)
            outcomes.append((np.sign(margin) + 1) / 2)
    if not decided:
        return None
    clusters, texts = sampled_units(decided, evaluators)
    return rate(outcomes, clusters, crossed=texts)


Ratings = dict[str, dict[tuple[float, float], dict[str, float]]]
Votes = dict[tuple[str, str], dict[str, int]]


def _ratings(feedback: Iterable[Feedback]) -> Ratings:
    """By completion and scale, what each evaluator gave it first."""
    ratings: Ratings = {}
    for record in feedback:
        match record.judgement:
            case Rating(value=value, scale=scale) if record.repeat_of is None:
                of_scale = ratings.setdefault(record.completions[0], {}).setdefault((scale.low, scale.high), {})
                of_scale.setdefault(record.evaluator, value)
    return ratings


def _votes(preferences: Preferences) -> Votes:
    """By two completions, the sign of what each evaluator said of them."""
    votes: Votes = {}
    names = preferences.completions
    columns = (preferences.first_N, preferences.second_N, preferences.evaluator_N, preferences.sign_N)
    for first, second, who, sign in zip(*(column.tolist() for column in columns), strict=True):
        votes.setdefault((names[first], names[second]), {})[preferences.evaluators[who]] = sign
    return votes


def _mean_difference(ratings: Ratings, pair: Pair, who: str) -> float | None:
    """The mean that the others gave the chosen less that of the rejected, on a scale that both have."""
    for scale, of_chosen in ratings.get(pair.chosen, {}).items():
        of_rejected = ratings.get(pair.rejected, {}).get(scale, {})
        chosen = [value for name, value in of_chosen.items() if name != who]
        rejected = [value for name, value in of_rejected.items() if name != who]
        if chosen and rejected:
            return sum(chosen) / len(chosen) - sum(rejected) / len(rejected)
    return None


def _majority(votes: Votes, pair: Pair, who: str) -> float | None:
    """The votes of the others for the chosen less those for the rejected."""
    forward, backward = votes.get((pair.chosen, pair.rejected), {}), votes.get((pair.rejected, pair.chosen), {})
    signs = [sign for name, sign in forward.items() if name != who]
    signs += [-sign for name, sign in backward.items() if name != who]
    return float(sum(signs)) if signs else None


def krippendorff_alpha(
    source: Ledger | Iterable[Feedback],
    *,
    prompts: Collection[str] | None = None,
    sessions: Collection[str] | None = None,
    upto: int | None = None,
    evaluators: Mapping[str, Evaluator] | None = None,
) -> Estimate | None:
    """Krippendorff's alpha of the one question that people answered, whatever its kind; see `codings` and `alpha`.

    None where several things were asked, or nothing by two people, or all answers are
    equal.
    """
    _, known = feedback_and_evaluators(source, evaluators, upto)
    codings = Codings(known)
    for record in feedback_of_known(source, evaluators, upto=upto, prompts=prompts, sessions=sessions):
        codings.add(record)
    questions = list(codings.codings())
    return alpha(questions[0].data, questions[0].metric) if len(questions) == 1 else None
