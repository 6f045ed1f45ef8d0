"""From marks to what a study asks for: the same verdict as a comparison, ranking, rating, label or critique."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from accord.collect.sources.answering import Answer
from accord.collect.study.kinds import AnyQuestion
from accord.collect.study.kinds.comparison import ComparisonQuestion
from accord.collect.study.kinds.critique import CritiqueQuestion
from accord.collect.study.kinds.label import LabelQuestion
from accord.collect.study.kinds.ranking import RankingQuestion
from accord.collect.study.kinds.rating import RatingQuestion
from accord.errors import StudyError
from accord.interfaces import Item
from accord.records import Comparison, Critique, Declined, Evaluator, Judgement, Label, Ranking, Rating, Scale
from accord.verdicts.arithmetic import Arithmetic
from accord.verdicts.json_schema import JsonSchema
from accord.verdicts.marks import Mark, Marker, UnusableReferenceError
from accord.verdicts.unit_tests import UnitTests

__all__ = ["VERDICTS", "ReadyVerdict"]

VERDICTS: Mapping[str, Callable[[], Marker]] = {
    "arithmetic": Arithmetic,
    "json_schema": JsonSchema,
    "unit_tests": UnitTests,
}
"""The verdicts that are ready, by the name behind `program:`."""

Marked = ComparisonQuestion | RankingQuestion | RatingQuestion | LabelQuestion | CritiqueQuestion


@dataclass(frozen=True)
class ReadyVerdict:
    """An `Answerer` that marks each completion of an item and answers the study's question by the marks.

    Raises `StudyError` where the question is of a kind that marks cannot answer, or offers none of the labels.
    """

    marker: Marker
    question: AnyQuestion
    depends_on_order: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        question, name = self.question, self.marker.name
        if not isinstance(question, Marked):
            kinds = "comparisons, rankings, ratings, labels and critiques"
            raise StudyError(f"questions.kind: {name} gives {kinds}; a {question.kind} needs somebody else")
        if isinstance(question, LabelQuestion) and not set(self.marker.labels) & set(question.labels):
            options = " or ".join(f"'{label}'" for label in self.marker.labels)
            raise StudyError(f"questions.labels: {name} says {options}; offer one of them, or both")

    @property
    def evaluator(self) -> Evaluator:
        """Who the answers are by."""
        return Evaluator(kind="rule", pseudonym=f"program:{self.marker.name}")

    def most_tokens(self, item: Item) -> int:
        """0: no model is asked."""
        del item
        return 0

    def answer(self, item: Item) -> Answer:
        """The judgement; `Declined` where the item's reference cannot be used, or the question allows no tie."""
        try:
            marks = [self.marker.mark(completion.text, item.reference) for completion in item.completions]
        except UnusableReferenceError as error:
            return Answer(Declined(reason=str(error)))
        return Answer(self._judgement(marks))

    def _judgement(self, marks: list[Mark]) -> Judgement:
        question = self.question
        assert isinstance(question, Marked)
        match question:
            case ComparisonQuestion() | RankingQuestion():
                return _order(question, [mark.score for mark in marks])
            case RatingQuestion(scale=scale):
                return Rating(value=_on_scale(scale, marks[0].score), scale=scale)
            case LabelQuestion(labels=labels):
                label = self.marker.labels[0 if marks[0].score == 1 else 1]
                return Label(selected=(label,) if label in labels else (), options=labels)
            case CritiqueQuestion():
                return Critique(text=marks[0].remark)
            case _:
                assert_never(question)


def _order(question: ComparisonQuestion | RankingQuestion, scores: list[float]) -> Judgement:
    """The completions by their scores, best first."""
    distinct = sorted(set(scores), reverse=True)
    if len(distinct) < len(scores) and not question.ties:
        return Declined(reason=f"some have the same score ({distinct[0]:.3g} at best), and the study allows no ties")
    if isinstance(question, RankingQuestion):
        return Ranking(tiers=tuple(tuple(i for i, score in enumerate(scores) if score == best) for best in distinct))
    left, right = scores
    return Comparison(preferred="tie" if left == right else "left" if left > right else "right", scores=(left, right))


def _on_scale(scale: Scale, score: float) -> float:
    """A score at its place on a scale; where that has steps, at the one below: the top is for what holds wholly."""
    if scale.step is None:
        return scale.low + score * (scale.high - scale.low)
    steps = int(score * round((scale.high - scale.low) / scale.step) + 1e-9)
    return min(scale.low + steps * scale.step, scale.high)
