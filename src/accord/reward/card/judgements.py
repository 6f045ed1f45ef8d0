"""Every kind of judgement that was held out: how many acts there are, and how well the scores go with what was said.

comparisons      the share in which the preferred scores higher
rankings         the share of a ranking's orders that the scores have too; the ranking is the unit
ratings          Spearman's correlation of scores and ratings within each evaluator
labels           AUROC of the component that is called like the option; else of the score, which says what goes with it
spans            the share of marked texts whose marked characters earn less than the others; else AUROC of the score
steps            AUROC of what right steps earn against wrong ones; else of whole traces by their score
corrections      the share that score above what they correct
demonstrations   the share that score above the median of the completions to the same prompt
critiques        counted only: nothing in them is a number

Ties of people are left out, ties of the judge count half.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from accord.artefacts import JudgementMeasure
from accord.feedback import Dataset, Judged
from accord.records import Comparison, Feedback, Label, Ranking
from accord.reward.card.enough import too_few
from accord.reward.card.inside import marked_measure, step_measure
from accord.reward.card.ordered import Outcome, area, half_wins, shares, within_evaluators
from accord.reward.card.scored import SplitScores, text_of_evaluator

__all__ = ["judgement_measures"]


def judgement_measures(
    scores: SplitScores, data: Dataset, *, fitted_on: str, split: str
) -> tuple[JudgementMeasure, ...]:
    """A row for each kind of judgement in the split; of labels, one for each option."""
    rows: list[JudgementMeasure] = []
    for kind, view, measure in _KINDS:
        acts: list[Judged[Any]] = view(data, split)
        scored = [act for act in acts if _is_scored(act.feedback, scores)]
        if not acts:
            continue
        found = measure(scores, data, scored) if scored else iter([("none of its texts was scored", None, None)])
        for name, estimate, note in found:
            few = None if estimate is None else too_few(estimate)
            rows.append(
                JudgementMeasure(
                    kind=kind,
                    acts=len(acts),
                    learnt_from=len(view(data, fitted_on)),
                    name=name,
                    estimate=None if few else estimate,
                    note=few or note or _unscored(len(acts) - len(scored)),
                )
            )
    return tuple(rows)


def _is_scored(feedback: Feedback, scores: SplitScores) -> bool:
    written = text_of_evaluator(feedback)
    names = [*feedback.completions, *([] if written is None else [written.id])]
    return all(name in scores.values for name in names)


def _unscored(number: int) -> str | None:
    return f"{number} acts are about texts that were left out, there being too many" if number else None


def _comparisons(scores: SplitScores, data: Dataset, acts: Sequence[Judged[Comparison]]) -> Iterator[Outcome]:
    decided = [act for act in acts if act.judgement.preferred != "tie"]
    won = []
    for act in decided:
        left, right = (scores.values[name] for name in act.feedback.completions)
        won.append(half_wins(left - right if act.judgement.preferred == "left" else right - left))
    yield "share in which the preferred scores higher", shares(won, decided, data), _ties(len(acts) - len(decided))


def _rankings(scores: SplitScores, data: Dataset, acts: Sequence[Judged[Ranking]]) -> Iterator[Outcome]:
    held, ordered = [], []
    for act in acts:
        score = [scores.values[name] for name in act.feedback.completions]
        tier = {place: rank for rank, places in enumerate(act.judgement.tiers) for place in places}
        won = [
            half_wins(score[a] - score[b]) for a in range(len(score)) for b in range(len(score)) if tier[a] < tier[b]
        ]
        if won:
            held.append(float(np.mean(won)))
            ordered.append(act)
    yield (
        "share of each ranking's orders that the scores have",
        shares(held, ordered, data),
        _ties(len(acts) - len(ordered)),
    )


def _ratings(scores: SplitScores, data: Dataset, acts: Sequence[Judged[Any]]) -> Iterator[Outcome]:
    value_N = [scores.values[act.feedback.completions[0]] for act in acts]
    rated_N = [
        (act.judgement.value - act.judgement.scale.low) / (act.judgement.scale.high - act.judgement.scale.low)
        for act in acts
    ]
    estimate = within_evaluators(np.array(value_N), np.array(rated_N), [act.feedback for act in acts], data)
    reason = "no evaluator rated two texts differently, or the scores are all alike; it takes three ratings of one"
    yield "Spearman's correlation within evaluators", estimate, None if estimate else reason


def _labels(scores: SplitScores, data: Dataset, acts: Sequence[Judged[Label]]) -> Iterator[Outcome]:
    for option in sorted({name for act in acts for name in act.judgement.options}):
        asked = [act for act in acts if option in act.judgement.options]
        values = scores.components.get(option)
        source = scores.values if values is None else values
        value_N = np.array([source[act.feedback.completions[0]] for act in asked])
        is_N = np.array([option in act.judgement.selected for act in asked])
        name = f"'{option}': AUROC of " + ("the score" if values is None else "its component")
        yield name, *area(value_N, is_N, asked, data, f"'{option}' was chosen of all or of none")


def _corrections(scores: SplitScores, data: Dataset, acts: Sequence[Judged[Any]]) -> Iterator[Outcome]:
    won, changed = [], []
    for act in acts:
        written = text_of_evaluator(act.feedback)
        assert written is not None
        original = act.feedback.completions[0]
        if written.text != data.completions[original].text:
            won.append(half_wins(scores.values[written.id] - scores.values[original]))
            changed.append(act)
    same = len(acts) - len(changed)
    note = f"{same} left the text as it was" if same else None
    yield "share that score above what they correct", shares(won, changed, data), note


def _demonstrations(scores: SplitScores, data: Dataset, acts: Sequence[Judged[Any]]) -> Iterator[Outcome]:
    answers: dict[str, list[float]] = {}
    for completion in data.completions.values():
        if completion.id in scores.values:
            answers.setdefault(completion.prompt, []).append(scores.values[completion.id])
    won, answered = [], []
    for act in acts:
        written = text_of_evaluator(act.feedback)
        assert written is not None
        others = answers.get(act.feedback.prompt)
        if others:
            won.append(half_wins(scores.values[written.id] - float(np.median(others))))
            answered.append(act)
    alone = len(acts) - len(answered)
    note = f"{alone} are of prompts without a completion to hold them against" if alone else None
    yield "share that score above the median completion of the prompt", shares(won, answered, data), note


def _critiques(scores: SplitScores, data: Dataset, acts: Sequence[Judged[Any]]) -> Iterator[Outcome]:
    yield "counted only", None, "a critique holds no number or order that a score could be held against"


def _ties(number: int) -> str | None:
    return f"{number} without an order are left out" if number else None


_KINDS: tuple[tuple[str, Callable[[Dataset, str], list[Any]], Callable[..., Iterator[Outcome]]], ...] = (
    ("comparison", Dataset.comparisons, _comparisons),
    ("ranking", Dataset.rankings, _rankings),
    ("rating", Dataset.ratings, _ratings),
    ("label", Dataset.labels, _labels),
    ("spans", Dataset.spans, marked_measure),
    ("steps", Dataset.steps, step_measure),
    ("correction", Dataset.corrections, _corrections),
    ("critique", Dataset.critiques, _critiques),
    ("demonstration", Dataset.demonstrations, _demonstrations),
)
