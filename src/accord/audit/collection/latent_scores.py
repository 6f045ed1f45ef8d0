"""What each kind of answer tells about one latent quality of each completion, in bits.

With s the quality of the completions as everybody else's answers have it, an answer a of a kind tells

    log2 p(a | s) - log2 p(a)

which is, in the mean, a lower bound of the mutual information of answer and quality: what it lets one foretell of the
quality, it is foretold by it. Both probabilities are fitted without the person who answered.

    comparison, ranking   Plackett-Luce (two places: Bradley-Terry) with one slope; p(a) is that of no quality
    rating                normal around a line, about the mean of its prompt; p(a) is a normal one
    label                 multinomial logistic over the sets that were chosen; p(a) is their shares

One answer in twenty is taken to say nothing of the quality, so that a slip costs 4.3 bits and not any number.
Qualities are those of a Bradley-Terry model with a normal prior of the orders that comparisons, rankings and two
ratings of one prompt imply: differences within a prompt, which is what a reward is learnt from.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.deferred import deferred
from accord.records import Comparison, Feedback, Judgement, Label, Ranking, Rating

with deferred():
    from scipy.optimize import minimize_scalar
    from scipy.sparse import coo_array, vstack

    from accord.feedback.statistics.preferences import collect_preferences

__all__ = ["KINDS", "AnswerBits", "foreseen_in", "quality_of", "told_by_each"]

Floats = NDArray[np.float64]
KINDS = ("comparison", "ranking", "rating", "label")
FOLDS = 4
LAPSE = 0.05  # share of answers that are taken to say nothing of the quality: no answer tells less than log2 of it
PRIOR = 2.0  # variance of the normal prior of a quality
LN2 = float(np.log(2))


@dataclass(frozen=True)
class AnswerBits:
    """One answer: who gave it, of which kind, its seconds, and how many bits it told."""

    evaluator: str
    kind: str
    seconds: float
    bits: float


def told_by_each(answers: Sequence[Feedback]) -> list[AnswerBits]:
    """Of every answer of `KINDS` with seconds, held out with the person who gave it; people in four folds."""
    people = {name: place % FOLDS for place, name in enumerate(dict.fromkeys(one.evaluator for one in answers))}
    told: list[AnswerBits] = []
    for fold in range(FOLDS):
        learnt = [one for one in answers if people[one.evaluator] != fold]
        held_out = [one for one in answers if people[one.evaluator] == fold]
        quality = quality_of(learnt)
        for kind, bits in (("ranking", _of_orders), ("rating", _of_ratings), ("label", _of_labels)):
            kinds = {"comparison", "ranking"} if kind == "ranking" else {kind}
            for one_kind in kinds:
                before, after = (_of_kind(of, one_kind, quality) for of in (learnt, held_out))
                if before and after:
                    told += _as_told(after, one_kind, bits(before, after, quality))
    return told


def quality_of(answers: Sequence[Feedback]) -> dict[str, float]:
    """By completion, the quality that the orders in the answers make likeliest under a normal prior; 0 in the mean."""
    from sklearn.linear_model import LogisticRegression

    orders = collect_preferences(answers)
    decided_N = orders.sign_N != 0
    if not decided_N.any():
        return {}
    size = len(orders.completions)
    pair_M, place_N = np.unique((orders.first_N * size + orders.second_N)[decided_N], return_inverse=True)
    up_N = orders.sign_N[decided_N] > 0
    up_M, down_M = (np.bincount(place_N, of_sign, pair_M.size) for of_sign in (up_N, ~up_N))
    row_M, ones_M = np.arange(pair_M.size), np.ones(pair_M.size)
    ends_L = np.concatenate([pair_M // size, pair_M % size])
    design_MC = coo_array((np.concatenate([ones_M, -ones_M]), (np.tile(row_M, 2), ends_L)), (pair_M.size, size)).tocsr()
    model = LogisticRegression(C=PRIOR, fit_intercept=False, max_iter=200)
    model.fit(vstack([design_MC, design_MC]), np.repeat([1, 0], pair_M.size), np.concatenate([up_M, down_M]))
    score_C = model.coef_[0]
    return dict(zip(orders.completions, (score_C / max(float(score_C.std()), 1e-9)).tolist(), strict=True))


def foreseen_in(seconds: float, kind: str, answers: Sequence[Feedback]) -> list[tuple[str, float]]:
    """How well scores learnt in so many seconds of a kind foresee others' comparisons: by person, whether each was.

    Half of the people are learnt from, and the other half foreseen; then the other way round. Answers are taken person
    by person, for ratings of one person are held against each other. A pair of equal scores counts half.
    """
    people = {name: place % 2 for place, name in enumerate(dict.fromkeys(one.evaluator for one in answers))}
    foreseen: list[tuple[str, float]] = []
    for half in (0, 1):
        of_kind = [one for one in answers if one.judgement.kind == kind and people[one.evaluator] != half]
        spent_N = np.cumsum([one.seconds or 0.0 for one in of_kind])
        quality = quality_of(of_kind[: int((spent_N <= seconds).sum())])
        for one in answers:
            if (
                one.judgement.kind == "comparison"
                and people[one.evaluator] == half
                and (order := _order(one.judgement))
            ):
                better, worse = (quality.get(one.completions[place], 0.0) for place in order)
                foreseen.append((one.evaluator, (1 + float(np.sign(better - worse))) / 2))
    return foreseen


def _of_kind(answers: Sequence[Feedback], kind: str, quality: Mapping[str, float]) -> list[Feedback]:
    return [
        one
        for one in answers
        if one.judgement.kind == kind
        and one.seconds is not None
        and all(name in quality for name in one.completions)
        and _order(one.judgement) != []
    ]


def _as_told(answers: Sequence[Feedback], kind: str, bits_N: Floats) -> list[AnswerBits]:
    return [
        AnswerBits(one.evaluator, kind, one.seconds or 0.0, bits)
        for one, bits in zip(answers, np.logaddexp2(bits_N + np.log2(1 - LAPSE), np.log2(LAPSE)).tolist(), strict=True)
    ]


def _order(judgement: Judgement) -> list[int] | None:
    """The places from best to worst; empty for ties, None for what is no order."""
    match judgement:
        case Comparison(preferred=side):
            return {"left": [0, 1], "right": [1, 0], "tie": []}[side]
        case Ranking(tiers=tiers):
            return [tier[0] for tier in tiers] if all(len(tier) == 1 for tier in tiers) else []
        case _:
            return None


def _of_orders(before: Sequence[Feedback], after: Sequence[Feedback], quality: Mapping[str, float]) -> Floats:
    """Bits of each order held out, by Plackett-Luce at the slope that those before make likeliest."""
    learnt_NK, held_out_NK = (_ordered_qualities(answers, quality) for answers in (before, after))
    slope = minimize_scalar(
        lambda s: -float(_plackett_luce(s * learnt_NK).sum()), bounds=(0.0, 30.0), method="bounded"
    ).x
    return (_plackett_luce(slope * held_out_NK) - _plackett_luce(0 * held_out_NK)) / LN2


def _ordered_qualities(answers: Sequence[Feedback], quality: Mapping[str, float]) -> Floats:
    """The qualities in each order from best to worst, [N, K]; NaN behind the end of a shorter one."""
    orders = [[quality[one.completions[place]] for place in _order(one.judgement) or []] for one in answers]
    quality_NK = np.full((len(orders), max(map(len, orders))), np.nan)
    for row_K, order in zip(quality_NK, orders, strict=True):
        row_K[: len(order)] = order
    return quality_NK


def _plackett_luce(value_NK: Floats) -> Floats:
    """log P of each order of values, best first, [N]; NaN stands behind the end of an order."""
    value_NK = np.where(np.isnan(value_NK), -np.inf, value_NK)
    behind_NK = np.logaddexp.accumulate(value_NK[:, ::-1], axis=1)[:, ::-1]  # of each place and all after it
    there_NK = np.isfinite(value_NK)
    chosen_NK = np.subtract(value_NK, behind_NK, where=there_NK, out=np.zeros_like(value_NK))
    return np.asarray(chosen_NK.sum(1))


def _of_ratings(before: Sequence[Feedback], after: Sequence[Feedback], quality: Mapping[str, float]) -> Floats:
    """Bits of each rating held out: a line in the quality against the prompt's mean alone."""
    value_2, quality_2, prompt_2 = zip(*(_rating_columns(answers, quality) for answers in (before, after)), strict=True)
    centre = {p: float(value_2[0][prompt_2[0] == p].mean()) for p in np.unique(prompt_2[0]).tolist()}
    middle = {p: float(quality_2[0][prompt_2[0] == p].mean()) for p in centre}
    y, x = (
        [of[i] - np.array([means.get(p, 0.0) for p in prompt_2[i].tolist()]) for i in (0, 1)]
        for of, means in ((value_2, centre), (quality_2, middle))
    )
    slope = float(x[0] @ y[0]) / max(float(x[0] @ x[0]), 1e-9)
    error = max(float(np.std(y[0] - slope * x[0])), 1e-3)
    spread = max(float(np.std(y[0])), 1e-3)
    gain_N: Floats = (
        np.log(spread / error) + (y[1] / spread) ** 2 / 2 - ((y[1] - slope * x[1]) / error) ** 2 / 2
    ) / LN2
    return gain_N


def _rating_columns(
    answers: Sequence[Feedback], quality: Mapping[str, float]
) -> tuple[Floats, Floats, "NDArray[np.str_]"]:
    """Values as shares of their scale, the qualities, the prompts."""
    values = [
        (one.judgement.value - one.judgement.scale.low) / (one.judgement.scale.high - one.judgement.scale.low)
        for one in answers
        if isinstance(one.judgement, Rating)
    ]
    return (
        np.array(values),
        np.array([quality[one.completions[0]] for one in answers]),
        np.array([one.prompt for one in answers]),
    )


def _of_labels(before: Sequence[Feedback], after: Sequence[Feedback], quality: Mapping[str, float]) -> Floats:
    """Bits of each set of options held out; what was never chosen before is one more."""
    from sklearn.linear_model import LogisticRegression

    chosen_2 = [["+".join(sorted(_selected(one.judgement))) for one in answers] for answers in (before, after)]
    place = {name: number for number, name in enumerate(sorted(set(chosen_2[0])))}
    code_N = np.array([place[name] for name in chosen_2[0]])
    code_M = np.array([place.get(name, -1) for name in chosen_2[1]])
    quality_N1, quality_M1 = (
        np.array([[quality[one.completions[0]]] for one in answers]) for answers in (before, after)
    )
    if len(place) < 2:
        return np.zeros(code_M.size)
    share_K = np.bincount(code_N) / code_N.size
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(C=10.0, max_iter=300).fit(quality_N1, code_N)
    chance_MK = model.predict_proba(quality_M1)
    known_M = code_M >= 0
    gain_M = np.log(chance_MK[np.arange(code_M.size), code_M] / share_K[code_M]) / LN2
    return np.where(known_M, gain_M, 0.0)


def _selected(judgement: Judgement) -> tuple[str, ...]:
    return judgement.selected if isinstance(judgement, Label) else ()
