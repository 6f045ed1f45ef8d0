"""Process reward models: how likely each step is right, learnt from first wrong steps (Lightman et al. 2023)."""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from accord.deferred import deferred
from accord.feedback import Dataset
from accord.reward.segments.aggregation import StepAggregation
from accord.reward.segments.boundaries import steps_of
from accord.reward.segments.settings import SegmentReward

with deferred():
    from accord.feedback import Judged
    from accord.lm.reward_model import ScalarHeadModel
    from accord.reward.segments.labels import Label, check_steps, step_labels
    from accord.reward.segments.reading import ReadText
    from accord.reward.segments.step_judge import StepJudge

__all__ = ["StepReward"]


class StepReward(SegmentReward):
    """Settings of a process reward model. What stands behind the first wrong step is not learnt from."""

    objective: ClassVar[str] = (
        "logistic, step by step: P(a step is right) = F(s), F(x) = 1 / (1 + exp(-x)), up to the first wrong "
        "one; the score is an aggregate of the steps' probabilities"
    )

    learns_from: ClassVar[frozenset[str]] = frozenset({"steps"})

    kind: Literal["steps"] = "steps"
    aggregation: StepAggregation = Field(default="minimum", description="of the probabilities that steps are right")
    boundaries: Literal["line", "sentence", "paragraph"] = Field(
        default="line", description="the steps of texts of which nobody says where they begin, as those of a policy"
    )

    def judgements(self, data: Dataset, split: str) -> list[Judged]:  # type: ignore[type-arg]
        """Verdicts on steps. Raises `RecipeError` where one is on a step that is not there."""
        found = data.steps(split)
        for each in found:
            completion = data.completions[each.feedback.completions[0]]
            check_steps(each.feedback, each.judgement, completion, len(steps_of(completion, self.boundaries)))
        return list(found)

    def outputs(self, judgements: Sequence[Judged]) -> tuple[str, ...]:  # type: ignore[type-arg]
        """One, without a name."""
        return ()

    def labels(self, text: ReadText, judgement: Judged, names: Sequence[str]) -> Iterator[Label]:  # type: ignore[type-arg]
        """Of every step up to the first wrong one."""
        return step_labels(text, steps_of(text.completion, self.boundaries), judgement.judgement)

    def judge(self, model: ScalarHeadModel) -> StepJudge:
        """The judge of texts."""
        return StepJudge(model, self.aggregation, self.boundaries)
