"""P-KL and P-RATIO: whether the KL is that of the samples, and sampler, trainer and saved models agree about them."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import RECIPE, EvaluationSample, OnlineMetrics, RolloutRow
from accord.audit.challenges import P_KL, P_RATIO
from accord.audit.checks import Outcome, artefact, check
from accord.audit.evidence import (
    EVALUATION,
    METRICS,
    POLICY_MODEL,
    PROMPTS,
    ROLLOUTS,
    SAMPLES,
    SFT_MODEL,
    Evidence,
)
from accord.audit.preflight.spread import spread
from accord.audit.preflight.thresholds import PreflightThresholds
from accord.audit.verdicts import near_zero, none_of, unless
from accord.errors import MissingEvidence
from accord.stats import Estimate, mean, proportion

__all__ = ["kl", "ratio", "reference", "remeasured"]

Floats = NDArray[np.float64]
Sample = RolloutRow | EvaluationSample


class LoggedKL(NamedTuple):
    """A KL that the run logged, the number of samples behind it, and their KL worked out again; nats a text."""

    value: float
    samples: int
    recomputed: float


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
    together are held to it too.
    """
    steps = _kl_of_steps(evidence)
    logged = [*steps, *_kl_of_evaluation(evidence)]
    if not logged:
        raise MissingEvidence(f"a logged KL that samples stand behind, in {METRICS} or {EVALUATION}")
    bound = math.log(thresholds.kl_level / (len(logged) + 1))
    negative_K = [kl.value * kl.samples < bound for kl in logged]
    together = sum(kl.value * kl.samples for kl in steps)
    gap_K = [abs(kl.value - kl.recomputed) for kl in logged]
    off_K = [gap > thresholds.kl_gap for gap in gap_K]
    wrong = sum(off or negative for off, negative in zip(off_K, negative_K, strict=True))
    largest = Estimate(max(gap_K), None, None, len(gap_K), method="maximum")
    return Outcome(
        ruling=unless(none_of(wrong), violated=together < bound),
        estimate=proportion(wrong, len(logged)),
        threshold=f"a logged KL, or all steps, whose sum over the texts is below {bound:.1f} nats, or one further than "
        f"{thresholds.kl_gap:g} nats from the one recomputed",
        result=f"Of {len(logged)} logged KLs, {sum(negative_K)} are lower than chance allows and {sum(off_K)} are "
        f"not what the samples give; the largest gap is {max(gap_K):.4f} nats.",
        remedy="Carry the sampled token ids instead of encoding the text again; measure policy and reference alike.",
        evidence=tuple(name for name in (METRICS, ROLLOUTS, EVALUATION, SAMPLES) if evidence.holds(name)),
        facts={
            "largest gap to the recomputed KL (nats)": largest,
            "log-ratios of all steps together (nats)": Estimate(
                together, None, None, sum(kl.samples for kl in steps), method="sum"
            ),
        },
        source="Ziegler et al. 2019 (arXiv 1909.08593), eq. 2",
    )


def _kl_of_steps(evidence: Evidence) -> list[LoggedKL]:
    """The KL of each step that logged one, and of the step's samples."""
    logged = [(row, row.kl) for row in _online_metrics(evidence) if row.kl is not None]
    if not logged:
        return []
    by_step: dict[int, list[float]] = {}
    for sample in evidence.samples():
        by_step.setdefault(sample.step, []).append(_sequence_kl(sample, ROLLOUTS))
    unsampled = [row.step for row, _ in logged if row.step not in by_step]
    if unsampled:
        raise MissingEvidence(f"the samples of step {unsampled[0]} in {ROLLOUTS}")
    return [LoggedKL(value, len(by_step[row.step]), float(np.mean(by_step[row.step]))) for row, value in logged]


def _online_metrics(evidence: Evidence) -> list[OnlineMetrics]:
    """The steps of a policy that learnt from samples; none of one that learnt from pairs or examples."""
    return [row for row in evidence.metrics("policy") if isinstance(row, OnlineMetrics)]


def _kl_of_evaluation(evidence: Evidence) -> list[LoggedKL]:
    """The KL of the evaluation, and the KL of its samples; none where one is lacking."""
    if not evidence.holds(EVALUATION) or not evidence.holds(SAMPLES):
        return []
    recomputed = [_sequence_kl(row, SAMPLES) for row in evidence.samples_of("policy")]
    return [LoggedKL(evidence.evaluation.kl.value, len(recomputed), float(np.mean(recomputed)))]


def _sequence_kl(row: Sample, file: str) -> float:
    """log-ratio of policy to reference of a whole sample, nats. Raises `MissingEvidence` without a reference."""
    if row.reference_logprobs is None:
        raise MissingEvidence(f"`reference_logprobs` in {file}")
    return float(np.sum(row.logprobs) - np.sum(row.reference_logprobs))


@check(
    P_RATIO,
    "rollout",
    claim="What was sampled is as likely to the trainer.",
    thresholds=PreflightThresholds,
    needs=(artefact(ROLLOUTS, SAMPLES),),
)
def ratio(evidence: Evidence, thresholds: PreflightThresholds) -> Outcome:
    """Mean size of the log-ratio of a token, trainer to sampler; and what steps logged of it.

    The mean ratio itself says nothing: under the sampler its expectation is 1 whatever the trainer is.
    """
    metrics = _online_metrics(evidence) if evidence.holds(METRICS) else []
    logged = [row.sampler_logprob_diff for row in metrics if row.sampler_logprob_diff is not None]
    # An algorithm that samples nothing while it learns is known by its evaluation alone.
    name = ROLLOUTS if logged or evidence.holds(ROLLOUTS) else SAMPLES
    samples: Sequence[Sample] = evidence.samples() if name == ROLLOUTS else evidence.evaluation_samples
    rows = [row for row in samples if row.token_ids]
    if not rows:
        raise MissingEvidence(f"samples in {name}")
    log_ratios = [_log_ratio(row) for row in rows]
    size = _over_tokens(rows, [np.abs(log_ratio_T) for log_ratio_T in log_ratios])
    facts = {
        "KL(sampler || trainer) by k3 (nats a token)": _over_tokens(rows, [np.expm1(x_T) - x_T for x_T in log_ratios]),
        "largest log-ratio of a token (nats)": _largest(log_ratios, size.n),
    }
    furthest = max(logged, default=0.0)
    cut = _cut_distribution(evidence) if name == ROLLOUTS else ""
    if logged:
        facts["largest mean size that a step logged (nats)"] = Estimate(
            furthest, None, None, len(logged), method="maximum"
        )
    return Outcome(
        ruling=unless(
            near_zero(size, thresholds.sampler_logprob_diff), violated=bool(cut) or furthest > thresholds.sampler_step
        ),
        estimate=size,
        threshold=f"a mean size of the log-ratio of a token above {thresholds.sampler_logprob_diff:g} nats, or a step "
        f"that logged one above {thresholds.sampler_step:g}, or samples of a cut distribution",
        result=f"Trainer and sampler differ about the log-probability of a token by {size.value:.4f} nats on average."
        f"{cut}",
        remedy="Sample at the trainer's precision from the whole distribution, and from the weights that are trained.",
        evidence=(name, METRICS) if logged else (name,),
        facts=facts,
    )


def _cut_distribution(evidence: Evidence) -> str:
    """What cut the distribution that rollouts are drawn from, by the recipe; empty where nothing did, or it is unknown.

    Log-probabilities are those of the whole distribution then, so that no ratio shows it.
    """
    sampling = evidence.recipe.get("policy", {}).get("sampling", {}) if evidence.has(RECIPE) else {}
    whole = {"top_p": 1, "top_k": 0}
    cuts = [f"{key} = {sampling[key]:g}" for key in whole if sampling.get(key, whole[key]) != whole[key]]
    if not cuts:
        return ""
    return (
        f" The recipe samples with {' and '.join(cuts)}: the texts are drawn from another distribution than the one "
        "whose probabilities are written down, so ratio, KL and entropy are not theirs."
    )


def _log_ratio(row: Sample) -> Floats:
    """log p(trainer) - log p(sampler) of each token of a sample, [T]."""
    return np.asarray(row.logprobs, dtype=np.float64) - np.asarray(row.rollout_logprobs, dtype=np.float64)


def _over_tokens(rows: Sequence[Sample], values: Sequence[Floats]) -> Estimate:
    """The mean over all tokens, with an interval from resampling whole sequences."""
    return mean([float(np.mean(value_T)) for value_T in values], weights=[len(row.token_ids) for row in rows])


def _largest(values: Sequence[Floats], n: int) -> Estimate:
    """The largest absolute value of any token."""
    return Estimate(max(float(np.abs(value_T).max()) for value_T in values), None, None, n, method="maximum")


@check(
    P_RATIO,
    "remeasured",
    claim="The saved policy gives the probabilities written down.",
    thresholds=PreflightThresholds,
    needs=(artefact(POLICY_MODEL), artefact(SAMPLES), artefact(PROMPTS)),
)
def remeasured(evidence: Evidence, thresholds: PreflightThresholds) -> Outcome:
    """The policy's log-probabilities of its samples, against those of the saved policy."""
    return _recomputed(
        evidence,
        thresholds,
        model=POLICY_MODEL,
        written=lambda row: row.logprobs,
        remedy="Look for another tokenizer, template or dtype between training and what was saved.",
    )


@check(
    P_RATIO,
    "reference",
    claim="The KL is measured to the start that was saved.",
    thresholds=PreflightThresholds,
    needs=(artefact(SFT_MODEL), artefact(SAMPLES), artefact(PROMPTS)),
)
def reference(evidence: Evidence, thresholds: PreflightThresholds) -> Outcome:
    """The reference's log-probabilities of the policy's samples, against those of the saved start."""
    if evidence.has(RECIPE):
        policy = evidence.recipe.get("policy", {})
        if policy.get("kind") != "sft" and policy.get("base") is not None:
            raise MissingEvidence(f"the policy's start '{policy['base']}' among the models of the run")
    return _recomputed(
        evidence,
        thresholds,
        model=SFT_MODEL,
        written=lambda row: row.reference_logprobs,
        remedy="Freeze the start before training, and open policy and reference in the same dtype.",
    )


def _recomputed(
    evidence: Evidence,
    thresholds: PreflightThresholds,
    *,
    model: str,
    written: Callable[[EvaluationSample], Sequence[float]],
    remedy: str,
) -> Outcome:
    """The written log-probabilities of the policy's samples against those that a saved model gives them."""
    from accord.audit.remeasure.logprobs import remeasure

    rows = spread(evidence.samples_of("policy"), thresholds.max_samples)
    recomputed = remeasure(evidence, rows, model=model)
    gaps = [np.subtract(logprob_T, written(row)) for logprob_T, row in zip(recomputed, rows, strict=True)]
    bias, size = _over_tokens(rows, gaps), _over_tokens(rows, [np.abs(gap_T) for gap_T in gaps])
    surely_large = size.low is not None and size.low > thresholds.remeasured
    return Outcome(
        ruling=unless(near_zero(bias, thresholds.bias), violated=surely_large),
        estimate=bias,
        threshold=f"a mean difference further than {thresholds.bias:g} nats a token from 0, or of a mean size above "
        f"{thresholds.remeasured:g}",
        result=f"Worked out again from {model} in plain passes, a token's log-probability differs by "
        f"{bias.value:+.4f} nats on average from the one that the run wrote down.",
        remedy=remedy,
        evidence=(SAMPLES, model),
        facts={
            "mean size of the difference (nats a token)": size,
            "largest difference of a token (nats)": _largest(gaps, size.n),
        },
    )
