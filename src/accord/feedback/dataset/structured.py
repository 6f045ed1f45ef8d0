"""Feedback about more than texts: answers of several turns, and prompts with pictures, sound or files beside them.

What is learnt from is the text of an answer behind the messages of its prompt. An answer that calls tools and goes on,
or a prompt whose picture nobody reads, is another thing than its text, so it is refused, or left out and counted.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from accord.errors import RecipeError
from accord.feedback.store.stored_records import subset, with_field
from accord.records import Completion, Feedback, Prompt

__all__ = ["PlainTexts", "StructuredRule", "plain_texts", "without_acts"]

StructuredRule = Literal["refuse", "drop"]


@dataclass(frozen=True)
class PlainTexts:
    """The feedback about texts alone, the prompts that hold more, and in words what was left out."""

    feedback: Sequence[Feedback]
    without: frozenset[str] = frozenset()
    note: str | None = None


def plain_texts(
    feedback: Sequence[Feedback],
    prompts: Mapping[str, Prompt],
    completions: Mapping[str, Completion],
    rule: StructuredRule,
    *,
    without: Collection[str] = (),
) -> PlainTexts:
    """What of the feedback can be learnt from as texts. `without` names prompts that are left out anyway.

    Raises `RecipeError` that counts what is structured where that is to be refused, or where nothing else is left.
    """
    attached = {
        prompt.id
        for prompt in with_field(prompts, "attachments")
        if prompt.id not in without and any(message.attachments for message in prompt.messages)
    }
    with_turns = {answer.id for answer in with_field(completions, "turns") if answer.turns is not None}
    if not attached and not with_turns:
        return PlainTexts(feedback)
    dropped = {
        record.id for record in feedback if record.prompt in attached or not with_turns.isdisjoint(record.completions)
    }
    if not dropped and not attached:
        return PlainTexts(feedback)
    answers = len({name for record in feedback for name in record.completions if name in with_turns})
    counts = f"{len(attached):,} prompts with more than text beside them, {answers:,} answers of several turns"
    if rule == "refuse":
        raise RecipeError(
            f"recipe.data.structured: {counts}, and {len(dropped):,} acts of feedback about them, which cannot "
            f'be learnt from as texts; set it to "drop" to leave them out'
        )
    remaining = without_acts(feedback, dropped)
    if not remaining:
        raise RecipeError(f"recipe.data.structured: nothing is left without {counts}")
    note = f"left out: {len(feedback) - len(remaining):,} acts of feedback about {counts}"
    return PlainTexts(remaining, frozenset(attached), note)


def without_acts(feedback: Sequence[Feedback], acts: Collection[str]) -> Sequence[Feedback]:
    """The feedback without some acts; what these took back stays taken back."""
    dropped = set(acts)
    replaced_by = {record.id: record.replaces for record in with_field(feedback, "replaces") if record.replaces}
    while earlier := {replaced_by[name] for name in dropped & replaced_by.keys()} - dropped:
        dropped |= earlier
    return subset(feedback, [record.id not in dropped for record in feedback])
