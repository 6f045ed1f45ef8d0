"""Answers that people found good, by prompt, as far as what was held out says so."""

from collections import Counter, defaultdict
from collections.abc import Mapping

import numpy as np

from accord.feedback import Dataset
from accord.records import Completion
from accord.reward.card.scored import SplitScores, text_of_evaluator

__all__ = ["good_answers", "median_answer"]


def good_answers(scores: SplitScores, data: Dataset, *, split: str) -> dict[str, list[Completion]]:
    """By prompt the completions that won more often than they lost, and what evaluators wrote themselves.

    Pairs count, and the orders of rankings; a rating counts by how far it is above the middle of its scale.
    """
    votes: Counter[str] = Counter()
    for pair in data.pairs.get(split, ()):
        if not pair.tie:
            votes[pair.chosen] += 1
            votes[pair.rejected] -= 1
    worth: dict[str, float] = {name: float(number) for name, number in votes.items()}
    for ranking in data.rankings(split):
        tiers = ranking.judgement.tiers
        for rank, tier in enumerate(tiers):
            for place in tier:
                name = ranking.feedback.completions[place]
                worth[name] = worth.get(name, 0.0) + len(tiers) - 1 - 2 * rank
    for rating in data.ratings(split):
        scale, name = rating.judgement.scale, rating.feedback.completions[0]
        worth[name] = worth.get(name, 0.0) + rating.judgement.value - (scale.low + scale.high) / 2
    good: dict[str, dict[str, Completion]] = defaultdict(dict)
    for name, number in worth.items():
        completion = data.completions[name]
        if number > 0 and name in scores.values and completion.text.strip():
            good[completion.prompt][name] = completion
    for feedback in data.feedback.get(split, ()):
        written = text_of_evaluator(feedback)
        if written is not None and written.id in scores.values and feedback.gold is None:
            good[written.prompt][written.id] = written
    return {prompt: list(completions.values()) for prompt, completions in good.items()}


def median_answer(answers: list[Completion], values: Mapping[str, float]) -> tuple[Completion, float]:
    """The one in the middle by score (of two the lower), and the median of the scores."""
    ordered = sorted(answers, key=lambda each: (values[each.id], each.id))
    return ordered[(len(ordered) - 1) // 2], float(np.median([values[each.id] for each in answers]))
