"""Prompts and answers in the shape that was asked for: lists of messages, or plain texts."""

from collections.abc import Sequence
from typing import Any

from accord.feedback.formats.messages import dicts_of
from accord.feedback.formats.outgoing import Outgoing
from accord.feedback.formats.written_columns import answer_messages, single_text
from accord.records import Completion, Prompt

__all__ = ["shaped"]


def shaped(prompt: Prompt, answers: Sequence[Completion], outgoing: Outgoing) -> tuple[Any, list[Any]] | None:
    """A prompt and its answers as messages; as texts where the export is `as_texts`.

    None, and counted as lost, where they are to be texts and are more than one each.
    """
    if not outgoing.as_texts:
        return dicts_of(prompt.messages), [answer_messages(answer) for answer in answers]
    text = single_text(prompt, answers, outgoing)
    return None if text is None else (text, [answer.text for answer in answers])
