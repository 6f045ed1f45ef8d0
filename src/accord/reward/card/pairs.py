"""How often a judge orders pairs as people did, how far its probabilities are theirs, and what costs nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from accord.feedback import Dataset, sampled_units
from accord.records import Evaluator, Pair
from accord.reward.card.word_baseline import word_margins
from accord.stats import Estimate, calibration_error, mean, rate, rate_difference

__all__ = ["accuracy", "baselines", "calibration", "logodds_and_outcomes", "probability_errors"]


def accuracy(
    values: Mapping[str, float], pairs: Sequence[Pair], evaluators: Mapping[str, Evaluator] | None = None
) -> Estimate:
    """The share of pairs that are not tied in which the chosen scores higher (equal scores count half).

    Clusters are whoever judged and, crossed with them, the texts (`feedback.sampled_units`). Raises ValueError where
    all pairs are tied.
    """
    decided = [pair for pair in pairs if not pair.tie]
    margin_P = np.array([values[pair.chosen] - values[pair.rejected] for pair in decided])
    return _share(margin_P, decided, evaluators, weights=[pair.weight for pair in decided])


def baselines(
    data: Dataset, *, fitted_on: str, split: str, values: Mapping[str, float] | None = None
) -> dict[str, Estimate]:
    """What a judge reaches that looks at nothing, at length alone, or at which words there are.

    majority      the same answer always, the two being ordered by id
    length_only   the longer one (or the shorter one, whichever the pairs of `fitted_on` favour), in characters
    words_only    a logistic regression on the words (`word_margins`); not there where there are none to learn from

    With the `values` of a judge, as `accuracy` reads them, also how much more often than those of length and words it
    is right on the very same pairs: `over_length` and `over_words`, from -1 to 1.
    """
    decided = [pair for pair in data.pairs[split] if not pair.tie]
    learnt = [pair for pair in data.pairs[fitted_on] if not pair.tie]
    first_P = np.array([pair.chosen < pair.rejected for pair in decided])
    same_P = first_P if _mean([pair.chosen < pair.rejected for pair in learnt], unknown=1.0) >= 0.5 else ~first_P
    sign = 1.0 if _mean(np.sign(_lengths(data, learnt)), unknown=1.0) >= 0 else -1.0
    margins = {
        "majority": same_P - 0.5,
        "length_only": sign * _lengths(data, decided),
        "words_only": word_margins(data, learnt, decided),
    }
    known = {name: margin_P for name, margin_P in margins.items() if margin_P is not None}
    weights = [pair.weight for pair in decided]
    measured = {name: _share(margin_P, decided, data.evaluators, weights) for name, margin_P in known.items()}
    if values is None:
        return measured
    own_P = _right(np.array([values[pair.chosen] - values[pair.rejected] for pair in decided]))
    gains = {"over_length": known["length_only"], "over_words": known.get("words_only")}
    return measured | {
        name: _gain(own_P, _right(margin_P), decided, data.evaluators, weights)
        for name, margin_P in gains.items()
        if margin_P is not None
    }


def calibration(
    values: Mapping[str, float],
    pairs: Sequence[Pair],
    evaluators: Mapping[str, Evaluator] | None = None,
    *,
    scale: float,
) -> Estimate:
    """Expected calibration error of P(first is preferred) = sigmoid(scale x difference of scores), less chance's part.

    The two of a pair are ordered by id, so the outcome is not always 1; a tie counts one half. At most 15 bins.
    """
    logit_P, outcome_P = logodds_and_outcomes(values, pairs, scale)
    who, texts = sampled_units(pairs, evaluators)
    return calibration_error(expit(logit_P), outcome_P, who, crossed=texts)


def probability_errors(
    values: Mapping[str, float],
    pairs: Sequence[Pair],
    evaluators: Mapping[str, Evaluator] | None = None,
    *,
    scale: float,
) -> dict[str, Estimate]:
    """What the probabilities of `calibration` cost, by two proper scoring rules; a tie counts one half either way.

    brier      mean square of the probability less the outcome (Brier 1950); .25 for one half always
    log_loss   mean negative log-probability of what happened, nats; log 2 for one half always
    """
    logit_P, outcome_P = logodds_and_outcomes(values, pairs, scale)
    loss_P = -outcome_P * log_expit(logit_P) - (1 - outcome_P) * log_expit(-logit_P)
    who, texts = sampled_units(pairs, evaluators)
    return {
        "brier": rate((expit(logit_P) - outcome_P) ** 2, who, crossed=texts),
        "log_loss": mean(loss_P, who, crossed=texts),
    }


def _lengths(data: Dataset, pairs: Sequence[Pair]) -> NDArray[np.float64]:
    text = {name: float(len(completion.text)) for name, completion in data.completions.items()}
    return np.array([text[pair.chosen] - text[pair.rejected] for pair in pairs])


def _mean(numbers: Sequence[float] | NDArray[np.float64], *, unknown: float) -> float:
    return float(np.mean(numbers)) if len(numbers) else unknown


def _share(
    margin_P: NDArray[np.float64],
    pairs: Sequence[Pair],
    evaluators: Mapping[str, Evaluator] | None,
    weights: Sequence[float] | None = None,
) -> Estimate:
    """The share of positive margins (0 counts half), over whoever judged and the texts."""
    who, texts = sampled_units(pairs, evaluators)
    return rate(_right(margin_P), who, crossed=texts, weights=weights)


def _right(margin_P: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 of each pair that is ordered rightly, one half where both sides score the same."""
    return np.asarray((margin_P > 0) + 0.5 * (margin_P == 0), dtype=np.float64)


def _gain(
    own_P: NDArray[np.float64],
    other_P: NDArray[np.float64],
    pairs: Sequence[Pair],
    evaluators: Mapping[str, Evaluator] | None,
    weights: Sequence[float],
) -> Estimate:
    """How much more often one of two is right on the same pairs; n counts pairs, each of which both have judged."""
    who, texts = sampled_units(pairs, evaluators)
    twice = rate_difference(
        np.concatenate([own_P, other_P]),
        np.repeat([True, False], len(pairs)),
        [*who, *who],
        crossed=[*texts, *texts],
        weights=[*weights, *weights],
    )
    return replace(twice, n=len(pairs))


def logodds_and_outcomes(
    values: Mapping[str, float], pairs: Sequence[Pair], scale: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each pair the log-odds that the first by id is preferred, and whether it was (a tie is one half)."""
    sign_P = np.array([1.0 if pair.chosen < pair.rejected else -1.0 for pair in pairs])
    margin_P = np.array([values[pair.chosen] - values[pair.rejected] for pair in pairs])
    outcome_P = np.where([pair.tie for pair in pairs], 0.5, (sign_P > 0).astype(float))
    return scale * sign_P * margin_P, outcome_P
