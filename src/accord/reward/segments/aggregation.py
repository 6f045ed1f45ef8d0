"""One score of probabilities along a text, and what each segment adds to it. Pure functions of arrays."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["StepAggregation", "span_credits", "step_credits"]

StepAggregation = Literal["minimum", "product", "last", "mean"]


def span_credits(error_JS: NDArray[np.float64], *, weight: float, bonus: float, mean: bool) -> NDArray[np.float64]:
    """What each of J segments earns under an error's probability by S members, [J, S].

    weight (bonus (1 - p) - p), over J where the mean is asked for (Wu et al. 2023, arXiv 2306.01693, eq. 1).
    """
    earned_JS = weight * (bonus * (1 - error_JS) - error_JS)
    return earned_JS / max(1, len(error_JS)) if mean else earned_JS


def step_credits(right_JS: NDArray[np.float64], aggregation: StepAggregation) -> NDArray[np.float64]:
    """What is earned before the first step and by each of J steps, [1 + J, S], J at least 1; the sum is the score.

    right_JS     the probability that each step is right, by S members
    minimum      min_j p_j: no solution is better than its worst step
    product      prod_j p_j: all steps are right, were they independent (Lightman et al. 2023, arXiv 2305.20050)
    last         p_J
    mean         sum_j p_j / J

    Before any step is read the first two are 1, and a step earns what it takes from there; under `last` it earns how
    much more is thought of the text than before it, and under `mean` its own part.
    """
    nothing_1S = np.zeros_like(right_JS[:1])
    match aggregation:
        case "minimum":
            sofar_JS = np.concatenate([nothing_1S + 1, np.minimum.accumulate(right_JS)])
        case "product":
            sofar_JS = np.concatenate([nothing_1S + 1, np.cumprod(right_JS, axis=0)])
        case "last":
            sofar_JS = np.concatenate([nothing_1S, right_JS])
        case "mean":
            sofar_JS = np.concatenate([nothing_1S, right_JS.cumsum(0) / len(right_JS)])
    return np.diff(sofar_JS, axis=0, prepend=0.0)
