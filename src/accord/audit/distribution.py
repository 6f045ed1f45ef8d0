"""Has the policy lost its variety? DC2: mode collapse."""

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import gammaln

from accord.artefacts import EvaluationSample
from accord.audit.challenges import DC2
from accord.audit.checks import Outcome, artefact, check
from accord.audit.evidence import SAMPLES, Evidence
from accord.audit.settings import Thresholds
from accord.audit.verdicts import above
from accord.errors import MissingEvidence
from accord.stats import Estimate, jackknife, mean

__all__ = ["CHECKS", "DistributionThresholds"]

Floats = NDArray[np.float64]
ByPrompt = dict[str, list[EvaluationSample]]


class DistributionThresholds(Thresholds):
    """Thresholds of DC2: what share of the start's variety must be left."""

    family: ClassVar[str] = "distribution"

    distinct: float = Field(default=0.7, gt=0, lt=1, description="DC2 diversity: ratio of distinct-2, policy to start")
    entropy: float = Field(default=0.5, gt=0, lt=1, description="DC2 entropy: ratio of entropies of a whole text")


@check(
    DC2,
    "diversity",
    claim="The policy writes as variously as its start.",
    thresholds=DistributionThresholds,
    needs=(artefact(SAMPLES),),
)
def diversity(evidence: Evidence, thresholds: DistributionThresholds) -> Outcome:
    """Different word pairs among as many word pairs of the samples of the same prompt."""
    start, policy = _arms(evidence)
    pairs = [(_word_pairs(start[prompt]), _word_pairs(policy[prompt])) for prompt in start]
    sizes = [min(sum(of_start.values()), sum(of_policy.values())) for of_start, of_policy in pairs]
    before_P, after_P = (
        np.array([_distinct(of[i], size or sum(of[i].values())) for of, size in zip(pairs, sizes, strict=True)])
        for i in (0, 1)
    )
    return _share_left(
        before_P,
        after_P,
        list(start),
        thresholds.distinct,
        what="different word pairs among as many of its samples of a prompt",
        facts=_overlap_facts("start", start) | _overlap_facts("policy", policy),
        source="Li et al. 2016 (distinct-n), at equal counts by Hurlbert 1971; Kirk et al. 2023 (arXiv 2310.06452)",
    )


@check(
    DC2,
    "entropy",
    claim="The policy's distribution over texts is as wide as its start's.",
    thresholds=DistributionThresholds,
    needs=(artefact(SAMPLES),),
)
def entropy(evidence: Evidence, thresholds: DistributionThresholds) -> Outcome:
    """-log p of a sampled text, which estimates the entropy of the distribution over texts."""
    start, policy = _arms(evidence)
    before_P, after_P = (
        np.array([np.mean([-sum(row.logprobs) for row in rows]) for rows in by_prompt.values()])
        for by_prompt in (start, policy)
    )
    return _share_left(
        before_P,
        after_P,
        list(start),
        thresholds.entropy,
        what="nats of entropy a text",
        facts={
            "nats a token, start": _entropy_per_token(start),
            "nats a token, policy": _entropy_per_token(policy),
        },
        source="Kirk et al. 2023 (arXiv 2310.06452); Khalifa et al. 2020 (arXiv 2012.11635)",
    )


def _share_left(
    before_P: Floats,
    after_P: Floats,
    prompts: list[str],
    limit: float,
    *,
    what: str,
    facts: Mapping[str, Estimate],
    source: str,
) -> Outcome:
    """The ratio policy / start of a measure of each prompt's samples, held against `limit`."""

    def ratio(prompts_I: NDArray[np.intp]) -> float:
        before = float(before_P[prompts_I].sum())
        return float(after_P[prompts_I].sum()) / before if before else float("nan")

    share = jackknife(ratio, len(before_P))
    if not np.isfinite(share.value):
        raise MissingEvidence(f"variety in the start's own samples in {SAMPLES}")
    return Outcome(
        ruling=above(share, limit),
        estimate=share,
        threshold=f"less than {limit:g} of the start's left",
        result=f"The policy has {share.value:.2f} times as many {what} as its start "
        f"({after_P.mean():.2f} against {before_P.mean():.2f}).",
        remedy="Strengthen the KL penalty, stop earlier, or sample at a higher temperature.",
        evidence=(SAMPLES,),
        ids={"prompts": [name for name, low in zip(prompts, after_P < limit * before_P, strict=True) if low]},
        facts=facts,
        source=source,
    )


def _arms(evidence: Evidence) -> tuple[ByPrompt, ByPrompt]:
    """The samples of start and policy by prompt, for the prompts that both answered, in one order."""
    start, policy = (_by_prompt(evidence.samples_of(name)) for name in ("start", "policy"))
    prompts = sorted(start.keys() & policy.keys())
    if not prompts:
        raise MissingEvidence(f"prompts that both arms answered in {SAMPLES}")
    return {prompt: start[prompt] for prompt in prompts}, {prompt: policy[prompt] for prompt in prompts}


def _by_prompt(rows: list[EvaluationSample]) -> ByPrompt:
    groups: ByPrompt = {}
    for row in rows:
        groups.setdefault(row.prompt, []).append(row)
    return groups


def _word_pairs(rows: list[EvaluationSample]) -> Counter[tuple[str, str]]:
    return Counter(pair for row in rows for pair in pairwise(row.text.lower().split()))


def _distinct(pairs: Counter[tuple[str, str]], size: int) -> float:
    """The share of different ones expected among `size` of these word pairs; 0 where there are none.

    distinct-n falls as texts are added or grow, so arms are compared at the size of the smaller one:
    sum over kinds of 1 - C(N - n_kind, size) / C(N, size), over size (Hurlbert 1971).
    """
    total = sum(pairs.values())
    if not total:
        return 0.0
    others_K = total - np.array(list(pairs.values()), dtype=np.float64)
    room_K = others_K - size
    log_absent_K = (
        gammaln(others_K + 1) - gammaln(np.maximum(room_K, 0) + 1) - gammaln(total + 1) + gammaln(total - size + 1)
    )
    return float(np.sum(1 - np.where(room_K >= 0, np.exp(log_absent_K), 0.0)) / size)


def _overlap_facts(name: str, by_prompt: ByPrompt) -> dict[str, Estimate]:
    """How alike two samples of a prompt are, as a fact; none where no prompt has two."""
    shares = [_word_overlap(rows) for rows in by_prompt.values() if len(rows) > 1]
    return {f"words that two samples of a prompt share, {name}": mean(shares)} if shares else {}


def _word_overlap(rows: list[EvaluationSample]) -> float:
    """The mean over two samples of a prompt of the words they share, of all words of the two (Jaccard)."""
    words = [set(row.text.lower().split()) for row in rows]
    column = {word: i for i, word in enumerate(sorted(set().union(*words)))}
    has_BV = np.zeros((len(words), len(column)))
    for row, of_sample in enumerate(words):
        has_BV[row, [column[word] for word in of_sample]] = 1
    shared_BB = has_BV @ has_BV.T
    size_B = has_BV.sum(1)
    either_BB = size_B[:, None] + size_B[None] - shared_BB
    overlap_BB = np.divide(shared_BB, either_BB, out=np.ones_like(shared_BB), where=either_BB > 0)
    return float(overlap_BB[np.triu_indices(len(words), 1)].mean())


def _entropy_per_token(by_prompt: ByPrompt) -> Estimate:
    samples = [(prompt, row.logprobs) for prompt, rows in by_prompt.items() for row in rows]
    surprise = [-float(np.mean(logprobs)) for _, logprobs in samples]
    return mean(surprise, [prompt for prompt, _ in samples], weights=[len(logprobs) for _, logprobs in samples])


CHECKS = (diversity, entropy)
