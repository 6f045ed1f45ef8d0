"""OpenAssistant's conversations (Köpf et al. 2023, arXiv 2304.07327): trees, nested or as one message a row.

    message_tree_id         the conversation
    role, text              prompter or assistant; every message of a prompter is a prompt, with all before it
    rank                    replies of the assistant to one message, 0 the best: one ranking of those that have a rank
    labels                  means over several people, 0 to 1 (quality, toxicity, ...): of an answer, a rating each, of
                            the study `<source>.<label>`; of a prompt they are not read
    model_name              the model that wrote an answer; which person wrote a message (`user_id`) is not read

Ranks are agreed on by several people, labels are their means, and nobody says whose: the evaluator is unknown. Replies
stand in the order of a digest of their texts. Of replies with one text the best rank counts; what was deleted is read
as a part of what follows it, and is no answer. Written are trees: one path of messages and the replies that something
was said about.
"""

import hashlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from accord.feedback.formats.conversations import Answer
from accord.feedback.formats.message_trees import MessageNode, trees_of
from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.studies import aspect_of, aspect_study
from accord.records import Completion, Prompt, Ranking, Rating, Record, Scale

__all__ = ["FORMAT", "read", "write"]

NAME = "oasst"
SCALE = Scale(low=0.0, high=1.0)
ROLES = {"user": "prompter", "assistant": "assistant"}


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one tree. Raises `RecordError` that names row and field."""
    conversation = unit[0].name("message_tree_id")
    for root in trees_of(unit):
        for node in root.walk():
            if node.message.role == "user":
                yield from _asked(node, reading, conversation)


def _asked(node: MessageNode, reading: Reading, conversation: str) -> Iterator[Record]:
    """A prompt, the answers to it, and what was said about them."""
    prompt = reading.prompt(node.path)
    yield prompt
    answers_by_rank: dict[str, tuple[int, Completion]] = {}
    for reply in node.replies:
        if reply.message.role == "user" or (reply.row.has("deleted") and reply.row.truth("deleted")):
            continue
        writer = reply.row.name("model_name") if reply.row.has("model_name") else None
        completion = reading.completion(prompt, Answer(reply.message.content), writer=writer)
        yield completion
        yield from _ratings(reply, reading, prompt, completion, conversation)
        if reply.row.has("rank"):
            rank = reply.row.whole("rank")
            answers_by_rank[completion.id] = min(
                answers_by_rank.get(completion.id, (rank, completion)), (rank, completion), key=_rank
            )
    if len(answers_by_rank) > 1:
        answers = sorted(answers_by_rank.values(), key=lambda pair: hashlib.sha256(pair[1].text.encode()).digest())
        judgement = Ranking(tiers=_tiers([rank for rank, _ in answers]))
        about = [completion for _, completion in answers]
        yield from reading.judged(node.row, prompt, about, judgement, conversation=conversation)


def _rank(pair: tuple[int, Completion]) -> int:
    return pair[0]


def _tiers(ranks: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """The places of equal ranks together, the lowest rank first."""
    return tuple(tuple(i for i, rank in enumerate(ranks) if rank == level) for level in sorted(set(ranks)))


def _ratings(
    reply: MessageNode, reading: Reading, prompt: Prompt, completion: Completion, conversation: str
) -> Iterator[Record]:
    for label, value in reply.labels.items():
        study = aspect_study(reply.row, reading, label)
        yield from reading.rated(
            reply.row,
            prompt,
            completion,
            value,
            SCALE,
            column=f"labels {label}",
            study=study,
            conversation=conversation,
        )


@dataclass
class _Tree:
    """One tree to write: the answers with what was said about them, at most one ranking and one rating a label."""

    conversation: str
    prompt: Prompt
    ranked: bool = False
    replies: dict[str, dict[str, Any]] = field(default_factory=dict)

    def reply(self, completion: Completion) -> dict[str, Any]:
        """The node of an answer."""
        node = {
            "message_id": f"{self.conversation}/{completion.id}",
            "text": completion.text,
            "role": "assistant",
            "rank": None,
            "labels": {},
            **({} if completion.writer is None else {"synthetic": True, "model_name": completion.writer}),
            "replies": [],
        }
        return self.replies.setdefault(completion.id, node)

    def takes(self, item: JudgedItem) -> bool:
        """Whether there is still a place for what was said."""
        if isinstance(item.feedback.judgement, Ranking):
            return not self.ranked
        node = self.replies.get(item.completions[0].id)
        return node is None or aspect_of(item.feedback)[1] not in node["labels"]

    def put(self, item: JudgedItem) -> None:
        """Note what was said in the answers' nodes."""
        judgement = item.feedback.judgement
        if isinstance(judgement, Rating):
            label = {"value": judgement.value, "count": None}
            self.reply(item.completions[0])["labels"][aspect_of(item.feedback)[1]] = label
        if isinstance(judgement, Ranking):
            self.ranked = True
            for rank, tier in enumerate(judgement.tiers):
                for place in tier:
                    self.reply(item.completions[place])["rank"] = rank

    def row(self) -> dict[str, Any]:
        """The tree as a row: the path to the prompt, and the answers below it."""
        replies = list(self.replies.values())
        for number in range(len(self.prompt.messages) - 1, -1, -1):
            message = self.prompt.messages[number]
            name = self.conversation if number == 0 else f"{self.conversation}/{number}"
            node = {"message_id": name, "text": message.content, "role": ROLES[message.role], "replies": replies}
            replies = [node]
        return {"message_tree_id": self.conversation, "prompt": replies[0]}


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """Trees of one path each; several of one conversation where more was said than one tree has places for."""
    for prompt, items in outgoing.by_prompt():
        if any(message.role not in ROLES or not message.plain for message in prompt.messages):
            outgoing.lose("prompts with a system message, tools or attachments", len(items))
            continue
        trees: list[_Tree] = []
        for item in items:
            if not _fits(item, outgoing):
                continue
            conversation = item.feedback.conversation or prompt.id
            tree = next((tree for tree in trees if tree.conversation == conversation and tree.takes(item)), None)
            if tree is None:
                tree = _Tree(conversation, prompt)
                trees.append(tree)
            tree.put(item)
        yield from (tree.row() for tree in trees)


def _fits(item: JudgedItem, outgoing: Outgoing) -> bool:
    """Whether a tree can say it; what it cannot say is counted."""
    judgement = item.feedback.judgement
    if isinstance(judgement, Rating) and (judgement.scale != SCALE or not aspect_of(item.feedback)[1]):
        outgoing.lose("ratings that are no labels from 0 to 1")
        return False
    if item.feedback.study not in (None, NAME, f"{NAME}.{aspect_of(item.feedback)[1]}"):
        outgoing.lose("study")
    return True


def _unit(row: Mapping[str, Any]) -> Hashable:
    return str(row.get("message_tree_id"))


def _recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    if not all("message_tree_id" in row for row in rows):
        return None
    if all(isinstance(row.get("prompt"), Mapping) for row in rows):
        return "message_tree_id and a prompt with replies"
    if all({"message_id", "parent_id", "role", "text"} <= row.keys() for row in rows):
        return "columns message_id, parent_id, message_tree_id, role and text"
    return None


FORMAT = Format(
    NAME,
    "conversations as trees, with ranked replies and labels of a crowd (OpenAssistant)",
    frozenset({"ranking", "rating"}),
    columns=frozenset(
        {
            "message_tree_id",
            "prompt",
            "message_id",
            "parent_id",
            "role",
            "text",
            "rank",
            "labels",
            "model_name",
            "deleted",
        }
        | {"user_id"}
    ),
    recognises=_recognises,
    read=read,
    unit=_unit,
    write=write,
    keeps=frozenset({"conversation", "writer"}),
)
