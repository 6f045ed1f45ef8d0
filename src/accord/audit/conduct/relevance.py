"""Whether an answer is about its own prompt: how near it is to that, beside all other prompts of the set."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from accord.audit.written_words import words_of
from accord.deferred import deferred

with deferred():
    from scipy.sparse import csr_array

__all__ = ["is_on_subject", "nearer_prompts"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]
SIGNS = ".,;:!?\"'()[]{}<>*_#`~/\\|-"


def is_on_subject(prompts: Sequence[str], answers: Sequence[str], own_A: Ints, nearest: float) -> Bools:
    """Of each answer, whether fewer than `nearest` of the P prompts (but at least one) are as near to it as its own.

    own_A holds the place of each answer's prompt in `prompts`, whose texts differ. Of an answer that has nothing to do
    with its prompt that is so by chance with a probability of about `nearest`.
    """
    return nearer_prompts(prompts, answers, own_A) < max(1.0, nearest * len(prompts))


def nearer_prompts(prompts: Sequence[str], answers: Sequence[str], own_A: Ints) -> Floats:
    """How many other prompts are nearer to each answer than its own, those as near counting half, [A].

    A text's vector is the TF-IDF of its words beside that of its 3 to 5 characters within words, each of length 1, so
    that a cosine is the mean of both; frequencies are those of the prompts, so that what all of them say counts little.
    An answer without a word of any prompt is as near to all of them.
    """
    prompt_PD, answer_AD = _vectors(prompts, answers)
    near_AP = np.asarray((answer_AD @ prompt_PD.T).toarray())
    of_own_A1 = near_AP[np.arange(len(answers)), own_A][:, None]
    equal_AP = np.isclose(near_AP, of_own_A1, rtol=1e-9, atol=1e-12)
    return np.asarray(((near_AP > of_own_A1) & ~equal_AP).sum(1) + 0.5 * (equal_AP.sum(1) - 1))


def _vectors(prompts: Sequence[str], answers: Sequence[str]) -> tuple[csr_array, csr_array]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    parts: tuple[list[csr_array], list[csr_array]] = [], []
    for vectorizer in (
        TfidfVectorizer(analyzer=_plain_words, sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True),
    ):
        try:
            parts[0].append(csr_array(vectorizer.fit_transform(prompts)))
        except ValueError:  # no prompt has a word
            continue
        parts[1].append(csr_array(vectorizer.transform(answers)))
    if not parts[0]:
        return csr_array((len(prompts), 1)), csr_array((len(answers), 1))
    from scipy.sparse import hstack

    return csr_array(hstack(parts[0])), csr_array(hstack(parts[1]))


def _plain_words(text: str) -> list[str]:
    """The words of a text in any script, without signs at their ends."""
    return [word for each in words_of(text) if (word := each.strip(SIGNS))]
