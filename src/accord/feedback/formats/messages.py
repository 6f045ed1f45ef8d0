"""Messages as others read them, the way back of `conversations`: lists of {role, content} in OpenAI's shape.

What stands beside a text becomes a part of the content, at its place; calls of tools are {id, type, function}.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from accord.records import Attachment, Message, ToolCall

__all__ = ["dicts_of"]


def dicts_of(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """The messages as a list of names and values; what a message has not is left out."""
    return [_dict_of(message) for message in messages]


def _dict_of(message: Message) -> dict[str, Any]:
    fields = {
        "name": message.name,
        "tool_calls": [_call(call) for call in message.tool_calls or ()] or None,
        "tool_call_id": message.tool_call_id,
    }
    content = list(_parts(message, message.attachments)) if message.attachments else message.content
    return {"role": message.role, "content": content, **{name: value for name, value in fields.items() if value}}


def _call(call: ToolCall) -> dict[str, Any]:
    identity = {} if call.id is None else {"id": call.id}
    return {**identity, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _parts(message: Message, attachments: Iterable[Attachment]) -> Iterator[dict[str, Any]]:
    start = 0
    for attachment in sorted(attachments, key=lambda attachment: attachment.place):
        if text := message.content[start : attachment.place]:
            yield {"type": "text", "text": text}
        start = max(start, attachment.place)
        kind = attachment.kind if attachment.kind == "file" else f"{attachment.kind}_url"
        yield {"type": kind, kind: {"url": attachment.uri}}
    if text := message.content[start:]:
        yield {"type": "text", "text": text}
