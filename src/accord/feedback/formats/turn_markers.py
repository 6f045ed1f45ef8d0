"""Conversations in one text, as the HelpSteer sets write them, with a marker between turns.

The first turn is the user's and has no marker; before the others stands `<extra_id_1>User` or `<extra_id_1>Assistant`
on a line of its own.
"""

import re
from collections.abc import Sequence
from itertools import cycle

from accord.records import Message

__all__ = ["marked_messages", "marked_text"]

MARK = re.compile(r"\n?<extra_id_1>(User|Assistant)\n")


def marked_messages(text: str) -> tuple[Message, ...]:
    """The turns of a text; a text without markers is one turn of the user."""
    first, *rest = MARK.split(text)
    messages = [Message(role="user", content=first)]
    for marker, content in zip(rest[::2], rest[1::2], strict=True):
        messages.append(Message(role="user" if marker == "User" else "assistant", content=content))
    return tuple(messages)


def marked_text(messages: Sequence[Message]) -> str | None:
    """The text of these messages; None where they are not plain turns of user and assistant, one after the other."""
    text = ""
    for message, role in zip(messages, cycle(("user", "assistant"))):
        if message.role != role or not message.plain or "<extra_id_1>" in message.content:
            return None
        text += ("" if message is messages[0] else f"\n<extra_id_1>{role.capitalize()}\n") + message.content
    return text
