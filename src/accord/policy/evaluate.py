"""What a policy writes beside what its start writes: wins, KL, diversity, length. Numbers from samples alone."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from accord.artefacts import (
    ArmEvaluation,
    EvaluationSample,
    MeasuredTokens,
    PolicyEvaluation,
    RolloutRow,
    logprobs_of,
    measured_tokens,
)
from accord.stats import Estimate, mean, rate

__all__ = ["compare", "describe", "distinct", "kl_of", "win_rate"]

Sample = EvaluationSample | RolloutRow


def win_rate(policy: Sequence[tuple[str, float]], start: Sequence[tuple[str, float]]) -> Estimate:
    """How often a sample of the policy scores above a sample of the start to the same prompt; ties count half.

    Samples are given as (prompt, score). Every one of the policy is held against every one of the start; clusters are
    prompts. m samples against n are worth at most 3 m n / (m + n + 1) plain comparisons, as many as have the variance
    of the Mann-Whitney statistic where both arms are alike.
    """
    scores_of: dict[str, list[float]] = {}
    for prompt, score in start:
        scores_of.setdefault(prompt, []).append(score)
    matched = [(prompt, score) for prompt, score in policy if prompt in scores_of]
    wins = []
    for prompt, score in matched:
        start_G = np.asarray(scores_of[prompt])
        wins.append(float(np.mean(score > start_G) + 0.5 * np.mean(score == start_G)))
    sizes = Counter(prompt for prompt, _ in matched)
    worth = sum(3 * m * len(scores_of[prompt]) / (m + len(scores_of[prompt]) + 1) for prompt, m in sizes.items())
    return rate(wins, [prompt for prompt, _ in matched], information=worth)


def distinct(samples: Sequence[Sample], n: int) -> Estimate | None:
    """distinct-n (Li et al. 2016): the share of word n-grams that differ, among the samples of one prompt; their mean.

    None where no text has n words. It falls with the number of samples, so only arms with as many samples of the same
    prompts can be compared.
    """
    texts: dict[str, list[str]] = {}
    for sample in samples:
        texts.setdefault(sample.prompt, []).append(sample.text)
    shares, prompts = [], []
    for prompt, group in texts.items():
        grams = [gram for text in group for gram in _grams(text.lower().split(), n)]
        if grams:
            shares.append(len(set(grams)) / len(grams))
            prompts.append(prompt)
    return mean(shares, prompts) if shares else None


def describe(samples: Sequence[Sample]) -> ArmEvaluation:
    """What an arm wrote: scores by every judge that read all of it, diversity, entropy, length, share that end.

    `entropy` is the mean of -log p of a sampled token in nats, which estimates the entropy a token; `length` counts
    tokens.
    """
    prompts = [sample.prompt for sample in samples]
    tokens = [_tokens_of(sample) for sample in samples]
    lengths = [len(each.ids_T) for each in tokens]
    surprise = [-float(np.mean(each.logprob_T)) for each in tokens]
    return ArmEvaluation(
        eval_reward=_mean_score(samples, "eval_reward"),
        reward=_mean_score(samples, "reward"),
        distinct_1=distinct(samples, 1),
        distinct_2=distinct(samples, 2),
        entropy=mean(surprise, prompts, weights=lengths),
        length=mean(lengths, prompts),
        stop_rate=rate([sample.finish_reason != "length" for sample in samples], prompts),
    )


def compare(policy: Sequence[EvaluationSample], start: Sequence[EvaluationSample]) -> PolicyEvaluation:
    """The policy against its start: KL (nats a sequence), win rates by every judge that scored both, and both arms."""
    return PolicyEvaluation(
        kl=mean([kl_of(sample) for sample in policy], [sample.prompt for sample in policy]),
        win_rate=_win_rate(policy, start, "eval_reward"),
        win_rate_reward=_win_rate(policy, start, "reward"),
        start=describe(start),
        policy=describe(policy),
    )


def kl_of(sample: Sample) -> float:
    """The log-ratio of a sample, arm to reference, in nats: an estimate of the KL by one sample.

    Raises ValueError where the reference did not read it, or its tokens were not kept.
    """
    if sample.reference_logprobs is None:
        raise ValueError("the reference did not read this sample")
    logprobs = logprobs_of(sample)
    if logprobs is None:
        raise ValueError("the log-probabilities of this sample were not kept")
    return float(np.sum(logprobs) - np.sum(sample.reference_logprobs))


def _tokens_of(sample: Sample) -> MeasuredTokens:
    """Raises ValueError where they were not kept, which a run of accord always does."""
    tokens = measured_tokens(sample)
    if tokens is None:
        raise ValueError("the tokens of this sample were not kept")
    return tokens


def _scores(samples: Sequence[Sample], judge: str) -> list[float] | None:
    """A judge's scores; None where it did not read every sample."""
    scores = [getattr(sample, judge, None) for sample in samples]
    return None if None in scores else scores  # type: ignore[return-value]


def _mean_score(samples: Sequence[Sample], judge: str) -> Estimate | None:
    scores = _scores(samples, judge)
    return None if scores is None else mean(scores, [sample.prompt for sample in samples])


def _win_rate(policy: Sequence[Sample], start: Sequence[Sample], judge: str) -> Estimate | None:
    scores, start_scores = _scores(policy, judge), _scores(start, judge)
    if scores is None or start_scores is None:
        return None
    return win_rate(
        [(sample.prompt, score) for sample, score in zip(policy, scores, strict=True)],
        [(sample.prompt, score) for sample, score in zip(start, start_scores, strict=True)],
    )


def _grams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
