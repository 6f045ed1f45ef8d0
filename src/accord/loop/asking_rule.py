"""Whether the reward still foretells what is said of the policy's texts: the probe that decides when to ask again.

A reward states log-odds that the first of two texts is preferred. How sure one may be of them is what its held-out
pairs say. The answers of each round's probe, on pairs that the policy wrote, are a batch of two sequential tests of
whether they are that right there too (`accord.stats.sequential`): one against the slopes within an interval by the
held-out pairs, which finds a reward that was never right on the policy's texts, and one of a slope that changed, which
takes the probes in which the reward was right for held-out pairs, and finds one that ceases to be right even where few
were held out. The evidence is the mean of both. It is carried on from round to round until the reward learns anew:
being as right as where it was held out it is asked for nothing, at any time, with the chance that the recipe allows.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import AnsweredPair, AskedPair, RuleEvidence
from accord.feedback import Dataset
from accord.feedback.dataset.pairs import draw_pairs
from accord.interfaces import Judge
from accord.records import Completion, Evaluator, Feedback, Pair, Prompt
from accord.stats.sequential import batch_ratios, changed_slope, e_value, log_likelihoods, slope_interval

__all__ = ["answered_pairs", "evidence_of", "logodds", "probabilities"]

Floats = NDArray[np.float64]
NULLS = 25
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


def answered_pairs(
    of: Literal["fresh", "held_out"],
    judge: Judge,
    prompts: Mapping[str, Prompt],
    texts: Mapping[str, Completion],
    pairs: Sequence[Pair],
    writers: Mapping[str, str] | None = None,
) -> list[AnsweredPair]:
    """What was said of pairs, ties left out, beside the judge's log-odds; `writers` by completion where that counts."""
    decided = [pair for pair in pairs if not pair.tie]
    stated_P = logodds(judge, prompts, [_texts(pair, texts) for pair in decided])
    return [
        AnsweredPair(
            of=of,
            prompt=pair.prompt,
            evaluator=pair.evaluator,
            chosen=pair.chosen,
            rejected=pair.rejected,
            writers=None if writers is None else (writers[pair.chosen], writers[pair.rejected]),
            logodds=round(float(stated), 6),
        )
        for pair, stated in zip(decided, stated_P, strict=True)
    ]


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
    known = before or _held_out(judge, data)
    pairs = [pair for pair in draw_pairs(list(answers), evaluators=evaluators).pairs if not pair.tie]
    stated_P = logodds(judge, data.prompts, [_texts(pair, texts) for pair in pairs])
    ratios_BS = batch_ratios(stated_P, np.ones(len(pairs)), known.slopes)
    batch = tuple(tuple(round(float(each), 6) for each in ratio_S) for ratio_S in ratios_BS)
    batches = (*known.batches, batch)
    e_values, answered = [e_value([np.array(each) for each in batches])], None
    if known.held_out is not None:
        answered = (*(known.answered or ()), tuple(round(float(each), 6) for each in stated_P))
        e_values.append(changed_slope(np.array(known.held_out), answered))
    return RuleEvidence(
        answers=len(pairs) + known.answers,
        slopes=known.slopes,
        batches=batches,
        held_out=known.held_out,
        answered=answered,
        e_value=round(float(np.mean(e_values)), 6),
    )


def _held_out(judge: Judge, data: Dataset) -> RuleEvidence:
    """What is known before any probe: slopes from the least to the most that held-out pairs speak for.

    Where nothing was held out it is all of them, however sure the judge says it is.
    """
    pairs = [pair for pair in data.pairs["held_out"] if not pair.tie and pair.weight > 0]
    stated_P = logodds(judge, data.prompts, [_texts(pair, data.completions) for pair in pairs])
    weight_P = np.array([pair.weight for pair in pairs])
    weight_P = weight_P / weight_P.mean() if pairs else weight_P
    low, high = slope_interval(stated_P, np.ones(len(pairs)), weight_P)
    return RuleEvidence(
        answers=0,
        slopes=tuple(round(float(each), 6) for each in np.geomspace(low, high, NULLS)),
        batches=(),
        held_out=tuple(round(float(each), 6) for each in log_likelihoods(stated_P, weight_P)),
        e_value=1.0,
    )


def _texts(pair: Pair, texts: Mapping[str, Completion]) -> tuple[Completion, Completion]:
    return texts[pair.chosen], texts[pair.rejected]
