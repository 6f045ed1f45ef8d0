"""Judgements about parts of a text, held against where in it a judge says that its score is earned."""

from collections.abc import Iterator, Sequence

import numpy as np

from accord.feedback import Dataset, Judged
from accord.records import Spans, Steps
from accord.reward.card.ordered import Outcome, area, half_wins, shares
from accord.reward.card.scored import SplitScores

__all__ = ["earned_by_character", "marked_measure", "step_measure"]


def earned_by_character(credits: Sequence[tuple[int, float]], length: int) -> np.ndarray:
    """What each of the characters of a text earns, [C]: a credit is spread evenly from the end of the one before it.

    What is earned before the first character goes to it, behind the last one to that.
    """
    earned_C = np.zeros(length)
    amounts: dict[int, float] = {}
    for end, amount in credits:
        amounts[min(end, length)] = amounts.get(min(end, length), 0.0) + amount
    start = 0
    for end in sorted(amounts):
        first = min(start, length - 1) if end <= start else start
        if length:
            earned_C[max(first, 0) : max(end, first + 1)] += amounts[end] / max(end - first, 1)
        start = end
    return earned_C


def marked_measure(scores: SplitScores, data: Dataset, acts: Sequence[Judged[Spans]]) -> Iterator[Outcome]:
    """Whether marked characters earn less; of a judge without credits, whether unmarked texts score higher."""
    if scores.credits is None:
        value_N = np.array([scores.values[act.feedback.completions[0]] for act in acts])
        clean_N = np.array([not act.judgement.spans for act in acts])
        found = area(value_N, clean_N, acts, data, "all texts have marks, or none")
        yield "AUROC of the score for texts without a mark", *found
        return
    won, held = [], []
    for act in acts:
        name = act.feedback.completions[0]
        text = data.completions[name].text
        marked_C = np.zeros(len(text), dtype=bool)
        for span in act.judgement.spans:
            marked_C[span.start : span.end] = True
        if marked_C.any() and not marked_C.all():
            earned_C = earned_by_character(scores.credits[name], len(text))
            won.append(half_wins(float(earned_C[~marked_C].mean() - earned_C[marked_C].mean())))
            held.append(act)
    note = None if won else "no text has marks on a part of it"
    yield "share of texts whose marked characters earn less than the others", shares(won, held, data), note


def step_measure(scores: SplitScores, data: Dataset, acts: Sequence[Judged[Steps]]) -> Iterator[Outcome]:
    """Whether right steps earn more than wrong ones; of a judge without credits, whether whole traces score higher."""
    stepped = [act for act in acts if data.completions[act.feedback.completions[0]].step_starts is not None]
    if scores.credits is None or not stepped:
        value_N = np.array([scores.values[act.feedback.completions[0]] for act in acts])
        right_N = np.array([act.judgement.first_wrong is None for act in acts])
        found = area(value_N, right_N, acts, data, "all traces have a wrong step, or none")
        yield "AUROC of the score for traces without a wrong step", *found
        return
    earned, right, of = [], [], []
    for act in stepped:
        completion = data.completions[act.feedback.completions[0]]
        assert completion.step_starts is not None
        earned_C = earned_by_character(scores.credits[completion.id], len(completion.text))
        ends = (*completion.step_starts[1:], len(completion.text))
        for start, end, verdict in zip(completion.step_starts, ends, act.judgement.verdicts, strict=False):
            if verdict != "unsure":
                earned.append(float(earned_C[start:end].sum()))
                right.append(verdict == "right")
                of.append(act)
    found = area(np.array(earned), np.array(right, dtype=bool), of, data, "all steps are right, or all wrong")
    yield "AUROC of what right steps earn against wrong ones", *found
