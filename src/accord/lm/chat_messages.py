"""Messages as chat templates and OpenAI-compatible endpoints read them."""

import json
from typing import Any

from accord.errors import ModelError
from accord.records import Message, ToolCall

__all__ = ["endpoint_message", "template_message"]


def template_message(message: Message) -> dict[str, Any]:
    """A message for a chat template, which writes the arguments of tool calls itself: they are objects, where they are.

    Raises `ModelError` for a message that holds more than text.
    """
    return _message(message, [_call(call, _object_of(call.arguments)) for call in message.tool_calls or ()])


def endpoint_message(message: Message) -> dict[str, Any]:
    """A message for an endpoint, where arguments are the text that the model wrote. Raises as `template_message`."""
    return _message(message, [_call(call, call.arguments) for call in message.tool_calls or ()])


def _message(message: Message, calls: list[dict[str, Any]]) -> dict[str, Any]:
    if message.attachments:
        kinds = ", ".join(sorted({attachment.kind for attachment in message.attachments}))
        raise ModelError(
            f"a message of the {message.role} holds {kinds} beside its text, which models here do not read"
        )
    fields = {"role": message.role, "content": message.content}
    optional = {"name": message.name, "tool_calls": calls or None, "tool_call_id": message.tool_call_id}
    return fields | {name: value for name, value in optional.items() if value is not None}


def _call(call: ToolCall, arguments: Any) -> dict[str, Any]:
    identity = {} if call.id is None else {"id": call.id}
    return {"type": "function", **identity, "function": {"name": call.name, "arguments": arguments}}


def _object_of(arguments: str) -> Any:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments
