"""P-RATIO: whether sampler, trainer and saved models agree about how likely the samples are."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import RECIPE, EvaluationSample, RolloutRow, measured_tokens
from accord.audit.challenges import P_RATIO
from accord.audit.checks import Outcome, artefact, check
from accord.audit.evidence import (
    METRICS,
    POLICY_MODEL,
    PROMPTS,
    ROLLOUTS,
    SAMPLES,
    SFT_MODEL,
    Evidence,
)
from accord.audit.preflight.spread import spread
from accord.audit.preflight.staleness import staleness_of
from accord.audit.preflight.steps import online_metrics
from accord.audit.preflight.thresholds import PreflightThresholds
from accord.audit.verdicts import near_zero, unless
from accord.errors import MissingEvidence
from accord.stats import Estimate, mean

__all__ = ["ratio", "reference", "remeasured"]

Floats = NDArray[np.float64]
Sample = RolloutRow | EvaluationSample


@check(
    P_RATIO,
    "rollout",
    claim="What was sampled is as likely to the trainer.",
    thresholds=PreflightThresholds,
    needs=(artefact(ROLLOUTS, SAMPLES, METRICS),),
)
def ratio(evidence: Evidence, thresholds: PreflightThresholds) -> Outcome:
    """Mean size of the log-ratio of a token, trainer to sampler; and what steps logged of it.

    The mean ratio itself says nothing: under the sampler its expectation is 1 whatever the trainer is. Samples of
    earlier weights (`staleness`) are judged with all others, and told apart in the facts.
    """
    logged = [row.sampler_logprob_diff for row in online_metrics(evidence) if row.sampler_logprob_diff is not None]
    kept = evidence.holds(ROLLOUTS)
    name, ratios = ROLLOUTS, _log_ratios(evidence.samples() if kept else ())
    stale = staleness_of(evidence, evidence.samples() if kept else ())
    if not ratios and logged:
        return _ratio_as_logged(logged, thresholds)
    if not ratios and evidence.holds(SAMPLES):  # an algorithm that samples nothing while it learns
        name, ratios = SAMPLES, _log_ratios(evidence.evaluation_samples)
    if not ratios:
        raise MissingEvidence(f"`rollout_logprobs` and `logprobs` of samples in {ROLLOUTS} or {SAMPLES}")
    tokens = [each.tokens for each in ratios]
    size = mean([each.size for each in ratios], weights=tokens)
    facts = {
        **stale.facts,
        "KL(sampler || trainer) by k3 (nats a token)": mean([each.k3 for each in ratios], weights=tokens),
        "largest log-ratio of a token (nats)": Estimate(
            max(each.largest for each in ratios), None, None, size.n, method="maximum"
        ),
    }
    furthest = max(logged, default=0.0)
    cut = _cut_distribution(evidence) if name == ROLLOUTS else ""
    if logged:
        facts["largest mean size that a step logged (nats)"] = Estimate(
            furthest, None, None, len(logged), method="maximum"
        )
    return Outcome(
        ruling=unless(
            near_zero(size, thresholds.sampler_logprob_diff),
            violated=bool(cut or stale.problem) or furthest > thresholds.sampler_step,
        ),
        estimate=size,
        threshold=f"a mean size of the log-ratio of a token above {thresholds.sampler_logprob_diff:g} nats, or a step "
        f"that logged one above {thresholds.sampler_step:g}, or samples of a cut distribution, or of weights further "
        "behind than the recipe allows, or learnt from without importance weights",
        result=f"Trainer and sampler differ about the log-probability of a token by {size.value:.4f} nats on average."
        f"{stale.words}{stale.problem}{cut}",
        remedy="Sample at the trainer's precision from the whole distribution, and from the weights that are trained; "
        "lower policy.staleness where they lie behind.",
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


class _LogRatio(NamedTuple):
    """Of a sample: its tokens, the mean size of their log-ratios, the mean of k3, and the largest size."""

    tokens: int
    size: float
    k3: float
    largest: float


def _log_ratios(samples: Sequence[Sample]) -> list[_LogRatio]:
    """Trainer to sampler, of those samples that have tokens, and of which both were kept; tokens are not held."""
    ratios = []
    for tokens in map(measured_tokens, samples):
        if tokens is not None and tokens.ids_T:
            ratio_T = np.subtract(tokens.logprob_T, tokens.sampler_T)
            size_T = np.abs(ratio_T)
            k3 = float(np.mean(np.expm1(ratio_T) - ratio_T))
            ratios.append(_LogRatio(len(ratio_T), float(np.mean(size_T)), k3, float(size_T.max())))
    return ratios


def _ratio_as_logged(logged: Sequence[float], thresholds: PreflightThresholds) -> Outcome:
    """What steps logged of the log-ratio of a token, where no rollouts were kept; steps are the independent units."""
    size, furthest = mean(logged), max(logged)
    return Outcome(
        ruling=unless(near_zero(size, thresholds.sampler_logprob_diff), violated=furthest > thresholds.sampler_step),
        estimate=size,
        threshold=f"a mean size of the log-ratio of a token above {thresholds.sampler_logprob_diff:g} nats, or a step "
        f"that logged one above {thresholds.sampler_step:g}",
        result=f"By what {len(logged)} steps logged, trainer and sampler differ about the log-probability of a token "
        f"by {size.value:.4f} nats on average, by {furthest:.4f} at most.",
        remedy="Sample at the trainer's precision from the whole distribution, and from the weights that are trained.",
        evidence=(METRICS,),
    )


def _over_tokens(values: Sequence[Floats]) -> Estimate:
    """The mean over all tokens, with an interval from resampling whole sequences."""
    return mean([float(np.mean(value_T)) for value_T in values], weights=[len(value_T) for value_T in values])


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
    written: Callable[[EvaluationSample], Sequence[float] | None],
    remedy: str,
) -> Outcome:
    """The written log-probabilities of the policy's samples against those that a saved model gives them."""
    from accord.audit.remeasure.logprobs import remeasure

    rows = spread([row for row in evidence.samples_of("policy") if row.token_ids], thresholds.max_samples)
    before = [logprobs for logprobs in map(written, rows) if logprobs is not None]
    if not rows or len(before) < len(rows):
        raise MissingEvidence(f"log-probabilities of samples in {SAMPLES}")
    recomputed = remeasure(evidence, rows, model=model)
    gaps = [np.subtract(after_T, before_T) for after_T, before_T in zip(recomputed, before, strict=True)]
    bias, size = _over_tokens(gaps), _over_tokens([np.abs(gap_T) for gap_T in gaps])
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
