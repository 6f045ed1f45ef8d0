"""How good what was learnt from a planted run is, by the truth that only the world knows."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression

from accord.lab.lexicon import WORDS, truth, words_of
from accord.lab.planted.planting import Planting
from accord.records import Pair

__all__ = ["reward_accuracy", "word_counts", "words_learnt", "worth_learnt"]

Floats = NDArray[np.float64]
PLACE = {word: place for place, word in enumerate(WORDS)}
FRESH = 1000  # pairs of new texts


def word_counts(texts: list[str]) -> Floats:
    """How often each of `WORDS` stands in each text, [N, V]."""
    count_NV = np.zeros((len(texts), len(WORDS)))
    for row, text in enumerate(texts):
        for word in words_of(text):
            if word in PLACE:
                count_NV[row, PLACE[word]] += 1
    return count_NV


def words_learnt(planting: Planting, pairs: list[Pair], *, strength: float = 1.0) -> Floats:
    """What a Bradley-Terry reward learns each word to be worth from weighted pairs, [V]; a normal prior on each."""
    decided = [pair for pair in pairs if not pair.tie]
    completions = planting.data.completions
    chosen_NV, rejected_NV = (
        word_counts([completions[getattr(pair, side)].text for pair in decided]) for side in ("chosen", "rejected")
    )
    return worth_learnt(chosen_NV - rejected_NV, np.array([pair.weight for pair in decided]), strength=strength)


def worth_learnt(difference_NV: Floats, weight_N: Floats | None = None, *, strength: float = 1.0) -> Floats:
    """The same from the word counts of the better text less those of the other, [N, V]."""
    weight_N = np.ones(len(difference_NV)) if weight_N is None else weight_N
    model = LogisticRegression(C=strength, fit_intercept=False, max_iter=200)
    model.fit(
        csr_array(np.concatenate([difference_NV, -difference_NV])),
        np.repeat([1, 0], len(difference_NV)),
        sample_weight=np.tile(weight_N, 2),
    )
    return np.asarray(model.coef_[0])


def reward_accuracy(
    planting: Planting, wanted: Callable[[str], float] = truth, *, pairs: list[Pair] | None = None
) -> float:
    """How often a reward that learns from `pairs` (None: the training pairs) orders two new texts of the start as
    `wanted` does."""
    learnt_V = words_learnt(planting, list(planting.data.pairs["train"]) if pairs is None else pairs)
    random = planting.random("gold")
    texts = [planting.start.write(random)[0] for _ in range(2 * FRESH)]
    value_N = word_counts(texts) @ learnt_V
    wanted_N = np.array([wanted(text) for text in texts])
    return float(np.mean((value_N[:FRESH] > value_N[FRESH:]) == (wanted_N[:FRESH] > wanted_N[FRESH:])))
