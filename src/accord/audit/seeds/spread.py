"""RL1: whether what a policy gains is the recipe's doing, or the seed's."""

from collections.abc import Sequence
from math import sqrt

import numpy as np

from accord.audit.challenges import RL1
from accord.audit.checks import Outcome, artefact, check
from accord.audit.evidence import EVALUATION, Evidence
from accord.audit.seeds.other_seeds import MORE_SEEDS, runs_of_seeds
from accord.audit.seeds.thresholds import SeedThresholds
from accord.deferred import deferred
from accord.errors import MissingEvidence

with deferred():
    from scipy.optimize import brentq
    from scipy.stats import nct

    from accord.artefacts import PolicyEvaluation, Verdict
    from accord.audit.verdicts import Ruling
    from accord.stats import Estimate, mean

__all__ = ["coefficient_of_variation", "spread"]

LEVEL = 0.05
LARGEST, SMALLEST = 1e3, 1e-3  # coefficients of variation between which an interval's ends are looked for


@check(
    RL1,
    "seeds",
    claim="Another seed would have gained as much.",
    thresholds=SeedThresholds,
    needs=(artefact(EVALUATION),),
    collect=MORE_SEEDS,
)
def spread(evidence: Evidence, thresholds: SeedThresholds) -> Outcome:
    """The standard deviation over seeds of what the policy gains by the independent judge, beside its mean.

    Gains are taken for normal over seeds; the test of their coefficient of variation is exact then, with few seeds too.
    What samples of each run are too few to tell adds to the spread, so evaluate enough of them.
    """
    runs = runs_of_seeds(evidence)
    gains = {run.seed: gain for run in runs if run.evaluation and (gain := _gain(run.evaluation)) is not None}
    if len(gains) < 3:
        raise MissingEvidence(f"the independent judge's scores of both arms in three runs (there are {len(gains)})")
    gain_S = np.array(list(gains.values()))
    variation = coefficient_of_variation(gain_S)
    middle = np.sort(gain_S)[len(gain_S) // 4 : len(gain_S) - len(gain_S) // 4]
    listed = ", ".join(f"{gain:+.2f} (seed {seed})" for seed, gain in sorted(gains.items()))
    return Outcome(
        ruling=_ruling(gain_S, thresholds.variation),
        estimate=variation,
        threshold=f"a standard deviation surely more than {thresholds.variation:g} of the mean",
        result=f"By the independent judge the policies gain {listed}: {gain_S.mean():+.2f} on average, with a standard "
        f"deviation of {gain_S.std(ddof=1):.2f}.",
        remedy="Report all seeds, not the best one; lower the learning rate, whiten advantages, take larger groups, or "
        "begin with a supervised start.",
        evidence=(EVALUATION,),
        facts={
            "mean gain over seeds (SDs)": mean(gain_S),
            "interquartile mean": Estimate(float(middle.mean()), None, None, len(gain_S)),
        },
        source="exact test of a coefficient of variation by the noncentral t (Johnson & Welch 1940); Agarwal et al. "
        "2021 (arXiv 2108.13264) on reporting few seeds",
    )


def coefficient_of_variation(value_S: np.ndarray, level: float = 0.95) -> Estimate:
    """Standard deviation over the size of the mean of normal numbers, with its exact interval.

    sqrt(S) mean / sd has a noncentral t distribution with S - 1 degrees of freedom and the noncentrality sqrt(S) / cv.
    Where the mean is not surely away from 0, the upper end is that of the search, 1,000.
    """
    count = len(value_S)
    deviation = float(value_S.std(ddof=1))
    if deviation == 0 or value_S.mean() == 0:
        return Estimate(0.0 if deviation == 0 else LARGEST, None, None, count, method="no spread, or no mean")
    observed = abs(float(value_S.mean())) * sqrt(count) / deviation
    tail = (1 - level) / 2
    low, high = (_end(observed, count, probability) for probability in (tail, 1 - tail))
    return Estimate(deviation / abs(float(value_S.mean())), low, high, count, method="noncentral t")


def _end(observed: float, count: int, probability: float) -> float:
    """The coefficient under which so small a ratio, or a smaller one, has that probability."""

    def excess(cv: float) -> float:
        return float(nct.cdf(observed, count - 1, sqrt(count) / cv)) - probability

    if excess(SMALLEST) > 0:
        return SMALLEST
    if excess(LARGEST) < 0:
        return LARGEST
    return float(brentq(excess, SMALLEST, LARGEST))


def _ruling(gain_S: np.ndarray, limit: float) -> Ruling:
    count, deviation = len(gain_S), float(gain_S.std(ddof=1))
    if deviation == 0:
        return Ruling(Verdict.QUIET, p_value=1.0)
    observed = abs(float(gain_S.mean())) * sqrt(count) / deviation
    below = float(nct.cdf(observed, count - 1, sqrt(count) / limit))
    if below < LEVEL:
        return Ruling(Verdict.FIRES, p_value=below)
    if 1 - below < LEVEL:
        return Ruling(Verdict.QUIET, p_value=below)
    return Ruling(Verdict.INCONCLUSIVE, f"about {_seeds_needed(gain_S, limit)} seeds instead of {count}", below)


def _seeds_needed(gain_S: Sequence[float] | np.ndarray, limit: float) -> int:
    """Seeds at which numbers like these would decide."""
    ratio = abs(float(np.mean(gain_S))) / float(np.std(gain_S, ddof=1))
    for count in range(len(gain_S) + 1, 200):
        below = float(nct.cdf(ratio * sqrt(count), count - 1, sqrt(count) / limit))
        if not LEVEL <= below <= 1 - LEVEL:
            return count
    return 200


def _gain(evaluation: PolicyEvaluation) -> float | None:
    start, policy = evaluation.start.eval_reward, evaluation.policy.eval_reward
    return None if start is None or policy is None else policy.value - start.value
