"""A process reward model as a judge: how likely each step is right, and one score of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from accord.interfaces import Scores
from accord.lm.reward_model import ScalarHeadModel
from accord.records import Completion, Prompt
from accord.reward.segments.aggregation import StepAggregation, step_credits
from accord.reward.segments.boundaries import steps_of
from accord.reward.segments.reading import Segment, logits, read_texts
from accord.reward.segments.span_judge import scores_of_members

__all__ = ["StepJudge"]


@dataclass(frozen=True)
class StepJudge:
    """A `Judge` with credits at the ends of steps. A text without a step is read as one, where it ends."""

    model: ScalarHeadModel
    aggregation: StepAggregation
    into: str = "line"

    @property
    def name(self) -> str:
        """That of the model."""
        return self.model.name

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """The scores, with what each step adds to them at its end."""
        values, credits = [], []
        for steps, right_JS in self.steps(prompts, completions):
            credit_JS = step_credits(right_JS, self.aggregation)
            values.append(credit_JS.sum(0))
            places = [0, *(step.end for step in steps)]
            credits.append(tuple(zip(places, credit_JS.mean(1).tolist(), strict=True)))
        return scores_of_members(
            np.array(values).reshape(len(values), self.model.members),
            components={},
            credits=tuple(credits),
            tokens=[len(self.model.answer(p, c, 0).completion) for p, c in zip(prompts, completions, strict=True)],
        )

    def steps(
        self, prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> list[tuple[list[Segment], NDArray[np.float64]]]:
        """The J steps of each completion, and how likely each is right, [J, S]; J is 1 at least."""
        texts = read_texts(self.model, prompts, completions)
        steps = [text.at(steps_of(text.completion, self.into)) or text.segments("whole") for text in texts]
        found = logits(self.model, texts, [[step.token for step in some] for some in steps])
        return [(some, expit(logit_RKS[:, 0])) for some, logit_RKS in zip(steps, found, strict=True)]
