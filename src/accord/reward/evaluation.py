"""How good a judge is on answers it has not seen, beside what costs nothing and what people reach among themselves."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from accord.feedback import Dataset
from accord.interfaces import Judge
from accord.records import Pair
from accord.stats import Estimate, bootstrap, expected_calibration_error, mean

__all__ = ["accuracy", "baselines", "calibration", "evaluate", "score_split"]

Scored = Mapping[str, float]


def score_split(judge: Judge, data: Dataset, split: str) -> dict[str, float]:
    """The judge's score of every completion that the pairs of `split` compare, by id."""
    names = list(dict.fromkeys(each for pair in data.pairs[split] for each in (pair.chosen, pair.rejected)))
    completions = [data.completions[name] for name in names]
    scores = judge.score([data.prompts[each.prompt] for each in completions], completions)
    return dict(zip(names, scores.value_N.tolist(), strict=True))


def accuracy(scores: Scored, pairs: Sequence[Pair]) -> Estimate:
    """The share of pairs that are not tied in which the chosen scores higher (equal scores count half).

    The interval resamples whole batches (prompts where there are none). Raises ValueError where all pairs are tied.
    """
    decided = [pair for pair in pairs if not pair.tie]
    margin_P = np.array([scores[pair.chosen] - scores[pair.rejected] for pair in decided])
    return mean((margin_P > 0) + 0.5 * (margin_P == 0), _clusters(decided), weights=[p.weight for p in decided])


def baselines(data: Dataset, *, fitted_on: str, split: str) -> dict[str, Estimate]:
    """What a judge reaches that looks at nothing, or at length alone.

    majority      the same answer always, the two being ordered by id
    length_only   the longer one (or the shorter one, whichever the pairs of `fitted_on` favour), in characters
    """
    decided = [pair for pair in data.pairs[split] if not pair.tie]
    learnt = [pair for pair in data.pairs[fitted_on] if not pair.tie]
    first_P = np.array([pair.chosen < pair.rejected for pair in decided])
    same_P = first_P if np.mean([pair.chosen < pair.rejected for pair in learnt]) >= 0.5 else ~first_P
    sign = 1.0 if np.mean(np.sign(_lengths(data, learnt))) >= 0 else -1.0
    longer_P = sign * _lengths(data, decided)
    clusters = _clusters(decided)
    return {
        "majority": mean(same_P, clusters),
        "length_only": mean((longer_P > 0) + 0.5 * (longer_P == 0), clusters),
    }


def calibration(scores: Scored, pairs: Sequence[Pair], *, score_scale: float) -> Estimate:
    """Expected calibration error of P(first is preferred) = sigmoid(score_scale x difference of scores), 15 bins.

    The two of a pair are ordered by id, so the outcome is not always 1; a tie counts one half.
    """
    sign_P = np.array([1.0 if pair.chosen < pair.rejected else -1.0 for pair in pairs])
    margin_P = np.array([scores[pair.chosen] - scores[pair.rejected] for pair in pairs])
    probability_P = expit(score_scale * sign_P * margin_P)
    outcome_P = np.where([pair.tie for pair in pairs], 0.5, (sign_P > 0).astype(float))

    def error(rows: NDArray[np.intp]) -> float:
        return expected_calibration_error(probability_P[rows], outcome_P[rows])

    return bootstrap(error, len(pairs), _clusters(pairs), resamples=200, centred=True)


def evaluate(
    scores: Scored, data: Dataset, *, fitted_on: str, score_scale: float, split: str = "held_out"
) -> dict[str, Estimate]:
    """Accuracy, both baselines and the calibration error on the pairs of `split`."""
    pairs = data.pairs[split]
    return {
        "accuracy": accuracy(scores, pairs),
        **baselines(data, fitted_on=fitted_on, split=split),
        "ece": calibration(scores, pairs, score_scale=score_scale),
    }


def _lengths(data: Dataset, pairs: Sequence[Pair]) -> NDArray[np.float64]:
    text = {name: float(len(completion.text)) for name, completion in data.completions.items()}
    return np.array([text[pair.chosen] - text[pair.rejected] for pair in pairs])


def _clusters(pairs: Sequence[Pair]) -> list[str]:
    return [pair.session or pair.prompt for pair in pairs]
