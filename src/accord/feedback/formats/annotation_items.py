"""What annotation tools put before people: fields of any names, of which some are the prompt and some are answers.

    the prompt   instruction, prompt, question, query, task, input, context: texts, joined by blank lines in this order;
                 or messages, conversation, chat: a list of messages. Before it system or system_prompt
    answers      response, completion, answer, output, generation, reply, candidate, summary or text, where there are
                 several with a number or a letter behind (response_1, answer-b), in this order; or a list of them
                 (responses, items, ...), each a text or an object with an id and a text or body

Other fields can be named so by a mapping.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from accord.feedback.formats.answer_pairs import content_of
from accord.feedback.formats.conversations import Answer, answer_of, messages_of
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.rows import SourceRow
from accord.records import Completion, Message, Prompt, Record

__all__ = ["ANSWER_COLUMNS", "PROMPT_COLUMNS", "AnnotatedItem", "item_of", "plain_name"]

SYSTEM = ("system", "system_prompt")
TEXTS = ("instruction", "prompt", "question", "query", "task", "input", "context")
CONVERSATIONS = ("messages", "conversation", "chat")
ANSWERS = ("response", "completion", "answer", "output", "generation", "reply", "candidate", "summary", "text")
PROMPT_COLUMNS = frozenset({*SYSTEM, *TEXTS, *CONVERSATIONS})
"""The names of fields that are a prompt."""
ANSWER_COLUMNS = frozenset(
    {"items"} | {f"{name}{end}" for name in ANSWERS for end in ("", "s", "[0-9]", "[-_ ][0-9]", "[-_ ][a-zA-Z]")}
)
"""Patterns of the names of fields that are answers."""
NUMBERED = re.compile(rf"({'|'.join(ANSWERS)})([-_ ]?\d+|[-_ ][a-z])?")
LISTED = re.compile(rf"items|({'|'.join(ANSWERS)})s")


def plain_name(name: str) -> str:
    """A name in small letters, with `_` for what else stands between words."""
    return re.sub(r"[-_ ]+", "_", name.strip().lower())


@dataclass(frozen=True)
class AnnotatedItem:
    """What was judged: a prompt and the answers, by the names of their fields."""

    row: SourceRow
    prompt: Prompt
    answers: Mapping[str, Completion]

    def records(self) -> Iterator[Record]:
        """The prompt and the answers."""
        yield self.prompt
        yield from self.answers.values()

    def answer(self, name: object) -> Completion | None:
        """The answer of this name; None where there is none."""
        plain = {plain_name(field): completion for field, completion in self.answers.items()}
        return plain.get(plain_name(name)) if isinstance(name, str) else None


def item_of(row: SourceRow, reading: Reading) -> AnnotatedItem:
    """The item whose fields are these. Raises `RecordError` where none is a prompt."""
    prompt = reading.prompt([*_system(row), *_asked(row)])
    answers = {name: reading.completion(prompt, answer) for name, answer in _answers(row).items()}
    return AnnotatedItem(row, prompt, answers)


def _named(row: SourceRow, names: tuple[str, ...]) -> list[str]:
    """The fields of these names that hold something, in the order of the names."""
    fields = {plain_name(field): field for field in row.content if row.has(field)}
    return [fields[name] for name in names if name in fields]


def _system(row: SourceRow) -> tuple[Message, ...]:
    fields = _named(row, SYSTEM)
    return (Message(role="system", content="\n\n".join(row.text(field) for field in fields)),) if fields else ()


def _asked(row: SourceRow) -> tuple[Message, ...]:
    fields = _named(row, TEXTS + CONVERSATIONS)
    if not fields:
        there = ", ".join(sorted(row.content)) or "none"
        raise row.bad("", f"no field is the prompt (there are: {there}); map one: --map prompt=FIELD")
    contents = {field: content_of(row, field) for field in fields}
    for field, content in contents.items():
        if not isinstance(content, str):
            if len(fields) > 1:
                raise row.bad(field, f"a list of messages beside {', '.join(name for name in fields if name != field)}")
            return content
    return (Message(role="user", content="\n\n".join(row.text(field) for field in fields)),)


def _answers(row: SourceRow) -> dict[str, Answer]:
    """The answers by the names of their fields, or by the ids in a list of them."""
    numbered = [(match[2] or "", field) for field in row.content if (match := NUMBERED.fullmatch(plain_name(field)))]
    ends = [(re.sub(r"\W|_", "", end), field) for end, field in numbered if row.content[field] is not None]
    fields = [field for _, field in sorted(ends, key=lambda pair: (len(pair[0]), pair[0]))]
    answers = {}
    for field in fields:
        content = content_of(row, field)
        answers[field] = Answer(content) if isinstance(content, str) else answer_of(content, f"{row.place} {field}")
    for field in (field for field in row.content if LISTED.fullmatch(plain_name(field)) and row.has(field)):
        for number, value in enumerate(row.items(field), start=1):
            name, text = _listed(value, f"{field.rstrip('s')}_{number}")
            answers[name] = _answer(text, f"{row.place} {field}.{number - 1}")
    return answers


def _listed(value: Any, name: str) -> tuple[str, Any]:
    """The name and the text of one of several answers in a list."""
    if not isinstance(value, Mapping) or "role" in value:
        return name, value
    texts = (value.get(key) for key in ("text", "body", "html", "title", *ANSWERS))
    return str(value.get("id", name)), next((text for text in texts if text), None)


def _answer(value: Any, place: str) -> Answer:
    return Answer(value) if isinstance(value, str) else answer_of(messages_of(value, place), place)
