"""Items of a study's files, laid out in the ledger and on the desk.

Reading the same file again changes nothing; an item that the file no longer holds is not asked any more, and what was
said about it stays.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from accord.collect.assignment.acquisition import preferences, uncertainty_gap
from accord.collect.desk import tables
from accord.collect.desk.answer_marks import mark_answers
from accord.collect.desk.assistance import ask_assistant, lay_out_remarks
from accord.collect.desk.context import Context, Transaction
from accord.collect.desk.item_counts import recount
from accord.collect.desk.overview import ItemTotals
from accord.collect.desk.suggestions import enter_suggestions
from accord.collect.study.dialogue import check_topic
from accord.collect.study.item_metadata import stratum_of
from accord.collect.study.item_remarks import remarks_on
from accord.collect.study.items import ItemLine, Purpose, StudyItem, check_item, read_lines, resolve
from accord.errors import StudyError
from accord.records import Completion, Prompt

__all__ = ["item_rows", "load_items", "study_item"]

ITEMS = tables.items


def load_items(context: Context) -> ItemTotals:
    """Bring the study's files into the ledger and onto the desk, all in one transaction.

    Raises `StudyError` or `RecordError` that name file and line, `StorageError` where a file cannot be read. Where not
    one of the study's items is left, that is a `StudyError` too, unless the context confirms the change.
    """
    study = context.study
    if study.items_file is None:
        raise StudyError("study.items_file: missing; name a file of items, one JSON object a line")
    files: dict[Purpose, str | None] = {
        "item": study.items_file,
        "gold": study.gold_file,
        "practice": study.practice_file,
    }
    new, withdrawn, totals = 0, 0, {"item": 0, "gold": 0, "practice": 0}
    remarks: list[str] = []
    with context.writing() as tx:
        for purpose, name in files.items():
            items = [] if name is None else _read(tx, Path(name), purpose)
            for item in items:
                tx.add(item.prompt, *item.completions)
            rows = item_rows(tx, items, purpose)
            totals[purpose] = len(rows)
            remarks += remarks_on(items)
            added, gone = _lay_out(tx, rows, purpose)
            new, withdrawn = new + added, withdrawn + gone
        remarks += lay_out_remarks(tx)
    ask_assistant(context)
    _score_items(context)
    mark_answers(context)
    return ItemTotals(totals["item"], totals["gold"], totals["practice"], new, withdrawn, tuple(remarks))


def _score_items(context: Context) -> None:
    """Ask the judge, where there is one, about every comparison, so that the widest gap can come first."""
    scored = context.study.questionnaire.scored
    if context.judge is None or scored is None:
        return
    with context.reading() as tx:
        query = select(ITEMS).where(ITEMS.c.study == context.study.name, ITEMS.c.purpose == "item")
        rows = [row for row in tx.execute(query) if len(row.completions) == 2]
        completions = tx.records(Completion, [name for row in rows for name in row.completions])
        prompts = tx.records(Prompt, [row.prompt for row in rows])
    if not rows:
        return
    pairs = [(completions[row.completions[0]], completions[row.completions[1]]) for row in rows]
    p_N = preferences(context.judge, [prompts[row.prompt] for row in rows], pairs)
    with context.writing() as tx:
        for row, p in zip(rows, p_N, strict=True):
            values = {"model_p": p, "gap": uncertainty_gap(p, row.votes.get(scored.name, {}))}
            tx.execute(update(ITEMS).where(ITEMS.c.id == row.id).values(values))


def _read(tx: Transaction, path: Path, purpose: Purpose) -> list[StudyItem]:
    """The items of a file, with their records, checked against the study's question."""
    lines = read_lines(path)
    completions = tx.records(Completion, [name for _, line in lines for name in line.completion_ids])
    prompts = tx.records(Prompt, [line.prompt_id for _, line in lines if line.prompt_id])
    has_writer = tx.context.writer is not None
    return [study_item(tx, place, line, prompts, completions, purpose, has_writer=has_writer) for place, line in lines]


def study_item(
    tx: Transaction,
    place: str,
    line: ItemLine,
    prompts: Mapping[str, Prompt],
    completions: Mapping[str, Completion],
    purpose: Purpose,
    *,
    has_writer: bool,
) -> StudyItem:
    """A line with its records, which may be some of the ledger's, by id, checked against the study's question.

    Raises `StudyError` or `RecordError` that name the line.
    """
    item = resolve(place, line, prompts, completions)
    if tx.study.dialogue is not None and purpose == "item":
        return check_topic(item, has_writer=has_writer)
    return check_item(tx.study.questionnaire, item, purpose, has_writer=has_writer)


def item_rows(tx: Transaction, items: Sequence[StudyItem], purpose: Purpose) -> dict[str, dict[str, Any]]:
    """Rows of the desk's table by id; of two lines that are the same item the first counts."""
    study, paper = tx.study, tx.study.questionnaire
    rows: dict[str, dict[str, Any]] = {}
    for place, item in enumerate(items):
        names = [completion.id for completion in item.completions]
        fixed = names or paper.least == 0 or study.dialogue is not None
        to_write = 0 if fixed else study.candidates or paper.candidates
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
            "gold": {name: answer.model_dump(mode="json") for name, answer in item.gold.items()} or None,
            "explanation": item.line.explanation,
            "metadata": item.line.metadata,
            "stratum": stratum_of(study.item_quota if purpose == "item" else None, item.line.metadata, item.place),
            "suggestions": {} if purpose == "practice" else enter_suggestions(tx, item),
        }
        key = json.dumps([study.name, purpose, item.prompt.id, sorted(names), to_write])
        rows.setdefault("i-" + hashlib.sha256(key.encode()).hexdigest()[:20], row)
    return rows


def _lay_out(tx: Transaction, rows: Mapping[str, dict[str, Any]], purpose: Purpose) -> tuple[int, int]:
    """Insert what is new, bring what is there up to date, withdraw what is gone: how many are new, how many gone.

    What was added while the study ran stays, whether the files hold it or not.
    """
    query = select(ITEMS).where(ITEMS.c.study == tx.study.name, ITEMS.c.purpose == purpose)
    present = {row.id: row for row in tx.execute(query)}
    standing = {name for name, row in present.items() if row.closed != "withdrawn" and not row.imported}
    if purpose == "item" and standing and standing.isdisjoint(rows) and not tx.context.changed:
        raise StudyError(
            f"study.items_file: none of the {len(standing)} items of the study '{tx.study.name}' in this ledger is in "
            f"it, and all would be withdrawn; give this study a name of its own, or confirm that the items are others "
            f"now (accord collect --changed)"
        )
    fresh = [{"id": name, **row} for name, row in rows.items() if name not in present]
    if fresh:
        tx.connection.execute(insert(ITEMS), fresh)
    for name, row in present.items():
        if row.imported and name not in rows:
            values = {"closed": row.closed}
        elif name in rows:
            values = {key: value for key, value in rows[name].items() if key != "completions" or value}
            values["closed"] = "" if row.closed == "withdrawn" else row.closed
        else:
            values = {"closed": "withdrawn"}
        tx.execute(update(ITEMS).where(ITEMS.c.id == name).values(values))
        if (
            name in rows and row.answered + row.answered_by_experts
        ):  # settings that say when an item has enough may have changed
            recount(tx, name)
    return len(fresh), len(standing.difference(rows))
