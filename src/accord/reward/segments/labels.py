"""What marks, corrections and verdicts say of the segments of a text."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import NamedTuple

from accord.errors import RecipeError
from accord.records import Completion, Feedback, Span, Steps
from accord.reward.segments.reading import ReadText, Segment

__all__ = ["Label", "Labels", "changed", "check_spans", "check_steps", "first_verdicts", "span_labels", "step_labels"]

WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Labels:
    """What an act of judgement, of a kind, says of one text."""

    kind: str
    labels: tuple["Label", ...]


class Label(NamedTuple):
    """At a token, whether what an output is about is so: 1 or 0."""

    token: int
    output: int
    target: float


def span_labels(
    text: ReadText, spans: Sequence[Span], outputs: Sequence[tuple[int, frozenset[str], str]]
) -> Iterator[Label]:
    """Of each output (number, types of its spans, density) each segment: 1 where a span is on it, else 0."""
    for output, types, density in outputs:
        marked = [span for span in spans if span.type in types]
        for segment in text.segments(density):
            yield Label(segment.token, output, float(any(_on(span, segment) for span in marked)))


def step_labels(text: ReadText, steps: Sequence[tuple[int, int]], verdicts: Steps) -> Iterator[Label]:
    """1 for each right step, 0 for the first wrong one; `unsure` ones and those behind it say nothing."""
    for segment, verdict in zip(text.at(steps), first_verdicts(verdicts), strict=False):
        if verdict != "unsure":
            yield Label(segment.token, 0, float(verdict == "right"))


def first_verdicts(judgement: Steps) -> Sequence[str]:
    """The verdicts up to the first wrong step, and it."""
    wrong = judgement.first_wrong
    return judgement.verdicts if wrong is None else judgement.verdicts[: wrong + 1]


def check_spans(record: Feedback, spans: Sequence[Span], completion: Completion) -> None:
    """Raises `RecipeError` where a span is not within the text."""
    for span in spans:
        if span.end > len(completion.text):
            raise RecipeError(
                f"the feedback {record.id} marks the characters {span.start}..{span.end} of the completion "
                f"{completion.id}, which has {len(completion.text)}; take it back by a record that replaces it"
            )


def check_steps(record: Feedback, judgement: Steps, completion: Completion, count: int) -> None:
    """Raises `RecipeError` where there are more verdicts, up to the first wrong step, than steps."""
    verdicts = len(first_verdicts(judgement))
    if verdicts > count:
        raise RecipeError(
            f"the feedback {record.id} judges step {verdicts} of the completion {completion.id}, which has {count}; "
            "say where its steps begin (step_starts), or set `boundaries` to what they were shown as"
        )


def changed(original: str, corrected: str, kind: str) -> list[Span]:
    """Where a text was corrected, by words: what was replaced or left out; what was put in is at the word before it.

    Of what was put in before all words, at the first.
    """
    words = [(match.start(), match.end()) for match in WORD.finditer(original)]
    found = []
    matcher = SequenceMatcher(None, WORD.findall(original), WORD.findall(corrected), autojunk=False)
    for change, first, end, _, _ in matcher.get_opcodes():
        if change == "equal" or not words:
            continue
        first, end = (first, end) if first < end else (max(0, first - 1), max(1, first))
        found.append(Span(start=words[first][0], end=words[end - 1][1], type=kind))
    return found


def _on(span: Span, segment: Segment) -> bool:
    return span.start < segment.end and segment.start < span.end
