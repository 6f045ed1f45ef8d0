"""Items: read from files of one JSON object a line.

    {"prompt": "Write a review.", "completions": ["Good.", "Bad."], "priority": 1}
    {"prompt": {"messages": [...]}, "completions": [{"text": "Good.", "writer": "policy-3"}, {"id": "c-..."}]}
    {"prompt": {"id": "p-..."}, "warning": "violence"}

A completion may be named by its id in the ledger. A prompt without completions is written for when its turn comes.
Practice questions and those whose answer is known (`gold`) have the answer beside them, about the completions in the
order of the line, and an `explanation`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from accord.collect.study.kinds import Question
from accord.errors import RecordError, StudyError
from accord.feedback.formats.lines import Row, rows
from accord.records import Completion, Feedback, Judgement, Message, Prompt, Sampling, explain

__all__ = ["ItemLine", "Purpose", "StudyItem", "check_item", "read_lines", "resolve"]

Purpose = Literal["item", "gold", "practice"]


class PromptLine(Row):
    """A prompt as a record, or by its id in the ledger."""

    id: str | None = None
    messages: tuple[Message, ...] | None = None
    source: str | None = None
    mode: Literal["text", "knowledge", "creative"] | None = None


class CompletionLine(Row):
    """A completion as a record (`prompt` may be left out), or by its id in the ledger."""

    id: str | None = None
    prompt: str | None = None
    text: str | None = None
    token_ids: tuple[int, ...] | None = None
    writer: str | None = None
    sampling: Sampling | None = None


class ItemLine(Row):
    """A line of a file of items."""

    prompt: str | PromptLine
    completions: tuple[str | CompletionLine, ...] = ()
    priority: float = Field(default=0.0, allow_inf_nan=False)
    overlap: int | None = Field(default=None, ge=1)
    warning: str = ""
    gold: Judgement | None = None
    explanation: str = ""

    @property
    def prompt_id(self) -> str | None:
        """The id of the ledger's prompt that the line names."""
        return self.prompt.id if isinstance(self.prompt, PromptLine) else None

    @property
    def completion_ids(self) -> list[str]:
        """The ids of the ledger's completions that the line names."""
        return [line.id for line in self.completions if isinstance(line, CompletionLine) and line.id]


@dataclass(frozen=True)
class StudyItem:
    """An item: where it was read (`file:line`), its line and its records."""

    place: str
    line: ItemLine
    prompt: Prompt
    completions: tuple[Completion, ...]


def read_lines(path: Path) -> list[tuple[str, ItemLine]]:
    """The lines of a file of items, each with its place. Raises `StudyError` or `RecordError` that name file and line,
    `StorageError` where the file cannot be read."""
    lines = list(rows(path, ItemLine))
    if not lines:
        raise StudyError(f"{path.name}: holds no item; write one JSON object a line")
    return lines


def resolve(
    place: str, line: ItemLine, prompts: Mapping[str, Prompt], completions: Mapping[str, Completion]
) -> StudyItem:
    """A line with its records: new ones, or those of the ledger (by id) that it names.

    Raises `RecordError` that names the line where it names a record that is not there, or holds too little for one.
    """
    prompt = _prompt(line, prompts, place)
    return StudyItem(
        place, line, prompt, tuple(_completion(part, prompt, completions, place) for part in line.completions)
    )


def _prompt(line: ItemLine, known: Mapping[str, Prompt], place: str) -> Prompt:
    content = line.prompt
    if isinstance(content, str):
        if not content.strip():
            raise RecordError("is empty; write what is asked", place=f"{place} prompt")
        return Prompt.ask(content)
    if content.id is not None:
        if content.id not in known:
            raise RecordError(f"{content.id} is not in the ledger; import it first", place=f"{place} prompt.id")
        return known[content.id]
    if not content.messages:
        raise RecordError("missing; give messages, or the id of a prompt in the ledger", place=f"{place} prompt")
    return Prompt(messages=content.messages, source=content.source, mode=content.mode)


def _completion(
    content: str | CompletionLine, prompt: Prompt, known: Mapping[str, Completion], place: str
) -> Completion:
    place = f"{place} completions"
    if isinstance(content, str):
        return Completion(prompt=prompt.id, text=content)
    if content.text is not None:
        completion = Completion(
            prompt=content.prompt or prompt.id,
            text=content.text,
            token_ids=content.token_ids,
            writer=content.writer,
            sampling=content.sampling,
        )
    elif content.id is None:
        raise RecordError("has no text; give text, or the id of one in the ledger", place=place)
    elif content.id not in known:
        raise RecordError(f"{content.id} is not in the ledger; import it first", place=place)
    else:
        completion = known[content.id]
    if completion.prompt != prompt.id:
        problem = f"{completion.id} answers the prompt {completion.prompt}, and this line's is {prompt.id}"
        raise RecordError(f"{problem}; put it on the line of its own", place=place)
    return completion


def check_item(question: Question, item: StudyItem, purpose: Purpose, *, has_writer: bool) -> None:
    """What the study's question asks of an item. Raises `StudyError` that names the line."""
    place, completions = f"{item.place} completions", item.completions
    n = len(completions)
    if n == 0 and question.least > 0:
        if purpose != "item":
            raise StudyError(f"{place}: missing; a {purpose} question needs its completions")
        if not has_writer:
            raise StudyError(f"{place}: missing, and nobody writes them; add them, or name a writer")
    elif n < question.least or (question.most is not None and n > question.most):
        more = " or more" if question.most is None else ""
        raise StudyError(f"{place}: a {question.kind} is about {question.least}{more}, not {n}")
    if len({completion.text for completion in completions}) < n:
        raise StudyError(f"{place}: two are the same; there is nothing to choose between them")
    if purpose == "gold" and item.line.gold is None:
        raise StudyError(f"{item.place} gold: missing; write the answer that is known to be right")
    if item.line.gold is not None:
        _check_gold(item, item.line.gold, question.kind)


def _check_gold(item: StudyItem, gold: Judgement, kind: str) -> None:
    if gold.kind != kind:
        raise StudyError(f"{item.place} gold: a {gold.kind}, and this study asks for a {kind}")
    names = tuple(completion.id for completion in item.completions)
    try:
        Feedback(evaluator="-", prompt=item.prompt.id, completions=names, judgement=gold)
    except ValidationError as error:
        raise StudyError(f"{item.place} gold: {explain(error)[1]}") from error
