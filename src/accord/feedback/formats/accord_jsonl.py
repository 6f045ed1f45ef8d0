"""The format of accord itself: one record a line, `{"record": "feedback", "id": ..., <its fields>}`, without loss."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json

from accord.errors import RecordError, nearest
from accord.feedback.formats.lines import lines
from accord.feedback.formats.registry import Format
from accord.feedback.store.atomic_write import atomic_file
from accord.feedback.store.ledger import Ledger
from accord.records import JUDGEMENT_KINDS, Completion, Evaluator, Feedback, Prompt, Record, parse

__all__ = ["FORMAT", "line_of", "read", "write"]

KINDS: dict[str, type[Record]] = {
    "prompt": Prompt,
    "evaluator": Evaluator,
    "completion": Completion,
    "feedback": Feedback,
}
NAMES = {kind: name for name, kind in KINDS.items()}


def read(path: Path) -> Iterator[Record]:
    """The records of a file. Where a line states its `id`, it must be that of the content.

    Raises `RecordError` that names line and field.
    """
    for place, line in lines(path):
        content = _object(line, place)
        kind = content.pop("record", None)
        if not isinstance(kind, str) or kind not in KINDS:
            problem = "missing" if kind is None else f"{kind!r} is no record{nearest(str(kind), list(KINDS))}"
            raise RecordError(problem, place=f"{place} record")
        stated = content.pop("id", None)
        record = parse(KINDS[kind], to_json(content), place=place)
        if stated is not None and stated != record.id:
            raise RecordError(f"{stated!r} is not that of the content, which is {record.id}", place=f"{place} id")
        yield record


def write(ledger: Ledger, path: Path | str, *, upto: int | None = None) -> int:
    """Write a whole ledger (its feedback up to and with row `upto`) to a file; how many lines.

    The file appears whole or not at all. Raises `StorageError` where it cannot be written.
    """
    written = 0
    with atomic_file(Path(path)) as beside, beside.open("w", encoding="utf-8") as file:
        for record in ledger.records(upto):
            file.write(line_of(record))
            written += 1
    return written


def line_of(record: Record) -> str:
    """A record as a line of this format, its newline included."""
    content = record.model_dump(mode="json", exclude_none=True)
    content_with_id = {"record": NAMES[type(record)], "id": record.id, **content}
    return json.dumps(content_with_id, separators=(",", ":"), ensure_ascii=False) + "\n"


def _object(line: bytes, place: str) -> dict[str, Any]:
    try:
        content = from_json(line)
    except ValueError as error:
        raise RecordError(f"not JSON: {error}", place=place) from error
    if not isinstance(content, dict):
        raise RecordError(f"expected a JSON object, not {str(content)[:40]!r}", place=place)
    return content


def _recognises(name: str, head: bytes) -> bool:
    return name.endswith((".jsonl", ".jsonl.gz")) and (not head or b'"record"' in head.splitlines()[0])


FORMAT = Format(
    "accord_jsonl", "every record of a ledger, one a line, without loss", JUDGEMENT_KINDS, _recognises, read, write
)
