"""Trees of messages, nested (`prompt` with its `replies`) or as flat rows that name their parents."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from accord.feedback.formats.inner_rows import inner_row, inner_rows
from accord.feedback.formats.rows import SourceRow
from accord.records import Message

__all__ = ["MessageNode", "trees_of"]

ROLES = {"prompter": "user", "assistant": "assistant"}


@dataclass(frozen=True)
class MessageNode:
    """A message, the messages before it, and the replies to it."""

    row: SourceRow
    before: tuple[Message, ...]
    replies: list["MessageNode"] = field(default_factory=list)

    @property
    def message(self) -> Message:
        """The message itself. Raises `RecordError` where its role is none of the two."""
        role, text = self.row.text("role"), self.row.text("text")
        match ROLES.get(role):
            case "user":
                return Message(role="user", content=text)
            case "assistant":
                return Message(role="assistant", content=text)
            case _:
                raise self.row.bad("role", f"{role!r} is not one of {', '.join(ROLES)}")

    @property
    def path(self) -> tuple[Message, ...]:
        """The messages up to and with this one."""
        return (*self.before, self.message)

    def walk(self) -> Iterator["MessageNode"]:
        """This node and all below it, parents before their replies."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack += reversed(node.replies)

    @property
    def labels(self) -> dict[str, float]:
        """What a crowd said of the message, each label a mean from 0 to 1. Raises `RecordError`."""
        if not self.row.has("labels"):
            return {}
        labels = inner_row(self.row, "labels")
        if {"name", "value"} <= labels.content.keys():
            names, values = labels.items("name"), labels.items("value")
            if len(names) != len(values):
                raise labels.bad("value", f"{len(values)}, but there are {len(names)} names")
            labels = SourceRow(labels.place, dict(zip(map(str, names), values, strict=True)))
            return {name: labels.number(name) for name in labels.content if labels.has(name)}
        inner = {name: inner_row(labels, name) for name in labels.content if labels.has(name)}
        return {name: label.number("value") for name, label in inner.items() if label.has("value")}


def trees_of(unit: Sequence[SourceRow]) -> Iterator[MessageNode]:
    """The roots of the trees in rows that follow one another. Raises `RecordError` where a parent is not among them."""
    flat: list[SourceRow] = []
    for row in unit:
        if isinstance(row.content.get("prompt"), dict):
            yield _nested(inner_row(row, "prompt"))
        else:
            flat.append(row)
    yield from _from_parents(flat)


def _nested(root: SourceRow) -> MessageNode:
    top = MessageNode(root, ())
    queue = [top]
    while queue:
        node = queue.pop()
        if node.row.has("replies"):
            node.replies.extend(MessageNode(reply, node.path) for reply in inner_rows(node.row, "replies"))
            queue += node.replies
    return top


def _from_parents(rows: Sequence[SourceRow]) -> Iterator[MessageNode]:
    names = {row.name("message_id"): row for row in rows}
    if len(names) < len(rows):
        twice = next(row for row in rows if names[row.name("message_id")] is not row)
        raise twice.bad("message_id", f"{twice.name('message_id')!r} stands twice in its tree")
    replies: dict[str, list[SourceRow]] = {}
    for row in rows:
        if row.has("parent_id"):
            parent = row.name("parent_id")
            if parent not in names:
                problem = f"{parent!r} is no message of the rows of its tree, which must follow one another"
                raise row.bad("parent_id", problem)
            replies.setdefault(parent, []).append(row)
    roots = [MessageNode(row, ()) for row in rows if not row.has("parent_id")]
    queue, reached = list(roots), 0
    while queue:
        node = queue.pop()
        reached += 1
        node.replies.extend(MessageNode(row, node.path) for row in replies.get(node.row.name("message_id"), ()))
        queue += node.replies
    if reached < len(rows):
        raise rows[0].bad("parent_id", "messages of its tree are each other's parents")
    yield from roots
