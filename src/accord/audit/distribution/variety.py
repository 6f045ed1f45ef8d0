"""Has the policy lost its variety of words? DC2: mode collapse."""

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import EvaluationSample
from accord.artefacts.finding import Collection
from accord.audit.challenges import DC2
from accord.audit.checks import Outcome, artefact, check
from accord.audit.distribution.thresholds import DistributionThresholds
from accord.audit.evidence import SAMPLES, Evidence
from accord.audit.written_words import words_of
from accord.deferred import deferred
from accord.errors import MissingEvidence
from accord.stats import jackknife

with deferred():
    from scipy.special import gammaln

    from accord.audit.verdicts import above
    from accord.stats import Estimate, mean

__all__ = ["diversity", "entropy"]

Floats = NDArray[np.float64]
ByPrompt = dict[str, list[EvaluationSample]]


class Written(NamedTuple):
    """Log-probabilities of the tokens of a sample: of all of them, and of those before its end."""

    logprob_T: tuple[float, ...]
    text_T: tuple[float, ...]


TokensByPrompt = dict[str, list[Written]]

MORE_SAMPLES = Collection(
    SAMPLES,
    "samples of start and policy, with their log-probabilities",
    "16 samples of each of 30 held-out prompts (`[evaluate] samples_per_prompt`)",
)
FEW_RIGHT = (
    "Where few answers to a prompt are right, so few are what was asked for: see what the prompts named ask. Else "
)


@check(
    DC2,
    "diversity",
    claim="The policy writes as variously as its start.",
    thresholds=DistributionThresholds,
    needs=(artefact(SAMPLES),),
    explained=("RG2 turnover", "MH3 triggered reward"),
    collect=MORE_SAMPLES,
)
def diversity(evidence: Evidence, thresholds: DistributionThresholds) -> Outcome:
    """Different word pairs among as many word pairs of the samples of the same prompt.

    Where a script has no spaces between words, its characters stand for them.
    """
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
    explained=("RG2 turnover", "MH3 triggered reward"),
    collect=MORE_SAMPLES,
)
def entropy(evidence: Evidence, thresholds: DistributionThresholds) -> Outcome:
    """-log p of a sampled token, which estimates the entropy of what is written next.

    Arms are compared at the places of a text that both reach, so that neither shorter nor longer texts pass for
    narrower or wider ones; a token that only ends a text is left out. Whole texts are told as facts.
    """
    start, policy = (_tokens_by_prompt(by_prompt) for by_prompt in _arms(evidence))
    before_P, after_P = (
        np.array(side) for side in zip(*map(_nats_a_token, start.values(), policy.values()), strict=True)
    )
    return _share_left(
        before_P,
        after_P,
        list(start),
        thresholds.entropy,
        what="nats of entropy a token, at equal places of a text,",
        facts={
            f"{what}, {arm}": of(by_prompt)
            for arm, by_prompt in (("start", start), ("policy", policy))
            for what, of in (("nats a text", _entropy_per_text), ("tokens a text", _length))
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
        remedy=FEW_RIGHT + "strengthen the KL penalty, stop earlier, or sample at a higher temperature.",
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
    return Counter(pair for row in rows for pair in pairwise(words_of(row.text)))


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
    words = [set(words_of(row.text)) for row in rows]
    column = {word: i for i, word in enumerate(sorted(set().union(*words)))}
    has_BV = np.zeros((len(words), len(column)))
    for row, of_sample in enumerate(words):
        has_BV[row, [column[word] for word in of_sample]] = 1
    shared_BB = has_BV @ has_BV.T
    size_B = has_BV.sum(1)
    either_BB = size_B[:, None] + size_B[None] - shared_BB
    overlap_BB = np.divide(shared_BB, either_BB, out=np.ones_like(shared_BB), where=either_BB > 0)
    return float(overlap_BB[np.triu_indices(len(words), 1)].mean())


def _tokens_by_prompt(by_prompt: ByPrompt) -> TokensByPrompt:
    """Log-probabilities of the samples' tokens, those of the end left out of each `Written`."""
    return {prompt: [_written(row) for row in rows] for prompt, rows in by_prompt.items()}


def _written(row: EvaluationSample) -> Written:
    """Raises `MissingEvidence` where the run did not keep them."""
    if row.logprobs is None or row.finish_reason is None:
        raise MissingEvidence(f"`logprobs` and `finish_reason` of samples in {SAMPLES}")
    ended = row.finish_reason == "eos" and len(row.logprobs) > 1
    return Written(row.logprobs, row.logprobs[:-1] if ended else row.logprobs)


def _nats_a_token(start: list[Written], policy: list[Written]) -> tuple[float, float]:
    """Mean -log p of a token over the places that both arms reach, each weighing as many samples as the fewer have."""
    nats_2 = [_nats_by_place(rows) for rows in (start, policy)]
    places = min(len(total_T) for total_T, _ in nats_2)
    (before_T, fewer_T), (after_T, others_T) = ((total_T[:places], count_T[:places]) for total_T, count_T in nats_2)
    weight_T = np.minimum(fewer_T, others_T)
    if not weight_T.any():
        return 0.0, 0.0
    share_T = weight_T / weight_T.sum()
    return float(share_T @ (before_T / fewer_T)), float(share_T @ (after_T / others_T))


def _nats_by_place(rows: list[Written]) -> tuple[Floats, Floats]:
    """At each place of a text, the sum of -log p over samples, and how many reach it; the end's own token left out."""
    total_T, count_T = np.zeros((2, max(len(row.text_T) for row in rows)))
    for _, logprobs in rows:
        total_T[: len(logprobs)] -= logprobs
        count_T[: len(logprobs)] += 1
    return total_T, count_T


def _entropy_per_text(by_prompt: TokensByPrompt) -> Estimate:
    samples = [(prompt, -sum(row.logprob_T)) for prompt, rows in by_prompt.items() for row in rows]
    return mean([nats for _, nats in samples], [prompt for prompt, _ in samples])


def _length(by_prompt: TokensByPrompt) -> Estimate:
    samples = [(prompt, len(row.logprob_T)) for prompt, rows in by_prompt.items() for row in rows]
    return mean([tokens for _, tokens in samples], [prompt for prompt, _ in samples])
