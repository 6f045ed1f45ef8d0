"""Supervised fine-tuning on a few examples chosen for quality and diversity: is a small set, well chosen, enough?

That it may be is the claim of LIMA (Zhou et al. 2023, arXiv 2305.11206), whose thousand examples were chosen by hand.
Here a judge scores them, and what is chosen maximises

    F(S) = (1 - weight) / N sum_i max_{j in S} s_ij + weight / k sum_{j in S} q_j,    |S| = k,

the facility location of all N examples by those of S, with similarities s in [0, 1], and their quality q, as in QDIT
(Bukharin et al. 2023, arXiv 2311.14736, section 3). F is monotone and submodular, so taking the best next one k times
reaches (1 - 1/e) of the optimum at least (Nemhauser et al. 1978). q is the score's rank, so that a judge's units do not
matter; s the cosine of TF-IDF of character n-grams, which needs no model.

Left out: bounds on how many examples of one prompt are taken (diversity keeps them apart), and embeddings by a model:
hand `select` your own.
"""

import heapq
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from accord.deferred import deferred
from accord.interfaces import Judge
from accord.policy.budget import SampleBudget
from accord.policy.supervised import Supervised
from accord.run import RunDirectory
from accord.train import stage_seed

with deferred():
    from scipy.stats import rankdata

    from accord.artefacts import CANDIDATES, CuratedCandidate, SupervisedMetrics
    from accord.policy.materials import Material, Materials, SupervisedExample
    from accord.train import TrainingStep

__all__ = ["Curated", "features", "select"]

Floats = NDArray[np.float64]
WIDTH = 2048  # places that n-grams are hashed to
GRAMS = (3, 4, 5)


def select(quality_N: Floats, embedding_ND: Floats, k: int, weight: float) -> list[int]:
    """Which k of N maximise F (above), in the order taken; greedily, each gain worked out again only where it may lead.

    quality_N     not below 0
    embedding_ND  rows of any length; their cosine, 0 where it is negative, is how well one stands for another

    Gains never grow, so a bound that was exact earlier still bounds (Minoux 1978). Takes 4 N^2 bytes. Raises ValueError
    for a quality below 0, a weight outside [0, 1], rows that do not match, or k outside 1..N.
    """
    size = len(quality_N)
    if len(embedding_ND) != size or not 1 <= k <= size or not 0 <= weight <= 1 or quality_N.min() < 0:
        raise ValueError(f"{k} of {size} examples with {len(embedding_ND)} embeddings, weight {weight}, or quality < 0")
    unit_ND = _unit(embedding_ND).astype(np.float32)
    near_NN = np.maximum(unit_ND @ unit_ND.T, 0.0)
    covered_N = np.zeros(size, dtype=np.float32)

    def gain(place: int) -> float:
        new = np.maximum(near_NN[place] - covered_N, 0.0).mean(dtype=np.float64)
        return float((1 - weight) * new + weight * quality_N[place] / k)

    heap = [(-gain(place), place) for place in range(size)]
    heapq.heapify(heap)
    taken: list[int] = []
    while len(taken) < k:
        place = heapq.heappop(heap)[1]
        best = gain(place)
        if heap and -heap[0][0] > best:
            heapq.heappush(heap, (-best, place))
            continue
        taken.append(place)
        covered_N = np.maximum(covered_N, near_NN[place])
    return taken


def features(texts: Sequence[str]) -> Floats:
    """TF-IDF of the character n-grams of words, n of 3 to 5, hashed to 2,048 places; rows of length 1, [N, D].

    Counts enter as log(1 + count); a text without a letter or digit is a row of zeros.
    """
    count_ND = np.zeros((len(texts), WIDTH))
    for row, text in enumerate(texts):
        places = [place for word in re.findall(r"\w+", text.lower()) for place in _places(word)]
        count_ND[row] = np.bincount(np.array(places, dtype=np.int64), minlength=WIDTH)
    texts_D = (count_ND > 0).sum(0)
    return _unit(np.log1p(count_ND) * (np.log((1 + len(texts)) / (1 + texts_D)) + 1))


@lru_cache(maxsize=100_000)
def _places(word: str) -> tuple[int, ...]:
    """Where the n-grams of a word are counted."""
    padded = f" {word} "
    grams = [padded[i : i + n] for n in GRAMS for i in range(max(1, len(padded) - n + 1))]
    return tuple(zlib.crc32(gram.encode()) % WIDTH for gram in grams)


def _unit(x_ND: Floats) -> Floats:
    """Rows of length 1; rows of zeros stay."""
    length_N1 = np.linalg.norm(x_ND, axis=1, keepdims=True)
    return np.asarray(x_ND / np.where(length_N1 > 0, length_N1, 1.0))


class Curated(Supervised):
    """Settings of the choice, beside those of supervised fine-tuning."""

    sentence = "Supervised fine-tuning then trained the policy on a few examples, chosen for quality and diversity"
    lab_defaults: ClassVar[Mapping[str, Any] | None] = {}

    kind: Literal["curated"] = "curated"
    max_examples: int | None = Field(
        default=10_000, ge=1, description="so many are looked at, drawn by the seed; unset: all"
    )
    k: int = Field(default=1000, ge=1, description="examples that are chosen, at most")
    weight: float = Field(default=0.5, ge=0, le=1, description="of quality; the rest is of diversity")
    epochs: float = Field(default=15.0, gt=0)

    @property
    def needs(self) -> frozenset[Material]:
        """Examples, and a judge of them."""
        return frozenset({"examples", "judge"})

    @classmethod
    def within(cls, budget: SampleBudget) -> dict[str, Any]:
        """One of each group is chosen, and read as often as makes up the number."""
        chosen = budget.texts // budget.group
        return {"max_examples": None, "k": chosen, "epochs": budget.group, "batch_size": budget.texts_per_step}

    def steps(
        self, materials: Materials, run: RunDirectory, *, stage: str = "policy"
    ) -> Iterator[TrainingStep[SupervisedMetrics]]:
        """Score, choose and learn. Every example is kept in `<stage>/candidates.jsonl`, with when it was chosen.

        Raises `RecipeError` where there are no examples, or no model to start from.
        """
        examples = materials.examples
        initial = self.resolve_start(materials.start, examples, stage=stage, lacking="no examples to choose from")
        drawn = self.draw_examples(examples, stage_seed(run, stage))
        if not CANDIDATES.has(run, stage):
            CANDIDATES.write(run, self._candidates(drawn, materials.judge), stage=stage)
        rows = [row for row in CANDIDATES.read(run, stage) if isinstance(row, CuratedCandidate)]
        chosen = [example for example, row in zip(drawn, rows, strict=True) if row.chosen]
        yield from self.train_on(chosen, run, start=initial, stage=stage)

    def _candidates(self, examples: Sequence[SupervisedExample], judge: Judge) -> Iterator[CuratedCandidate]:
        """Every example with its score and its place in the choice, from 1; None where it is not in it."""
        prompts, completions = [e.prompt for e in examples], [e.completion for e in examples]
        score_N = judge.score(prompts, completions).value_N
        texts = [f"{example.prompt.text}\n{example.completion.text}" for example in examples]
        quality_N = rankdata(score_N) / len(score_N)
        order = select(quality_N, features(texts), min(self.k, len(examples)), self.weight)
        place_of = {index: place for place, index in enumerate(order, 1)}
        for index, example in enumerate(examples):
            yield CuratedCandidate(
                index=index,
                prompt=example.prompt.id,
                completion=example.completion.id,
                text=example.completion.text,
                reward=float(score_N[index]),
                place=place_of.get(index),
                chosen=index in place_of,
                feedback_ids=example.feedback_ids or None,
            )
