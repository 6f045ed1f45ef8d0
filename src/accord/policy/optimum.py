"""How far the optimum of a KL-regularised objective lies from the start, as far as texts of the start show.

    E[score] - kl_coef KL(pi || start)   is greatest at   pi*(y|x) = start(y|x) exp(score(x, y) / kl_coef) / Z(x)

(Korbak et al. 2022, arXiv 2205.11275). Of n texts of the start to a prompt, pi* gives each the weight
w = softmax(score / kl_coef), so KL(pi* || start) is about sum w log(n w): log n at most, whatever the truth. About
exp(KL) texts are needed to see pi* at all (Chatterjee & Diaconis 2018, Annals of Applied Probability 28); how many it
rests on is 1 / sum w^2 (Kong 1992).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accord.artefacts import EvaluationSample, OptimumEstimate
from accord.records import Sampling
from accord.stats import Estimate, jackknife, mean

__all__ = ["KLObjective", "optimum_from_start"]

Floats = NDArray[np.float64]

ENOUGH = 8.0  # texts of a prompt that carry the optimum


@dataclass(frozen=True)
class KLObjective:
    """E[score] - kl_coef KL(pi || start) over whole texts, the score less a penalty where a text did not end.

    `sampling` is how those texts are drawn: at another temperature, or cut off elsewhere, the start is another one.
    Where it is `cautious` the score is that at its low end.
    """

    kl_coef: float
    missing_eos_penalty: float
    sampling: Sampling
    cautious: bool = False

    def optimum(self, start: Sequence[EvaluationSample], sampling: Sampling) -> OptimumEstimate | None:
        """From texts of the start, drawn by `sampling`; None where that is another one, or they have no scores."""
        scores = [sample.cautious_reward if self.cautious else sample.reward for sample in start]
        if None in scores or sampling.model_copy(update={"seed": self.sampling.seed}) != self.sampling:
            return None
        cut_N = np.array([sample.finish_reason == "length" for sample in start])
        score_N = np.array(scores, dtype=np.float64) - self.missing_eos_penalty * cut_N
        optimum = optimum_from_start(score_N, [sample.prompt for sample in start], self.kl_coef)
        penalty = {"missing_eos_penalty": self.missing_eos_penalty}
        return None if optimum is None else optimum.model_copy(update=penalty)


def optimum_from_start(scores: ArrayLike, prompts: Sequence[str], kl_coef: float) -> OptimumEstimate | None:
    """KL(pi* || start) in nats a text, the mean over prompts, from the scores [N] of the start's texts.

    Where the texts suffice (`OptimumEstimate.resolved`), the bias of so few is taken off by the jackknife (Quenouille
    1956); else the estimate stands as it is, which is too small. None where a prompt has a single text.
    """
    score_N = np.asarray(scores, dtype=np.float64)
    rows_of: dict[str, list[int]] = {}
    for row, prompt in enumerate(prompts):
        rows_of.setdefault(prompt, []).append(row)
    fewest = min(map(len, rows_of.values()), default=0)
    if fewest < 2:
        return None
    by_prompt = [score_N[rows] / kl_coef for rows in rows_of.values()]
    concentration_P = np.array([float((_weights(exponent_G) ** 2).sum()) for exponent_G in by_prompt])
    effective = jackknife(lambda rows_P: float(1 / concentration_P[rows_P].mean()), len(by_prompt))
    resolved = effective.value >= ENOUGH
    kl = mean([(_without_bias if resolved else _kl)(exponent_G) for exponent_G in by_prompt])
    return OptimumEstimate(
        kl_coef=kl_coef,
        kl=_within(kl, 0.0, float("inf")),
        samples=fewest,
        effective=_within(effective, 1.0, max(map(len, by_prompt))),
        resolved=resolved,
    )


def _weights(exponent_G: Floats) -> Floats:
    weight_G: Floats = np.exp(exponent_G - exponent_G.max())
    normalised_G: Floats = weight_G / weight_G.sum()
    return normalised_G


def _kl(exponent_G: Floats) -> float:
    """KL of the weights to equal ones; between 0 and log n."""
    weight_G = _weights(exponent_G)
    some_G = weight_G[weight_G > 0]
    return float((some_G * np.log(weight_G.size * some_G)).sum())


def _without_bias(exponent_G: Floats) -> float:
    """The same less its bias in 1 / n: n times the whole, less n - 1 times the mean without one of the texts."""
    n = exponent_G.size
    return n * _kl(exponent_G) - (n - 1) * float(np.mean([_kl(np.delete(exponent_G, row)) for row in range(n)]))


def _within(estimate: Estimate, least: float, most: float) -> Estimate:
    """With value and interval where they can be."""
    low, high = (None if end is None else min(max(end, least), most) for end in (estimate.low, estimate.high))
    return replace(estimate, value=min(max(estimate.value, least), most), low=low, high=high)
