"""A ledger as one flat Parquet table for analysis: a row an act of judgement, with who judged and what they read.

It is for looking at; what `import` reads back without loss are the JSON lines. The columns are in docs/feedback.md.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from accord.feedback.formats.registry import Format
from accord.feedback.store.atomic_write import atomic_file
from accord.feedback.store.ledger import Ledger
from accord.records import (
    JUDGEMENT_KINDS,
    Assistance,
    Comparison,
    Completion,
    Correction,
    Critique,
    Demonstration,
    Evaluator,
    Feedback,
    Judgement,
    Prompt,
    Rating,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FORMAT", "columns", "write"]

AT_ONCE = 10_000
TEXTS = (
    "study",
    "instructions",
    "shown_digest",
    "available_digest",
    "session",
    "repeat_of",
    "replaces",
    "conversation",
    "comment",
    "language",
)


def columns() -> "pa.Schema":
    """The columns of the table."""
    import pyarrow as pa

    text, texts, whole_number = pa.string(), pa.list_(pa.string()), pa.int64()
    return pa.schema(
        {
            "row": whole_number,
            "id": text,
            "time": pa.timestamp("us", tz="UTC"),
            "kind": text,
            "prompt": text,
            "prompt_text": text,
            "prompt_messages": text,
            "completions": texts,
            "completion_texts": texts,
            "writers": texts,
            "evaluator": text,
            "evaluator_kind": text,
            "pseudonym": text,
            "pool": text,
            "attributes": pa.map_(text, text),
            "judgement": text,
            "preferred": text,
            "strength": pa.float64(),
            "score_left": pa.float64(),
            "score_right": pa.float64(),
            "value": pa.float64(),
            "scale_low": pa.float64(),
            "scale_high": pa.float64(),
            "text": text,
            "gold": text,
            **dict.fromkeys(TEXTS, text),
            "taken_back": pa.bool_(),
            "seconds": pa.float64(),
            "position_in_session": whole_number,
            "round": whole_number,
            "pasted": whole_number,
            "keystrokes": whole_number,
            "focus_lost": whole_number,
            "active_seconds": pa.float64(),
            "assistance": text,
            "assistance_by": text,
            "assistance_shown": pa.bool_(),
            "input_tokens": whole_number,
            "output_tokens": whole_number,
            "requests": whole_number,
            "cost": pa.float64(),
            "currency": text,
            "occurrence": whole_number,
        }
    )


def write(ledger: Ledger, path: Path | str, *, upto: int | None = None) -> int:
    """Write the feedback of a ledger (up to and with row `upto`) as a Parquet file; how many rows.

    The file appears whole or not at all. Raises `StorageError` where it cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    upto = ledger.last_row if upto is None else upto
    written = 0
    with atomic_file(Path(path)) as beside, pq.ParquetWriter(beside, columns(), compression="zstd") as file:
        rows = _rows(ledger, upto)
        while chunk := list(islice(rows, AT_ONCE)):
            file.write_table(pa.Table.from_pylist(chunk, schema=columns()))
            written += len(chunk)
    return written


def _rows(ledger: Ledger, upto: int) -> Iterator[dict[str, Any]]:
    taken_back = {record.replaces for record in ledger.feedback(upto)}
    prompts, completions, evaluators = ledger.prompts(), ledger.completions(), ledger.evaluators()
    for row, record in ledger.numbered(upto):
        yield {
            "row": row,
            "id": record.id,
            "taken_back": record.id in taken_back,
            **_about(record, prompts[record.prompt], completions),
            **_who(evaluators[record.evaluator]),
            **_what(record.judgement),
            **_how(record),
        }


def _about(record: Feedback, prompt: Prompt, completions: Mapping[str, Completion]) -> dict[str, Any]:
    answers = [completions[name] for name in record.completions]
    return {
        "prompt": record.prompt,
        "prompt_text": prompt.text,
        "prompt_messages": _json(prompt.messages),
        "completions": list(record.completions),
        "completion_texts": [answer.text for answer in answers],
        "writers": [answer.writer for answer in answers],
    }


def _who(evaluator: Evaluator) -> dict[str, Any]:
    return {
        "evaluator": evaluator.id,
        "evaluator_kind": evaluator.kind,
        "pseudonym": evaluator.pseudonym,
        "pool": evaluator.pool,
        "attributes": evaluator.attributes,
    }


def _what(judgement: Judgement) -> dict[str, Any]:
    """The judgement whole as JSON, and what is a number or a text of its own beside it."""
    common: dict[str, Any] = {"kind": judgement.kind, "judgement": judgement.model_dump_json(exclude_none=True)}
    match judgement:
        case Comparison(preferred=preferred, strength=strength, scores=scores):
            left, right = scores or (None, None)
            return common | {"preferred": preferred, "strength": strength, "score_left": left, "score_right": right}
        case Rating(value=value, scale=scale):
            return common | {"value": value, "scale_low": scale.low, "scale_high": scale.high}
        case Correction(text=text) | Critique(text=text) | Demonstration(text=text):
            return common | {"text": text}
        case _:
            return common


def _how(record: Feedback) -> dict[str, Any]:
    return {
        **{name: getattr(record, name) for name in TEXTS},
        "time": record.time,
        "gold": None if record.gold is None else record.gold.model_dump_json(exclude_none=True),
        "seconds": record.seconds,
        "position_in_session": record.position_in_session,
        "round": record.round,
        "occurrence": record.occurrence,
        **({} if record.telemetry is None else record.telemetry.model_dump()),
        **({} if record.usage is None else record.usage.model_dump()),
        **({} if record.assistance is None else _assistance(record.assistance)),
    }


def _assistance(assistance: Assistance) -> dict[str, Any]:
    return {
        "assistance": assistance.kind,
        "assistance_by": assistance.by,
        "assistance_shown": assistance.shown,
    }


def _json(parts: Iterable[BaseModel]) -> str:
    return "[" + ",".join(part.model_dump_json(exclude_none=True) for part in parts) + "]"


FORMAT = Format(
    "parquet",
    "one flat table for analysis, a row an act of judgement",
    JUDGEMENT_KINDS,
    write_path=write,
    suffixes=(".parquet",),
)
