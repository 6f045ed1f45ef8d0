"""Items: read from files of one JSON object a line, and laid out in the ledger and on the desk.

    {"prompt": "Write a review.", "completions": ["Good.", "Bad."], "priority": 1}
    {"prompt": {"messages": [...]}, "completions": [{"text": "Good.", "writer": "policy-3"}, {"id": "c-..."}]}
    {"prompt": {"id": "p-..."}, "warning": "violence"}

A completion may be named by its id in the ledger. A prompt without completions is written for when its turn comes.
Practice questions and those whose answer is known (`gold`) have the answer beside them, about the completions in the
order of the line, and an `explanation`. Reading the same file again changes nothing; an item that the file no longer
holds is not asked any more, and what was said about it stays.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from sqlalchemy import Connection, insert, select, update

from accord.collect.assignment.acquisition import decided, gap, preferences
from accord.collect.desk import tables
from accord.collect.desk.context import Context, records
from accord.collect.desk.types import Loaded
from accord.collect.study.questions import Question, question_of
from accord.collect.study.settings import Study
from accord.errors import RecordError, StudyError
from accord.feedback.formats.base import Row, rows
from accord.records import Completion, Feedback, Judgement, Message, Prompt, Sampling, explain

__all__ = ["Purpose", "digest_of", "load_items"]

Purpose = Literal["item", "gold", "practice"]


class GivenPrompt(Row):
    """A prompt as a record, or by its id in the ledger."""

    id: str | None = None
    messages: tuple[Message, ...] | None = None
    source: str | None = None
    mode: Literal["text", "knowledge", "creative"] | None = None


class GivenCompletion(Row):
    """A completion as a record (`prompt` may be left out), or by its id in the ledger."""

    id: str | None = None
    prompt: str | None = None
    text: str | None = None
    token_ids: tuple[int, ...] | None = None
    writer: str | None = None
    sampling: Sampling | None = None


class Line(Row):
    """A line of a file of items."""

    prompt: str | GivenPrompt
    completions: tuple[str | GivenCompletion, ...] = ()
    priority: float = Field(default=0.0, allow_inf_nan=False)
    overlap: int | None = Field(default=None, ge=1)
    warning: str = ""
    gold: Judgement | None = None
    explanation: str = ""


@dataclass(frozen=True)
class Read:
    """An item as read: its line and its records."""

    place: str
    line: Line
    prompt: Prompt
    completions: tuple[Completion, ...]


def digest_of(prompt: Prompt, completions: Sequence[Completion]) -> str:
    """The SHA-256 of a prompt and completions in the order shown, for the digests of a `Feedback`."""
    content = [prompt.canonical(), *(each.canonical() for each in completions)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def load_items(context: Context) -> Loaded:
    """Bring the study's files into the ledger and onto the desk, all in one transaction.

    Raises `StudyError` or `RecordError` that name file and line, `StorageError` where a file cannot be read.
    """
    study = context.study
    if study.items_file is None:
        raise StudyError("study.items_file: missing; name a file of items, one JSON object a line")
    files: dict[Purpose, str | None] = {
        "item": study.items_file,
        "gold": study.gold_file,
        "practice": study.practice_file,
    }
    new, counts = 0, {"item": 0, "gold": 0, "practice": 0}
    with context.ledger.transaction() as adding:
        for purpose, name in files.items():
            found = [] if name is None else _read(context, adding.connection, Path(name), purpose)
            for each in found:
                adding.add(each.prompt, *each.completions)
            laid = _rows(study, found, purpose)
            counts[purpose] = len(laid)
            new += _lay(adding.connection, study, laid, purpose)
    if context.judge is not None:
        score_items(context)
    return Loaded(counts["item"], counts["gold"], counts["practice"], new)


def score_items(context: Context) -> None:
    """Ask the judge about every comparison there is, so that the widest gap can come first."""
    if context.judge is None or context.study.kind != "comparison":
        return
    table = tables.items
    with context.ledger.begin() as connection:
        wanted = select(table).where(table.c.study == context.study.name, table.c.purpose == "item")
        found = [row for row in connection.execute(wanted) if len(row.completions) == 2]
        texts = records(connection, Completion, [name for row in found for name in row.completions])
        prompts = records(connection, Prompt, [row.prompt for row in found])
    if not found:
        return
    pairs = [(texts[row.completions[0]], texts[row.completions[1]]) for row in found]
    p_N = preferences(context.judge, [prompts[row.prompt] for row in found], pairs)
    with context.ledger.begin(immediate=True) as connection:
        for row, p in zip(found, p_N, strict=True):
            values = {"model_p": p, "gap": gap(p, row.votes)}
            connection.execute(update(table).where(table.c.id == row.id).values(values))


# -- reading ----------------------------------------------------------------------------------------------------


def _read(context: Context, connection: Connection, path: Path, purpose: Purpose) -> list[Read]:
    lines = list(rows(path, Line))
    if not lines:
        raise StudyError(f"{path.name}: holds no item; write one JSON object a line")
    named = [each.id for _, line in lines for each in line.completions if isinstance(each, GivenCompletion) and each.id]
    prompts = [line.prompt.id for _, line in lines if isinstance(line.prompt, GivenPrompt) and line.prompt.id]
    known = records(connection, Completion, named)
    asked = records(connection, Prompt, prompts)
    question = question_of(context.study)
    found = []
    for place, line in lines:
        prompt = _prompt(line, asked, place)
        completions = tuple(_completion(each, prompt, known, place) for each in line.completions)
        read = Read(place, line, prompt, completions)
        _check(context, question, read, purpose)
        found.append(read)
    return found


def _prompt(line: Line, asked: Mapping[str, Prompt], place: str) -> Prompt:
    given = line.prompt
    if isinstance(given, str):
        if not given.strip():
            raise RecordError("is empty; write what is asked", place=f"{place} prompt")
        return Prompt.ask(given)
    if given.id is not None:
        if given.id not in asked:
            raise RecordError(f"{given.id} is not in the ledger; import it first", place=f"{place} prompt.id")
        return asked[given.id]
    if not given.messages:
        raise RecordError("missing; give messages, or the id of a prompt in the ledger", place=f"{place} prompt")
    return Prompt(messages=given.messages, source=given.source, mode=given.mode)


def _completion(
    given: str | GivenCompletion, prompt: Prompt, known: Mapping[str, Completion], place: str
) -> Completion:
    if isinstance(given, str):
        return Completion(prompt=prompt.id, text=given)
    if given.id is not None and given.text is None:
        if given.id not in known:
            raise RecordError(f"{given.id} is not in the ledger; import it first", place=f"{place} completions")
        made = known[given.id]
    elif given.text is None:
        raise RecordError("has no text; give text, or the id of one in the ledger", place=f"{place} completions")
    else:
        made = Completion(
            prompt=given.prompt or prompt.id,
            text=given.text,
            token_ids=given.token_ids,
            writer=given.writer,
            sampling=given.sampling,
        )
    if made.prompt != prompt.id:
        said = (
            f"{made.id} answers the prompt {made.prompt}, and this line's is {prompt.id}; put it on the line of its own"
        )
        raise RecordError(said, place=f"{place} completions")
    return made


def _check(context: Context, question: Question, read: Read, purpose: Purpose) -> None:
    """What the study's kind asks of an item. Raises `StudyError` that names the line."""
    place, n, kind = read.place, len(read.completions), context.study.kind
    if n == 0 and question.least > 0:
        if purpose != "item":
            raise StudyError(f"{place} completions: missing; a {purpose} question needs its completions")
        if context.writer is None:
            raise StudyError(f"{place} completions: missing, and nobody writes them; add them, or name a writer")
    elif n < question.least or (question.most is not None and n > question.most):
        more = " or more" if question.most is None else ""
        raise StudyError(f"{place} completions: a {kind} is about {question.least}{more}, not {n}")
    if len({each.text for each in read.completions}) < n:
        raise StudyError(f"{place} completions: two are the same; there is nothing to choose between them")
    if purpose == "gold" and read.line.gold is None:
        raise StudyError(f"{place} gold: missing; write the answer that is known to be right")
    if read.line.gold is not None:
        _check_gold(read, kind)


def _check_gold(read: Read, kind: str) -> None:
    gold = read.line.gold
    assert gold is not None
    if gold.kind != kind:
        raise StudyError(f"{read.place} gold: a {gold.kind}, and this study asks for a {kind}")
    try:
        names = tuple(each.id for each in read.completions)
        Feedback(evaluator="-", prompt=read.prompt.id, completions=names, judgement=gold)
    except ValidationError as error:
        raise StudyError(f"{read.place} gold: {explain(error)[1]}") from error


# -- laying out -------------------------------------------------------------------------------------------------


def _rows(study: Study, found: Sequence[Read], purpose: Purpose) -> dict[str, dict[str, Any]]:
    """Rows of the desk's table by id; of two lines that are the same item the first counts."""
    question = question_of(study)
    made: dict[str, dict[str, Any]] = {}
    for number, each in enumerate(found):
        names = [completion.id for completion in each.completions]
        to_write = 0 if names or question.least == 0 else study.candidates or DEFAULT_CANDIDATES.get(study.kind, 1)
        row = {
            "study": study.name,
            "purpose": purpose,
            "place": number,
            "prompt": each.prompt.id,
            "completions": names,
            "candidates": to_write,
            "overlap": each.line.overlap or study.overlap,
            "priority": each.line.priority,
            "warning": each.line.warning or study.warning,
            "gold": None if each.line.gold is None else each.line.gold.model_dump(mode="json"),
            "explanation": each.line.explanation,
        }
        key = json.dumps([study.name, purpose, each.prompt.id, sorted(names), to_write])
        made.setdefault("i-" + hashlib.sha256(key.encode()).hexdigest()[:20], row)
    return made


DEFAULT_CANDIDATES = {"comparison": 2, "ranking": 4}


def _lay(connection: Connection, study: Study, laid: Mapping[str, dict[str, Any]], purpose: Purpose) -> int:
    """Insert what is new, bring what is there up to date, withdraw what is gone; how many are new."""
    table = tables.items
    wanted = select(table).where(table.c.study == study.name, table.c.purpose == purpose)
    there = {row.id: row for row in connection.execute(wanted)}
    fresh = [{"id": name, **row} for name, row in laid.items() if name not in there]
    if fresh:
        connection.execute(insert(table), fresh)
    for name, row in there.items():
        if name in laid:
            changed = {key: value for key, value in laid[name].items() if key != "completions" or value}
            closed = _closed(row, study)
            connection.execute(update(table).where(table.c.id == name).values(**changed, closed=closed))
        else:
            connection.execute(update(table).where(table.c.id == name).values(closed="withdrawn"))
    return len(fresh)


def _closed(row: Any, study: Study) -> str:
    """Why an item that is still in the file asks for no more answers, now that settings may have changed."""
    if row.closed not in {"", "withdrawn", "decided"}:
        return str(row.closed)
    return "decided" if decided(row.votes, study.stop) else ""
