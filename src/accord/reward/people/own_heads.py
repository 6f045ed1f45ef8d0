"""Whether a group that was found needs a reward of its own: by how much its own foretells its people's answers better.

People who merely answer more noisily are a group to a likelihood, and a reward that is learnt from their answers alone
serves them worse than everybody's. So a group's own reward is held against everybody's, and those of the other groups,
each times whichever factor from 0 to 4 makes the group's answers likeliest: noise is no other mind, and the opposite is
one (no factor is below 0). A fourth of each evaluator's answers at a time is left out of all that is fitted, who
belongs where too, and foretold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from accord.reward.people.mixture import Array, GroupFit, Mixture, by_evaluator, responsibilities

__all__ = ["Joined", "OwnHeads", "ScalableFit", "own_heads", "with_own_heads"]

FACTORS = (0.0, *np.geomspace(0.05, 4.0, 14).tolist())
FOLDS = 4
P = TypeVar("P")


class ScalableFit(GroupFit[P], Protocol[P]):
    """A `GroupFit` that also reads answers by rewards times a factor."""

    def scaled(self, parameters: P, factor: float) -> Array:
        """log p(o | factor * rewards) of all O answers by each group, [O, K]."""
        ...


@dataclass(frozen=True)
class Joined:
    """A group that was found and has no head of its own: its share of people, and what one would gain.

    `gain` is in nats a held-out answer of its people, `error` its standard error.
    """

    share: float
    gain: float
    error: float

    def __str__(self) -> str:
        return f"{self.share:.0%} of them, who gain {self.gain:.4f} +- {self.error:.4f} nats a held-out answer by one"


@dataclass(frozen=True)
class OwnHeads:
    """What the own reward of each of K groups gains on held-out answers of its people; nats an answer.

    gain_K      over the best of the others' and everybody's
    error_K     its standard error, over people
    nearest_K   the other group whose reward foretells its people best
    """

    gain_K: Array
    error_K: Array
    nearest_K: NDArray[np.int64]

    @property
    def needless(self) -> list[int]:
        """The groups whose own reward gains no more than one standard error.

        The largest group is none of them: its reward is what the others' are held against.
        """
        return [k for k in range(1, len(self.gain_K)) if self.gain_K[k] <= self.error_K[k]]


def own_heads(
    fit: ScalableFit[P], evaluator_O: Sequence[int] | NDArray[np.int64], mixture: Mixture[P], *, seed: int = 0
) -> OwnHeads:
    """What the groups of a mixture of two and more gain by rewards of their own."""
    who_O = np.asarray(evaluator_O, dtype=np.int64)
    evaluators, groups = int(who_O.max()) + 1, len(mixture.share_K)
    fold_O = _folds(who_O, np.random.default_rng(seed))
    gain_EK, count_EK = np.zeros((evaluators, groups)), np.zeros((evaluators, groups))
    foretold_KJ = np.zeros((groups, groups))
    for fold in range(FOLDS):
        asked_O = fold_O == fold
        member_OK, own_OK, other_OKJ, best_K = _fitted(fit, who_O, ~asked_O, mixture)
        member_OK = member_OK * asked_O[:, None]
        gain_OK = own_OK - np.take_along_axis(other_OKJ, best_K[None, :, None], axis=2)[:, :, 0]
        gain_EK += by_evaluator(member_OK * gain_OK, who_O, evaluators)
        count_EK += by_evaluator(member_OK, who_O, evaluators)
        foretold_KJ += np.einsum("ok,okj->kj", member_OK, other_OKJ)[:, :groups]
    gain_K = gain_EK.sum(0) / count_EK.sum(0)
    error_K = np.sqrt(((gain_EK - gain_K * count_EK) ** 2).sum(0)) / count_EK.sum(0)
    np.fill_diagonal(foretold_KJ, -np.inf)
    return OwnHeads(gain_K, error_K, foretold_KJ.argmax(1))


def with_own_heads(
    fit: ScalableFit[P], evaluator_O: Sequence[int] | NDArray[np.int64], mixture: Mixture[P], *, seed: int = 0
) -> tuple[Mixture[P], list[Joined]]:
    """The mixture without groups that need no reward of their own, and those.

    One after the other, the one that gains least, joins the group whose reward foretells its people best; where one is
    left, it is everybody.
    """
    who_O = np.asarray(evaluator_O, dtype=np.int64)
    joined: list[Joined] = []
    while len(mixture.share_K) > 1:
        found = own_heads(fit, who_O, mixture, seed=seed)
        if not found.needless:
            break
        least = min(found.needless, key=lambda k: found.gain_K[k])
        joined.append(Joined(float(mixture.share_K[least]), float(found.gain_K[least]), float(found.error_K[least])))
        responsibility_EK = mixture.responsibility_EK.copy()
        responsibility_EK[:, found.nearest_K[least]] += responsibility_EK[:, least]
        responsibility_EK = np.delete(responsibility_EK, least, axis=1)
        order = np.argsort(-responsibility_EK.sum(0), kind="stable")
        responsibility_EK = responsibility_EK[:, order]
        share_K = (responsibility_EK.sum(0) + 1) / (len(responsibility_EK) + len(order))
        parameters, loglik_OK = fit(responsibility_EK[who_O], None)
        mixture = Mixture(parameters, share_K, responsibility_EK, float((responsibility_EK[who_O] * loglik_OK).sum()))
    return mixture, joined


def _fitted(
    fit: ScalableFit[P], who_O: NDArray[np.int64], kept_O: NDArray[np.bool_], mixture: Mixture[P]
) -> tuple[Array, Array, Array, NDArray[np.int64]]:
    """By the answers that are kept: who is of which group [O, K]; of all answers, their log-likelihoods by the group's
    own reward [O, K] and by each other one, everybody's last, times its factor for the group [O, K, J]; and which of
    these is best for each group by what was kept.
    """
    evaluators, groups = len(mixture.responsibility_EK), len(mixture.share_K)
    parameters, member_EK = mixture.parameters, mixture.responsibility_EK
    for _ in range(2):  # twice, so that what is left out is forgotten
        parameters, own_OK = fit(member_EK[who_O] * kept_O[:, None], parameters)
        member_EK = responsibilities(own_OK * kept_O[:, None], who_O, mixture.share_K, evaluators)
    member_OK = member_EK[who_O]
    everybody, _ = fit(kept_O[:, None].astype(float), None)
    by_factor_FOJ = np.array(
        [np.concatenate([fit.scaled(parameters, f), fit.scaled(everybody, f)], axis=1) for f in FACTORS]
    )
    kept_FKJ = np.einsum("ok,foj->fkj", member_OK * kept_O[:, None], by_factor_FOJ)
    factor_KJ = kept_FKJ.argmax(0)
    other_OKJ = np.stack([by_factor_FOJ[factor_KJ[k], :, np.arange(groups + 1)].T for k in range(groups)], axis=1)
    score_KJ = kept_FKJ.max(0)
    score_KJ[np.arange(groups), np.arange(groups)] = -np.inf
    return member_OK, own_OK, other_OKJ, score_KJ.argmax(1)


def _folds(who_O: NDArray[np.int64], draw: np.random.Generator) -> NDArray[np.int64]:
    """Which fold each answer is left out of; as many of each as can be for each evaluator."""
    fold_O = np.zeros(len(who_O), dtype=np.int64)
    for evaluator in np.unique(who_O):
        places = draw.permutation(np.flatnonzero(who_O == evaluator))
        fold_O[places] = (np.arange(len(places)) + draw.integers(FOLDS)) % FOLDS
    return fold_O
