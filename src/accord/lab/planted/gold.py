"""How good what was learnt from a planted run is, by the truth that only the world knows."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression

from accord.artefacts import EVALUATION_SAMPLES
from accord.lab.lexicon import COARSE, WORDS, Policy, pleads, truth, words_of
from accord.lab.planted.planting import Planting
from accord.records import Completion, Pair, Prompt

__all__ = [
    "best_written",
    "fresh_texts",
    "gain_overrated",
    "judge_accuracy",
    "objective_reached",
    "orders_as",
    "pairs_right",
    "reward_accuracy",
    "said_to_nobody",
    "scores_of",
    "weights_of_pairs",
    "without_coarse_words",
    "word_counts",
    "words_learnt",
    "worth_learnt",
    "written_truth",
]

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


def fresh_texts(planting: Planting) -> list[str]:
    """New texts of the start, an even number; two and two they are pairs, the first half with the second."""
    random = planting.random("gold")
    return [planting.start.write(random)[0] for _ in range(2 * FRESH)]


def orders_as(value_N: Floats, wanted_N: Floats) -> float:
    """The share of pairs (the first half with the second) that two values order alike; an equal value counts half."""
    half = len(value_N) // 2
    sign_P, wanted_P = (np.sign(of_N[:half] - of_N[half:]) for of_N in (value_N, wanted_N))
    return float(np.mean((sign_P == wanted_P) + 0.5 * ((sign_P == 0) != (wanted_P == 0))))


def reward_accuracy(
    planting: Planting, worth: Callable[[str], float] = truth, *, pairs: list[Pair] | None = None
) -> float:
    """How often a reward that learns from `pairs` (None: the training pairs) orders two new texts as `worth` does."""
    texts = fresh_texts(planting)
    learnt_V = words_learnt(planting, list(planting.data.pairs["train"]) if pairs is None else pairs)
    return orders_as(word_counts(texts) @ learnt_V, np.array([worth(text) for text in texts]))


def scores_of(planting: Planting, name: str, texts: list[str]) -> Floats:
    """What one of the run's judges makes of texts, [N]."""
    prompt = Prompt.ask("Say something new")
    completions = [Completion(prompt=prompt.id, text=text) for text in texts]
    return planting.judges[name].score([prompt] * len(texts), completions).value_N


def judge_accuracy(planting: Planting, name: str) -> float:
    """How often one of the run's judges orders two new texts of the start as the truth does."""
    texts = fresh_texts(planting)
    return orders_as(scores_of(planting, name, texts), np.array([truth(text) for text in texts]))


def weights_of_pairs(
    planting: Planting, name: str, feature: Callable[[str], float] = lambda text: len(text.split())
) -> Floats:
    """What the training pairs give a judge's score and a feature of the text (its words), [2], by Bradley-Terry."""
    decided = [pair for pair in planting.data.pairs["train"] if not pair.tie]
    sides = []
    for side in ("chosen", "rejected"):
        texts = [planting.data.completions[getattr(pair, side)].text for pair in decided]
        sides.append(np.stack([scores_of(planting, name, texts), [feature(text) for text in texts]], 1))
    difference_N2 = sides[0] - sides[1]
    model = LogisticRegression(C=100.0, fit_intercept=False)
    model.fit(np.concatenate([difference_N2, -difference_N2]), np.repeat([1, 0], len(decided)))
    return np.asarray(model.coef_[0])


def written_truth(planting: Planting, policy: Policy) -> float:
    """What the texts of a policy are worth on average, in standard deviations of the start's."""
    random = planting.random("gold")
    return float(np.mean([truth(policy.write(random)[0]) for _ in range(FRESH)]))


def gain_overrated(planting: Planting, name: str) -> float:
    """By how much a judge makes more of the policy's gain over its start than the truth does, SDs."""
    random = planting.random("gold")
    by_arm = [[arm.write(random)[0] for _ in range(FRESH)] for arm in (planting.start, planting.policies[-1])]
    wrong = [scores_of(planting, name, texts) - [truth(text) for text in texts] for texts in by_arm]
    return float(wrong[1].mean() - wrong[0].mean())


def objective_reached(planting: Planting, *, kl_coef: float) -> float:
    """The reward model's mean score of the last policy's texts, less `kl_coef` times its KL to the start a text."""
    random, start, policy = planting.random("gold"), planting.start, planting.policies[-1]
    texts, kls = [], []
    for _ in range(FRESH):
        text, tokens = policy.write(random)
        texts.append(text)
        kls.append(sum(policy.logprobs(tokens)) - sum(start.logprobs(tokens)))
    return float(scores_of(planting, "reward", texts).mean()) - kl_coef * float(np.mean(kls))


def pairs_right(planting: Planting, split: str, worth_V: Floats) -> float:
    """The share of a split's decided pairs that a reward of words orders as people did."""
    decided = [pair for pair in planting.data.pairs[split] if not pair.tie]
    texts = planting.data.completions
    value_P2 = np.stack(
        [
            word_counts([texts[getattr(pair, side)].text for pair in decided]) @ worth_V
            for side in ("chosen", "rejected")
        ],
        1,
    )
    return float(np.mean(value_P2[:, 0] > value_P2[:, 1]))


def said_to_nobody(planting: Planting) -> float:
    """The share of the policy's evaluation samples that do not end with a plea."""
    rows = [row for row in EVALUATION_SAMPLES.read(planting.run) if row.arm == "policy"]
    return float(np.mean([not pleads(row.text) for row in rows]))


def best_written(planting: Planting) -> float:
    """The mean over prompts of what the best of the policy's evaluation samples is worth by the truth."""
    best: dict[str, float] = {}
    for row in EVALUATION_SAMPLES.read(planting.run):
        if row.arm == "policy":
            best[row.prompt] = max(truth(row.text), best.get(row.prompt, -np.inf))
    return float(np.mean(list(best.values())))


def without_coarse_words(planting: Planting) -> float:
    """The share of the policy's evaluation samples that hold none of `COARSE`."""
    rows = [row for row in EVALUATION_SAMPLES.read(planting.run) if row.arm == "policy"]
    return float(np.mean([not any(word in COARSE for word in words_of(row.text)) for row in rows]))
