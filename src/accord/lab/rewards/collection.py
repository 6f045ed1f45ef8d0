"""What simulated people say of texts whose numbers are known, kept as the records that people's own answers are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from accord.feedback import Dataset
from accord.feedback.dataset.pairs import pairs_from_comparison, pairs_from_ranking
from accord.records import Comparison, Completion, Evaluator, Feedback, Judgement, Pair, Prompt, Ranking

__all__ = ["Collection", "Floats"]

Floats = NDArray[np.float64]


@dataclass
class Collection:
    """Texts, each a row of numbers, and what was said of them; a text is called by the place of its row."""

    rows: list[Floats] = field(default_factory=list)
    prompts: dict[str, Prompt] = field(default_factory=dict)
    completions: dict[str, Completion] = field(default_factory=dict)
    evaluators: dict[str, Evaluator] = field(default_factory=dict)
    feedback: list[Feedback] = field(default_factory=list)

    def prompt(self, number: int) -> Prompt:
        """A prompt by its number."""
        prompt = Prompt.ask(f"Prompt {number}")
        return self.prompts.setdefault(prompt.id, prompt)

    def evaluator(self, number: int) -> Evaluator:
        """A simulated evaluator by number."""
        evaluator = Evaluator(kind="simulated", pseudonym=f"e{number}", pool="lab")
        return self.evaluators.setdefault(evaluator.id, evaluator)

    def written(self, row_D: Floats) -> str:
        """A new text with these numbers."""
        self.rows.append(row_D)
        return str(len(self.rows) - 1)

    def texts(self, prompt: int, row_KD: Floats) -> tuple[str, ...]:
        """New completions of a prompt, by id, a row each."""
        completions = [Completion(prompt=self.prompt(prompt).id, text=self.written(row_D)) for row_D in row_KD]
        self.completions |= {completion.id: completion for completion in completions}
        return tuple(completion.id for completion in completions)

    def say(self, evaluator: int, prompt: int, completions: tuple[str, ...], judgement: Judgement) -> None:
        """Keep an act of judgement, as one that was asked once."""
        number = len(self.feedback)
        self.feedback.append(
            Feedback(
                evaluator=self.evaluator(evaluator).id,
                prompt=self.prompt(prompt).id,
                completions=completions,
                judgement=judgement,
                study="lab",
                session=f"act {number}",
            )
        )

    def data(self) -> Dataset:
        """All of it as a data set of one split, `train`; its pairs are those of comparisons and rankings."""
        return Dataset(
            prompts=self.prompts,
            completions=self.completions,
            evaluators=self.evaluators,
            split_of=dict.fromkeys(self.prompts, "train"),
            pairs={"train": tuple(pair for each in self.feedback for pair in _pairs(each))},
            feedback={"train": tuple(self.feedback)},
        )

    def numbers(self, names: Sequence[str], completions: Mapping[str, Completion]) -> Floats:
        """The numbers of completions, [A, D]."""
        return np.stack([self.rows[int(completions[name].text)] for name in names])


def _pairs(feedback: Feedback) -> list[Pair]:
    match feedback.judgement:
        case Comparison():
            return pairs_from_comparison(feedback)
        case Ranking():
            return pairs_from_ranking(feedback)
        case _:
            return []
