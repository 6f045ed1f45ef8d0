"""Topics of prompts: by their source where it is given, else clusters of their vectors."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.audit.collection.prompt_distances import PromptSets, prompt_text
from accord.records import Prompt

__all__ = ["Topics", "topics_of"]

Codes = NDArray[np.intp]
NUMBERS = (2, 3, 4, 6, 8)  # of topics that are tried
SOURCED = 0.9  # share of the prompts that name their source from which on sources are the topics
SAMPLE = 800  # prompts by which the number of topics is chosen
_WORD = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True)
class Topics:
    """Topics by name, and that of each prompt of `PromptSets`: feedback first, then deployment, [N]."""

    names: tuple[str, ...]
    topic_N: Codes
    by_source: bool


def topics_of(sets: PromptSets) -> Topics:
    """The topics of all prompts: sources where nine in ten have one and the deployment has several, else k-means.

    Clusters are of the leading directions of the vectors, their number that with the greatest mean silhouette
    (Rousseeuw 1987), and they are named by the words that tell them from the others.
    """
    prompts = [*sets.feedback, *sets.deployment]
    sources = [prompt.source for prompt in prompts]
    known = sum(source is not None for source in sources)
    deployed = {prompt.source for prompt in sets.deployment if prompt.source is not None}
    if known >= SOURCED * len(prompts) and len(deployed) > 1:
        names = [source or "without a source" for source in sources]
        order = tuple(name for name, _ in Counter(names).most_common())
        return Topics(order, np.array([order.index(name) for name in names]), by_source=True)
    topic_N = _clusters(sets)
    return Topics(tuple(_names(prompts, topic_N)), topic_N, by_source=False)


def _clusters(sets: PromptSets) -> Codes:
    """The cluster of each prompt, [N]; the same for the same prompts."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.metrics import silhouette_score

    vector_ND = sets.vector_ND
    dimensions = min(16, min(vector_ND.shape) - 1)
    if dimensions < 2:
        return np.zeros(vector_ND.shape[0], dtype=np.intp)
    point_NK = TruncatedSVD(dimensions, random_state=0).fit_transform(vector_ND)
    point_NK /= np.maximum(np.linalg.norm(point_NK, axis=1, keepdims=True), 1e-9)
    some = np.random.default_rng(0).permutation(len(point_NK))[:SAMPLE]
    best, chosen = -1.0, np.zeros(len(point_NK), dtype=np.intp)
    for number in NUMBERS:
        if 4 * number > len(some):
            break
        model = KMeans(number, n_init=2, random_state=0).fit(point_NK[some])
        if (score := float(silhouette_score(point_NK[some], model.labels_))) > best:
            best, chosen = score, np.asarray(model.predict(point_NK), dtype=np.intp)
    return chosen


def _names(prompts: Sequence[Prompt], topic_N: Codes) -> Iterable[str]:
    """Each topic's three words that stand in most of its prompts and in fewest of the others."""
    words = [set(_WORD.findall(prompt_text(prompt).casefold())) for prompt in prompts]
    everywhere = Counter(word for of_prompt in words for word in of_prompt)
    for topic in range(int(topic_N.max(initial=0)) + 1):
        own = [of_prompt for of_prompt, code in zip(words, topic_N.tolist(), strict=True) if code == topic]
        inside = Counter(word for of_prompt in own for word in of_prompt)
        others = max(len(words) - len(own), 1)
        lift = {word: n / len(own) - (everywhere[word] - n) / others for word, n in inside.items()}
        leading = sorted(lift, key=lambda word: (-lift[word], word))[:3]
        yield f"topic {topic + 1} ({', '.join(leading)})"
