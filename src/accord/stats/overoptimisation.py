"""The laws of over-optimisation of Gao et al. 2022 (arXiv 2210.10760), fitted to what an independent judge says.

    best of n   R(d) = d (alpha - beta d)       peak at d* = alpha / (2 beta)
    RL          R(d) = d (alpha - beta ln d)    peak at d* = exp(alpha / beta - 1)        d = sqrt(KL to the start)

What is fitted beside alpha and beta is the judge's score of the start, which is measured with noise as the others are.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from accord.stats.estimate import Estimate
from accord.stats.jackknife import jackknife

__all__ = ["LAWS", "Law", "fitted_peak", "law_facts", "peak_of"]

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Means = Callable[[str, Places], Floats]
LEFT = 0.05  # of sqrt(KL), above which the policy has left its start
FARTHEST = 50.0  # of ln d*: beyond every reach, and a float
FEWEST = 4  # steps that have, for two coefficients and a start


@dataclass(frozen=True)
class Law:
    """A law by its name, its second term (of which the coefficient is -beta), and the peak of alpha and beta."""

    name: str
    bend: Callable[[Floats], Floats]
    peak: Callable[[float, float], float]

    def fit(self, d_S: Floats, judge_S: Floats) -> tuple[float, float, float]:
        """alpha, beta, and the share of variance that the law explains, by least squares."""
        design_S3 = np.stack([np.ones_like(d_S), d_S, -self.bend(d_S)], 1)
        (level, alpha, beta), *_ = np.linalg.lstsq(design_S3, judge_S)
        rest_S = judge_S - design_S3 @ np.array([level, alpha, beta])
        spread = float(((judge_S - judge_S.mean()) ** 2).sum())
        return float(alpha), float(beta), 1 - float((rest_S**2).sum()) / spread if spread > 0 else 0.0


def _log_bend(d_S: Floats) -> Floats:
    return np.asarray(d_S * np.log(np.where(d_S > 0, d_S, 1)))


LAWS = (
    Law("best of n", lambda d_S: d_S**2, lambda alpha, beta: alpha / (2 * beta) if beta > 0 else float("inf")),
    Law("RL", _log_bend, lambda alpha, beta: math.exp(min(alpha / beta - 1, FARTHEST)) if beta > 0 else float("inf")),
)


def law_facts(means: Means, prompts: int) -> dict[str, Estimate]:
    """By law, R^2 and beta with its interval over prompts; and the peak where the curve has one within twice its reach.

    `means` gives the mean at each step, [S], of `kl` or `eval_reward` over some of the prompts.
    """
    everything_I = np.arange(prompts)
    reach = float(np.sqrt(max(np.nanmax(means("kl", everything_I)), 0.0)))
    facts: dict[str, Estimate] = {}
    for law in LAWS:
        beta, explained, peak = _fitted(law, means, everything_I)
        if not np.isfinite(beta):
            continue
        facts[f"law of {law.name}, beta"] = jackknife(partial(_one_of, law, means, 0), prompts)
        facts[f"law of {law.name}, R squared"] = Estimate(explained, None, None, prompts)
        if 0 < peak <= 2 * reach:
            facts[f"law of {law.name}, peak at sqrt(KL)"] = jackknife(partial(_one_of, law, means, 2), prompts)
    return facts


def fitted_peak(means: Means, prompts: int) -> Estimate | None:
    """The sqrt(KL) at which the law of RL is highest, with its interval over prompts.

    None where the curve has no peak, or too few points to fit one; there is no interval where it has none without one
    of the prompts. `means` is as for `law_facts`.
    """
    peak = peak_of(means, np.arange(prompts))
    return jackknife(partial(peak_of, means), prompts) if 0 < peak < math.exp(FARTHEST) else None


def peak_of(means: Means, prompts_I: Places) -> float:
    """The sqrt(KL) at which the law of RL is highest over some of the prompts; infinite or NaN where it is not."""
    return _one_of(LAWS[1], means, 2, prompts_I)


def _one_of(law: Law, means: Means, which: int, prompts_I: Places) -> float:
    return _fitted(law, means, prompts_I)[which]


def _fitted(law: Law, means: Means, prompts_I: Places) -> tuple[float, float, float]:
    """beta, R^2 and peak over some of the prompts; NaN where the policy has hardly left its start."""
    kl_S, judge_S = means("kl", prompts_I), means("eval_reward", prompts_I)
    seen_S = np.isfinite(kl_S) & np.isfinite(judge_S)
    d_S = np.sqrt(np.maximum(kl_S[seen_S], 0))
    if (d_S > LEFT).sum() < FEWEST:
        return float("nan"), float("nan"), float("nan")
    alpha, beta, explained = law.fit(d_S, judge_S[seen_S])
    return beta, explained, law.peak(alpha, beta)
