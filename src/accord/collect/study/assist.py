"""A machine beside people: whose remarks stand beside items, and lines of a file of prepared ones.

    {"prompt": "What is 6 x 7?", "completion": "It is 54.", "critique": "6 x 7 is 42.", "start": 6, "end": 8}
    {"prompt": {"id": "p-..."}, "completion": {"id": "c-..."}, "by": "critic-2",
     "spans": [{"start": 6, "end": 8, "type": "wrong"}]}

A prompt and a completion are named as on a line of items. A critique may be about a stretch of characters. `by` is who
wrote the remark; where it is left out, the name of the file.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from accord.collect.study.items import CompletionLine, ItemLine, PromptLine
from accord.collect.study.kinds import Question
from accord.collect.study.kinds.critique import CritiqueQuestion
from accord.collect.study.kinds.label import Options
from accord.collect.study.kinds.spans import SpansQuestion
from accord.collect.study.section import Section, Text
from accord.errors import RecordError, StudyError
from accord.feedback.formats.lines import Row, rows
from accord.records import Completion, Critique, Span, Spans

__all__ = ["Assist", "RemarkLine", "read_remarks"]


class Assist(Section):
    """Remarks of a machine beside the items, shown to a share of people and items that is drawn by lot."""

    by: Text = Field(description="a file of prepared remarks, or the URL of a model's endpoint")
    kind: Literal["critique", "spans"] = "critique"
    share: float = Field(default=0.5, ge=0, le=1, description="how often a remark is shown where there is one")
    text: Text = Field(
        default="What is wrong or misleading in this answer? Be short, and say where.",
        description="what a model is asked",
    )
    span_types: Options = Field(default=("wrong", "misleading"), description="what a model marks stretches as")

    @property
    def is_endpoint(self) -> bool:
        """Whether a model is asked; else the remarks are prepared."""
        return self.by.startswith(("http://", "https://"))

    @property
    def question(self) -> CritiqueQuestion | SpansQuestion:
        """What a model is asked about each completion."""
        if self.kind == "critique":
            return CritiqueQuestion(text=self.text)
        return SpansQuestion(text=self.text, span_types=self.span_types)

    def problems(self, question: Question) -> Iterator[tuple[str, str]]:
        """Keys that do not go together, with what to do about it."""
        if question.least == 0:
            yield "assist", f"remarks are about completions, and a {question.kind} is about none; leave it out"


class RemarkLine(Row):
    """A line of a file of remarks."""

    prompt: str | PromptLine
    completion: str | CompletionLine
    critique: Annotated[str, Field(min_length=1)] | None = None
    start: Annotated[int, Field(ge=0)] | None = None
    end: Annotated[int, Field(ge=0)] | None = None
    spans: tuple[Span, ...] | None = None
    by: Annotated[str, Field(min_length=1, max_length=100)] | None = None

    @property
    def item(self) -> ItemLine:
        """The prompt and the completion, as a line of items has them."""
        return ItemLine(prompt=self.prompt, completions=(self.completion,))

    def judgement(self, assist: Assist, completion: Completion, place: str) -> Critique | Spans:
        """What it says of the completion. Raises `StudyError` or `RecordError` that name the line."""
        if (self.critique is None) == (self.spans is None) or getattr(self, assist.kind) is None:
            raise StudyError(f"{place}: the study's assist.kind is '{assist.kind}'; write that, and that alone")
        stretches = [(span.start, span.end) for span in self.spans or ()]
        if self.critique is not None and (self.start is not None or self.end is not None):
            stretches = [(self.start or 0, self.end or 0)]
        for start, end in stretches:
            if not start < end <= len(completion.text):
                problem = f"{start}..{end} is no stretch of the completion, which has {len(completion.text)} characters"
                raise RecordError(problem, place=f"{place} {assist.kind}")
        if self.spans is not None:
            return Spans(spans=self.spans)
        assert self.critique is not None
        return Critique(text=self.critique, start=self.start, end=self.end)


def read_remarks(path: Path) -> list[tuple[str, RemarkLine]]:
    """The lines of a file of remarks, each with its place. Raises `StudyError` or `RecordError` that name file and
    line, `StorageError` where the file cannot be read."""
    lines = list(rows(path, RemarkLine))
    if not lines:
        raise StudyError(f"{path.name}: holds no remark; write one JSON object a line")
    return lines
