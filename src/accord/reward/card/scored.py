"""A judge's scores of what was held out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import ComponentScore, ScoreRow
from accord.feedback import Dataset
from accord.interfaces import Judge, Scores
from accord.records import Completion, Correction, Demonstration, Feedback
from accord.train.seeds import seed_of

__all__ = ["SplitScores", "score_split", "text_of_evaluator"]

BESIDE_PAIRS = 2000
"""Texts that no pair holds are scored as long as they are no more than those of pairs, or so many."""


@dataclass(frozen=True)
class SplitScores:
    """A judge's scores of the completions of a split, by id.

    `tokens` counts what the judge read, `scale` is in log-odds a unit of score; None where the judge states none.
    `judged` is all that it said, in the order of `values`. `left_out` counts texts that were not scored because there
    were too many.
    """

    values: dict[str, float]
    tokens: dict[str, int] | None
    scale: float | None
    judged: Scores | None = field(default=None, compare=False)
    left_out: int = 0

    def rows(self, data: Dataset) -> Iterator[ScoreRow]:
        """As they are kept in a run; texts that evaluators wrote themselves are not kept."""
        for index, (name, value) in enumerate(self.values.items()):
            if name in data.completions:
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

    @cached_property
    def components(self) -> Mapping[str, Mapping[str, float]]:
        """Scores by id of each component."""
        components = {} if self.judged is None else self.judged.components
        return {name: _by_id(self.values, each.value_N) for name, each in components.items()}

    @cached_property
    def credits(self) -> Mapping[str, tuple[tuple[int, float], ...]] | None:
        """Where in each text its score is earned, as `Scores.credits` has it; None where the judge does not say."""
        if self.judged is None or self.judged.credits is None:
            return None
        return dict(zip(self.values, self.judged.credits, strict=True))

    @property
    def spread(self) -> float:
        """The standard deviation of the scores, in which effects are told; 0 where all are alike."""
        return float(np.std(list(self.values.values()))) if self.values else 0.0


def score_split(judge: Judge, data: Dataset, split: str) -> SplitScores:
    """The judge's score of every completion that the pairs of `split` compare, and of all that was said of others.

    Texts that evaluators wrote (corrections, demonstrations) are scored with them. Raises ValueError where the judge
    returns what is not finite.
    """
    compared = dict.fromkeys(name for pair in data.pairs.get(split, ()) for name in (pair.chosen, pair.rejected))
    texts = {name: data.completions[name] for name in compared}
    others = {each.id: each for each in _judged_beside(data, split) if each.id not in texts}
    kept = sorted(others, key=lambda name: seed_of("card", name))[: max(BESIDE_PAIRS, len(texts))]
    texts |= {name: others[name] for name in others if name in set(kept)}
    return _scored(judge, data, texts, left_out=len(others) - len(kept))


def text_of_evaluator(feedback: Feedback) -> Completion | None:
    """The text that an evaluator wrote, of a correction or demonstration, as a completion."""
    judgement = feedback.judgement
    if not isinstance(judgement, Correction | Demonstration):
        return None
    return Completion(prompt=feedback.prompt, text=judgement.text)


def _judged_beside(data: Dataset, split: str) -> Iterator[Completion]:
    """All completions that feedback of the split names or adds, and others' answers to what was demonstrated."""
    demonstrated: set[str] = set()
    acts: Iterable[Feedback] = data.feedback.get(split, ())
    for feedback in acts:
        yield from (data.completions[name] for name in feedback.completions)
        if (written := text_of_evaluator(feedback)) is not None:
            yield written
        if isinstance(feedback.judgement, Demonstration):
            demonstrated.add(feedback.prompt)
    yield from (completion for completion in data.completions.values() if completion.prompt in demonstrated)


def _scored(judge: Judge, data: Dataset, texts: Mapping[str, Completion], *, left_out: int) -> SplitScores:
    if not texts:
        return SplitScores({}, None, None)
    scores = judge.score([data.prompts[each.prompt] for each in texts.values()], list(texts.values()))
    tokens = None if scores.tokens_N is None else dict(zip(texts, scores.tokens_N.tolist(), strict=True))
    return SplitScores(_by_id(texts, scores.value_N), tokens, scores.scale, scores, left_out)


def _by_id(names: Iterable[str], value_N: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(names, value_N.tolist(), strict=True))


def _std(scores: Scores, index: int) -> float | None:
    return None if scores.std_N is None else float(scores.std_N[index])
