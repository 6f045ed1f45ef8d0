"""A prompt as one text that travels beside others' copies of it, in which a chat template may have been written."""

import json

from pydantic import TypeAdapter, ValidationError

from accord.errors import RecordError
from accord.records import Message, Prompt

__all__ = ["prompt_from_text", "prompt_to_text"]

_MESSAGES: TypeAdapter[tuple[Message, ...]] = TypeAdapter(tuple[Message, ...])


def prompt_to_text(prompt: Prompt) -> str:
    """The messages of a prompt as JSON, `{"messages": [...]}`."""
    messages = _MESSAGES.dump_python(prompt.messages, mode="json", exclude_none=True)
    return json.dumps({"messages": messages}, ensure_ascii=False, separators=(",", ":"))


def prompt_from_text(text: str, place: str) -> Prompt:
    """The prompt of such a text. Raises `RecordError` that names the place where it is none."""
    try:
        content = json.loads(text)
        messages = _MESSAGES.validate_python(tuple(content["messages"]))
    except (ValueError, TypeError, KeyError, RecursionError, ValidationError) as error:
        raise RecordError(f'{text[:60]!r} is no prompt; it is written {{"messages": [...]}}', place=place) from error
    if not messages:
        raise RecordError("holds no message", place=place)
    return Prompt(messages=messages)
