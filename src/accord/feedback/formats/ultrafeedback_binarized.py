"""UltraFeedback made binary (Tunstall et al. 2023, arXiv 2310.16944): a pair of answers by the scores of a model.

    prompt                          the question as a text; where `chosen` and `rejected` begin alike, their shared
                                    beginning is the prompt, which must hold that text as a message of the user
    chosen, rejected                lists of messages, the prompt first
    score_chosen, score_rejected    kept as scores; their difference on the scale 1..10, in widths of it, is the
                                    strength. Equal ones are a tie (the published set has such rows)
    prompt_id, messages             not read: a digest of the prompt, and `chosen` once more

Who judged is not in the rows: it was a model, whose name is not stated, and the order is not known. Written are the
same columns, with `prompt_id` as the SHA-256 of the prompt; ties are not written.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.answer_pairs import pair_of
from accord.feedback.formats.messages import dicts_of
from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.stated_pairs import PAIR_COLUMNS, StatedPair, pair_records, stated_pair
from accord.feedback.formats.written_columns import KEPT_COLUMNS, KEPT_MESSAGES, answer_messages, common_columns
from accord.feedback.provenance import unknown_model
from accord.records import Record, Scale

__all__ = ["FORMAT"]

NAME = "ultrafeedback_binarized"
SCALE = Scale(low=1, high=10)


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one pair. Raises `RecordError` that names row and column."""
    (row,) = unit
    pair = pair_of(row)
    judge = unknown_model(reading.source)
    yield from pair_records(row, reading, reading.prompt(pair.prompt), pair, scale=SCALE, evaluator=judge)


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """Rows in which the prompt stands before both answers."""
    for item in outgoing.judged():
        pair = stated_pair(item, outgoing)
        if pair and _tells_prompt(item, pair, outgoing):
            prompt_text = item.prompt.messages[-1].content
            chosen = dicts_of(item.prompt.messages) + answer_messages(pair.chosen)
            yield {
                "prompt": prompt_text,
                "prompt_id": hashlib.sha256(prompt_text.encode()).hexdigest(),
                "chosen": chosen,
                "rejected": dicts_of(item.prompt.messages) + answer_messages(pair.rejected),
                "messages": chosen,
                **pair.columns(),
                **common_columns(item, outgoing, NAME),
            }


def _tells_prompt(item: JudgedItem, pair: StatedPair, outgoing: Outgoing) -> bool:
    """Whether the row says where the prompt ends: at a message of the user, behind which the answers differ."""
    first, second = (answer_messages(answer)[0] for answer in (pair.chosen, pair.rejected))
    if item.prompt.messages[-1].role == "user" and first != second:
        return True
    outgoing.lose("prompts whose end the row cannot tell")
    return False


def recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Columns prompt_id, chosen and rejected."""
    return "columns prompt_id, chosen and rejected" if {"prompt_id", "chosen", "rejected"} <= set(rows[0]) else None


FORMAT = Format(
    NAME,
    "preferences by the scores of a model, with the columns prompt, prompt_id, chosen, rejected, score_*",
    frozenset({"comparison"}),
    columns=frozenset({"prompt", "chosen", "rejected"}) | PAIR_COLUMNS,
    recognises=recognises,
    read=read,
    write=write,
    keeps=KEPT_COLUMNS | KEPT_MESSAGES | {"scores", "writer"},
)
