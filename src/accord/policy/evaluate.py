"""What a policy writes beside what it wrote at the start: wins, KL, diversity, length. Numbers from samples alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from accord.stats import Estimate, mean

__all__ = ["compare", "describe", "distinct", "win_rate"]

Row = Mapping[str, Any]


def win_rate(policy: Sequence[Row], start: Sequence[Row], score: str) -> Estimate:
    """How often a sample of the policy scores above a sample of the start to the same prompt; ties count half.

    Every sample of the one is held against every sample of the other; the interval resamples prompts. Rows carry
    `prompt` and the number named `score`.
    """
    other: dict[str, list[float]] = {}
    for row in start:
        other.setdefault(row["prompt"], []).append(row[score])
    matched = [row for row in policy if row["prompt"] in other]
    wins = []
    for row in matched:
        against = np.asarray(other[row["prompt"]])
        wins.append(float(np.mean(row[score] > against) + 0.5 * np.mean(row[score] == against)))
    return mean(wins, [row["prompt"] for row in matched])


def distinct(rows: Sequence[Row], n: int) -> Estimate | None:
    """distinct-n (Li et al. 2016): the share of word n-grams that differ, among the samples of one prompt; their mean.

    None where no text has n words. It falls with the number of samples, so only arms with as many samples of the same
    prompts can be compared.
    """
    texts: dict[str, list[str]] = {}
    for row in rows:
        texts.setdefault(row["prompt"], []).append(row["text"])
    shares, prompts = [], []
    for prompt, group in texts.items():
        grams = [gram for text in group for gram in _grams(text.lower().split(), n)]
        if grams:
            shares.append(len(set(grams)) / len(grams))
            prompts.append(prompt)
    return mean(shares, prompts) if shares else None


def describe(rows: Sequence[Row]) -> dict[str, Estimate]:
    """Of one arm: `eval_reward` and `reward` where scored, `distinct_1` and `distinct_2` where the texts have so many
    words, `entropy`, `length`, `stop_rate`.

    `entropy` is the mean of -log p of a sampled token in nats, which estimates the entropy a token; `length` counts
    tokens.
    """
    prompts = [row["prompt"] for row in rows]
    lengths = [len(row["token_ids"]) for row in rows]
    surprise = [-float(np.mean(row["logprobs"])) for row in rows]
    scores = {name: mean([row[name] for row in rows], prompts) for name in ("eval_reward", "reward") if name in rows[0]}
    shares = {f"distinct_{n}": distinct(rows, n) for n in (1, 2)}
    return {
        **scores,
        **{name: share for name, share in shares.items() if share is not None},
        "entropy": mean(surprise, prompts, weights=lengths),
        "length": mean(lengths, prompts),
        "stop_rate": mean([row["finish_reason"] == "eos" for row in rows], prompts),
    }


def compare(policy: Sequence[Row], start: Sequence[Row]) -> dict[str, Estimate]:
    """Of the policy against its start: `kl` (nats a sequence) and the win rates by every judge that scored both."""
    kl = [float(np.sum(row["logprobs"]) - np.sum(row["reference_logprobs"])) for row in policy]
    found = {"kl": mean(kl, [row["prompt"] for row in policy])}
    for name, score in (("win_rate", "eval_reward"), ("win_rate_reward", "reward")):
        if score in policy[0] and score in start[0]:
            found[name] = win_rate(policy, start, score)
    return found


def _grams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
