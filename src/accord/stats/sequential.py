"""A test that may be looked at after every batch of answers: whether a judge's log-odds are still right.

Of stated log-odds l a *slope* b says how sure one may be of them: outcomes have the probability sigmoid(b l). The
hypothesis is that the slope is one of some, from how right the judge is where it was held out; the alternatives are
slopes below them: much less sure, nothing known, half as sure of the opposite.

Under each slope of the hypothesis the product of the likelihood ratios of batches, from any batch on that was settled
before, is a nonnegative martingale that begins at 1 (Wald 1945, doi 10.1214/aoms/1177731118). The mean of such products
over alternatives and over the batch from which on they hold, with weights 1 / (j (j + 1)) for the j-th, is one too: a
judge who was right for long and then is not is found as well. The least of these means over the slopes of the
hypothesis is an e-value (universal inference, Wasserman, Ramdas & Balakrishnan 2020, arXiv 1912.11436): by Ville's
inequality it reaches 1 / level at any time with a chance of `level` at most, however often it is looked at.

`changed_slope` asks otherwise: held-out outcomes, batches in which the judge was right, and those in which it may not
be are one sequence, whose slope is drawn from a prior and changes to one of the alternatives, as multiples of it, from
some batch on. The probability of all of it beside that under one slope throughout, least over all slopes, is an e-value
too, and no interval of slopes is settled before: each batch in which the judge was right is held-out evidence of how
right it is. Few held-out outcomes cost it less, a judge that was wrong from the first batch on costs it more. The mean
of two e-values is one.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, logsumexp

__all__ = ["ALTERNATIVES", "GRID", "batch_ratios", "changed_slope", "e_value", "log_likelihoods", "slope_interval"]

Floats = NDArray[np.float64]
ALTERNATIVES = (0.25, 0.0, -0.5)
"""Slopes beside the least of the hypothesis, as multiples of it."""
SUREST = 6.0
"""Log-odds beyond which nothing is taken for stated: one outcome of a sure judge must not decide alone."""
GRID = np.geomspace(1 / 64, 16, 81)
PRIOR_STD = 0.7
"""Of the logarithm of a slope, about 0: judges are half to twice as sure as one may be of them."""
DROP = 1.3529  # of the log-likelihood: half the 0.9 quantile of chi-squared with one degree of freedom


def batch_ratios(logodds_N: Iterable[float], outcome_N: Iterable[float], slope_B: Sequence[float]) -> Floats:
    """Log likelihood ratios of N outcomes: each alternative beside each slope of the hypothesis, [B, 3], nats.

    outcome_N is 1 where the first was preferred, 0 where the second. Ties are no outcome: leave them out. Raises
    `ValueError` where a number is not what it should be.
    """
    stated_N, happened_N = (np.asarray(list(each), dtype=np.float64) for each in (logodds_N, outcome_N))
    if stated_N.shape != happened_N.shape or not np.isin(happened_N, (0.0, 1.0)).all():
        raise ValueError("outcomes are 1 or 0, one for each of the log-odds")
    if np.isnan(stated_N).any() or not len(slope_B) or min(slope_B) <= 0:
        raise ValueError("log-odds are numbers, and slopes of the hypothesis above 0")
    signed_N = np.clip(stated_N, -SUREST, SUREST) * np.where(happened_N == 1, 1.0, -1.0)
    null_B, other_S = (
        np.array([float(log_expit(slope * signed_N).sum()) for slope in slopes])
        for slopes in (slope_B, [each * min(slope_B) for each in ALTERNATIVES])
    )
    ratios: Floats = other_S[None, :] - null_B[:, None]
    return ratios


def e_value(ratios: Sequence[Floats]) -> float:
    """Evidence of batches, each [B, S] as `batch_ratios` has it, against all slopes of the hypothesis; 1 of none."""
    if not len(ratios):
        return 1.0
    from_on_JBS = np.cumsum(np.stack(ratios)[::-1], axis=0)[::-1]
    number_J = np.arange(1, len(ratios) + 1)
    weight_J = -np.log(number_J * (number_J + 1.0))
    by_batch_JB = logsumexp(from_on_JBS, axis=2) - np.log(from_on_JBS.shape[2])
    found_B = logsumexp(by_batch_JB + weight_J[:, None], axis=0)
    unused = -np.log(len(ratios) + 1.0)  # the weight of batches that are still to come
    return float(np.exp(min(700.0, float(np.logaddexp(found_B, unused).min()))))


def log_likelihoods(signed_N: Iterable[float], weight_N: Iterable[float] | None = None) -> Floats:
    """Of N outcomes, under each slope of `GRID`, [J], nats; `signed_N` are the log-odds of what happened.

    Raises `ValueError` where one is not a number.
    """
    each_N = np.asarray(list(signed_N), dtype=np.float64)
    if np.isnan(each_N).any():
        raise ValueError("log-odds are numbers")
    share_N = np.ones(len(each_N)) if weight_N is None else np.asarray(list(weight_N), dtype=np.float64)
    found_J: Floats = _under(GRID, np.clip(each_N, -SUREST, SUREST)) @ share_N
    return found_J


def changed_slope(held_out_J: Floats, batches: Sequence[Sequence[float] | Floats]) -> float:
    """Evidence that a judge's slope changed from some batch on, against any one slope throughout; 1 of no batches.

    held_out_J is that of outcomes before all batches, as `log_likelihoods` has it; `batches` are log-odds of what
    happened, in order.
    """
    prior_J = -0.5 * (np.log(GRID) / PRIOR_STD) ** 2
    prior_J -= logsumexp(prior_J)
    clipped = [np.clip(np.asarray(each, dtype=np.float64), -SUREST, SUREST) for each in batches]
    same_BJ = [_under(GRID, each_N).sum(1) for each_N in clipped]
    changed_BSJ = [np.stack([_under(a * GRID, each_N).sum(1) for a in ALTERNATIVES]) for each_N in clipped]
    terms = []
    before_J = held_out_J
    for number in range(len(batches)):
        after_J = logsumexp(np.sum(changed_BSJ[number:], axis=0), axis=0) - np.log(len(ALTERNATIVES))
        terms.append(float(logsumexp(prior_J + before_J + after_J)) - np.log((number + 1.0) * (number + 2.0)))
        before_J = before_J + same_BJ[number]
    terms.append(float(logsumexp(prior_J + before_J)) - np.log(len(batches) + 1.0))  # of no change yet
    return float(np.exp(min(700.0, float(logsumexp(terms) - before_J.max()))))


def _under(slope_J: Floats, signed_N: Floats) -> Floats:
    """The log-likelihood of each of N outcomes under each slope, [J, N]."""
    found_JN: Floats = log_expit(slope_J[:, None] * signed_N[None, :])
    return found_JN


def slope_interval(
    logodds_N: Iterable[float], outcome_N: Iterable[float], weights: Iterable[float]
) -> tuple[float, float]:
    """The slopes that N outcomes speak for, within 1/64 and 16: whose likelihood is near the largest, at 90 %.

    `weights` of the outcomes have a mean of 1. The whole range where there are no outcomes.
    """
    signed_N = np.array(list(logodds_N)) * np.where(np.array(list(outcome_N)) == 1, 1.0, -1.0)
    weight_N = np.array(list(weights))
    likelihood_J = np.array([float((weight_N * log_expit(slope * signed_N)).sum()) for slope in GRID])
    likely = GRID[likelihood_J >= likelihood_J.max() - DROP]
    return float(likely[0]), float(likely[-1])
