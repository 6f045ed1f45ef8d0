"""The first records of a file as they would be kept, and which of its columns would not be read."""

from dataclasses import dataclass
from typing import Any

from accord.feedback.formats.source import FeedbackFile
from accord.records import Completion, Feedback, Prompt, Record

__all__ = ["Preview", "preview"]

SHOWN = 3
ROWS = 10_000


@dataclass(frozen=True)
class Preview:
    """What the first rows of a file would become: the first judgements, each with the records that it names.

    `lost` says of columns that mean something and would not be read what to say of them; nothing is imported until
    that is said. `unread` are all columns that are not read.
    """

    shown: tuple[dict[str, Any], ...]
    unread: tuple[str, ...]
    lost: dict[str, str]
    rows: int
    bad_rows: int


def preview(file: FeedbackFile) -> Preview:
    """Read the first rows (10,000 at most) as an import would. Bad rows go where `file.bad` puts them, or raise."""
    records: dict[str, Record] = {}
    shown: list[dict[str, Any]] = []
    for record in file.records(limit=ROWS, check_columns=False):
        if len(shown) < SHOWN:
            records[record.id] = record
            if isinstance(record, Feedback):
                shown.append(_joined(record, records))
    return Preview(tuple(shown), tuple(file.columns.unread), dict(file.columns.lost), file.rows, file.bad_rows)


def _joined(feedback: Feedback, records: dict[str, Record]) -> dict[str, Any]:
    prompt, evaluator = records.get(feedback.prompt), records.get(feedback.evaluator)
    content = feedback.model_dump(mode="json", exclude_none=True, exclude={"prompt", "completions", "evaluator"})
    return {
        "prompt": _messages(prompt) if isinstance(prompt, Prompt) else feedback.prompt,
        "completions": [_answer(records.get(name)) for name in feedback.completions],
        "evaluator": evaluator.model_dump(exclude_none=True) if evaluator else feedback.evaluator,
        **content,
    }


def _messages(prompt: Prompt) -> list[dict[str, Any]]:
    return [message.model_dump(mode="json", exclude_none=True) for message in prompt.messages]


def _answer(completion: Record | None) -> object:
    if not isinstance(completion, Completion):
        return None
    if completion.turns is None:
        return completion.text
    return [message.model_dump(mode="json", exclude_none=True) for message in completion.turns]
