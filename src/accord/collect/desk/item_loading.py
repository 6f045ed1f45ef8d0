"""Items of a study's files, laid out in the ledger and on the desk.

Reading the same file again changes nothing; an item that the file no longer holds is not asked any more, and what was
said about it stays.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from accord.collect.assignment.acquisition import is_decided, preferences, uncertainty_gap
from accord.collect.desk import tables
from accord.collect.desk.context import Context, records
from accord.collect.desk.types import Loaded
from accord.collect.study import Study
from accord.collect.study.items import Purpose, StudyItem, check_item, read_lines, resolve
from accord.errors import StudyError
from accord.records import Completion, Prompt

__all__ = ["load_items"]

ITEMS = tables.items


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
            items = [] if name is None else _read(context, adding.connection, Path(name), purpose)
            for item in items:
                adding.add(item.prompt, *item.completions)
            rows = _rows(study, items, purpose)
            counts[purpose] = len(rows)
            new += _lay_out(adding.connection, study, rows, purpose)
    if context.judge is not None:
        score_items(context)
    return Loaded(counts["item"], counts["gold"], counts["practice"], new)


def score_items(context: Context) -> None:
    """Ask the judge about every comparison there is, so that the widest gap can come first."""
    if context.judge is None or not context.study.question.scorable:
        return
    with context.ledger.begin() as connection:
        query = select(ITEMS).where(ITEMS.c.study == context.study.name, ITEMS.c.purpose == "item")
        pairs = [row for row in connection.execute(query) if len(row.completions) == 2]
        completions = records(connection, Completion, [name for row in pairs for name in row.completions])
        prompts = records(connection, Prompt, [row.prompt for row in pairs])
    if not pairs:
        return
    sides = [(completions[row.completions[0]], completions[row.completions[1]]) for row in pairs]
    p_N = preferences(context.judge, [prompts[row.prompt] for row in pairs], sides)
    with context.ledger.begin(immediate=True) as connection:
        for row, p in zip(pairs, p_N, strict=True):
            values = {"model_p": p, "gap": uncertainty_gap(p, row.votes)}
            connection.execute(update(ITEMS).where(ITEMS.c.id == row.id).values(values))


def _read(context: Context, connection: Connection, path: Path, purpose: Purpose) -> list[StudyItem]:
    """The items of a file, with their records, checked against the study's question."""
    lines = read_lines(path)
    completions = records(connection, Completion, [name for _, line in lines for name in line.completion_ids])
    prompts = records(connection, Prompt, [line.prompt_id for _, line in lines if line.prompt_id])
    items = []
    for place, line in lines:
        item = resolve(place, line, prompts, completions)
        check_item(context.study.question, item, purpose, has_writer=context.writer is not None)
        items.append(item)
    return items


def _rows(study: Study, items: Sequence[StudyItem], purpose: Purpose) -> dict[str, dict[str, Any]]:
    """Rows of the desk's table by id; of two lines that are the same item the first counts."""
    question = study.question
    rows: dict[str, dict[str, Any]] = {}
    for place, item in enumerate(items):
        names = [completion.id for completion in item.completions]
        to_write = 0 if names or question.least == 0 else study.candidates or question.candidates
        row = {
            "study": study.name,
            "purpose": purpose,
            "place": place,
            "prompt": item.prompt.id,
            "completions": names,
            "candidates": to_write,
            "overlap": item.line.overlap or study.overlap,
            "priority": item.line.priority,
            "warning": item.line.warning or study.warning,
            "gold": None if item.line.gold is None else item.line.gold.model_dump(mode="json"),
            "explanation": item.line.explanation,
        }
        key = json.dumps([study.name, purpose, item.prompt.id, sorted(names), to_write])
        rows.setdefault("i-" + hashlib.sha256(key.encode()).hexdigest()[:20], row)
    return rows


def _lay_out(connection: Connection, study: Study, rows: Mapping[str, dict[str, Any]], purpose: Purpose) -> int:
    """Insert what is new, bring what is there up to date, withdraw what is gone; how many are new."""
    query = select(ITEMS).where(ITEMS.c.study == study.name, ITEMS.c.purpose == purpose)
    present = {row.id: row for row in connection.execute(query)}
    fresh = [{"id": name, **row} for name, row in rows.items() if name not in present]
    if fresh:
        connection.execute(insert(ITEMS), fresh)
    for name, row in present.items():
        if name in rows:
            values = {key: value for key, value in rows[name].items() if key != "completions" or value}
            values["closed"] = _closed(row, study)
        else:
            values = {"closed": "withdrawn"}
        connection.execute(update(ITEMS).where(ITEMS.c.id == name).values(values))
    return len(fresh)


def _closed(row: Row[Any], study: Study) -> str:
    """Why an item that is still in the file asks for no more answers, now that settings may have changed."""
    if row.closed not in {"", "withdrawn", "decided"}:
        return str(row.closed)
    return "decided" if is_decided(row.votes, study.stop) else ""
