"""RewardBench (Lambert et al. 2024, arXiv 2403.13787): one prompt, a good answer and a bad one, and who wrote them.

    prompt, chosen, rejected          texts
    chosen_model, rejected_model      who wrote them
    subset                            kept in the prompt's source, `<source>/<subset>`
    id                                not read: the row's number in the set

Who judged is not in the data, nor which answer stood on the left. Written are the same columns; prompts that are
conversations, answers of several messages and ties are not.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.answer_pairs import pair_of
from accord.feedback.formats.outgoing import Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.stated_pairs import PAIR_COLUMNS, pair_records, stated_pair
from accord.feedback.formats.subsets import prompt_of_subset, subset_of
from accord.feedback.formats.written_columns import KEPT_COLUMNS, common_columns, single_text
from accord.records import Record

__all__ = ["FORMAT"]

NAME = "reward_bench"
COLUMNS = frozenset({"chosen", "rejected", "chosen_model", "rejected_model", "subset"})


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one pair. Raises `RecordError` that names row and column."""
    (row,) = unit
    pair = pair_of(row)
    prompt = prompt_of_subset(reading, pair.prompt, row.name("subset"))
    yield from pair_records(row, reading, prompt, pair)


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """Rows of texts, numbered."""
    number = 0
    for item in outgoing.judged():
        pair = stated_pair(item, outgoing)
        text = single_text(item.prompt, item.completions, outgoing) if pair else None
        if pair and text is not None:
            yield {
                "prompt": text,
                "chosen": pair.chosen.text,
                "chosen_model": pair.chosen.writer,
                "rejected": pair.rejected.text,
                "rejected_model": pair.rejected.writer,
                "subset": subset_of(item.prompt, NAME) or NAME,
                "id": number,
                **pair.columns(),
                **common_columns(item, outgoing, NAME),
            }
            number += 1


def recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Columns chosen and rejected with their models and a subset."""
    return "columns chosen_model, rejected_model and subset" if set(rows[0]) >= COLUMNS else None


FORMAT = Format(
    NAME,
    "preferences between texts, with the columns prompt, chosen, chosen_model, rejected, rejected_model, subset",
    frozenset({"comparison"}),
    columns=COLUMNS | PAIR_COLUMNS | {"prompt"},
    recognises=recognises,
    read=read,
    write=write,
    keeps=KEPT_COLUMNS | {"scores", "writer"},
)
