"""Items: read from files of one JSON object a line.

    {"prompt": "Write a review.", "completions": ["Good.", "Bad."], "priority": 1}
    {"prompt": {"messages": [...]}, "completions": [{"text": "Good.", "writer": "policy-3"}, {"id": "c-..."}]}
    {"prompt": {"id": "p-..."}, "warning": "violence"}

A completion may be named by its id in the ledger. A prompt without completions is written for when its turn comes.
Practice questions and those whose answer is known (`gold`) have the answer beside them, about the completions in the
order of the line, and an `explanation`. Where a study has several questions, `known` has the answers by the name of
the question: `{"better": {"kind": ..., "preferred": "left"}, "honest": {...}}`. A `reference` is for programs
that judge: a stated answer, tests, a schema.

A `suggestion` (of several questions `suggestions`, by name) is an answer that is filled in on the page, by
`suggested_by`. `metadata` are texts, numbers and truths by key, of which the study says what becomes of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, JsonValue, ValidationError

from accord.collect.study.item_metadata import Metadata
from accord.collect.study.kinds import Question
from accord.collect.study.questionnaire import Questionnaire
from accord.errors import FormError, RecordError, StudyError, nearest
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
    """A completion as a record (`prompt` may be left out), or by its id in the ledger.

    `steps` cut the text where its lines are not its steps; without a `text` it is these, a line end between them.
    `turns` are all its messages, tools that were called and what they gave among them, of which `text` is the last.
    """

    id: str | None = None
    prompt: str | None = None
    text: str | None = None
    steps: tuple[str, ...] | None = None
    token_ids: tuple[int, ...] | None = None
    writer: str | None = None
    sampling: Sampling | None = None
    turns: tuple[Message, ...] | None = None


class ItemLine(Row):
    """A line of a file of items."""

    prompt: str | PromptLine
    completions: tuple[str | CompletionLine, ...] = ()
    priority: float = Field(default=0.0, allow_inf_nan=False)
    overlap: int | None = Field(default=None, ge=1)
    warning: str = ""
    gold: Judgement | None = None
    known: dict[str, Judgement] = Field(default={})
    suggestion: Judgement | None = None
    suggestions: dict[str, Judgement] = Field(default={})
    suggested_by: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    metadata: Metadata = Field(default={})
    explanation: str = ""
    reference: JsonValue = None

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
    """An item: where it was read (`file:line`), its line and its records.

    `gold` is the line's by question, as it would be given on the page, once `check_item` has looked at it; so is
    `suggested`.
    """

    place: str
    line: ItemLine
    prompt: Prompt
    completions: tuple[Completion, ...]
    gold: Mapping[str, Judgement] = field(default_factory=dict)
    suggested: Mapping[str, Judgement] = field(default_factory=dict)


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
    if content.text is not None or content.steps is not None:
        completion = _written(content, content.prompt or prompt.id, place)
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


def _written(content: CompletionLine, prompt: str, place: str) -> Completion:
    """A completion whose text stands on the line."""
    text = "\n".join(content.steps or ()) if content.text is None else content.text
    starts = None if content.steps is None else _step_starts(text, content.steps, place)
    return Completion(
        prompt=prompt,
        text=text,
        token_ids=content.token_ids,
        writer=content.writer,
        sampling=content.sampling,
        step_starts=starts,
        turns=content.turns or None,
    )


def _step_starts(text: str, steps: Sequence[str], place: str) -> tuple[int, ...]:
    """Where each step begins. Raises `RecordError` where the steps are not the text, cut."""
    starts: list[int] = []
    end = 0
    for number, step in enumerate(steps, start=1):
        start = text.find(step, end)
        if not step.strip():
            raise RecordError(f"step {number} is blank; leave it out", place=f"{place}.steps")
        if start < 0 or text[end:start].strip():
            raise RecordError(f"step {number} does not follow in the text; cut the text itself", place=f"{place}.steps")
        starts.append(start)
        end = start + len(step)
    if not starts or text[end:].strip():
        raise RecordError("the text goes on after the last step; give all of them", place=f"{place}.steps")
    return tuple(starts)


def check_item(paper: Questionnaire, item: StudyItem, purpose: Purpose, *, has_writer: bool) -> StudyItem:
    """The item, its gold as it would be given on the page, once it is what the study's questions ask about.

    Raises `StudyError` that names the line, for whatever nobody could answer.
    """
    place, completions = f"{item.place} completions", item.completions
    n = len(completions)
    if n == 0 and paper.least > 0:
        if purpose != "item":
            raise StudyError(f"{place}: missing; a {purpose} question needs its completions")
        if not has_writer:
            raise StudyError(f"{place}: missing, and nobody writes them; add them, or name a writer")
    elif n < paper.least or (paper.most is not None and n > paper.most):
        raise StudyError(f"{place}: {_wrong_number(paper, n)}")
    if len({(completion.text, completion.turns) for completion in completions}) < n:
        raise StudyError(f"{place}: two are the same; there is nothing to choose between them")
    known = _by_question(paper, item, "gold", "known")
    suggested = _by_question(paper, item, "suggestion", "suggestions")
    if purpose == "gold" and not known:
        raise StudyError(f"{item.place} gold: missing; write the answer that is known to be right")
    if problem := paper.unanswerable(completions):
        raise StudyError(f"{place}: {problem}")
    gold = {name: _restated(paper.by_name[name], item, answer, field) for name, (field, answer) in known.items()}
    offered = {name: _restated(paper.by_name[name], item, answer, at) for name, (at, answer) in suggested.items()}
    return replace(item, gold=gold, suggested=offered) if gold or offered else item


def _wrong_number(paper: Questionnaire, n: int) -> str:
    """What is wrong with a number of completions, and what to do about it."""
    more = " or more" if paper.most is None else ""
    if not paper.several:
        return f"a {paper.questions[0].kind} is about {paper.least}{more}, not {n}"
    if paper.most is not None and paper.most < paper.least:
        one = next(question for question in paper.questions if question.about == "all" and question.most == paper.most)
        problem = f'"{one.name}" is about {paper.most}, and other questions need {paper.least}'
        return f'{problem}; say which one it is about (about = 1, or "preferred")'
    return f"the questions are about {paper.least}{more}, not {n}"


def _by_question(paper: Questionnaire, item: StudyItem, one: str, several: str) -> dict[str, tuple[str, Judgement]]:
    """The answers of a line by question, each with the field that it stands in: of the field for `one` question, and of
    that for `several`. Raises `StudyError`."""
    fields: dict[str, tuple[str, Judgement]] = {}
    gold: Judgement | None = getattr(item.line, one)
    if gold is not None:
        fits = [question.name for question in paper.questions if question.kind == gold.kind] if paper.several else [""]
        if len(fits) != 1 and paper.several:
            problem = (
                f"{len(fits)} of the questions ask for a {gold.kind}; write it in {several}, under a question's name"
            )
            raise StudyError(f"{item.place} {one}: {problem}")
        fields[fits[0] if paper.several else paper.questions[0].name] = (one, gold)
    for name, answer in getattr(item.line, several).items():
        at = f"{several}.{name}"
        if name not in paper.by_name:
            raise StudyError(f"{item.place} {at}: no question is called so{nearest(name, list(paper.by_name))}")
        fields[name] = (at, answer)
    return fields


def _restated(question: Question, item: StudyItem, gold: Judgement, field: str) -> Judgement:
    """Gold as somebody could answer it: with the study's own scale, options and order."""
    place = f"{item.place} {field}"
    if gold.kind != question.kind:
        raise StudyError(f"{place}: a {gold.kind}, and this study asks for a {question.kind}")
    if question.about in {"preferred", "other"}:
        raise StudyError(f"{place}: what it is about is another one for everybody; leave it out")
    completions = item.completions
    if isinstance(question.about, int):
        completions = completions[question.about - 1 : question.about]
    names = tuple(completion.id for completion in completions)
    try:
        Feedback(evaluator="-", prompt=item.prompt.id, completions=names, judgement=gold)
        return question.restate(gold, completions)
    except ValidationError as error:
        raise StudyError(f"{place}: {explain(error)[1]}") from error
    except FormError as error:
        raise StudyError(f"{place}: nobody could answer so: {error}") from error
