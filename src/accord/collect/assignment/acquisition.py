"""Which items several people should judge, and when an item has enough.

**Disagreement-aware choice** (Baumler, Sotnikova and Daume, "Which Examples Should be Multiply Annotated?", ACL
Findings 2023): more answers go where the model's uncertainty and the disagreement to be expected of people differ,

    gap = | H(p_model) - E[H(theta) | answers] |                                          in bits

p_model is the probability that a judge with scores v and standard deviations s gives to the first of two completions,
E[sigmoid(v_1 - v_2 + z sqrt(s_1^2 + s_2^2))] over a standard normal z. theta is the share of people who would prefer
it: with `first` and `second` answers (a tie is half of each) and the prior Beta(1, 1) it is Beta(a, b), a = first + 1,
b = second + 1, whose expected entropy has the closed form (psi is the digamma function)

    E[H(theta)] = ( psi(a + b + 1) - a/(a + b) psi(a + 1) - b/(a + b) psi(b + 1) ) / ln 2

**Adaptive stopping**: with k of n answers for what most say, and the prior Beta(1, 1) on the share theta of people who
would say it,

    P(theta > 1/2 | k, n) = 1 - I_(1/2)(k + 1, n - k + 1)

where I is the regularised incomplete beta function. Three of three give 0.9375, four of four 0.96875.

**Routing to experts** by the same probability: of an item that the crowd has answered often enough, and without a
majority that is right with the probability asked for, the crowd is asked no more, and experts are.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincc, digamma, expit

from accord.collect.study.experts import Experts
from accord.collect.study.kinds import TIE
from accord.collect.study.settings import Stop
from accord.interfaces import Judge, Scores
from accord.records import Completion, Prompt

__all__ = [
    "BY_VOTES",
    "UNSETTLED",
    "Closed",
    "closed_by_all",
    "closed_by_votes",
    "entropy",
    "expected_disagreement",
    "is_decided",
    "is_unsettled",
    "majority_right",
    "preference",
    "preferences",
    "uncertainty_gap",
]

Floats = NDArray[np.float64]
Closed = Literal["", "decided", "unsettled", "expert"]
UNSETTLED: Final = "unsettled"
BY_VOTES: frozenset[str] = frozenset(get_args(Closed))
"""What `closed_by_votes` says of an item; whatever else closes an item stays as it is when votes change."""

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(40)


def preference(difference: float, std: float) -> float:
    """P(the first is preferred) for a score difference with a standard deviation: the mean of the sigmoid over it."""
    return float(expit(difference + std * _NODES) @ _WEIGHTS / _WEIGHTS.sum())


def preferences(judge: Judge, prompts: Sequence[Prompt], pairs: Sequence[tuple[Completion, Completion]]) -> list[float]:
    """`preference` of the first of each pair by a judge; a judge without standard deviations is taken as certain."""
    completions = [completion for pair in pairs for completion in pair]
    scores = judge.score([prompt for prompt in prompts for _ in range(2)], completions)
    value_P2, std_P2 = scores.value_N.reshape(-1, 2), _std(scores).reshape(-1, 2)
    return [
        preference(float(value[0] - value[1]), float(np.hypot(std[0], std[1])))
        for value, std in zip(value_P2, std_P2, strict=True)
    ]


def _std(scores: Scores) -> Floats:
    return np.zeros_like(scores.value_N) if scores.std_N is None else scores.std_N


def entropy(p: float) -> float:
    """The entropy of a yes-no with probability p, in bits."""
    return float(-sum(q * np.log2(q) for q in (p, 1 - p) if q > 0))


def expected_disagreement(votes: Mapping[str, float]) -> float:
    """The expected entropy in bits of what people say, given answers: E[H] under a Dirichlet(1, ...) prior.

    The options are those named, two at least; where there are two this is the closed form above. `TIE` beside two
    options counts half for each.
    """
    counts = _without_ties(votes)
    count_K = np.array([*counts.values(), *[0.0] * (2 - len(counts))]) + 1
    total = count_K.sum()
    return float((digamma(total + 1) - count_K @ digamma(count_K + 1) / total) / np.log(2))


def uncertainty_gap(p_model: float, votes: Mapping[str, float]) -> float:
    """How far the model's uncertainty and the expected disagreement of people differ, in bits."""
    return abs(entropy(p_model) - expected_disagreement(votes))


def majority_right(most: float, n: float) -> float:
    """The posterior probability that what `most` of `n` answers say is what most people would say."""
    return float(betaincc(most + 1, n - most + 1, 0.5))


def is_decided(votes: Mapping[str, float], stop: Stop | None) -> bool:
    """Whether an item has enough answers. Ties count half for each side; a tie of the leaders decides nothing."""
    return stop is not None and sum(votes.values()) >= stop.least and _majority(votes) > stop.probability


def is_unsettled(votes: Mapping[str, float], experts: Experts | None) -> bool:
    """Whether the crowd, with these votes, has answered an item often enough and has no majority that settles it."""
    return experts is not None and sum(votes.values()) >= experts.after and _majority(votes) <= experts.probability


def closed_by_votes(
    crowd: Mapping[str, int], expert: Mapping[str, int], *, stop: Stop | None, experts: Experts | None, ruled: bool
) -> Closed:
    """Why the crowd is asked no more about an item, by the votes of crowd and experts; "" where it is asked.

    decided    the majority of all who answered is right with the probability of `stop`
    unsettled  the crowd cannot settle it, and experts are still to answer
    expert     the crowd could not settle it, and experts have, or whoever runs the study (`ruled`)
    """
    if is_decided(Counter(crowd) + Counter(expert), stop):
        return "decided"
    if experts is None or not is_unsettled(crowd, experts):
        return ""
    return "expert" if ruled or sum(expert.values()) >= experts.answers else "unsettled"


def closed_by_all(reasons: Iterable[Closed]) -> Closed:
    """Why the crowd is asked no more, by what `closed_by_votes` says of each of several questions about an item.

    One question that the crowd cannot settle makes the item the experts'; it is decided where every question is.
    """
    said = set(reasons)
    for reason in ("unsettled", "expert"):
        if reason in said:
            return reason
    return "decided" if said == {"decided"} else ""


def _majority(votes: Mapping[str, float]) -> float:
    """`majority_right` of the leader of these votes; 0 where there are none."""
    counts = _without_ties(votes)
    return majority_right(max(counts.values()), sum(counts.values())) if counts else 0.0


def _without_ties(votes: Mapping[str, float]) -> dict[str, float]:
    """The votes with ties shared out between two options, those named first."""
    named = {name: count for name, count in votes.items() if name != TIE}
    ties = votes.get(TIE, 0.0)
    if not ties:
        return named
    names = [*named, *(f"other {number}" for number in range(2 - len(named)))]
    return {name: named.get(name, 0.0) + ties / len(names) for name in names}
