"""How the scores of several people, groups or objectives become one score: a choice that no data makes.

Component k counts p_k (sum 1), and u_k(y) is its score of completion y. All rules score a completion alone; what they
compare it with is a fixed set of reference completions, kept with the model.

sum        sum_k c_k u_k, c_k any numbers: what each objective counts for or against (no rule for people)
mean       sum_k p_k u_k. Takes scores of different people for amounts of one thing (utilitarian; Harsanyi 1955).
maxmin     min_k u_k: whoever likes y least decides (Rawls; max-min welfare). E min_k u_k is at most min_k E u_k, which
           is what a policy's `maxmin` raises: that one serves groups on average, this one in every text.
quantile   the largest u that a share of at most `quantile` is below: between maxmin (0) and the best liked (1).
borda      the log-odds of y against a reference text, everybody voting: logit of sum_k p_k mean_r s(u_k(y) - u_k(r)),
           s the logistic function of log-odds. A Borda count; what plain Bradley-Terry orders by where hidden groups
           are compared in one pool (Siththaranjan et al. 2024, arXiv 2312.08358, section 3), strength lost.
nash       sum_k p_k log((u_k(y) - d_k) / m_k), d_k the least and d_k + m_k the mean of the references: Nash (1950)
           welfare. The units and zeros of components drop out. Below a tenth of m_k the logarithm goes on as its
           tangent, so that the score stays finite.

By Arrow's theorem no rule for ordinal answers has every virtue; maxmin and quantile take scores of different people
to be on one scale, nash their ratios alone, borda their order and how sure they are.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from accord.deferred import deferred

with deferred():
    from scipy.special import expit, logit

__all__ = ["Aggregation", "Rule"]

Array = NDArray[np.float64]
Rule = Literal["mean", "maxmin", "quantile", "borda", "nash"]


@dataclass(frozen=True)
class Aggregation:
    """A rule, and what it needs: how much each of K components counts (empty: all alike) and a quantile."""

    rule: Rule | Literal["sum"] = "mean"
    weights: tuple[float, ...] = ()
    quantile: float = 0.25

    @property
    def needs_reference(self) -> bool:
        """Whether it compares with reference completions."""
        return self.rule in {"borda", "nash"}

    def __call__(self, score_NK: Array, reference_RK: Array | None = None, *, scale: float = 1.0) -> Array:
        """The scores of N completions, [N]; `scale` is in log-odds a unit of score.

        Components that count nothing are left out. Raises `ValueError` where weights are not one a component, or
        references are missing.
        """
        if self.rule == "sum":
            return np.asarray(score_NK @ self.amounts(score_NK.shape[1]))
        weight_K = self.shares(score_NK.shape[1])
        counted = np.flatnonzero(weight_K)
        score_NK, weight_K = score_NK[:, counted], weight_K[counted]
        if self.rule == "mean":
            return np.asarray(score_NK @ weight_K)
        if self.rule == "maxmin":
            return np.asarray(score_NK.min(1))
        if self.rule == "quantile":
            return _quantile(score_NK, weight_K, self.quantile)
        if reference_RK is None or not len(reference_RK):
            raise ValueError(f"aggregation '{self.rule}' needs the scores of reference completions")
        reference_RK = reference_RK[:, counted]
        if self.rule == "borda":
            return _borda(score_NK, weight_K, reference_RK, scale)
        return _nash(score_NK, weight_K, reference_RK)

    def amounts(self, components: int) -> Array:
        """What each component is multiplied by in a sum, [K]; of the other rules the `shares`."""
        if self.rule != "sum":
            return self.shares(components)
        if len(self.weights) != components:
            raise ValueError(f"weights {self.weights} of {components} components; a sum needs one each")
        return np.array(self.weights)

    def shares(self, components: int) -> Array:
        """How much each component counts, [K], sums to 1."""
        weight_K = np.array(self.weights or (1.0,) * components)
        if len(weight_K) != components or not weight_K.sum() > 0 or (weight_K < 0).any():
            raise ValueError(f"weights {self.weights} of {components} components; one each, none negative, some not 0")
        return np.asarray(weight_K / weight_K.sum())


def _quantile(score_NK: Array, weight_K: Array, quantile: float) -> Array:
    order_NK = score_NK.argsort(1)
    reached_NK = weight_K[order_NK].cumsum(1)
    # Sums of shares are off by rounding.
    first_N = (reached_NK > min(quantile, 1 - 1e-9) + 1e-12).argmax(1)
    return np.asarray(np.take_along_axis(score_NK, order_NK, 1)[np.arange(len(score_NK)), first_N])


def _borda(score_NK: Array, weight_K: Array, reference_RK: Array, scale: float) -> Array:
    share_N = np.zeros(len(score_NK))
    for score_N, reference_R, weight in zip(score_NK.T, reference_RK.T, weight_K, strict=True):
        share_N += weight * expit(scale * (score_N[:, None] - reference_R)).mean(1)
    return np.asarray(logit(np.clip(share_N, 1e-12, 1 - 1e-12)) / scale)


def _nash(score_NK: Array, weight_K: Array, reference_RK: Array, floor: float = 0.1) -> Array:
    least_K = reference_RK.min(0)
    gain_K = reference_RK.mean(0) - least_K
    # Who finds all references alike has nothing to gain or lose.
    gain_NK = np.where(gain_K > 0, (score_NK - least_K) / np.where(gain_K > 0, gain_K, 1.0), 1.0)
    tangent_NK = np.log(floor) + (gain_NK - floor) / floor
    return np.asarray(np.where(gain_NK < floor, tangent_NK, np.log(np.maximum(gain_NK, floor))) @ weight_K)
