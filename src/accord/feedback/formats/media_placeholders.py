"""Images, videos and sounds as LLaMA-Factory has them: `<image>` in the texts, and their paths in a column.

images, videos, audios            lists of paths, in the order of `<image>`, `<video>` and `<audio>` in the texts
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from accord.feedback.formats.rows import SourceRow
from accord.records import Attachment, Message

__all__ = ["MEDIA_COLUMNS", "media_columns", "with_media"]

Kind = Literal["image", "video", "audio"]
COLUMNS: dict[Kind, str] = {"image": "images", "video": "videos", "audio": "audios"}
MEDIA_COLUMNS = frozenset(COLUMNS.values())
PLACEHOLDER = re.compile("<(image|video|audio)>")


def with_media(row: SourceRow, messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages with what the columns name in place of the placeholders; unchanged where the row has no such column.

    Raises `RecordError` where there are more placeholders of a kind than paths, or fewer.
    """
    paths: dict[str, Iterator[str]] = {}
    for kind, column in COLUMNS.items():
        stated = row.items(column) if row.has(column) else []
        if bad_path := next((path for path in stated if not isinstance(path, str) or not path), None):
            raise row.bad(column, f"expected paths, not {bad_path!r:.60}")
        places = sum(message.content.count(f"<{kind}>") for message in messages)
        if stated and places != len(stated):
            raise row.bad(column, f"{len(stated)} paths, and the texts have {places} places <{kind}>")
        if stated:
            paths[kind] = iter(stated)
    return tuple(_filled(message, paths) for message in messages)


def _filled(message: Message, paths: dict[str, Iterator[str]]) -> Message:
    text, attachments, end = "", list(message.attachments or ()), 0
    for match in PLACEHOLDER.finditer(message.content):
        if match[1] in paths:
            text += message.content[end : match.start()]
            end = match.end()
            attachments.append(Attachment(kind=_kind(match[1]), uri=next(paths[match[1]]), place=len(text)))
    if not end:
        return message
    return message.model_copy(update={"content": text + message.content[end:], "attachments": tuple(attachments)})


def _kind(name: str) -> Kind:
    return next(kind for kind in COLUMNS if kind == name)


def media_columns(messages: Sequence[Message]) -> tuple[tuple[Message, ...], dict[str, Any]] | None:
    """The messages with placeholders for what they hold beside their texts, and the columns of its paths.

    None where they hold something of another kind, or a text has a placeholder of its own.
    """
    columns: dict[str, list[str]] = {}
    plain = []
    for message in messages:
        attachments = sorted(message.attachments or (), key=lambda attachment: attachment.place)
        if any(attachment.kind not in COLUMNS for attachment in attachments):
            return None
        text, end = "", 0
        for attachment in attachments:
            text += message.content[end : attachment.place] + f"<{attachment.kind}>"
            end = min(attachment.place, len(message.content))
            columns.setdefault(COLUMNS[_kind(attachment.kind)], []).append(attachment.uri)
        text += message.content[end:]
        plain.append(message.model_copy(update={"content": text, "attachments": None}))
    if columns and any(PLACEHOLDER.search(message.content) for message in messages):
        return None
    return tuple(plain), columns
