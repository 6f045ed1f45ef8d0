"""What a finding rests on, to be read: texts of its prompts, completions and questions; names of people."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from accord.artefacts import (
    COMPLETIONS,
    EVALUATORS,
    PROMPTS,
    QUESTION_ANSWERS,
    SPLITS,
    Finding,
    RunReader,
    feedback_of,
)
from accord.report.words import clean

__all__ = ["FindingRows", "RowsReader"]

SHOWN = 3
LONGEST = 240  # characters of a text


@dataclass(frozen=True)
class FindingRows:
    """Of one kind: the first few as texts, a heading each where there is one, and all ids that the finding holds."""

    kind: str
    count: int
    texts: tuple[tuple[str, str], ...]
    ids: tuple[str, ...]

    @property
    def unlisted(self) -> int:
        """How many the finding does not name."""
        return self.count - len(self.ids)


class RowsReader:
    """The rows behind findings, read from the files of a run once, and only those kinds that a finding names."""

    def __init__(self, reader: RunReader) -> None:
        self._reader = reader
        self._texts: dict[str, Mapping[str, tuple[str, str]]] = {}

    def of(self, finding: Finding) -> list[FindingRows]:
        """A finding's rows by kind. An id whose row the run does not have is an id and no more."""
        return [
            FindingRows(kind, some.count, tuple(self._shown(kind, some.ids)), tuple(some.ids))
            for kind, some in finding.ids.items()
        ]

    def _shown(self, kind: str, ids: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        if kind not in self._texts:
            read = _READERS.get(kind)
            self._texts[kind] = {} if read is None else dict(read(self._reader))
        known = (self._texts[kind][name] for name in ids if name in self._texts[kind])
        for _, (heading, text) in zip(range(SHOWN), known, strict=False):
            yield _cut(heading), _cut(text)


def _cut(text: str) -> str:
    plain = clean(" ".join(text.split()))
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1].rstrip() + "…"


def _prompts(reader: RunReader) -> Iterator[tuple[str, tuple[str, str]]]:
    if reader.has(PROMPTS):
        for prompt in reader.prompts.values():
            yield prompt.id, ("", prompt.text)


def _completions(reader: RunReader) -> Iterator[tuple[str, tuple[str, str]]]:
    if reader.has(COMPLETIONS):
        prompts = dict(_prompts(reader))
        for completion in reader.completions.values():
            yield completion.id, (prompts.get(completion.prompt, ("", ""))[1], completion.text)


def _evaluators(reader: RunReader) -> Iterator[tuple[str, tuple[str, str]]]:
    if reader.has(EVALUATORS):
        for evaluator in reader.evaluators.values():
            yield evaluator.id, ("", evaluator.pseudonym or evaluator.id)


def _questions(reader: RunReader) -> Iterator[tuple[str, tuple[str, str]]]:
    if reader.has(QUESTION_ANSWERS):
        for row in reader.rows(QUESTION_ANSWERS):
            yield row.question, (row.text, " / ".join(row.options))


def _feedback(reader: RunReader) -> Iterator[tuple[str, tuple[str, str]]]:
    """Who said it, and of which texts, in the order in which they were shown."""
    names = {name: text for name, (_, text) in _evaluators(reader)}
    completions = reader.completions if reader.has(COMPLETIONS) else {}
    for split in SPLITS:
        if reader.has(feedback_of(split)):
            for answer in reader.feedback(split):
                texts = [completions[name].text for name in answer.completions if name in completions]
                yield answer.id, (names.get(answer.evaluator, answer.evaluator), " | ".join(texts))


_READERS = {
    "prompts": _prompts,
    "completions": _completions,
    "evaluators": _evaluators,
    "questions": _questions,
    "feedback": _feedback,
}
