"""The judges of a planted run: what a reward stage leaves, without its training."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize_scalar

from accord.artefacts import CARD, MODEL, SCORES
from accord.feedback import Dataset
from accord.lab.lexicon import WordJudge
from accord.records import Pair
from accord.reward.card.measure import evaluate
from accord.reward.card.scored import score_split
from accord.run import RunDirectory

__all__ = ["score_scale", "write_judge"]


def write_judge(run: RunDirectory, stage: str, judge: WordJudge, data: Dataset, *, fitted_on: str) -> None:
    """Write the model (a number a word), its scores of the held-out completions, and its card.

    `fitted_on` is the split whose pairs say what the scores are worth in log-odds, and which length people favour.
    """
    with MODEL.write(run, stage=stage) as folder:
        (folder / "words.txt").write_text("\n".join(f"{worth:.6f}" for worth in judge.worth_V))
    scores = score_split(judge, data, "held_out")
    words = {name: _words(data, name) for name in scores.values}
    scale = judge.surer * score_scale(score_split(judge, data, fitted_on).values, data.pairs[fitted_on])
    scores = replace(scores, tokens=words, scale=scale)
    SCORES.write(run, scores.rows(data), stage=stage)
    CARD.write(run, evaluate(scores, data, fitted_on=fitted_on), stage=stage)


def _words(data: Dataset, completion: str) -> int:
    return len(data.completions[completion].text.split())


def score_scale(scores: Mapping[str, float], pairs: Sequence[Pair]) -> float:
    """The scale s at which sigmoid(s x difference of scores) makes the decided pairs likeliest, between .01 and 20."""
    margin_P = np.array([scores[pair.chosen] - scores[pair.rejected] for pair in pairs if not pair.tie])

    def loss(scale: float) -> float:
        return float(np.logaddexp(0, -scale * margin_P).sum())

    return float(minimize_scalar(loss, bounds=(0.01, 20), method="bounded").x)
