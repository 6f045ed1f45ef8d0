"""What a reward is worth on new texts of the policy, and what it learns from comparisons of them."""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from accord.lab.planted.gold import FRESH, scores_of, word_counts
from accord.lab.planted.parts.arm_pairs import STUDY
from accord.lab.planted.planting import Planting
from accord.records import Comparison, Completion, Feedback

__all__ = ["learnt_beside", "policy_texts"]

Floats = NDArray[np.float64]


def policy_texts(planting: Planting) -> list[str]:
    """New texts of the last policy, an even number; two and two they are pairs, the first half with the second."""
    random = planting.random("gold")
    return [planting.policies[-1].write(random)[0] for _ in range(2 * FRESH)]


def learnt_beside(planting: Planting, arm: str) -> tuple[Floats, float]:
    """What people's comparisons of an arm's texts give each word, [V], and a unit of the run's reward.

    By Bradley-Terry; a normal prior of width 1 holds both to 0.
    """
    completions = {one.id: one for one in planting.notes[STUDY] if isinstance(one, Completion) and one.writer == arm}
    sides: list[tuple[str, str]] = []
    for answer in planting.notes[STUDY]:
        if isinstance(answer, Feedback) and isinstance(answer.judgement, Comparison):
            left, right = answer.completions
            if left in completions:
                better = (left, right) if answer.judgement.preferred == "left" else (right, left)
                sides.append((completions[better[0]].text, completions[better[1]].text))
    better_texts, others = (list(of_side) for of_side in zip(*sides, strict=True))
    difference_NV = word_counts(better_texts) - word_counts(others)
    margin_N = scores_of(planting, "reward", better_texts) - scores_of(planting, "reward", others)
    feature_NW = np.concatenate([difference_NV, margin_N[:, None]], 1)
    model = LogisticRegression(C=1.0, fit_intercept=False, max_iter=500)
    model.fit(np.concatenate([feature_NW, -feature_NW]), np.repeat([1, 0], len(feature_NW)))
    return np.asarray(model.coef_[0][:-1]), float(model.coef_[0][-1])
