"""How accurate a linear reward becomes with more labels: the angle between what it learns and what is right.

From labels of information x in all (`label_information`) a linear discriminant learns a direction whose cosine with the
right one is

    rho(x) = ceiling sqrt(x / (x + K)),    accuracy(x) = 1 - arccos(rho) / pi,

K being the number of directions that noise has, over the squared signal of one label (the angle is that of Sheppard
1899; learning curves of this form: Raudys & Jain 1991, IEEE PAMI 13, p. 252). K is solved for from the accuracy of a
discriminant of TF-IDF words on items of prompts that it did not learn from. The ceiling, which is below 1 where no line
is right everywhere, is told from K by a quarter of the items only where these surely learn as much as a ceiling of 1
forbids. A reward model learns faster than words do; the check compares two ways to spend with one curve.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from accord.deferred import deferred
from accord.errors import MissingEvidence

with deferred():
    from scipy.sparse import csr_array

    from accord.stats import Estimate, mean

__all__ = ["Curve", "fitted"]

Floats = NDArray[np.float64]
PARTS = 4
ENOUGH = 200  # items from which on a ceiling is looked for


@dataclass(frozen=True)
class Curve:
    """Fitted at information `x`, where the reward is right in (1 + gain) / 2 of the pairs; the gain has an interval."""

    gain: Estimate
    x: float
    ceiling: float = 1.0

    def accuracy(self, x: float, *, gain: float | None = None, scale: float = 1.0) -> float:
        """Where the labels have information x; 0.5 where nothing is learnt.

        `gain` stands for that of the fit, and `scale` times its information for what it was fitted at.
        """
        rho = math.sin(math.pi / 2 * min(max(self.gain.value if gain is None else gain, 0.0), 0.999))
        rho = min(rho, 0.999 * self.ceiling)
        if rho <= 0 or x <= 0:
            return 0.5
        k = scale * self.x * ((self.ceiling / rho) ** 2 - 1)
        return 1 - math.acos(self.ceiling * math.sqrt(x / (x + k))) / math.pi


def fitted(left: Sequence[str], right: Sequence[str], label_N: Floats, prompts: Sequence[Hashable]) -> Curve:
    """The curve of items whose labels (E[truth], -1..1, for the left text) are `label_N`, [N].

    Raises `MissingEvidence` where the texts have no words in common, or are all of one prompt.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    try:
        word_MW = csr_array(
            TfidfVectorizer(min_df=2, tokenizer=str.split, token_pattern=None).fit_transform([*left, *right])
        )
    except ValueError as error:
        raise MissingEvidence("words that stand in more than one of the texts that were compared") from error
    item_NW = csr_array(word_MW[: len(left)] - word_MW[len(left) :])
    _, group_N = np.unique([str(prompt) for prompt in prompts], return_inverse=True)
    whole = _gain(item_NW, label_N, group_N, np.zeros(len(group_N), dtype=np.intp))
    curve = Curve(whole, float(label_N @ label_N))
    if len(left) < ENOUGH:
        return curve
    part_N = np.random.default_rng(0).permutation(int(group_N.max()) + 1)[group_N] % PARTS
    return _with_ceiling(curve, _gain(item_NW, label_N, group_N, part_N))


def _gain(item_NW: csr_array, label_N: Floats, group_N: NDArray[np.intp], part_N: NDArray[np.intp]) -> Estimate:
    """2 accuracy - 1 on each item of what was learnt from the items of its part but not of its prompt; over prompts."""
    weighted_NW = item_NW.multiply(label_N[:, None]).tocsr()
    score_N = np.zeros(len(label_N))
    rows_N = np.arange(len(label_N))
    group_GN = csr_array((np.ones(len(label_N)), (group_N, rows_N)))
    part_PN = csr_array((np.ones(len(label_N)), (part_N, rows_N)))
    learnt_PW, own_GW = (part_PN @ weighted_NW).toarray(), csr_array(group_GN @ weighted_NW)
    score_N = np.asarray(item_NW.multiply(learnt_PW[part_N]).sum(axis=1)).ravel()
    score_N -= np.asarray(item_NW.multiply(own_GW[group_N]).sum(axis=1)).ravel()
    told_N = label_N != 0
    if np.unique(group_N[told_N]).size < 2:
        raise MissingEvidence("labelled items of more than one prompt")
    right_N = np.sign(score_N) * np.sign(label_N)
    # E[label sign(score)] / E[label^2] = 2 accuracy - 1, for E[label | truth] = truth E[label^2].
    values_N = right_N[told_N] / np.abs(label_N[told_N])
    return mean(values_N, group_N[told_N].tolist(), weights=label_N[told_N] ** 2)


def _with_ceiling(curve: Curve, quarter: Estimate) -> Curve:
    """The curve with a ceiling below 1, where a quarter of the items surely learns more than one of 1 allows."""
    whole, share = curve.gain, 1 / PARTS
    if quarter.low is None or whole.high is None or whole.value <= 0:
        return curve
    if quarter.low <= 2 * curve.accuracy(share * curve.x, gain=whole.high) - 1:
        return curve
    rho, rho_quarter = (math.sin(math.pi / 2 * min(max(gain.value, 0.0), 0.999)) for gain in (whole, quarter))
    ratio = max((rho / rho_quarter) ** 2, 1.001)
    k = (ratio - 1) / (PARTS - ratio)  # in units of x
    return replace(curve, ceiling=min(1.0, rho * math.sqrt(1 + k)))
