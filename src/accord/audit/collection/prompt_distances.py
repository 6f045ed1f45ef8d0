"""How far prompts are from one another, by their words and characters."""

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from accord.deferred import deferred
from accord.records import Prompt

with deferred():
    from scipy.sparse import csr_array, hstack
    from scipy.stats import binom

    from accord.stats import Estimate, proportion, rate

__all__ = [
    "PromptSets",
    "distinct_prompts",
    "nearest_distance",
    "prompt_text",
    "text_key",
    "uncovered_share",
    "vectors_of",
]

Floats = NDArray[np.float64]
CHUNK = 512  # rows whose similarities are in memory at once
_DIGITS, _SPACE = re.compile(r"\d"), re.compile(r"\s+")


def prompt_text(prompt: Prompt) -> str:
    """What the user says in a prompt, all turns; the last message where no turn is the user's."""
    return "\n".join(message.content for message in prompt.messages if message.role == "user") or prompt.text


def text_key(prompt: Prompt) -> str:
    """What is said in a prompt without capitals, digits and spaces: the same for prompts that are the same."""
    return _SPACE.sub(" ", _DIGITS.sub("0", prompt_text(prompt).casefold())).strip()


def distinct_prompts(prompts: Iterable[Prompt], most: int) -> list[Prompt]:
    """Prompts of different texts, in their order; capitals, digits and spaces make no difference.

    Of more than `most`, so many drawn at random, always the same.
    """
    first: dict[str, Prompt] = {}
    for prompt in prompts:
        first.setdefault(text_key(prompt), prompt)
    kept = [prompt for text, prompt in first.items() if text]
    if len(kept) <= most:
        return kept
    return [kept[i] for i in sorted(np.random.default_rng(0).choice(len(kept), most, replace=False).tolist())]


@dataclass(frozen=True)
class PromptSets:
    """Prompts that people were asked about, and prompts of the deployment, each of a text of its own.

    A text's vector is the TF-IDF of its words and pairs of words beside that of its 3 to 5 characters within words,
    each of length 1, so that a cosine is the mean of both. Frequencies are counted over both sets: words that feedback
    never had keep their part of a text's length, and prompts of one distribution stay exchangeable.
    """

    feedback: Sequence[Prompt]
    deployment: Sequence[Prompt]

    @cached_property
    def vector_ND(self) -> csr_array:
        """The vectors of length 1, [N, D]: feedback first, then deployment."""
        return vectors_of([prompt_text(prompt) for prompt in (*self.feedback, *self.deployment)])

    @property
    def from_deployment_N(self) -> NDArray[np.bool_]:
        """Which rows are of the deployment, [N]."""
        return np.arange(len(self.feedback) + len(self.deployment)) >= len(self.feedback)

    @cached_property
    def distance_N(self) -> Floats:
        """1 - cosine to the nearest feedback prompt, [N]; of a feedback prompt, to the nearest other one."""
        return nearest_distance(self.vector_ND, len(self.feedback))


def vectors_of(texts: Iterable[str]) -> csr_array:
    """The vectors of texts, of length 1, [N, D], digits being one another's; as `PromptSets` describes them."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    alike = [_DIGITS.sub("0", text) for text in texts]
    parts = [
        TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2)).fit_transform(alike),
        TfidfVectorizer(sublinear_tf=True, analyzer="char_wb", ngram_range=(3, 5)).fit_transform(alike),
    ]
    return csr_array(hstack(parts) / np.sqrt(len(parts)))


def nearest_distance(vector_ND: csr_array, count: int) -> Floats:
    """1 - cosine of each vector to the nearest of the first `count`, [N]; of those themselves, to the nearest other."""
    known_DF = vector_ND[:count].T.tocsr()
    nearest_N = np.zeros(vector_ND.shape[0])
    for start in range(0, len(nearest_N), CHUNK):
        near_CF = (vector_ND[start : start + CHUNK] @ known_DF).toarray()
        own = np.arange(start, min(start + CHUNK, count))
        near_CF[own - start, own] = -1.0
        nearest_N[start : start + CHUNK] = near_CF.max(1)
    return 1 - nearest_N


def uncovered_share(
    sets: PromptSets, quantile: float, *, clusters: Sequence[Hashable] | None = None
) -> Estimate | None:
    """The share of deployment prompts that are farther from feedback than that quantile of feedback from itself.

    Of one distribution it is 1 - quantile. Both the share and the quantile are estimated: the share's exact interval
    and what it becomes at the ends of the quantile's (order statistics) are joined by the square root of their squares
    (MOVER; Zou & Donner 2008, Statistics in Medicine 27). `clusters` says of each deployment prompt with which others
    it was sampled. None where the quantile has no upper end: it takes log(.025) / log(quantile) feedback prompts, 72 at
    .95.
    """
    count = len(sets.feedback)
    own_F, other_M = np.sort(sets.distance_N[:count]), sets.distance_N[count:]
    at = int(np.ceil(quantile * (count + 1))) - 1
    below, beyond = int(binom.ppf(0.025, count, quantile)), int(binom.ppf(0.975, count, quantile))
    if beyond >= count:
        return None

    def share_beyond(place: int) -> float:
        return float(np.mean(other_M > own_F[min(max(place, 0), count - 1)]))

    far_M = other_M > own_F[min(at, count - 1)]
    share = proportion(int(far_M.sum()), len(other_M)) if clusters is None else rate(far_M, clusters)
    if share.low is None:
        return share
    low_end, high_end = share.low or 0.0, 1.0 if share.high is None else share.high
    low = share.value - np.hypot(share.value - low_end, share.value - share_beyond(beyond))
    high = share.value + np.hypot(high_end - share.value, share_beyond(below - 1) - share.value)
    method = "exact, with the quantile's order statistics (MOVER)"
    return replace(share, low=max(0.0, float(low)), high=min(1.0, float(high)), method=method)
