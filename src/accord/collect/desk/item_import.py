"""Items added to a study while it runs, beside those of its files: all of a file, or nothing of it.

A file can be looked at first (`preview_items`), which adds nothing. Whoever answers meanwhile is not held up for longer
than the items take to be written; what they are handed next may be one of the new ones. An item that was added stays
when the study's files are read again, which need not hold it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, update

from accord.collect.desk import tables
from accord.collect.desk.context import Context, Transaction
from accord.collect.desk.item_loading import item_rows, study_item
from accord.collect.study.item_remarks import remarks_on
from accord.collect.study.items import ItemLine, StudyItem
from accord.errors import RecordError, StudyError
from accord.feedback.formats.lines import lines
from accord.records import Completion, Prompt, parse

__all__ = ["AddedItems", "ItemPreview", "add_items", "preview_items"]

ITEMS = tables.items
MAX_TOLD = 20


@dataclass(frozen=True)
class AddedItems:
    """How many items of a file are new, how many were there before (those that nobody was asked any more are asked
    again), and what may be a mistake and is none by itself."""

    new: int
    known: int
    again: int
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class ItemPreview:
    """What adding a file would do: as `AddedItems`, of `lines` lines, with the `first` items and every line that is
    wrong, of which one is enough that nothing would be added."""

    lines: int
    new: int
    known: int
    again: int
    first: tuple[StudyItem, ...]
    problems: tuple[str, ...]
    remarks: tuple[str, ...]


def preview_items(context: Context, path: Path, *, first: int = 3) -> ItemPreview:
    """What `add_items` would do with a file; nothing is written. Raises what names the file where it cannot be read."""
    parsed, problems = _parsed(path)
    with context.reading() as tx:
        items, more = _checked(tx, parsed)
        names = item_rows(tx, items, "item")
        present = _present(tx)
    told = tuple(problem for _, problem in sorted([*problems, *more]))
    known = [name for name in names if name in present]
    return ItemPreview(
        lines=len(parsed) + len(problems),
        new=len(names) - len(known),
        known=len(known),
        again=sum(present[name] == "withdrawn" for name in known),
        first=tuple(items[:first]),
        problems=told,
        remarks=tuple(remarks_on(items)),
    )


def add_items(context: Context, path: Path, *, by: str | None = None) -> AddedItems:
    """Add the items of a file, as a study's `items_file` holds them, to what is asked; `by` is who does it.

    Raises `StudyError` that names every line with something wrong (the first 20), `StorageError` where the file cannot
    be read; nothing of it is then added.
    """
    parsed, problems = _parsed(path)
    with context.writing() as tx:
        items, more = _checked(tx, parsed)
        if problems := sorted([*problems, *more]):
            raise StudyError(_told(path, [problem for _, problem in problems]))
        if not items:
            raise StudyError(f"{path.name}: holds no item; write one JSON object a line")
        for item in items:
            tx.add(item.prompt, *item.completions)
        rows = item_rows(tx, items, "item")
        new, again = _enter(tx, rows)
        whose = "" if by is None else f", by {by}"
        tx.note("items added", f"{new} new of {len(rows)} in {path.name}{whose}")
    return AddedItems(new, len(rows) - new, again, tuple(remarks_on(items)))


def _parsed(path: Path) -> tuple[list[tuple[int, str, ItemLine]], list[tuple[int, str]]]:
    """The lines that can be read, each with its number and place, and what is wrong with the others."""
    parsed: list[tuple[int, str, ItemLine]] = []
    problems: list[tuple[int, str]] = []
    for number, (place, line) in enumerate(lines(path)):
        try:
            parsed.append((number, place, parse(ItemLine, line, place=place)))
        except RecordError as error:
            problems.append((number, str(error)))
    return parsed, problems


def _checked(
    tx: Transaction, parsed: Sequence[tuple[int, str, ItemLine]]
) -> tuple[list[StudyItem], list[tuple[int, str]]]:
    """The items, checked against the study's questions, and what is wrong with those that are none."""
    study = tx.study
    has_writer = tx.context.writer is not None or study.candidates is not None or study.dialogue is not None
    completions = tx.records(Completion, [name for _, _, line in parsed for name in line.completion_ids])
    prompts = tx.records(Prompt, [line.prompt_id for _, _, line in parsed if line.prompt_id])
    items: list[StudyItem] = []
    problems: list[tuple[int, str]] = []
    for number, place, line in parsed:
        try:
            item = study_item(tx, place, line, prompts, completions, "item", has_writer=has_writer)
            item_rows(tx, [item], "item")  # what only the study's sections can say of it
        except (StudyError, RecordError) as error:
            problems.append((number, str(error)))
        else:
            items.append(item)
    return items, problems


def _told(path: Path, problems: Sequence[str]) -> str:
    count = f"{len(problems)} line{'' if len(problems) == 1 else 's'}"
    more = [f"and {len(problems) - MAX_TOLD} more"] if len(problems) > MAX_TOLD else []
    told = "\n".join(f"  {problem}" for problem in [*problems[:MAX_TOLD], *more])
    return f"{path.name}: nothing was added, as {count} cannot be taken; put them right and add the file again\n{told}"


def _enter(tx: Transaction, rows: Mapping[str, dict[str, Any]]) -> tuple[int, int]:
    """Insert what is new behind what is there; ask again what is there and was withdrawn: how many of each."""
    of_study, present = _of_study(tx), _present(tx)
    last = tx.count(select(func.max(ITEMS.c.place)).where(*of_study)) if present else -1
    fresh = {name: row for name, row in rows.items() if name not in present}
    values = [
        {"id": name, **row, "place": last + place, "imported": True}
        for place, (name, row) in enumerate(fresh.items(), start=1)
    ]
    if values:
        tx.connection.execute(insert(ITEMS), values)
    again = [name for name in rows if present.get(name) == "withdrawn"]
    for name in again:
        tx.execute(update(ITEMS).where(ITEMS.c.id == name).values(closed="", imported=True))
    return len(fresh), len(again)


def _of_study(tx: Transaction) -> tuple[ColumnElement[bool], ...]:
    return ITEMS.c.study == tx.study.name, ITEMS.c.purpose == "item"


def _present(tx: Transaction) -> dict[str, str]:
    """The items that are there, each with why it is closed."""
    query = select(ITEMS.c.id, ITEMS.c.closed).where(*_of_study(tx))
    return {row.id: row.closed for row in tx.execute(query)}
