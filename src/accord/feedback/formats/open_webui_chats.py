"""A chat as Open WebUI keeps it: messages by id, each with the one that it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accord.errors import RecordError
from accord.feedback.formats.conversations import message_of
from accord.feedback.formats.inner_rows import inner_row
from accord.feedback.formats.rows import SourceRow
from accord.records import Message

__all__ = ["Chat", "ChatMessage", "chat_of"]


@dataclass(frozen=True)
class ChatMessage:
    """A message of a chat: its id, that of the message above it, and which model wrote it."""

    id: str
    parent: str | None
    model: str | None
    message: Message


@dataclass(frozen=True)
class Chat:
    """A chat: its messages by id, and what the user set as system prompt."""

    messages: Mapping[str, ChatMessage]
    system: str | None
    place: str

    def message(self, name: str, place: str) -> ChatMessage:
        """The message of this id. Raises `RecordError` where the chat has none."""
        if name not in self.messages:
            raise RecordError(f"the chat has no message {name!r}", place=f"{place} message_id")
        return self.messages[name]

    def prompt_of(self, message: ChatMessage) -> list[Message]:
        """All messages above this one, the first one first. Raises `RecordError` where they run in a circle or end."""
        above: list[ChatMessage] = []
        parent = message.parent
        while parent is not None:
            if parent not in self.messages or len(above) > len(self.messages):
                raise RecordError(f"the messages above {message.id!r} end at {parent!r}", place=self.place)
            above.append(self.messages[parent])
            parent = above[-1].parent
        if not above:
            raise RecordError(f"no message stands above {message.id!r}", place=self.place)
        system = [] if self.system is None else [Message(role="system", content=self.system)]
        return [*system, *(each.message for each in reversed(above))]

    def siblings(self, message: ChatMessage, models: Sequence[object]) -> list[ChatMessage]:
        """Other answers of these models to the same message that say something else."""
        return [
            other
            for other in self.messages.values()
            if other.parent == message.parent
            and other.id != message.id
            and other.model in models
            and other.message.role == "assistant"
            and other.message.content != message.message.content
        ]


def chat_of(row: SourceRow) -> Chat:
    """The chat of a row of the export. Raises `RecordError` where there is none, or it is malformed."""
    snapshot = inner_row(row, "snapshot")
    body = snapshot
    while body.has("chat") and not body.has("history"):
        body = inner_row(body, "chat")
    history = inner_row(body, "history")
    listed = history.structure("messages")
    items = list(listed.values()) if isinstance(listed, Mapping) else history.items("messages")
    items = [item for item in items if item is not None]  # a table of structures has every id in every row
    messages = [_message(item, f"{history.place} messages") for item in items]
    params = inner_row(body, "params") if body.has("params") else body
    system = params.text("system") if params.has("system") else None
    return Chat({message.id: message for message in messages}, system, history.place)


def _message(item: object, place: str) -> ChatMessage:
    if not isinstance(item, dict):
        raise RecordError(f"expected a message, not {item!r:.60}", place=place)
    row = SourceRow(place, item)
    name = row.name("id")
    row = SourceRow(f"{place}.{name}", item)
    return ChatMessage(
        id=name,
        parent=row.name("parentId") if row.has("parentId") else None,
        model=row.name("model") if row.has("model") else None,
        message=message_of({"role": row.value("role"), "content": _content(row)}, row.place),
    )


def _content(row: SourceRow) -> str | list[dict[str, Any]]:
    """The text of a message, behind the images and files that stand beside it."""
    text = row.text("content")
    files = [SourceRow(row.place, file) for file in (row.items("files") if row.has("files") else [])]
    if not files:
        return text
    parts = [
        {"type": "image" if file.content.get("type") == "image" else "file", "url": _address(file)} for file in files
    ]
    return [*parts, {"type": "text", "text": text}]


def _address(file: SourceRow) -> str:
    return file.name(next((column for column in ("url", "id", "name") if file.has(column)), "url"))
