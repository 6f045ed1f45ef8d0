"""Preflight of what was measured on sampled tokens: the KL, and whether sampler, trainer and saved model agree."""

import tomllib

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from accord.artefacts.finding import Finding, Verdict
from accord.audit.checks import Check, near_zero
from accord.audit.evidence import Evidence
from accord.audit.rows import SAMPLES, Row, arm, spread
from accord.audit.settings import AuditSettings
from accord.errors import MissingEvidence
from accord.stats import Estimate, mean, proportion

__all__ = ["KL", "RATIO", "REFERENCE", "REMEASURED"]

Floats = NDArray[np.float64]
ROLLOUTS = "policy/samples.jsonl"
METRICS = "policy/metrics.jsonl"
EVALUATION = "evaluation/evaluation.json"
ROUNDING = 1e-6  # nats a sequence by which a KL may be negative through arithmetic alone


def _kl(evidence: Evidence, settings: AuditSettings) -> Finding:
    s = settings.preflight
    logged = [*_kl_of_steps(evidence), *_kl_of_evaluation(evidence)]
    if not logged:
        raise MissingEvidence(f"a logged KL that samples stand behind, in {METRICS} or {EVALUATION}")
    bound = float(norm.isf(s.kl_level / len(logged)))
    negative = [value for value, error, _ in logged if error is not None and value + bound * error < -ROUNDING]
    gaps = [abs(value - again) for value, _, again in logged]
    off = sum(gap > s.kl_gap for gap in gaps)
    wrong = sum(
        gap > s.kl_gap or (error is not None and value + bound * error < -ROUNDING)
        for gap, (value, error, _) in zip(gaps, logged, strict=True)
    )
    return KL.finding(
        Verdict.FIRES if wrong else Verdict.QUIET,
        proportion(wrong, len(logged)),
        threshold=f"any logged KL below 0 by more than {bound:.1f} standard errors, or further than {s.kl_gap:g} nats "
        "from the one recomputed",
        result=f"Of {len(logged)} logged KLs, {len(negative)} are negative beyond their error and {off} are not what "
        f"the samples give; the largest gap is {max(gaps):.4f} nats.",
        remedy="Carry the sampled token ids instead of encoding the text again; measure policy and reference alike.",
        evidence=tuple(name for name in (METRICS, ROLLOUTS, EVALUATION, SAMPLES) if evidence.run.has(name)),
        facts={"largest gap to the recomputed KL (nats)": Estimate(max(gaps), None, None, len(gaps), method="maximum")},
        source="Ziegler et al. 2019 (arXiv 1909.08593), eq. 2",
    )


def _kl_of_steps(evidence: Evidence) -> list[tuple[float, float | None, float]]:
    """Of each step that logged one: the KL, its standard error, and the KL of the step's samples."""
    metrics = [row for row in evidence.jsonl(METRICS) if row.get("kl") is not None]
    if not metrics:
        return []
    again: dict[int, list[float]] = {}
    for row in evidence.jsonl(ROLLOUTS):
        again.setdefault(row["step"], []).append(_sequence_kl(row))
    unsampled = [row["step"] for row in metrics if row["step"] not in again]
    if unsampled:
        raise MissingEvidence(f"the samples of step {unsampled[0]} in {ROLLOUTS}")
    return [(row["kl"], row.get("kl_se"), float(np.mean(again[row["step"]]))) for row in metrics]


def _kl_of_evaluation(evidence: Evidence) -> list[tuple[float, float | None, float]]:
    if not evidence.run.has(EVALUATION) or not evidence.run.has(SAMPLES):
        return []
    found = evidence.json(EVALUATION).get("kl")
    if found is None:
        return []
    kl = Estimate.from_json(found)
    error = None
    if kl.low is not None and kl.high is not None:
        error = (kl.high - kl.low) / (2 * float(norm.isf((1 - kl.level) / 2)))
    return [(kl.value, error, float(np.mean([_sequence_kl(row) for row in arm(evidence, "policy")])))]


def _sequence_kl(row: Row) -> float:
    return float(np.sum(row["logprobs"]) - np.sum(row["reference_logprobs"]))


def _ratio(evidence: Evidence, settings: AuditSettings) -> Finding:
    s = settings.preflight
    metrics = evidence.jsonl(METRICS) if evidence.run.has(METRICS) else []
    logged = [row["ratio"] for row in metrics if row.get("ratio") is not None]
    # An algorithm that samples nothing while it learns is known by its evaluation alone.
    name = evidence.require(ROLLOUTS if logged or evidence.run.has(ROLLOUTS) else SAMPLES)
    rows = [row for row in evidence.jsonl(name) if row["token_ids"]]
    if not rows or "rollout_logprobs" not in rows[0]:
        raise MissingEvidence(f"the sampler's own log-probabilities in {name}")
    found = _over_tokens(rows, [np.expm1(_difference(row)) for row in rows])
    size = _over_tokens(rows, [np.abs(_difference(row)) for row in rows])
    largest = max(float(np.abs(_difference(row)).max()) for row in rows)
    facts = {
        "mean size of the log-ratio of a token (nats)": size,
        "largest log-ratio of a token (nats)": Estimate(largest, None, None, size.n, method="maximum"),
    }
    worst = max((abs(ratio - 1) for ratio in logged), default=0.0)
    if logged:
        facts["furthest logged ratio of a step from 1"] = Estimate(worst, None, None, len(logged), method="maximum")
    verdict, needs = near_zero(found, s.ratio)
    if worst > s.ratio_step:
        verdict, needs = Verdict.FIRES, ""
    return RATIO.finding(
        verdict,
        found,
        threshold=f"a mean ratio further than {s.ratio:g} from 1, or a step that logged one further than "
        f"{s.ratio_step:g} from 1",
        result=f"Sampled tokens are {1 + found.value:.4f} times as likely to the trainer as to the sampler.",
        remedy="Sample at the trainer's precision and without top-p or top-k, or weight by the ratio.",
        evidence=(name, METRICS) if logged else (name,),
        needs=needs,
        facts=facts,
    )


def _difference(row: Row) -> Floats:
    return np.asarray(row["logprobs"], dtype=np.float64) - np.asarray(row["rollout_logprobs"], dtype=np.float64)


def _over_tokens(rows: list[Row], values: list[Floats]) -> Estimate:
    """The mean over all tokens, with an interval from resampling whole sequences."""
    return mean([float(np.mean(each)) for each in values], weights=[len(row["token_ids"]) for row in rows])


def _remeasured(evidence: Evidence, settings: AuditSettings) -> Finding:
    return _again(
        REMEASURED,
        evidence,
        settings,
        model="policy/model",
        column="logprobs",
        remedy="Look for another tokenizer, template or dtype between training and what was saved.",
    )


def _reference(evidence: Evidence, settings: AuditSettings) -> Finding:
    if evidence.run.has("recipe.toml"):
        policy = tomllib.loads(evidence.run.read_bytes("recipe.toml").decode()).get("policy", {})
        if policy.get("kind") != "sft" and policy.get("base") is not None:
            raise MissingEvidence(f"the policy's start '{policy['base']}' among the models of the run")
    return _again(
        REFERENCE,
        evidence,
        settings,
        model="sft/model",
        column="reference_logprobs",
        remedy="Freeze the start before training, and open policy and reference in the same dtype.",
    )


def _again(
    check: Check, evidence: Evidence, settings: AuditSettings, *, model: str, column: str, remedy: str
) -> Finding:
    """Hold the written log-probabilities of the policy's samples against those that a saved model gives them."""
    evidence.require(model)
    s = settings.preflight
    rows = spread(arm(evidence, "policy"), s.samples)
    if column not in rows[0]:
        raise MissingEvidence(f"`{column}` in {SAMPLES}")
    from accord.audit.remeasure.logprobs import remeasure

    gaps = [
        np.subtract(now, row[column]) for now, row in zip(remeasure(evidence, rows, model=model), rows, strict=True)
    ]
    found, size = _over_tokens(rows, gaps), _over_tokens(rows, [np.abs(gap) for gap in gaps])
    largest = max(float(np.abs(gap).max()) for gap in gaps)
    verdict, needs = near_zero(found, s.ratio)
    if size.low is not None and size.low > s.remeasured:
        verdict, needs = Verdict.FIRES, ""
    return check.finding(
        verdict,
        found,
        threshold=f"a mean difference further than {s.ratio:g} nats a token from 0, or of a mean size above "
        f"{s.remeasured:g}",
        result=f"Worked out again from {model} in plain passes, a token's log-probability differs by "
        f"{found.value:+.4f} nats on average from the one that the run wrote down.",
        remedy=remedy,
        evidence=(SAMPLES, model),
        needs=needs,
        facts={
            "mean size of the difference (nats a token)": size,
            "largest difference of a token (nats)": Estimate(largest, None, None, size.n, method="maximum"),
        },
    )


KL = Check("P-KL", "sign", "a KL that is one", "The logged KL is what it says, and not negative.", _kl)
RATIO = Check("P-RATIO", "rollout", "sampler and trainer", "What was sampled is as likely to the trainer.", _ratio)
REMEASURED = Check(
    "P-RATIO",
    "remeasured",
    "sampler and trainer",
    "The saved policy gives the probabilities written down.",
    _remeasured,
)
REFERENCE = Check(
    "P-RATIO",
    "reference",
    "sampler and trainer",
    "The KL is measured to the start that was saved.",
    _reference,
)
