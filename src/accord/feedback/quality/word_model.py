"""A Bradley-Terry model whose reward is linear in the words of a text: what it foretells of answers it has not seen."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.sparse import csr_array
from scipy.special import expit

__all__ = ["WORD", "Foretold", "WordModel", "calibration_of", "foretold"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
WORD = re.compile(r"\b\w+\b")
FOLDS = 5
FEATURES = 20_000
STEEPEST = 20.0  # slope of the calibration


@dataclass(frozen=True)
class Foretold:
    """Of N answers: right_N, whether the model foresees what was chosen (half where it cannot tell), and sure_N, with
    which probability it holds that it does, at least half."""

    right_N: Floats
    sure_N: Floats

    @property
    def residual_N(self) -> Floats:
        """Whether an answer is as the model foresees, less how sure the model is."""
        return self.right_N - self.sure_N


@dataclass(frozen=True)
class WordModel:
    """N comparisons as differences of words, chosen less rejected.

    prompt_N  of which prompt; prompts are dealt out into folds as a whole
    """

    difference_NV: csr_array
    prompt_N: Codes

    @classmethod
    def of(cls, texts: Sequence[str], chosen_N: Codes, rejected_N: Codes, prompt_N: Codes) -> Self | None:
        """Of texts by code; None where they hold no words."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        names, place_2N = np.unique(np.stack([chosen_N, rejected_N]), return_inverse=True)
        place_2N = place_2N.reshape(2, -1)
        vectorizer = TfidfVectorizer(token_pattern=WORD.pattern, sublinear_tf=True, max_features=FEATURES)
        compared = [texts[name] for name in names.tolist()]
        if not any(map(vectorizer.build_tokenizer(), compared)):
            return None
        feature_TV = csr_array(vectorizer.fit_transform(compared))
        return cls(csr_array(feature_TV[place_2N[0]] - feature_TV[place_2N[1]]), prompt_N)

    def margins(self) -> Floats:
        """The log-odds of what was chosen, [N], by models that were fitted without the prompt's fold."""
        fold_P = np.random.default_rng(0).permutation(int(self.prompt_N.max()) + 1) % FOLDS
        fold_N = fold_P[self.prompt_N]
        margin_N = np.zeros(self.prompt_N.size)
        for fold in range(FOLDS):
            margin_N[fold_N == fold] = self.margins_of(fold_N == fold)
        return margin_N

    def margins_of(self, is_left_out_N: NDArray[np.bool_]) -> Floats:
        """The same of some of the comparisons, by a model of all the others."""
        from sklearn.linear_model import LogisticRegression

        learnt_MV = self.difference_NV[~is_left_out_N]
        left_out_MV = self.difference_NV[is_left_out_N]
        if learnt_MV.shape[0] < 2:
            return np.zeros(left_out_MV.shape[0])
        # Without a constant a comparison tells the same whichever side is called the first one.
        sign_M = np.where(np.arange(learnt_MV.shape[0]) % 2, -1, 1)
        model = LogisticRegression(C=2.0, fit_intercept=False, max_iter=300)
        model.fit(learnt_MV.multiply(sign_M[:, None]).tocsr(), sign_M)
        return np.asarray(left_out_MV @ model.coef_[0], dtype=np.float64)


def calibration_of(margin_N: Floats) -> float:
    """The factor of log-odds by which the model is as sure as it is right (Platt 1999, without a constant)."""

    def gradient(slope: float) -> float:
        return float(margin_N @ expit(-slope * margin_N))

    if gradient(0.0) <= 0:
        return 0.0
    return STEEPEST if gradient(STEEPEST) > 0 else float(brentq(gradient, 0.0, STEEPEST))


def foretold(margin_N: Floats, slope: float) -> Foretold:
    """What log-odds of what was chosen say, made as sure by `slope` as they are right."""
    right_N = np.where(margin_N == 0, 0.5, margin_N > 0)
    return Foretold(right_N, expit(slope * np.abs(margin_N)))
