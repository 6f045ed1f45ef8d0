"""Rows of other people's files, made up in the published shapes, and what becomes of them."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from accord.errors import RecordError
from accord.feedback import ImportSettings, Ledger, export_feedback, open_feedback
from accord.feedback.formats import import_file
from accord.records import Completion, Evaluator, Feedback, Prompt, Record

R = TypeVar("R", bound=Record)
MISSING = object()


def written(folder: Path, *rows: Any) -> Path:
    """A file of JSON lines."""
    path = folder / "f.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


class Imported:
    """The records of some rows, each once, by kind."""

    def __init__(self, records: Iterator[Record]) -> None:
        self.records = {record.id: record for record in records}

    def of(self, kind: type[R]) -> list[R]:
        return [record for record in self.records.values() if isinstance(record, kind)]

    @property
    def prompts(self) -> list[Prompt]:
        return self.of(Prompt)

    @property
    def completions(self) -> list[Completion]:
        return self.of(Completion)

    @property
    def feedback(self) -> list[Feedback]:
        return self.of(Feedback)

    def who(self, feedback: Feedback) -> Evaluator:
        record = self.records[feedback.evaluator]
        assert isinstance(record, Evaluator)
        return record

    def texts(self, feedback: Feedback) -> list[str]:
        texts = {record.id: record.text for record in self.completions}
        return [texts[name] for name in feedback.completions]

    def preferences(self) -> list[tuple[str, str, bool]]:
        """(better, worse, whether it is a tie) of each comparison."""
        chosen = []
        for each in self.feedback:
            if each.judgement.kind == "comparison":
                texts = self.texts(each)
                turned = each.judgement.preferred == "right"
                chosen.append((*(reversed(texts) if turned else texts), each.judgement.preferred == "tie"))
        return chosen


def imported(folder: Path, *rows: Any, settings: ImportSettings | None = None, expect: str | None = None) -> Imported:
    """The records of these rows; `expect` is the format that has to recognise them."""
    file = open_feedback(written(folder, *rows), settings)
    assert expect is None or file.recognised.format.name == expect
    return Imported(file.records())


def changed(row: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The row with another value at `path` (`feedback.errors.0.start`), or without it (`MISSING`)."""
    row = copy.deepcopy(row)
    target: Any = row
    *steps, last = path.split("/")
    for step in steps:
        target = target[int(step)] if isinstance(target, list) else target[step]
    if value is MISSING:
        del target[last]
    else:
        target[int(last) if isinstance(target, list) else last] = value
    return row


def refusal(folder: Path, format_name: str, *rows: Any, settings: ImportSettings | None = None) -> str:
    """The error of reading these rows."""
    settings = settings or ImportSettings(format=format_name)
    with pytest.raises(RecordError) as caught:
        list(open_feedback(written(folder, *rows), settings).records())
    return str(caught.value)


@dataclass(frozen=True)
class RoundTrip:
    """What rows gave, what the same gave that was written in the same format, and what the writing lost."""

    first: list[Feedback]
    again: list[Feedback]
    lost: dict[str, int]
    path: Path

    @property
    def same(self) -> bool:
        """Whether the same judgements came back, under the same ids."""
        return {each.id for each in self.first} == {each.id for each in self.again}

    @property
    def rows(self) -> list[Any]:
        """The rows that were written."""
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]


def round_trip(folder: Path, format_name: str, *rows: Any, settings: ImportSettings | None = None) -> RoundTrip:
    """Import rows, export them in the same format, and import that."""
    settings = settings or ImportSettings(format=format_name)
    path = folder / "again.jsonl"
    with Ledger(folder / "one.db") as one, Ledger(folder / "two.db") as two:
        import_file(open_feedback(written(folder, *rows), settings), one)
        exported = export_feedback(one, path, format_name)
        if exported.records:
            import_file(open_feedback(path, settings), two)
        return RoundTrip(list(one.feedback()), list(two.feedback()), exported.lost, path)
