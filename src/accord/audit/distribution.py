"""Has the policy lost its variety? DC2 mode collapse and loss of calibration."""

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from accord.audit.checks import Check, needed
from accord.audit.evidence import Evidence, Missing
from accord.audit.finding import Finding, Verdict
from accord.audit.rows import SAMPLES, arm
from accord.stats import Estimate, bootstrap

if TYPE_CHECKING:
    from accord.audit.settings import AuditSettings

__all__ = ["CHECKS", "DistributionSettings"]

Rows = list[dict[str, Any]]


class DistributionSettings(BaseModel):
    """Thresholds of DC2: what share of the start's variety must be left."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    distinct: float = Field(default=0.7, gt=0, lt=1, description="DC2 diversity: ratio of distinct-2, policy to start")
    entropy: float = Field(default=0.5, gt=0, lt=1, description="DC2 entropy: ratio of entropies of a whole text")


def _diversity(evidence: Evidence, settings: "AuditSettings") -> Finding:
    """Different word pairs among as many samples of the same prompt."""
    return _ratio(
        DIVERSITY,
        evidence,
        _distinct_2,
        settings.distribution.distinct,
        what="different word pairs among its samples of a prompt",
        source="Li et al. 2016 (distinct-n); Kirk et al. 2023 (arXiv 2310.06452)",
    )


def _entropy(evidence: Evidence, settings: "AuditSettings") -> Finding:
    """-log p of a sampled text, which estimates the entropy of the distribution over texts."""
    return _ratio(
        ENTROPY,
        evidence,
        lambda rows: float(np.mean([-sum(row["logprobs"]) for row in rows])),
        settings.distribution.entropy,
        what="nats of entropy a text",
        source="Kirk et al. 2023 (arXiv 2310.06452); Khalifa et al. 2020 (arXiv 2012.11635)",
    )


def _calibration(evidence: Evidence, settings: "AuditSettings") -> Finding:
    raise Missing("a set of questions with known answers, asked of the start and of the policy")


def _ratio(
    check: Check, evidence: Evidence, measure: Callable[[Rows], float], limit: float, *, what: str, source: str
) -> Finding:
    """The ratio policy / start of a measure of each prompt's samples, held against `limit`."""
    start, policy = (_by_prompt(arm(evidence, name)) for name in ("start", "policy"))
    prompts = sorted(start.keys() & policy.keys())
    if not prompts:
        raise Missing(f"prompts that both arms answered in {SAMPLES}")
    before_P = np.array([measure(start[prompt]) for prompt in prompts])
    after_P = np.array([measure(policy[prompt]) for prompt in prompts])

    def ratio(prompts_I: NDArray[np.intp]) -> float:
        bottom = float(before_P[prompts_I].sum())
        return float(after_P[prompts_I].sum()) / bottom if bottom else float("nan")

    found = bootstrap(ratio, len(prompts))
    if not np.isfinite(found.value):
        raise Missing(f"variety in the start's own samples in {SAMPLES}")
    verdict = _verdict(found, limit)
    return check.finding(
        verdict,
        found,
        threshold=f"less than {limit:g} of the start's left",
        result=f"The policy has {found.value:.2f} times as many {what} as its start "
        f"({after_P.mean():.2f} against {before_P.mean():.2f}).",
        needs=needed(found, limit) if verdict is Verdict.INCONCLUSIVE else "",
        remedy="Strengthen the KL penalty, stop earlier, or sample at a higher temperature.",
        evidence=(SAMPLES,),
        source=source,
    )


def _verdict(found: Estimate, limit: float) -> Verdict:
    if found.low is None or found.high is None:
        return Verdict.INCONCLUSIVE
    if found.high < limit:
        return Verdict.FIRES
    return Verdict.QUIET if found.low > limit else Verdict.INCONCLUSIVE


def _by_prompt(rows: Rows) -> dict[str, Rows]:
    found: dict[str, Rows] = {}
    for row in rows:
        found.setdefault(row["prompt"], []).append(row)
    return found


def _distinct_2(rows: Rows) -> float:
    """The share of word pairs that differ; 0 where no text has two words."""
    pairs = []
    for row in rows:
        words = row["text"].lower().split()
        pairs += list(pairwise(words))
    return len(set(pairs)) / len(pairs) if pairs else 0.0


TITLE = "RL contributes to mode collapse"
DIVERSITY = Check("DC2", "diversity", TITLE, "The policy writes as variously as its start.", _diversity)
ENTROPY = Check("DC2", "entropy", TITLE, "The policy's distribution over texts is as wide as its start's.", _entropy)
CALIBRATION = Check("DC2", "calibration", TITLE, "The policy is as sure as it is right.", _calibration)

CHECKS = (DIVERSITY, ENTROPY, CALIBRATION)
