"""Whether a model of single evaluators foretells votes that it has not seen better than one accuracy for everybody."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from accord.feedback.statistics.workers.confusion import WorkerModel
from accord.feedback.statistics.workers.fitting import pool
from accord.feedback.statistics.workers.votes import Votes
from accord.stats import Estimate, mean

__all__ = ["held_out_gain"]

FOLDS = 5
FEW_GROUPS = 10  # groups of texts below which they cannot be the units of an interval


def held_out_gain(votes: Votes, fit: Callable[[Votes], WorkerModel]) -> Estimate | None:
    """log-likelihood of held-out votes under a model less that under the pool's, in nats a vote.

    Both are fitted without a fold of the items and score it; no text stands on both sides (`Votes.folds`). Votes on an
    item are scored together, and of single votes nothing is learnt. Clusters are groups of texts; where there
    are fewer than ten, whatever is compared with one completion. None where no item of several votes can be held out.
    """
    votes = votes.shared()
    fold_I = votes.folds(FOLDS)
    votes_I = np.bincount(votes.item_N, minlength=votes.items)
    gain_I = np.full(votes.items, np.nan)
    for fold in range(FOLDS):
        learn, test_I = votes.where((fold_I >= 0) & (fold_I != fold)), fold_I == fold
        if learn.items and test_I.any():
            test = votes.where(test_I)
            gain_I[test_I] = fit(learn).log_likelihood(test) - pool(learn).log_likelihood(test)
    scored_I = np.isfinite(gain_I)
    if not scored_I.any():
        return None
    per_vote_I = gain_I[scored_I] / votes_I[scored_I]
    return mean(per_vote_I, _clusters(votes, scored_I).tolist(), weights=votes_I[scored_I].astype(np.float64))


def _clusters(votes: Votes, scored_I: NDArray[np.bool_]) -> NDArray[np.int64]:
    group_I = votes.group_I[scored_I]
    return group_I if np.unique(group_I).size >= FEW_GROUPS else votes.text_I2[scored_I, 0]
