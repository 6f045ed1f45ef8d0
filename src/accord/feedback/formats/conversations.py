"""Conversations as others write them, read into messages: a text, or a list of messages in any of the public shapes.

    {role, content}        roles system (developer), user (human), assistant (gpt, bot, model, ...), tool (function)
    {from, value}          ShareGPT's names of the same
    content                a text, null beside tool calls, or a list of parts: {type: text}, {type: image_url}, ...
    tool_calls             {name, arguments} or OpenAI's {id, type, function: {name, arguments}}; function_call likewise

Fields that are null are not there. What stands beside the text (images, sound, files) is kept as a reference; content
that is carried inline (`data:` addresses, bytes) is kept as its digest. The way back is in `messages.py`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from accord.errors import RecordError
from accord.records import Attachment, Message, ToolCall

__all__ = [
    "Answer",
    "answer_of",
    "history_of",
    "message_of",
    "messages_of",
    "shared",
    "with_pictures",
    "without_prompt",
]

Role = Literal["system", "user", "assistant", "tool"]
ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "chatbot": "assistant",
    "ai": "assistant",
    "tool": "tool",
    "function": "tool",
    "function_call": "assistant",
    "function_response": "tool",
    "tool_response": "tool",
    "observation": "tool",
    "ipython": "tool",
}
READ = frozenset({"role", "from", "content", "value", "name", "tool_calls", "tool_call_id", "function_call"})
# What public sets carry beside a message and what says nothing of it.
BESIDE = frozenset({"weight", "annotations", "id", "timestamp", "model", "hash"})
KINDS: dict[str, Literal["image", "audio", "video", "file"]] = {
    "image": "image",
    "image_url": "image",
    "input_image": "image",
    "audio": "audio",
    "audio_url": "audio",
    "input_audio": "audio",
    "video": "video",
    "video_url": "video",
    "file": "file",
    "input_file": "file",
    "document": "file",
}


UNNAMED = "unnamed"  # a picture that stands in a column of the row, not in its message


@dataclass(frozen=True)
class Answer:
    """What was written: `text` to read and learn from; `turns` where it is more than one plain assistant message."""

    text: str
    turns: tuple[Message, ...] | None = None


def messages_of(value: object, place: str, *, role: Role = "user") -> tuple[Message, ...]:
    """The messages of a conversation; a text is one message of `role`, and one message may stand without its list.

    Raises `RecordError` that names place and field.
    """
    if isinstance(value, str):
        return (Message(role=role, content=value),)
    if isinstance(value, Mapping):
        return (message_of(value, place),)
    if not isinstance(value, Sequence) or isinstance(value, bytes):
        problem = "missing" if value is None else f"expected a text or a list of messages, not {value!r:.60}"
        raise RecordError(problem, place=place)
    return tuple(message_of(item, f"{place}.{number}") for number, item in enumerate(value))


def message_of(item: object, place: str) -> Message:
    """One message. Raises `RecordError` that names place and field, also for a field that nobody knows."""
    if not isinstance(item, Mapping):
        raise RecordError(f"expected a message with a role and a content, not {item!r:.60}", place=place)
    fields = {name: value for name, value in item.items() if value is not None}
    if unread := sorted(name for name in fields if name not in READ | BESIDE):
        raise RecordError(f"a message has no field '{unread[0]}'; take it away or rename it", place=place)
    stated_role = fields.get("role", fields.get("from"))
    role = ROLES.get(stated_role.lower()) if isinstance(stated_role, str) else None
    if role is None:
        raise RecordError(f"{stated_role!r} is not one of {', '.join(ROLES)}", place=f"{place} role")
    text, attachments = _content(fields.get("content", fields.get("value")), f"{place} content")
    calls = _calls(fields, place)
    if role != "assistant" and calls:
        raise RecordError(f"a message of the {role} calls no tool", place=f"{place} tool_calls")
    if not text and not calls and not attachments and "content" not in fields and "value" not in fields:
        raise RecordError("missing", place=f"{place} content")
    return Message(
        role=role,
        content=text,
        name=_text(fields, "name", place),
        tool_calls=calls or None,
        tool_call_id=_text(fields, "tool_call_id", place),
        attachments=attachments or None,
    )


def answer_of(messages: Sequence[Message], place: str) -> Answer:
    """What these messages answer: the text of one plain message of the assistant, or all of them as turns.

    The text of several is what the assistant says in them, a blank line between two. Raises `RecordError` where the
    assistant says nothing.
    """
    if not any(message.role == "assistant" for message in messages):
        roles = ", ".join(message.role for message in messages) or "nothing"
        raise RecordError(f"expected an answer of the assistant after the prompt, not {roles}", place=place)
    if len(messages) == 1 and messages[0].plain:
        return Answer(messages[0].content)
    texts = [message.content for message in messages if message.role == "assistant" and message.content]
    return Answer("\n\n".join(texts), tuple(messages))


def without_prompt(messages: Sequence[Message], prompt: Sequence[Message]) -> tuple[Message, ...]:
    """The messages behind the prompt, where they begin by repeating it; else all of them."""
    if len(messages) > len(prompt) and tuple(messages[: len(prompt)]) == tuple(prompt):
        return tuple(messages[len(prompt) :])
    return tuple(messages)


def history_of(value: object, place: str) -> tuple[Message, ...]:
    """What was said before: messages, or pairs of what the user said and what was answered. Raises `RecordError`."""
    pairs = isinstance(value, Sequence) and not isinstance(value, str) and value and isinstance(value[0], list | tuple)
    if not pairs:
        return messages_of(value, place)
    messages: list[Message] = []
    for number, pair in enumerate(cast("Sequence[Any]", value)):
        if len(pair) != 2 or not all(isinstance(text, str) for text in pair):
            raise RecordError(f"expected a pair of question and answer, not {pair!r:.60}", place=f"{place}.{number}")
        messages += [Message(role="user", content=pair[0]), Message(role="assistant", content=pair[1])]
    return tuple(messages)


def with_pictures(messages: Sequence[Message], pictures: Sequence[object], place: str) -> tuple[Message, ...]:
    """The messages with the addresses of pictures that stand beside them, in their order.

    Where no message has a place for one, they stand before the last message. Raises `RecordError` where pictures and
    places are not of one number: another picture would make another prompt.
    """
    names = [_uri({"image": picture}, "image", f"{place}.{number}") for number, picture in enumerate(pictures)]
    places = sum(item.uri == UNNAMED for message in messages for item in message.attachments or ())
    if names and not places:
        *before, last = messages
        items = (*(Attachment(kind="image", uri=name) for name in names), *(last.attachments or ()))
        return (*before, last.model_copy(update={"attachments": items}))
    if len(names) != places:
        raise RecordError(f"{len(names)} pictures for {places} places in the messages", place=place)
    remaining = iter(names)
    return tuple(
        message.model_copy(
            update={
                "attachments": tuple(
                    item.model_copy(update={"uri": next(remaining)}) if item.uri == UNNAMED else item
                    for item in message.attachments
                )
            }
        )
        if message.attachments
        else message
        for message in messages
    )


def shared(first: Sequence[object], second: Sequence[object]) -> int:
    """How many items at the start of both are the same."""
    return next(
        (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )


def _text(fields: Mapping[str, Any], name: str, place: str) -> str | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise RecordError(f"expected a text, not {value!r:.60}", place=f"{place} {name}")
    return value


def _content(value: object, place: str) -> tuple[str, tuple[Attachment, ...]]:
    """The text of a content, and what stands beside it."""
    if value is None:
        return "", ()
    if isinstance(value, str):
        return value, ()
    if not isinstance(value, Sequence) or isinstance(value, bytes):
        raise RecordError(f"expected a text or a list of parts, not {value!r:.60}", place=place)
    text, attachments = "", []
    for number, part in enumerate(value):
        here = f"{place}.{number}"
        if isinstance(part, str):
            text += part
            continue
        if not isinstance(part, Mapping):
            raise RecordError(f"expected a part of a content, not {part!r:.60}", place=here)
        kind = part.get("type", "text" if "text" in part else None)
        if kind in ("text", "input_text", "output_text"):
            if not isinstance(part.get("text"), str):
                raise RecordError("expected a text", place=f"{here} text")
            text += part["text"]
        elif kind in KINDS:
            attachments.append(Attachment(kind=KINDS[kind], uri=_uri(part, str(kind), here), place=len(text)))
        else:
            raise RecordError(f"{kind!r} is no part of a content that is known: text, {', '.join(KINDS)}", place=here)
    return text, tuple(attachments)


def _uri(part: Mapping[str, Any], kind: str, place: str) -> str:
    """Where what a part refers to is found. What it carries inline is named by its digest."""
    value: object = next((part[key] for key in (kind, KINDS[kind], "url", "path", "file_id") if part.get(key)), None)
    while isinstance(value, Mapping):
        keys = ("url", "path", "file_id", "uri", "data", "file_data", "bytes")
        value = next((value[key] for key in keys if value.get(key)), None)
    if isinstance(value, bytes):
        return f"sha256:{hashlib.sha256(value).hexdigest()}"
    if isinstance(value, str) and (value.startswith("data:") or len(value) > 2_000):
        return f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"
    if isinstance(value, str) and value:
        return value
    if value is None and set(part) <= {"type", kind, "index"}:
        return UNNAMED
    raise RecordError(f"expected the address of the {KINDS[kind]}, not {value!r:.60}", place=place)


def _calls(fields: Mapping[str, Any], place: str) -> tuple[ToolCall, ...]:
    """The tools that a message calls."""
    calls = fields.get("tool_calls", ())
    if "function_call" in fields:
        calls = (*calls, fields["function_call"])
    if isinstance(calls, str) or not isinstance(calls, Sequence):
        raise RecordError(f"expected a list of calls, not {calls!r:.60}", place=f"{place} tool_calls")
    return tuple(_call(call, f"{place} tool_calls.{number}") for number, call in enumerate(calls))


def _call(call: object, place: str) -> ToolCall:
    function = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(call, Mapping) or not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise RecordError(f"expected a call with the name of a tool, not {call!r:.60}", place=place)
    arguments = function.get("arguments", function.get("parameters"))
    if arguments is None:
        arguments = ""
    elif not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False, separators=(", ", ": "))
    return ToolCall(name=function["name"], arguments=arguments, id=call.get("id"))
