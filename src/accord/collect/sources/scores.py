"""A judge that scores as an evaluator of a study: scores become comparisons and rankings."""

from collections.abc import Sequence
from dataclasses import dataclass

from accord.collect.sources.answering import Answer
from accord.collect.study.kinds import Question
from accord.errors import ModelError, StudyError
from accord.interfaces import Item, Judge
from accord.records import Comparison, Evaluator, Judgement, Ranking

__all__ = ["ScoreAnswerer"]


@dataclass(frozen=True)
class ScoreAnswerer:
    """An `Answerer`: the higher score is the better one, equal scores are a tie.

    A comparison carries both scores. A judge is not told of the order in which completions are shown, so one is asked.
    Raises `StudyError` for a question of another kind: a score has no scale that a person could read.
    """

    judge: Judge
    place: str
    question: Question

    depends_on_order = False

    def __post_init__(self) -> None:
        if self.question.kind not in {"comparison", "ranking"}:
            raise StudyError(
                f"scores say which text is better, and no {self.question.kind}; ask for a comparison or a ranking"
            )

    @property
    def evaluator(self) -> Evaluator:
        """A model by the judge's name."""
        return Evaluator(kind="model", pseudonym=self.judge.name, attributes={"place": self.place, "method": "scores"})

    def most_tokens(self, item: Item) -> int:
        """None are bought."""
        del item
        return 0

    def answer(self, item: Item) -> Answer:
        """What the scores say. Raises `ModelError` where one is not finite."""
        try:
            scores = self.judge.score([item.prompt] * len(item.completions), item.completions).value_N.tolist()
        except ValueError as error:
            raise ModelError(f"{self.judge.name}: {error}") from error
        return Answer(_comparison(scores) if self.question.kind == "comparison" else _ranking(scores))


def _comparison(scores: Sequence[float]) -> Judgement:
    left, right = scores
    preferred = "tie" if left == right else "left" if left > right else "right"
    return Comparison.model_validate({"preferred": preferred, "scores": (left, right)})


def _ranking(scores: Sequence[float]) -> Judgement:
    tiers = [
        tuple(place for place, score in enumerate(scores) if score == value)
        for value in sorted(set(scores), reverse=True)
    ]
    return Ranking(tiers=tuple(tiers))
