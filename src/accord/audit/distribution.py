"""Has the policy lost its variety? DC2 mode collapse and loss of calibration."""

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from accord.artefacts.finding import Finding, Verdict
from accord.audit.checks import Check, needed
from accord.audit.evidence import Evidence
from accord.audit.rows import SAMPLES, arm
from accord.audit.settings import AuditSettings
from accord.errors import MissingEvidence
from accord.stats import Estimate, bootstrap, mean

__all__ = ["CHECKS"]

Rows = list[dict[str, Any]]
Floats = NDArray[np.float64]


def _diversity(evidence: Evidence, settings: AuditSettings) -> Finding:
    """Different word pairs among as many word pairs of the samples of the same prompt."""
    start, policy = _arms(evidence)
    pairs = [(_word_pairs(start[prompt]), _word_pairs(policy[prompt])) for prompt in start]
    sizes = [min(sum(one.values()), sum(other.values())) for one, other in pairs]
    before, after = (
        np.array([_distinct(pair[i], size or sum(pair[i].values())) for pair, size in zip(pairs, sizes, strict=True)])
        for i in (0, 1)
    )
    return _ratio(
        DIVERSITY,
        before,
        after,
        settings.distribution.distinct,
        what="different word pairs among as many of its samples of a prompt",
        facts=_alike("start", start) | _alike("policy", policy),
        source="Li et al. 2016 (distinct-n), at equal counts by Hurlbert 1971; Kirk et al. 2023 (arXiv 2310.06452)",
    )


def _entropy(evidence: Evidence, settings: AuditSettings) -> Finding:
    """-log p of a sampled text, which estimates the entropy of the distribution over texts."""
    start, policy = _arms(evidence)
    before, after = (
        np.array([np.mean([-sum(row["logprobs"]) for row in rows]) for rows in arm.values()]) for arm in (start, policy)
    )
    return _ratio(
        ENTROPY,
        before,
        after,
        settings.distribution.entropy,
        what="nats of entropy a text",
        facts={"nats a token, start": _a_token(start), "nats a token, policy": _a_token(policy)},
        source="Kirk et al. 2023 (arXiv 2310.06452); Khalifa et al. 2020 (arXiv 2012.11635)",
    )


def _calibration(evidence: Evidence, settings: AuditSettings) -> Finding:
    raise MissingEvidence("a set of questions with known answers, asked of the start and of the policy")


def _ratio(
    check: Check,
    before_P: Floats,
    after_P: Floats,
    limit: float,
    *,
    what: str,
    facts: dict[str, Estimate],
    source: str,
) -> Finding:
    """The ratio policy / start of a measure of each prompt's samples, held against `limit`."""

    def ratio(prompts_I: NDArray[np.intp]) -> float:
        bottom = float(before_P[prompts_I].sum())
        return float(after_P[prompts_I].sum()) / bottom if bottom else float("nan")

    found = bootstrap(ratio, len(before_P))
    if not np.isfinite(found.value):
        raise MissingEvidence(f"variety in the start's own samples in {SAMPLES}")
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
        facts=facts,
        source=source,
    )


def _verdict(found: Estimate, limit: float) -> Verdict:
    if found.low is None or found.high is None:
        return Verdict.INCONCLUSIVE
    if found.high < limit:
        return Verdict.FIRES
    return Verdict.QUIET if found.low > limit else Verdict.INCONCLUSIVE


def _arms(evidence: Evidence) -> tuple[dict[str, Rows], dict[str, Rows]]:
    """The samples of start and policy by prompt, for the prompts that both answered, in one order."""
    start, policy = (_by_prompt(arm(evidence, name)) for name in ("start", "policy"))
    prompts = sorted(start.keys() & policy.keys())
    if not prompts:
        raise MissingEvidence(f"prompts that both arms answered in {SAMPLES}")
    return {prompt: start[prompt] for prompt in prompts}, {prompt: policy[prompt] for prompt in prompts}


def _by_prompt(rows: Rows) -> dict[str, Rows]:
    found: dict[str, Rows] = {}
    for row in rows:
        found.setdefault(row["prompt"], []).append(row)
    return found


def _word_pairs(rows: Rows) -> Counter[tuple[str, str]]:
    return Counter(pair for row in rows for pair in pairwise(row["text"].lower().split()))


def _distinct(pairs: Counter[tuple[str, str]], size: int) -> float:
    """The share of different ones expected among `size` of these word pairs; 0 where there are none.

    distinct-n falls as texts are added or grow, so arms are compared at the size of the smaller one:
    sum over kinds of 1 - C(N - n_kind, size) / C(N, size), over size (Hurlbert 1971).
    """
    total = sum(pairs.values())
    if not total:
        return 0.0
    left_K = total - np.array(list(pairs.values()), dtype=np.float64)
    room_K = left_K - size
    log_absent_K = (
        gammaln(left_K + 1) - gammaln(np.maximum(room_K, 0) + 1) - gammaln(total + 1) + gammaln(total - size + 1)
    )
    return float(np.sum(1 - np.where(room_K >= 0, np.exp(log_absent_K), 0.0)) / size)


def _alike(name: str, arm_rows: dict[str, Rows]) -> dict[str, Estimate]:
    """How alike two samples of a prompt are, as a fact; none where no prompt has two."""
    shares = [_likeness(rows) for rows in arm_rows.values() if len(rows) > 1]
    return {f"words that two samples of a prompt share, {name}": mean(shares)} if shares else {}


def _likeness(rows: Rows) -> float:
    """The mean over two samples of a prompt of the words they share, of all words of the two (Jaccard)."""
    words = [set(row["text"].lower().split()) for row in rows]
    place = {word: i for i, word in enumerate(sorted(set().union(*words)))}
    has_BV = np.zeros((len(words), len(place)))
    for row, each in enumerate(words):
        has_BV[row, [place[word] for word in each]] = 1
    shared_BB = has_BV @ has_BV.T
    size_B = has_BV.sum(1)
    either_BB = size_B[:, None] + size_B[None] - shared_BB
    alike_BB = np.divide(shared_BB, either_BB, out=np.ones_like(shared_BB), where=either_BB > 0)
    one, other = np.triu_indices(len(words), 1)
    return float(alike_BB[one, other].mean())


def _a_token(arm_rows: dict[str, Rows]) -> Estimate:
    rows = [(prompt, row["logprobs"]) for prompt, members in arm_rows.items() for row in members]
    surprise = [-float(np.mean(logprobs)) for _, logprobs in rows]
    return mean(surprise, [prompt for prompt, _ in rows], weights=[len(logprobs) for _, logprobs in rows])


TITLE = "RL contributes to mode collapse"
DIVERSITY = Check("DC2", "diversity", TITLE, "The policy writes as variously as its start.", _diversity)
ENTROPY = Check("DC2", "entropy", TITLE, "The policy's distribution over texts is as wide as its start's.", _entropy)
CALIBRATION = Check("DC2", "calibration", TITLE, "The policy is as sure as it is right.", _calibration)

CHECKS = (DIVERSITY, ENTROPY, CALIBRATION)
