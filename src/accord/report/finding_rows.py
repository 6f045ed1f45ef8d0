"""What a finding rests on, to be read: texts of its prompts, completions and questions; names of people."""

from collections.abc import Container, Iterator, Mapping, Sequence
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

SHOWN = 20
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
    """The rows behind `findings`, read from the files of a run once, and only what one of them names."""

    def __init__(self, reader: RunReader, findings: Sequence[Finding]) -> None:
        self._reader = reader
        self._named: dict[str, set[str]] = {}
        for finding in findings:
            for kind, some in finding.ids.items():
                self._named.setdefault(kind, set()).update(some.ids)
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
            self._texts[kind] = {} if read is None else dict(read(self._reader, self._named.get(kind, set())))
        known = (self._texts[kind][name] for name in ids if name in self._texts[kind])
        for _, (heading, text) in zip(range(SHOWN), known, strict=False):
            yield _cut(heading), _cut(text)


def _cut(text: str) -> str:
    plain = clean(" ".join(text.split()))
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1].rstrip() + "…"


def _prompts(reader: RunReader, ids: Container[str]) -> Iterator[tuple[str, tuple[str, str]]]:
    for name, prompt in (reader.prompts if reader.has(PROMPTS) else {}).items():
        if name in ids:
            yield name, ("", prompt.text)


def _completions(reader: RunReader, ids: Container[str]) -> Iterator[tuple[str, tuple[str, str]]]:
    if reader.has(COMPLETIONS):
        prompts = reader.prompts if reader.has(PROMPTS) else {}
        for name, completion in reader.completions.items():
            if name in ids:
                prompt = prompts.get(completion.prompt)
                yield name, ("" if prompt is None else prompt.text, completion.text)


def _evaluators(reader: RunReader, ids: Container[str]) -> Iterator[tuple[str, tuple[str, str]]]:
    for name, evaluator in (reader.evaluators if reader.has(EVALUATORS) else {}).items():
        if name in ids:
            yield name, ("", evaluator.pseudonym or name)


def _questions(reader: RunReader, ids: Container[str]) -> Iterator[tuple[str, tuple[str, str]]]:
    if reader.has(QUESTION_ANSWERS):
        for row in reader.rows(QUESTION_ANSWERS):
            if row.question in ids:
                yield row.question, (row.text, " / ".join(row.options))


def _feedback(reader: RunReader, ids: Container[str]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Who said it, and of which texts, in the order in which they were shown."""
    evaluators = reader.evaluators if reader.has(EVALUATORS) else {}
    completions = reader.completions if reader.has(COMPLETIONS) else {}
    for split in SPLITS:
        lines = feedback_of(split)
        if reader.has(lines):
            for answer in lines.read_some(reader.run, ids, reader.stage(lines.stage)):
                texts = [completions[name].text for name in answer.completions if name in completions]
                who = evaluators.get(answer.evaluator)
                name = answer.evaluator if who is None else who.pseudonym or who.id
                yield answer.id, (name, " | ".join(texts))


_READERS = {
    "prompts": _prompts,
    "completions": _completions,
    "evaluators": _evaluators,
    "questions": _questions,
    "feedback": _feedback,
}
