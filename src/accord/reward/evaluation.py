"""How good a judge is on answers it has not seen, beside what costs nothing and what people reach among themselves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from accord.artefacts import ComponentScore, RewardCard, ScoreRow
from accord.feedback import Dataset, sampled_units
from accord.interfaces import Judge, Scores
from accord.records import Evaluator, Pair
from accord.reward.word_baseline import word_margins
from accord.stats import Estimate, calibration_error, rate

__all__ = ["SplitScores", "accuracy", "baselines", "calibration", "evaluate", "score_split"]


@dataclass(frozen=True)
class SplitScores:
    """A judge's scores of the completions that the pairs of a split compare, by id.

    `tokens` counts what the judge read, `scale` is in log-odds a unit of score; None where the judge states none.
    `judged` is all that it said, in the order of `values`.
    """

    values: dict[str, float]
    tokens: dict[str, int] | None
    scale: float | None
    judged: Scores | None = None

    def rows(self, data: Dataset) -> Iterator[ScoreRow]:
        """As they are kept in a run."""
        for index, (name, value) in enumerate(self.values.items()):
            tokens = None if self.tokens is None else self.tokens[name]
            prompt = data.completions[name].prompt
            yield ScoreRow(completion=name, prompt=prompt, score=value, length=tokens, **self._doubt(index))

    def _doubt(self, index: int) -> dict[str, Any]:
        """Columns of a row: the standard deviation, and the components with theirs."""
        if self.judged is None:
            return {}
        components = {
            name: ComponentScore(value=float(each.value_N[index]), std=_std(each, index))
            for name, each in self.judged.components.items()
        }
        return {"std": _std(self.judged, index), "components": components or None}


def score_split(judge: Judge, data: Dataset, split: str) -> SplitScores:
    """The judge's score of every completion that the pairs of `split` compare."""
    names = list(dict.fromkeys(name for pair in data.pairs[split] for name in (pair.chosen, pair.rejected)))
    completions = [data.completions[name] for name in names]
    scores = judge.score([data.prompts[completion.prompt] for completion in completions], completions)
    tokens = None if scores.tokens_N is None else dict(zip(names, scores.tokens_N.tolist(), strict=True))
    return SplitScores(dict(zip(names, scores.value_N.tolist(), strict=True)), tokens, scores.scale, scores)


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


def baselines(data: Dataset, *, fitted_on: str, split: str) -> dict[str, Estimate]:
    """What a judge reaches that looks at nothing, at length alone, or at which words there are.

    majority      the same answer always, the two being ordered by id
    length_only   the longer one (or the shorter one, whichever the pairs of `fitted_on` favour), in characters
    words_only    a logistic regression on the words (`word_margins`); not there where there are none to learn from
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
    return {
        name: _share(margin_P, decided, data.evaluators) for name, margin_P in margins.items() if margin_P is not None
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
    sign_P = np.array([1.0 if pair.chosen < pair.rejected else -1.0 for pair in pairs])
    margin_P = np.array([values[pair.chosen] - values[pair.rejected] for pair in pairs])
    outcome_P = np.where([pair.tie for pair in pairs], 0.5, (sign_P > 0).astype(float))
    who, texts = sampled_units(pairs, evaluators)
    return calibration_error(expit(scale * sign_P * margin_P), outcome_P, who, crossed=texts)


def evaluate(
    scores: SplitScores,
    data: Dataset,
    *,
    fitted_on: str,
    split: str = "held_out",
    agreement: Estimate | None = None,
    consensus: Estimate | None = None,
) -> RewardCard:
    """The card of a judge: accuracy, the baselines and the calibration error on the pairs of `split`.

    `fitted_on` is the split that the baselines are learnt from, `agreement` and `consensus` how often another evaluator
    and all others together order a pair as its evaluator did. Raises ValueError where all pairs are tied.
    """
    pairs = data.pairs[split]
    return RewardCard(
        accuracy=accuracy(scores.values, pairs, data.evaluators),
        **baselines(data, fitted_on=fitted_on, split=split),
        ece=None if scores.scale is None else calibration(scores.values, pairs, data.evaluators, scale=scores.scale),
        agreement=agreement,
        consensus=consensus,
    )


def _std(scores: Scores, index: int) -> float | None:
    return None if scores.std_N is None else float(scores.std_N[index])


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
    return rate((margin_P > 0) + 0.5 * (margin_P == 0), who, crossed=texts, weights=weights)
