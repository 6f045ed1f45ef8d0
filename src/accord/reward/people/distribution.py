"""How people's utilities of a text are distributed: the judge of distributional preference learning.

r^2 = Var mean / (Var mean + E variance), over texts, says how much of what people want the texts tell; the rest is
context that a reward does not see, such as who is asked (Siththaranjan et al. 2024, arXiv 2312.08358, section 5).
Compare it between parts of the data: where it is lower, a single reward speaks for fewer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, softmax

from accord.interfaces import Scores
from accord.lm.reward_model import ScalarHeadModel
from accord.records import Completion, Prompt
from accord.reward.terms.choices import Distribution

__all__ = ["DistributionalModel", "explained", "utilities"]

Array = NDArray[np.float64]


@dataclass
class DistributionalModel(ScalarHeadModel):
    """Scores by the mean of people's utilities, or by a quantile of them, with their deviation as a component.

    A low quantile is averse to risk: texts that a hidden part of the people dislike score low. The components are
    `mean` and `disagreement`, the standard deviation of people's utilities; it is no doubt of the model, which only the
    members of an ensemble tell. All are in standard deviations of the mean utility over the texts that were compared.
    """

    distribution: Distribution = "normal"
    quantile: float | None = None

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """One score a completion."""
        answers = self._answers(prompts, completions)
        raw_NM = self._raw(answers)
        mean_NS, deviation_NS, _ = self._utilities(raw_NM)
        value_NS = self.overall(raw_NM)
        several = self.members > 1
        return Scores(
            value_NS.mean(1),
            std_N=value_NS.std(1, ddof=1) if several else None,
            members_NS=value_NS if several else None,
            components={"mean": Scores(mean_NS.mean(1)), "disagreement": Scores(deviation_NS.mean(1))},
            tokens_N=np.array([len(answer.completion) for answer in answers], dtype=np.int64),
        )

    def overall(self, raw_NM: Array) -> Array:
        """Outputs as scores, by member, [N, S]."""
        mean_NS, _, quantile_NS = self._utilities(raw_NM)
        return mean_NS if self.quantile is None else quantile_NS

    def r2(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> float:
        """The share of the variance of utilities that these completions explain, the mean over members."""
        mean_NS, deviation_NS, _ = self._utilities(self.raw(prompts, completions))
        return float(np.mean([explained(m, d**2) for m, d in zip(mean_NS.T, deviation_NS.T, strict=True)]))

    def _utilities(self, raw_NM: Array) -> tuple[Array, Array, Array]:
        mean_NS, deviation_NS, quantile_NS = utilities(raw_NM, self.members, self.distribution, self.quantile or 0.5)
        place = self.mean_M[0]
        return (
            (mean_NS - place) / self.score_scale,
            deviation_NS / self.score_scale,
            (quantile_NS - place) / self.score_scale,
        )


def utilities(
    raw_NM: Array, members: int, distribution: Distribution, quantile: float = 0.5
) -> tuple[Array, Array, Array]:
    """The mean, the standard deviation and a quantile of people's utilities by member, [N, S] each.

    Categories are equal steps from 0 to 1; within each, utilities lie evenly about it, so that a quantile moves
    smoothly with the probabilities.
    """
    raw_NKS = raw_NM.reshape(len(raw_NM), -1, members)
    if distribution == "normal":
        mean_NS, deviation_NS = raw_NKS[:, 0], np.exp(raw_NKS[:, 1] / 2)
        return mean_NS, deviation_NS, mean_NS + float(ndtri(quantile)) * deviation_NS
    share_NKS = softmax(raw_NKS, axis=1)
    bins = share_NKS.shape[1]
    worth_K = np.linspace(0, 1, bins)
    mean_NS = np.einsum("nks,k->ns", share_NKS, worth_K)
    deviation_NS = np.sqrt(np.maximum(np.einsum("nks,k->ns", share_NKS, worth_K**2) - mean_NS**2, 0))
    edge_K = (np.arange(bins + 1) - 0.5) / (bins - 1)
    below_NSK = np.concatenate([np.zeros((*mean_NS.shape, 1)), share_NKS.swapaxes(1, 2).cumsum(2)], axis=2)
    quantile_NS = np.array([[np.interp(quantile, below_K, edge_K) for below_K in row] for row in below_NSK])
    return mean_NS, deviation_NS, quantile_NS.reshape(mean_NS.shape)


def explained(mean_N: Array, variance_N: Array) -> float:
    """r^2 = Var mean / (Var mean + E variance); 1 where people agree on every text, 0 where texts do not matter."""
    between, within = float(np.var(mean_N)), float(np.mean(variance_N))
    return between / (between + within) if between + within > 0 else 0.0


def distributional(model: ScalarHeadModel, distribution: Distribution, quantile: float | None) -> DistributionalModel:
    """A loaded model as such a judge."""
    return DistributionalModel(**vars(replace(model, listed=())), distribution=distribution, quantile=quantile)
