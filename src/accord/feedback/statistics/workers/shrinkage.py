"""Rates of single evaluators, drawn towards the pool's as far as they differ no more than chance would have it."""

import numpy as np
from numpy.typing import NDArray

from accord.deferred import deferred

with deferred():
    from scipy import special

    from accord.stats import Estimate

__all__ = ["beta_prior", "is_told", "shrunk_rates", "tail_above", "tail_below"]

Floats = NDArray[np.float64]
STRONGEST = 1e4  # answers that the prior is worth where evaluators do not differ
WEAKEST = 1.0
LEAST = 0.5  # answers' worth below which nothing is told of an evaluator


def is_told(count_E: Floats) -> NDArray[np.bool_]:
    """Of whom there is anything to tell, [E]: answers that are worth half a one or more."""
    return count_E >= LEAST


def beta_prior(right_E: Floats, count_E: Floats) -> tuple[float, float]:
    """Mean and strength (in answers) of the Beta distribution that evaluators' rates seem to be drawn from.

    By the moments of the beta-binomial (Kleinman 1973): with p the pooled rate and N = sum n,
    sum n_e (p_e - p)^2 = p (1 - p) [E - 1 + rho (N - sum n_e^2 / N - E + 1)], and the strength is 1 / rho - 1, between
    1 and 10,000. `right_E` and `count_E` need not be whole. Raises ValueError where nobody has an answer.
    """
    told_E = is_told(count_E)
    right_E, count_E = right_E[told_E], count_E[told_E]
    if not count_E.size:
        raise ValueError("no answers, so no prior")
    total = float(count_E.sum())
    pooled = float(np.clip(right_E.sum() / total, 1e-6, 1 - 1e-6))
    spread = float(count_E @ (right_E / count_E - pooled) ** 2) / (pooled * (1 - pooled))
    excess = spread - (count_E.size - 1)
    room = total - float(count_E @ count_E) / total - (count_E.size - 1)
    rho = excess / room if room > 0 else 0.0
    return pooled, float(np.clip(1 / max(rho, 1e-9) - 1, WEAKEST, STRONGEST))


def shrunk_rates(
    names: list[str], right_E: Floats, count_E: Floats, *, prior: tuple[float, float] | None = None, method: str
) -> dict[str, Estimate]:
    """The posterior of each evaluator's rate, by name: its mean and central 95 %; who has no answer is left out.

    The prior (mean, strength) is `beta_prior` of all where none is handed in.
    """
    told_E = is_told(count_E)
    if not told_E.any():
        return {}
    mean, strength = beta_prior(right_E, count_E) if prior is None else prior
    alpha_E, beta_E = right_E + mean * strength, count_E - right_E + (1 - mean) * strength
    low_E, high_E = (special.betaincinv(alpha_E, beta_E, tail) for tail in (0.025, 0.975))
    words = f"{method}, shrunk to the pool's {mean:.3f} by a prior worth {strength:.3g} answers"
    return {
        name: Estimate(float(a / (a + b)), float(low), float(high), round(float(n)), method=words)
        for name, a, b, low, high, n, told in zip(names, alpha_E, beta_E, low_E, high_E, count_E, told_E, strict=True)
        if told
    }


def tail_below(right_E: Floats, count_E: Floats, rate_E: Floats | float) -> Floats:
    """P(at most so many right) at a true rate, [E]; by the beta function, so that counts need not be whole."""
    short_E = np.maximum(count_E - right_E, 1e-12)
    return np.asarray(special.betainc(short_E, right_E + 1, 1 - np.asarray(rate_E)))


def tail_above(right_E: Floats, count_E: Floats, rate_E: Floats | float) -> Floats:
    """P(at least so many right) at a true rate, [E]."""
    return tail_below(count_E - right_E, count_E, 1 - np.asarray(rate_E))
