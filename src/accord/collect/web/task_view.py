"""What a page shows of a task: the conversation, the answers in their order, and the votes on a disputed item."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from markupsafe import Markup

from accord.collect.desk.overview import DisputedItem
from accord.collect.desk.tasks import Remark, Task
from accord.collect.study import AnyQuestion, Questionnaire
from accord.collect.study.kinds import TIE
from accord.collect.study.phrases import phrase
from accord.collect.web.sanitize import Line, in_lines, literal_lines
from accord.collect.web.shown_texts import ShownText, show_texts
from accord.records import Attachment, Completion, Critique, Message, Spans, ToolCall

__all__ = [
    "Answer",
    "PartView",
    "RemarkView",
    "Turn",
    "answers_of",
    "remark_views",
    "remarks_of",
    "sheet_of",
    "turns_of",
    "votes_in_words",
]

SPEAKERS = {role: phrase(f"speaker.{role}") for role in ("system", "user", "assistant", "tool")}


@dataclass(frozen=True)
class Turn:
    """A message: its text (None where it has none), the tools that it calls, and references to what stands beside it,
    none of which is ever loaded."""

    role: Literal["system", "user", "assistant", "tool"]
    who: str
    view: ShownText | None
    calls: tuple[ToolCall, ...] = ()
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True)
class Answer:
    """A completion at its place, as it is read beside the others (`view`), and as stretches of it are marked.

    `turns` are its messages, where it is more than one plain text.
    """

    place: int
    text: str
    view: ShownText
    turns: tuple[Turn, ...] = ()

    @cached_property
    def literal(self) -> Markup:
        """Character by character."""
        return in_lines(self.text)

    @cached_property
    def lines(self) -> list[Line]:
        """Line by line, with the place of each line's first character."""
        return literal_lines(self.text)


@dataclass(frozen=True)
class PartView:
    """One of several questions on a page: its part of the form, whose fields have `prefix` before their names, and the
    answers that it is about, of which `number` is the only one where there is one of several."""

    question: AnyQuestion
    prefix: str
    form: Mapping[str, str]
    completions: tuple[Completion, ...]
    answers: list[Answer]
    number: int | None

    @property
    def shows_texts(self) -> bool:
        """Whether the answers have to stand on the page for it, as its own form does not hold them."""
        return self.question.least > 0 and not self.question.works_on_text


def sheet_of(paper: Questionnaire, task: Task, answers: list[Answer], form: Mapping[str, str]) -> list[PartView]:
    """The questions of a page with several; none where the page has one."""
    places = {completion.id: place for place, completion in enumerate(task.completions)}
    return [
        PartView(
            question=part.question,
            prefix=paper.prefix(part.question),
            form=paper.part(form, part.question),
            completions=part.completions,
            answers=[answers[places[completion.id]] for completion in part.completions],
            number=part.number if len(task.completions) > 1 else None,
        )
        for part in task.parts
    ]


@dataclass(frozen=True)
class RemarkView:
    """What a machine says of the completion at `place`: in words (None where it marks stretches), about `quote` or all
    of it; or stretches, each with its type and a note. Texts are as they stand."""

    place: int
    text: str | None
    quote: str
    marks: tuple[tuple[str, str, str], ...] = ()


def remarks_of(task: Task) -> list[RemarkView]:
    """A machine's remarks in the order of the completions shown."""
    return remark_views(task.remarks, task.completions)


def remark_views(remarks: Iterable[Remark], completions: Sequence[Completion]) -> list[RemarkView]:
    """Remarks on completions in the order shown."""
    return [_remark(remark, completions[remark.place].text) for remark in remarks]


def _remark(remark: Remark, text: str) -> RemarkView:
    match remark.judgement:
        case Critique(text=words, start=start, end=end):
            return RemarkView(remark.place, words, text[start:end] if start is not None else "")
        case Spans(spans=spans):
            marks = tuple((text[span.start : span.end], span.type, span.note or "") for span in spans)
            return RemarkView(remark.place, None, "", marks)


def turns_of(messages: Iterable[Message], *, markdown: bool) -> list[Turn]:
    """Messages in order."""
    return [_turn(message, markdown=markdown) for message in messages]


def answers_of(completions: tuple[Completion, ...], *, markdown: bool) -> list[Answer]:
    """Completions in the order shown. Of several, one that is whole turns is shown as it stands."""
    views = show_texts([completion.text for completion in completions], markdown=markdown)
    rendered = markdown and len(completions) == 1
    return [
        Answer(
            place, completion.text, view, tuple(_turn(message, markdown=rendered) for message in completion.turns or ())
        )
        for place, (completion, view) in enumerate(zip(completions, views, strict=True))
    ]


def _turn(message: Message, *, markdown: bool) -> Turn:
    speaker = SPEAKERS[message.role]
    who = phrase("speaker.named", speaker=speaker, name=message.name) if message.name else speaker
    view = show_texts([message.content], markdown=markdown)[0] if message.content else None
    return Turn(message.role, who, view, message.tool_calls or (), message.attachments or ())


def votes_in_words(item: DisputedItem) -> dict[str, int]:
    """The votes on a disputed item, its completions called by their places."""
    names = {completion.id: f"answer {place}" for place, completion in enumerate(item.completions, start=1)}
    names |= {TIE: "equal", "and": "and", "then": "then"}
    return {
        " ".join(names[word] for word in vote.split()) if {*vote.split()} <= {*names} else vote: count
        for vote, count in item.votes.items()
    }
