"""What is known about who judged, and in which order they saw what they judged."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from accord.feedback.store.ledger import Ledger
from accord.feedback.store.stored_records import with_field
from accord.records import Completion, Evaluator, Feedback, Prompt

__all__ = [
    "UNKNOWN",
    "current_feedback",
    "group_of",
    "is_identified",
    "is_known",
    "is_order_known",
    "neutral_order",
    "replaced_ids",
    "shown_digest",
    "unknown_evaluator",
    "unknown_model",
]

UNKNOWN = "unknown"
"""The pseudonym where it was not recorded who judged."""


def unknown_evaluator(pool: str) -> Evaluator:
    """The evaluator of data that does not say who judged; `pool` names the data.

    It stands for any number of people, so nothing may be said of it as of one rater.
    """
    return Evaluator(kind="person", pseudonym=UNKNOWN, pool=pool, inferred=True)


def unknown_model(pool: str) -> Evaluator:
    """The evaluator of data that a model judged and that does not say which; `pool` names the data."""
    return Evaluator(kind="model", pseudonym=UNKNOWN, pool=pool, inferred=True)


def group_of(evaluator: Evaluator, attribute: str) -> str | None:
    """The group of an evaluator by an attribute, or by the field `pool`; None where it is not known."""
    return evaluator.pool if attribute == "pool" else (evaluator.attributes or {}).get(attribute)


def is_known(evaluator: Evaluator) -> bool:
    """Whether this is one rater. Where it is not, whatever needs rater ids cannot be assessed."""
    return evaluator.pseudonym != UNKNOWN


def is_identified(evaluator: Evaluator) -> bool:
    """Whether it was recorded who this is, so that evaluators can be counted.

    Not where the identity was concluded from the shape of the data: a place in one list is one rater of that list, and
    may be the same person as a place in another.
    """
    return is_known(evaluator) and not evaluator.inferred


def is_order_known(feedback: Feedback) -> bool:
    """Whether the order of the completions is that in which they were shown (`shown_digest` is there)."""
    return feedback.shown_digest is not None


def shown_digest(prompt: Prompt, completions: Sequence[Completion]) -> str:
    """The SHA-256 of a prompt and completions in the order shown: for the digests of a `Feedback`."""
    content = [prompt.canonical(), *(completion.canonical() for completion in completions)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def neutral_order(first: Completion, second: Completion) -> tuple[Completion, Completion]:
    """Two completions in the order of a digest of their texts.

    For data that does not record which stood on the left: writing the better one first would read as a preference
    for a side. The digest has nothing to do with the judgement, so no effect of position can be read into it.
    """
    left, right = sorted((first, second), key=lambda answer: (hashlib.sha256(answer.text.encode()).digest(), answer.id))
    return left, right


def current_feedback(feedback: Iterable[Feedback]) -> Iterator[Feedback]:
    """The feedback that was not taken back by a later record, in the same order."""
    records = feedback if isinstance(feedback, Sequence) else list(feedback)
    replaced = replaced_ids(records)
    return (record for record in records if record.id not in replaced)


def replaced_ids(feedback: Sequence[Feedback]) -> set[str]:
    """The ids of what was taken back by a record among these."""
    return {record.replaces for record in with_field(feedback, "replaces") if record.replaces is not None}


def feedback_and_evaluators(
    source: Ledger | Iterable[Feedback], evaluators: Mapping[str, Evaluator] | None, upto: int | None = None
) -> tuple[Iterable[Feedback], Mapping[str, Evaluator]]:
    """The feedback of a ledger (or as handed in) and its evaluators by id."""
    if isinstance(source, Ledger):
        return source.feedback(upto), source.evaluators()
    return source, evaluators or {}
