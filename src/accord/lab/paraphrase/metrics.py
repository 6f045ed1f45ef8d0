"""Does overlap with a reference tell a right answer from a wrong one? BLEU and ROUGE against a reward that was taught.

Sentences of eight words out of twelve sets of three synonyms. A candidate says what the reference says with other
words, few or many of them, and gets up to three of them wrong. People prefer the one with fewer wrong words, with
noise. The learnt reward is given a reference too, as BLEU is: a weight for each pair of words at one place, learnt from
comparisons of candidates to other prompts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

from accord.lab.paraphrase.points import MetricPoint
from accord.reward.kinds.overlap import BleuReward, RougeReward
from accord.reward.people.linear import LinearComparisons
from accord.reward.stated.referenced import Grader

__all__ = ["Candidates", "auc", "metrics"]

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

SETS, SYNONYMS, LENGTH = 12, 3, 8
WORDS = SETS * SYNONYMS
REFERENCES, CANDIDATES = 4, 16
OTHER_WORDS = (0.1, 0.4, 0.7, 1.0)  # shares of words that a candidate may say otherwise, drawn for each
WRONG = (0, 0, 0, 1, 2, 3)  # words that are wrong, as often as they stand here
PAIRS, TEACHING, TESTING = 3000, 200, 60  # comparisons; prompts of them; prompts that metrics are tried on
SURE = 2.0  # log-odds of a preference for one wrong word fewer
PRIOR_STD = 1.0
NAMES = np.array([f"{chr(97 + number // 26)}{chr(97 + number % 26)}x" for number in range(WORDS)])


@dataclass(frozen=True)
class Candidates:
    """References [P, R, L] and candidates [P, C, L] as numbers of words, and how many of each are wrong, [P, C]."""

    reference_PRL: Whole
    candidate_PCL: Whole
    wrong_PC: Whole

    @classmethod
    def draw(
        cls, prompts: int, random: np.random.Generator, *, other_words: tuple[float, ...] = OTHER_WORDS
    ) -> "Candidates":
        """Meanings drawn for so many prompts; every word set may come up again within a sentence."""
        meaning_PL = random.integers(SETS, size=(prompts, LENGTH))
        shape = (prompts, REFERENCES, LENGTH)
        reference_PRL = meaning_PL[:, None] * SYNONYMS + random.integers(SYNONYMS, size=shape)
        shape = (prompts, CANDIDATES, LENGTH)
        said_PCL = meaning_PL[:, None] * SYNONYMS + random.integers(SYNONYMS, size=shape)
        share_PC1 = random.choice(other_words, size=(*shape[:2], 1))
        candidate_PCL = np.where(random.random(shape) < share_PC1, said_PCL, reference_PRL[:, :1])
        wrong_PC = random.choice(WRONG, size=shape[:2])
        place_PCL = random.permuted(np.broadcast_to(np.arange(LENGTH), shape), axis=2)
        moved_PCL = (candidate_PCL // SYNONYMS + random.integers(1, SETS, size=shape)) % SETS  # another set of words
        other_PCL = moved_PCL * SYNONYMS + random.integers(SYNONYMS, size=shape)
        return cls(reference_PRL, np.where(place_PCL < wrong_PC[..., None], other_PCL, candidate_PCL), wrong_PC)


def metrics(seed: int, *, synonyms: bool = True, pairs: int = PAIRS) -> list[MetricPoint]:
    """Every metric on new prompts. Without `synonyms` a right answer is the reference word by word."""
    random = np.random.default_rng([seed, 182])
    other_words = OTHER_WORDS if synonyms else (0.0,)
    taught = _taught(Candidates.draw(TEACHING, random, other_words=other_words), pairs, random)
    tested = Candidates.draw(TESTING, random, other_words=other_words)
    scores = {
        "learnt": (_features(tested.reference_PRL[:, :1], tested.candidate_PCL) @ taught),
        "BLEU": _graded(BleuReward(references="").grader(), tested, 1),
        "BLEU, 4 references": _graded(BleuReward(references="").grader(), tested, REFERENCES),
        "ROUGE-L": _graded(RougeReward(references="").grader(), tested, 1),
        "ROUGE-L, 4 references": _graded(RougeReward(references="").grader(), tested, REFERENCES),
    }
    return [_point(name, score_PC, tested) for name, score_PC in scores.items()]


def _point(name: str, score_PC: Floats, tested: Candidates) -> MetricPoint:
    right_PC = tested.wrong_PC == 0
    best_PC = score_PC == score_PC.max(1, keepdims=True)  # of equal ones any
    return MetricPoint(
        metric=name,
        auc=auc(score_PC.ravel(), right_PC.ravel()),
        spearman=float(spearmanr(score_PC.ravel(), -tested.wrong_PC.ravel()).statistic),
        best_of=float(((best_PC * right_PC).sum(1) / best_PC.sum(1)).mean()),
    )


def auc(score_N: Floats, right_N: NDArray[np.bool_]) -> float:
    """The chance that a right one scores above a wrong one, ties counting half. Raises ValueError without either."""
    right = int(right_N.sum())
    if not 0 < right < len(right_N):
        raise ValueError("an AUC needs some that are right and some that are wrong")
    rank_N = rankdata(score_N)
    return float((rank_N[right_N].sum() - right * (right + 1) / 2) / (right * (len(right_N) - right)))


def _graded(grade: Grader, tested: Candidates, references: int) -> Floats:
    """The metric of each candidate, [P, C]."""
    score_PC = np.zeros(tested.wrong_PC.shape)
    for prompt, (reference_RL, text_CL) in enumerate(zip(tested.reference_PRL, tested.candidate_PCL, strict=True)):
        words = [_words(each_L) for each_L in reference_RL[:references]]
        score_PC[prompt] = [grade(_words(text_L), words).value for text_L in text_CL]
    return score_PC


def _words(text_L: Whole) -> str:
    return " ".join(NAMES[text_L])


def _taught(shown: Candidates, pairs: int, random: np.random.Generator) -> Floats:
    """The learnt weight of every pair of words at one place, from comparisons of candidates to the same prompt."""
    prompt_N = random.integers(len(shown.wrong_PC), size=pairs)
    first_N = random.integers(CANDIDATES, size=pairs)
    second_N = (first_N + random.integers(1, CANDIDATES, size=pairs)) % CANDIDATES
    fewer_N = shown.wrong_PC[prompt_N, second_N] - shown.wrong_PC[prompt_N, first_N]
    sign_N = np.where(random.logistic(size=pairs) < SURE * fewer_N, 1.0, -1.0)
    reference_N1L = shown.reference_PRL[prompt_N][:, :1]
    first_NW, second_NW = (
        _features(reference_N1L, shown.candidate_PCL[prompt_N, of_N][:, None])[:, 0] for of_N in (first_N, second_N)
    )
    weight_1W, _ = LinearComparisons((first_NW - second_NW) * sign_N[:, None], PRIOR_STD)(np.ones((pairs, 1)), None)
    return np.asarray(weight_1W[0])


def _features(reference_P1L: Whole, candidate_PCL: Whole) -> Floats:
    """How often each unordered pair of words stands at one place of reference and candidate, [P, C, W]."""
    low, high = np.minimum(reference_P1L, candidate_PCL), np.maximum(reference_P1L, candidate_PCL)
    number_PCL = low * WORDS - low * (low - 1) // 2 + high - low
    width = WORDS * (WORDS + 1) // 2
    feature_PCW = np.zeros((*number_PCL.shape[:2], width))
    for place in range(number_PCL.shape[2]):
        np.add.at(feature_PCW, (*np.indices(number_PCL.shape[:2]), number_PCL[..., place]), 1.0)
    return feature_PCW
