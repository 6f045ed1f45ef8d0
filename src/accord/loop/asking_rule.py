"""Whether the reward still foretells what is said of the policy's texts: the probe that decides when to ask again.

A reward states log-odds that the first of two texts is preferred. How sure one may be of them is what its held-out
pairs say, an interval of slopes. The answers of each round's probe, on pairs that the policy wrote, are a batch of a
sequential test of whether they are that right there too (`accord.stats.sequential`). Evidence is carried on from round
to round until the reward learns anew: being as right as where it was held out it is asked for nothing, at any time,
with the chance that the recipe allows.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import AskedPair, RuleEvidence
from accord.feedback import Dataset
from accord.feedback.dataset.pairs import draw_pairs
from accord.interfaces import Judge
from accord.records import Completion, Evaluator, Feedback, Pair, Prompt
from accord.stats.sequential import batch_ratios, e_value, slope_interval

__all__ = ["evidence_of", "logodds", "probabilities"]

Floats = NDArray[np.float64]
NULLS = 9
"""Slopes of the hypothesis that are looked at."""


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

    `data` is what the reward was taught by: its held-out pairs say how sure one may be of it.
    """
    slopes = before.slopes if before is not None else _slopes(judge, data)
    pairs = [pair for pair in draw_pairs(list(answers), evaluators=evaluators).pairs if not pair.tie]
    stated_P = logodds(judge, data.prompts, [_texts(pair, texts) for pair in pairs])
    ratios_BS = batch_ratios(stated_P, np.ones(len(pairs)), slopes)
    batch = tuple(tuple(round(float(each), 6) for each in ratio_S) for ratio_S in ratios_BS)
    batches = (*(() if before is None else before.batches), batch)
    return RuleEvidence(
        answers=len(pairs) + (0 if before is None else before.answers),
        slopes=slopes,
        batches=batches,
        e_value=round(e_value([np.array(each) for each in batches]), 6),
    )


def _slopes(judge: Judge, data: Dataset) -> tuple[float, ...]:
    """How sure one may be of a judge's log-odds, by held-out pairs: slopes from the least to the most that is likely.

    Of a judge without held-out pairs it is what it states.
    """
    pairs = [pair for pair in data.pairs["held_out"] if not pair.tie and pair.weight > 0]
    if not pairs:
        return (1.0,)
    stated_P = logodds(judge, data.prompts, [_texts(pair, data.completions) for pair in pairs])
    weight_P = np.array([pair.weight for pair in pairs])
    low, high = slope_interval(stated_P, np.ones(len(pairs)), weight_P / weight_P.mean())
    return tuple(round(float(each), 6) for each in np.geomspace(low, high, NULLS))


def _texts(pair: Pair, texts: Mapping[str, Completion]) -> tuple[Completion, Completion]:
    return texts[pair.chosen], texts[pair.rejected]
