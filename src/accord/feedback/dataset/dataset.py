"""A data set: what people said, split by whole units, with everything that it names."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel

from accord.artefacts import DataSummary
from accord.artefacts.on_demand import on_demand_if_many
from accord.feedback.dataset.views import Judged, judged
from accord.records import (
    Comparison,
    Completion,
    Correction,
    Critique,
    Demonstration,
    Evaluator,
    Example,
    Feedback,
    Label,
    Pair,
    Prompt,
    Ranking,
    Rating,
    Spans,
    Steps,
)

__all__ = ["Dataset", "count"]

J = TypeVar("J", bound=BaseModel)


@dataclass(frozen=True)
class Dataset:
    """What a run learns from.

    prompts, completions, evaluators   by id; everything that pairs, feedback and examples name, and all prompts
    split_of    the split of every prompt, by its id
    pairs       by split: drawn from comparisons, rankings and ratings, at most as many as were asked for
    feedback    by split: every act of judgement that stands, of every kind. Comparisons, rankings, ratings, labels,
                spans, steps, corrections, critiques and demonstrations are views of it, which leave control questions
                and repeats out
    examples    what the supervised start learns from
    summary     counts of what was read
    evaluator_weights   by split and evaluator: what each of their answers weighs, 1 where none is named; pairs and
                        examples have their own
    """

    prompts: Mapping[str, Prompt]
    completions: Mapping[str, Completion]
    evaluators: dict[str, Evaluator]
    split_of: dict[str, str]
    pairs: dict[str, tuple[Pair, ...]]
    feedback: Mapping[str, Sequence[Feedback]] = field(default_factory=dict)
    examples: Sequence[Example] = ()
    summary: DataSummary | None = None
    evaluator_weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def prompts_of(self, split: str) -> Sequence[Prompt]:
        """The prompts of a split, in the order of the data set."""
        names = [name for name in self.prompts if self.split_of[name] == split]
        return on_demand_if_many(len(names), lambda place: self.prompts[names[place]], of=self.prompts)

    def comparisons(self, split: str) -> list[Judged[Comparison]]:
        """Which of two completions is better."""
        return self._judged(split, Comparison)

    def rankings(self, split: str) -> list[Judged[Ranking]]:
        """Rankings of two or more completions."""
        return self._judged(split, Ranking)

    def ratings(self, split: str) -> list[Judged[Rating]]:
        """Ratings of single completions."""
        return self._judged(split, Rating)

    def labels(self, split: str) -> list[Judged[Label]]:
        """Labels of single completions."""
        return self._judged(split, Label)

    def spans(self, split: str) -> list[Judged[Spans]]:
        """Marked stretches of single completions."""
        return self._judged(split, Spans)

    def steps(self, split: str) -> list[Judged[Steps]]:
        """Verdicts on the steps of single completions."""
        return self._judged(split, Steps)

    def corrections(self, split: str) -> list[Judged[Correction]]:
        """Completions as evaluators would have them."""
        return self._judged(split, Correction)

    def critiques(self, split: str) -> list[Judged[Critique]]:
        """What evaluators say of single completions in words."""
        return self._judged(split, Critique)

    def demonstrations(self, split: str) -> list[Judged[Demonstration]]:
        """What evaluators would answer."""
        return self._judged(split, Demonstration)

    def _judged(self, split: str, kind: type[J]) -> list[Judged[J]]:
        return judged(self.feedback.get(split, ()), kind)


def count(data: Dataset) -> DataSummary:
    """How much there is of everything in a data set."""
    return DataSummary(
        evaluators=len(data.evaluators),
        prompts=dict(Counter(data.split_of.values())),
        completions=len(data.completions),
        pairs={name: len(pairs) for name, pairs in data.pairs.items()},
        ties={name: sum(pair.tie for pair in pairs) for name, pairs in data.pairs.items()},
        examples=dict(Counter(example.source for example in data.examples)),
    )
