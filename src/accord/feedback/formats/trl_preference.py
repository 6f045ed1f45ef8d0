"""The preference format of TRL, UltraFeedback binarized and many others: `prompt`, `chosen`, `rejected`.

Each is a text or a list of messages, in any mixture. Answers that repeat the prompt are read without it. Without
`prompt` it is what `chosen` and `rejected` have in common at the start (whole messages, or whole words).
`score_chosen` and `score_rejected` are kept beside the comparison. The data does not say which answer stood on the
left: the places go by a digest of the texts.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.anthropic_hh import is_transcript
from accord.feedback.formats.conversations import Answer, answer_of, messages_of, shared, without_prompt
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.records import Message, Record

__all__ = ["FORMAT"]

SCORES = ("score_chosen", "score_rejected")


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one preference. Raises `RecordError` that names row and column."""
    (row,) = unit
    messages, chosen, rejected = _parts(row)
    if not messages or not any(message.content.strip() or not message.plain for message in messages):
        raise row.bad("prompt", "empty, and chosen and rejected share no beginning")
    if chosen == rejected:
        raise row.bad("rejected", "the same as chosen, so it is no preference")
    prompt = reading.prompt(messages)
    better, worse = (reading.completion(prompt, answer) for answer in (chosen, rejected))
    scores = (row.number(SCORES[0]), row.number(SCORES[1])) if all(map(row.has, SCORES)) else None
    yield from reading.preferred(row, prompt, better, worse, scores=scores)


def _parts(row: SourceRow) -> tuple[tuple[Message, ...], Answer, Answer]:
    """The prompt as messages, and the two answers."""
    chosen, rejected = row.structure("chosen"), row.structure("rejected")
    if row.has("prompt"):
        prompt = row.structure("prompt")
        asked = messages_of(prompt, f"{row.place} prompt")
        return asked, _answer(row, "chosen", prompt, asked), _answer(row, "rejected", prompt, asked)
    if isinstance(chosen, str) and isinstance(rejected, str):
        cut = shared(chosen, rejected)
        if cut < min(len(chosen), len(rejected)):
            cut = max(chosen.rfind(" ", 0, cut), chosen.rfind("\n", 0, cut)) + 1
        start = chosen[:cut].strip()
        return messages_of(start, ""), Answer(chosen[cut:].strip()), Answer(rejected[cut:].strip())
    if isinstance(chosen, str) or isinstance(rejected, str):
        raise row.bad(
            "chosen", "expected chosen and rejected to be both texts or both lists of messages without a prompt"
        )
    better = messages_of(chosen, f"{row.place} chosen")
    worse = messages_of(rejected, f"{row.place} rejected")
    cut = shared(better, worse)
    answers = answer_of(better[cut:], f"{row.place} chosen"), answer_of(worse[cut:], f"{row.place} rejected")
    return better[:cut], *answers


def _answer(row: SourceRow, column: str, prompt: object, asked: Sequence[Message]) -> Answer:
    value = row.structure(column)
    if isinstance(value, str):
        return Answer(value.removeprefix(prompt) if isinstance(prompt, str) and prompt else value)
    messages = messages_of(value, f"{row.place} {column}", role="assistant")
    return answer_of(without_prompt(messages, asked), f"{row.place} {column}")


def _recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    if any("chosen" not in row or "rejected" not in row for row in rows):
        return None
    if all(is_transcript(row["chosen"]) and is_transcript(row["rejected"]) for row in rows):
        return None
    return "the columns `chosen` and `rejected`"


FORMAT = Format(
    "trl_preference",
    "preferences (TRL, UltraFeedback binarized): `prompt`, `chosen`, `rejected`, as texts or lists of messages",
    frozenset({"comparison"}),
    columns=frozenset({"prompt", "chosen", "rejected", *SCORES}),
    recognises=_recognises,
    read=read,
)
