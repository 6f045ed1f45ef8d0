"""The format of accord itself: one record a line, `{"record": "feedback", "id": ..., <its fields>}`, without loss."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from accord.errors import LedgerError, RecordError, nearest
from accord.feedback.formats.containers.writing import write_rows
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.store.ledger import Ledger
from accord.records import JUDGEMENT_KINDS, Completion, Evaluator, Feedback, Prompt, Record, parse

__all__ = ["FORMAT", "line_of", "write"]

KINDS: dict[str, type[Record]] = {
    "prompt": Prompt,
    "evaluator": Evaluator,
    "completion": Completion,
    "feedback": Feedback,
}
NAMES = {kind: name for name, kind in KINDS.items()}


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The record of a row. Where the row states its `id`, it must be that of the content.

    Raises `LedgerError` where the records are to come under another name.
    """
    if reading.settings.name is not None:
        raise LedgerError("records of accord_jsonl carry the names of their sources; leave --name out")
    for row in unit:
        content = dict(row.content)
        kind = content.pop("record", None)
        if not isinstance(kind, str) or kind not in KINDS:
            raise row.bad(
                "record", "missing" if kind is None else f"{kind!r} is no record{nearest(str(kind), list(KINDS))}"
            )
        stated_id = content.pop("id", None)
        record = parse(KINDS[kind], _text(content, row), place=row.place)
        if stated_id is not None and stated_id != record.id:
            raise row.bad("id", f"{stated_id!r} is not that of the content, which is {record.id}")
        yield record


def write(ledger: Ledger, path: Path | str, *, upto: int | None = None) -> int:
    """Write a whole ledger (its feedback up to and with row `upto`) to a file; how many lines.

    The file appears whole or not at all. Raises `StorageError` where it cannot be written.
    """
    return write_rows(Path(path), (_row(record) for record in ledger.records(upto)))


def line_of(record: Record) -> str:
    """A record as a line of this format, its newline included."""
    return json.dumps(_row(record), separators=(",", ":"), ensure_ascii=False) + "\n"


def _row(record: Record) -> dict[str, Any]:
    return {"record": NAMES[type(record)], "id": record.id, **record.model_dump(mode="json", exclude_none=True)}


def _text(content: dict[str, Any], row: SourceRow) -> bytes:
    try:
        return to_json(content)
    except ValueError as error:
        raise RecordError("holds half a character (a lone surrogate)", place=row.place) from error


def _recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    all_records = all(row.get("record") in KINDS for row in rows)
    return "every row says which `record` it is" if all_records else None


FORMAT = Format(
    "accord_jsonl",
    "every record of a ledger, one a line, without loss",
    JUDGEMENT_KINDS,
    recognises=_recognises,
    read=read,
    write_path=write,
    counts_votes=False,
    suffixes=(".jsonl", ".jsonl.gz", ".jsonl.zst"),
)
