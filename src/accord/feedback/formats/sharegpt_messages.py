"""Messages as ShareGPT writes them: {from, value}, with a call of a tool as a message from `function_call`."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from accord.feedback.formats.conversations import message_of, messages_of
from accord.feedback.formats.json_text import value_in
from accord.records import Message, ToolCall

__all__ = ["sharegpt_dicts", "sharegpt_messages"]

SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}


def sharegpt_messages(value: object, place: str, *, role: Literal["user", "assistant"] = "user") -> tuple[Message, ...]:
    """The messages of a list, or of one message; a text is one of `role`. Raises `RecordError` that names the place."""
    if isinstance(value, Mapping):
        return (_message(value, place),)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return tuple(_message(item, f"{place}.{number}") for number, item in enumerate(value))
    return messages_of(value, place, role=role)


def _message(item: object, place: str) -> Message:
    """One message; what `function_call` says is read as calls where it is JSON that names a tool."""
    if isinstance(item, Mapping) and item.get("from", item.get("role")) == "function_call":
        calls = _calls(item.get("value", item.get("content")))
        if calls is not None:
            return message_of({"role": "assistant", "content": None, "tool_calls": calls}, place)
    return message_of(item, place)


def _calls(text: object) -> list[Any] | None:
    value = value_in(text) if isinstance(text, str) else text
    calls = value if isinstance(value, list) else [value]
    return calls if calls and all(isinstance(call, dict) and "name" in call for call in calls) else None


def sharegpt_dicts(messages: Sequence[Message]) -> list[dict[str, str]] | None:
    """The messages to write; None where one of them holds more than ShareGPT can say."""
    written = [_written(message) for message in messages]
    return [message for message in written if message is not None] if None not in written else None


def _written(message: Message) -> dict[str, str] | None:
    if message.plain:
        return {"from": SPEAKERS[message.role], "value": message.content}
    calls = message.tool_calls or ()
    bare = Message(role="assistant", content="", tool_calls=message.tool_calls)
    if not calls or message != bare or any(call.id is not None for call in calls):
        return None
    written = [{"name": call.name, "arguments": _arguments(call)} for call in calls]
    return {
        "from": "function_call",
        "value": json.dumps(written[0] if len(written) == 1 else written, ensure_ascii=False),
    }


def _arguments(call: ToolCall) -> object:
    """The arguments as JSON where they are read back as the same text, else as a text."""
    value = value_in(call.arguments)
    same = not isinstance(value, str) and value is not None and json.dumps(value, ensure_ascii=False) == call.arguments
    return value if same else call.arguments
