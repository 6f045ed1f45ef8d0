"""P-KL: whether the KL that was logged is that of the samples, and no lower than chance allows."""

import math
from collections import Counter
from typing import NamedTuple

import numpy as np

from accord.artefacts import EvaluationSample, RolloutRow, logprobs_of
from accord.audit.challenges import P_KL
from accord.audit.checks import Outcome, artefact, check
from accord.audit.evidence import EVALUATION, METRICS, ROLLOUTS, SAMPLES, Evidence
from accord.audit.preflight.steps import online_metrics
from accord.audit.preflight.thresholds import PreflightThresholds
from accord.audit.verdicts import none_of, unless
from accord.errors import MissingEvidence
from accord.stats import Estimate, proportion

__all__ = ["kl"]

ROUNDING = 1e-6  # nats; what is never negative may be off by so much


class LoggedKL(NamedTuple):
    """A KL that the run logged, the number of samples behind it, and their KL worked out again; nats a text.

    `recomputed` is None where no log-probabilities were kept. `squared` is of an estimator that is never negative (k2,
    k3), whatever was sampled. Where the number of samples is not known, it is one at least.
    """

    value: float
    samples: int
    recomputed: float | None = None
    squared: bool = False

    def is_negative(self, bound: float) -> bool:
        """Whether it is lower than chance allows: the sum of so many log-ratios lies below `bound`."""
        return self.value < -ROUNDING if self.squared else self.value * self.samples < bound


@check(
    P_KL,
    "sign",
    claim="The logged KL is what it says, and not negative.",
    thresholds=PreflightThresholds,
    needs=(artefact(METRICS),),
)
def kl(evidence: Evidence, thresholds: PreflightThresholds) -> Outcome:
    """Logged KLs that are lower than chance allows, or not what the samples of their step give.

    Under the policy the mean of ref / policy is at most 1, and so is that of its product over n texts, one after the
    other. By Markov's inequality the sum of their n log-ratios then falls below log(a) with a chance of at most a, for
    any policy, reference and n: an error need not be estimated, which a handful of texts does not allow. All steps
    together are held to it too. Estimators that are never negative are held to that. Where no log-probabilities were
    kept, what the samples give is not known, and that is said.
    """
    steps = _kl_of_steps(evidence)
    logged = [*steps, *_kl_of_evaluation(evidence)]
    if not logged:
        raise MissingEvidence(f"a logged KL that samples stand behind, in {METRICS} or {EVALUATION}")
    bound = math.log(thresholds.kl_level / (len(logged) + 1))
    negative_K = [kl.is_negative(bound) for kl in logged]
    together = sum(kl.value * kl.samples for kl in steps if not kl.squared)
    gap_K = [0.0 if kl.recomputed is None else abs(kl.value - kl.recomputed) for kl in logged]
    off_K = [gap > thresholds.kl_gap for gap in gap_K]
    wrong = sum(off or negative for off, negative in zip(off_K, negative_K, strict=True))
    known = sum(kl.recomputed is not None for kl in logged)
    of_steps = sum(kl.samples for kl in steps if not kl.squared)
    facts = {
        "largest gap to the recomputed KL (nats)": Estimate(max(gap_K), None, None, known, method="maximum"),
        "log-ratios of all steps together (nats)": Estimate(together, None, None, of_steps, method="sum"),
    }
    return Outcome(
        ruling=unless(none_of(wrong), violated=together < bound),
        estimate=proportion(wrong, len(logged)),
        threshold=f"a logged KL, or all steps, whose sum over the texts is below {bound:.1f} nats, or one further than "
        f"{thresholds.kl_gap:g} nats from the one recomputed",
        result=f"Of {len(logged)} logged KLs, {sum(negative_K)} are lower than chance allows and "
        + (
            f"{sum(off_K)} are not what the samples give; the largest gap is {max(gap_K):.4f} nats."
            if known
            else "none can be held against its samples, whose log-probabilities were not kept."
        ),
        remedy="Carry the sampled token ids instead of encoding the text again; measure policy and reference alike.",
        evidence=tuple(name for name in (METRICS, ROLLOUTS, EVALUATION, SAMPLES) if evidence.holds(name)),
        facts={name: fact for name, fact in facts.items() if fact.n},
        source="Ziegler et al. 2019 (arXiv 1909.08593), eq. 2",
    )


def _kl_of_steps(evidence: Evidence) -> list[LoggedKL]:
    """The KL of each step that logged one, and of the step's samples."""
    logged = [(row, row.kl) for row in online_metrics(evidence) if row.kl is not None]
    if not logged:
        return []
    rows = evidence.samples() if evidence.holds(ROLLOUTS) else []
    if all(row.logprobs is None for row in rows):
        counts = Counter(row.step for row in rows)
        return [
            LoggedKL(kl, row.samples or counts[row.step] or 1, squared=row.kl_estimator in {"k2", "k3"})
            for row, kl in logged
        ]
    by_step: dict[int, list[float]] = {}
    for sample in rows:
        by_step.setdefault(sample.step, []).append(_sequence_kl(sample, ROLLOUTS))
    unsampled = [row.step for row, _ in logged if row.step not in by_step]
    if unsampled:
        raise MissingEvidence(f"the samples of step {unsampled[0]} in {ROLLOUTS}")
    return [LoggedKL(value, len(by_step[row.step]), float(np.mean(by_step[row.step]))) for row, value in logged]


def _kl_of_evaluation(evidence: Evidence) -> list[LoggedKL]:
    """The KL of the evaluation, and the KL of its samples; none where one is lacking."""
    if not evidence.holds(EVALUATION) or not evidence.holds(SAMPLES):
        return []
    recomputed = [_sequence_kl(row, SAMPLES) for row in evidence.samples_of("policy")]
    return [LoggedKL(evidence.evaluation.kl.value, len(recomputed), float(np.mean(recomputed)))]


def _sequence_kl(row: RolloutRow | EvaluationSample, file: str) -> float:
    """log-ratio of policy to reference of a whole sample, nats. Raises `MissingEvidence` without one of the two."""
    logprobs = logprobs_of(row)
    if logprobs is None or row.reference_logprobs is None:
        name = "logprobs" if logprobs is None else "reference_logprobs"
        raise MissingEvidence(f"`{name}` in {file}")
    return float(np.sum(logprobs) - np.sum(row.reference_logprobs))
