"""Whether the reward still foretells what is said of the policy's texts: the probe that decides when to ask again.

A reward states with what probability the first of two texts is preferred. Its log-odds are divided by the one number
that makes them right on its held-out pairs; the first answers on pairs that the policy wrote then are a sequential test
of whether they are right there too (`accord.stats.sequential`). Evidence is carried on from round to round until the
reward learns anew: being right it is asked for nothing, at any time, with the chance that the recipe allows.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import AskedPair, RuleEvidence
from accord.feedback import Dataset
from accord.feedback.dataset.pairs import draw_pairs
from accord.interfaces import Judge
from accord.records import Completion, Evaluator, Feedback, Pair, Prompt
from accord.reward.posterior.calibration import fit_temperature
from accord.stats.sequential import e_value, log_wealth

__all__ = ["evidence_of", "logodds", "probabilities"]

Floats = NDArray[np.float64]


def logodds(judge: Judge, prompts: Mapping[str, Prompt], pairs: Sequence[tuple[Completion, Completion]]) -> Floats:
    """That the first of each pair is preferred, as the judge states it, [P]; a judge without a scale as it is."""
    if not pairs:
        return np.zeros(0)
    texts = [text for pair in pairs for text in pair]
    scores = judge.score([prompts[text.prompt] for text in texts], texts)
    value_P2 = scores.value_N.reshape(-1, 2)
    stated_P: Floats = (1.0 if scores.scale is None else scores.scale) * (value_P2[:, 0] - value_P2[:, 1])
    return stated_P


def probabilities(
    judge: Judge, prompts: Mapping[str, Prompt], texts: Mapping[str, Completion], pairs: Sequence[AskedPair]
) -> list[float]:
    """That the first of each pair is preferred, as the judge states it."""
    stated_P = logodds(
        judge, prompts, [(texts[first], texts[second]) for first, second in (p.completions for p in pairs)]
    )
    return [round(float(each), 6) for each in 1 / (1 + np.exp(-np.clip(stated_P, -30, 30)))]


def evidence_of(
    judge: Judge,
    data: Dataset,
    texts: Mapping[str, Completion],
    answers: Sequence[Feedback],
    evaluators: Mapping[str, Evaluator],
    before: RuleEvidence | None,
) -> RuleEvidence:
    """What answers on the policy's own pairs say against a reward, with what others said `before`.

    `data` is what the reward was taught by: its held-out pairs set the temperature.
    """
    temperature = _temperature(judge, data)
    pairs = [pair for pair in draw_pairs(list(answers), evaluators=evaluators).pairs if not pair.tie]
    stated_P = logodds(judge, data.prompts, [_texts(pair, texts) for pair in pairs]) / temperature
    wealth_S = log_wealth(stated_P, np.ones(len(pairs)))
    if before is not None:
        wealth_S = wealth_S + np.array(before.log_wealth)
    return RuleEvidence(
        answers=len(pairs) + (0 if before is None else before.answers),
        log_wealth=tuple(round(float(each), 6) for each in wealth_S),
        e_value=round(e_value(wealth_S), 6),
        temperature=round(temperature, 6),
    )


def _temperature(judge: Judge, data: Dataset) -> float:
    """What the judge's log-odds are divided by so that they are right on held-out pairs; 1 where there are none."""
    pairs = [pair for pair in data.pairs["held_out"] if not pair.tie]
    if not pairs:
        return 1.0
    stated_P = logodds(judge, data.prompts, [_texts(pair, data.completions) for pair in pairs])
    return fit_temperature(stated_P, np.ones(len(pairs)), [pair.weight for pair in pairs]).temperature


def _texts(pair: Pair, texts: Mapping[str, Completion]) -> tuple[Completion, Completion]:
    return texts[pair.chosen], texts[pair.rejected]
