"""Views of feedback by kind: each act of judgement beside its judgement, as the type of that kind."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from accord.feedback.store.stored_records import of_kind
from accord.records import Completion, Correction, Demonstration, Feedback

__all__ = ["Judged", "is_evidence", "judged", "texts_of"]

J = TypeVar("J", bound=BaseModel)


@dataclass(frozen=True)
class Judged(Generic[J]):
    """An act of judgement, and its judgement under the type of its kind."""

    feedback: Feedback
    judgement: J


def is_evidence(feedback: Feedback) -> bool:
    """Whether feedback tells of the completions, and not of the evaluator.

    Control questions, and items that were asked again, are the same few for everybody: nothing is learnt from them.
    """
    return feedback.gold is None and feedback.repeat_of is None


def judged(feedback: Iterable[Feedback], kind: type[J]) -> list[Judged[J]]:
    """The feedback of one kind of judgement that something can be learnt from, in its order."""
    return [
        Judged(record, record.judgement)
        for record in of_kind(feedback, kind.model_fields["kind"].default)
        if isinstance(record.judgement, kind) and is_evidence(record)
    ]


def texts_of(feedback: Feedback, completions: Mapping[str, Completion]) -> list[str]:
    """The texts that feedback is about or adds: of its completions, of a demonstration, of a correction."""
    texts = [completions[name].text for name in feedback.completions]
    if isinstance(feedback.judgement, Demonstration | Correction):
        texts.append(feedback.judgement.text)
    return texts
