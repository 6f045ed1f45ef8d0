"""The preference format of TRL: `prompt`, `chosen`, `rejected`, each a string or a list of `{role, content}`.

Without `prompt` it is what `chosen` and `rejected` have in common at the start (whole messages, or whole words). Other
columns are not read, except that a name nearly one of the three is refused. The data does not say who judged, nor
which answer stood on the left: the evaluator is the unknown one, and the places go by a digest of the texts.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Discriminator, Tag

from accord.errors import RecordError
from accord.feedback.formats.anthropic_hh import BEGINNING
from accord.feedback.formats.lines import Row, compared, rows, shared
from accord.feedback.formats.registry import Format
from accord.feedback.provenance import unknown_evaluator
from accord.records import Message, Prompt, Record

__all__ = ["FORMAT", "read"]


def _shape(content: object) -> str:
    return "messages" if isinstance(content, list | tuple) else "text"


Conversation = tuple[Message, ...]
Content = Annotated[Annotated[str, Tag("text")] | Annotated[Conversation, Tag("messages")], Discriminator(_shape)]


class _Row(Row):
    model_config = ConfigDict(frozen=True, strict=True, extra="allow")

    chosen: Content
    rejected: Content
    prompt: Content | None = None


def read(path: Path) -> Iterator[Record]:
    """The records of a file, one preference a line. Raises `RecordError` that names line and field."""
    source = path.name
    evaluator = unknown_evaluator(source)
    yield evaluator
    for place, row in rows(path, _Row):
        _refuse_near_names(row, place)
        prompt, chosen, rejected = _parts(row, place)
        if not prompt or not any(message.content.strip() for message in prompt):
            raise RecordError("empty, and chosen and rejected share no beginning", place=f"{place} prompt")
        if chosen == rejected:
            raise RecordError("the same as chosen, so it is no preference", place=f"{place} rejected")
        yield from compared(Prompt(messages=prompt, source=source), chosen, rejected, evaluator, source)


def _parts(row: _Row, place: str) -> tuple[Conversation, str, str]:
    """The prompt as messages, and the two texts."""
    match row.prompt, row.chosen, row.rejected:
        case str(prompt), str(chosen), str(rejected):
            return _asked(prompt), chosen, rejected
        case None, str(chosen), str(rejected):
            cut = shared(chosen, rejected)
            if cut < min(len(chosen), len(rejected)):
                cut = max(chosen.rfind(" ", 0, cut), chosen.rfind("\n", 0, cut)) + 1
            return _asked(chosen[:cut].strip()), chosen[cut:].strip(), rejected[cut:].strip()
        case tuple(prompt), tuple(chosen), tuple(rejected):
            return prompt, _answer(chosen, f"{place} chosen"), _answer(rejected, f"{place} rejected")
        case None, tuple(chosen), tuple(rejected):
            cut = shared(chosen, rejected)
            return chosen[:cut], _answer(chosen[cut:], f"{place} chosen"), _answer(rejected[cut:], f"{place} rejected")
        case _:
            raise RecordError(
                "expected prompt, chosen and rejected to be all strings or all lists of messages",
                place=f"{place} chosen",
            )


def _asked(text: str) -> Conversation:
    return (Message(role="user", content=text),)


def _answer(messages: Conversation, place: str) -> str:
    if len(messages) != 1 or messages[0].role != "assistant":
        roles = ", ".join(message.role for message in messages) or "nothing"
        raise RecordError(f"expected one message of the assistant after the prompt, not {roles}", place=place)
    return messages[0].content


def _refuse_near_names(row: _Row, place: str) -> None:
    for name in row.model_extra or {}:
        if close := get_close_matches(name, ["prompt", "chosen", "rejected"], n=1, cutoff=0.85):
            raise RecordError(f"no such column; did you mean '{close[0]}'?", place=f"{place} {name}")


def _recognises(name: str, head: bytes) -> bool:
    first = head.splitlines()[0] if head else b""
    return b'"chosen"' in first and b'"rejected"' in first and BEGINNING not in first


FORMAT = Format(
    "trl_preference",
    "preferences with the columns prompt, chosen, rejected (JSON lines, gzipped or not)",
    frozenset({"comparison"}),
    _recognises,
    read,
)
