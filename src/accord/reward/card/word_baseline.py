"""The cheapest judge that reads the text: which words stand in the texts that people chose."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import vstack

from accord.feedback import Dataset
from accord.records import Pair

__all__ = ["word_margins"]

WORD = r"(?u)\b\w+\b"  # words of one letter too


def word_margins(data: Dataset, learnt: Sequence[Pair], tested: Sequence[Pair]) -> NDArray[np.float64] | None:
    """Score of the chosen less that of the rejected, [P], by a logistic regression on TF-IDF of words and word pairs.

    Fitted to the differences of the pairs `learnt`, both ways round and without an intercept: a Bradley-Terry model
    whose reward is linear in the words. `learnt` and `tested` hold no ties. None where there is nothing to learn from,
    or its texts hold no words.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    names = list(dict.fromkeys(name for pair in (*learnt, *tested) for name in (pair.chosen, pair.rejected)))
    row = {name: place for place, name in enumerate(names)}
    learnt_rows, tested_rows = (
        np.array([(row[pair.chosen], row[pair.rejected]) for pair in pairs]).reshape(-1, 2)
        for pairs in (learnt, tested)
    )
    texts = [data.completions[name].text for name in names]
    vectorizer = TfidfVectorizer(token_pattern=WORD, ngram_range=(1, 2), sublinear_tf=True)
    learnt_texts = [texts[place] for place in np.unique(learnt_rows).tolist()]
    if not any(map(vectorizer.build_tokenizer(), learnt_texts)):
        return None
    feature_NV = vectorizer.fit(learnt_texts).transform(texts)
    learnt_PV = feature_NV[learnt_rows[:, 0]] - feature_NV[learnt_rows[:, 1]]
    weight_P = np.array([pair.weight for pair in learnt])
    model = LogisticRegression(fit_intercept=False, max_iter=1000)
    model.fit(
        vstack([learnt_PV, -learnt_PV]), np.repeat([1, 0], len(learnt)), sample_weight=np.concatenate([weight_P] * 2)
    )
    reward_N: NDArray[np.float64] = feature_NV @ model.coef_[0]
    margin_P: NDArray[np.float64] = reward_N[tested_rows[:, 0]] - reward_N[tested_rows[:, 1]]
    return margin_P
