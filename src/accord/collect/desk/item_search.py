"""Items looked up by whoever runs the study: found by the database, a page of them at a time."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Text, cast, func, select

from accord.collect.assignment.acquisition import UNSETTLED
from accord.collect.desk import tables
from accord.collect.desk.context import Context, Transaction, storable_name
from accord.collect.desk.search_filters import DIFFERENCES, ItemFilter
from accord.collect.desk.text_search import prompts_with
from accord.records import Completion, Prompt

__all__ = ["A_PAGE", "FoundItem", "ItemPage", "find_items", "item_by_id", "with_difference"]

ITEMS = tables.items
A_PAGE = 50
NO_RULING = "{}"


@dataclass(frozen=True)
class FoundItem:
    """An item with how far it is. `difference` is how far its answers lie apart, in [0, 1]; None where none can be
    told, or fewer than two people answered. `closed` is as in `ItemProgress`; `ruled` whether somebody had the last
    word. `completions` are in the order of the file."""

    item: str
    purpose: str
    prompt: Prompt
    completions: tuple[Completion, ...]
    answered: int
    open: int
    overlap: int
    declined: int
    closed: str
    difference: float | None
    differences: Mapping[str, float]
    ruled: bool
    metadata: Mapping[str, Any]
    imported: bool


@dataclass(frozen=True)
class ItemPage:
    """One page of what was found: `total` items in all, `page` of `pages`, from 1."""

    items: tuple[FoundItem, ...]
    total: int
    page: int
    pages: int


def find_items(context: Context, filters: ItemFilter, page: int = 1) -> ItemPage:
    """The items of a study that `filters` ask for, in the order of the file unless another is asked for."""
    with context.reading() as tx:
        conditions = _conditions(tx, filters)
        total = tx.count(select(func.count()).select_from(ITEMS).where(*conditions))
        pages = max(1, math.ceil(total / A_PAGE))
        page = min(max(page, 1), pages)
        first = (ITEMS.c.difference.is_(None), ITEMS.c.difference.desc()) if filters.order == "difference" else ()
        query = select(ITEMS).where(*conditions).order_by(*first, ITEMS.c.place, ITEMS.c.id)
        rows = tx.execute(query.limit(A_PAGE).offset((page - 1) * A_PAGE)).all()
        return ItemPage(_items(tx, rows), total, page, pages)


def item_by_id(context: Context, name: str) -> FoundItem | None:
    """An item of the study, control and practice questions too; None where none is called so."""
    with context.reading() as tx:
        query = select(ITEMS).where(ITEMS.c.study == tx.study.name, ITEMS.c.id == storable_name(name))
        rows = tx.execute(query).all()
        return next(iter(_items(tx, rows)), None)


def with_difference(name: str) -> tuple[ColumnElement[bool], ...]:
    """That the answers to an item differ as `ItemFilter.difference` says."""
    if not name:
        return ()
    if name == "unknown":
        return (ITEMS.c.difference.is_(None),)
    low, high = DIFFERENCES[name]
    return (ITEMS.c.difference.between(low, high),)


def _conditions(tx: Transaction, filters: ItemFilter) -> tuple[ColumnElement[bool], ...]:
    of_study = (ITEMS.c.study == tx.study.name, ITEMS.c.purpose == "item")
    text: tuple[ColumnElement[bool], ...] = ()
    if filters.text:
        text = ((ITEMS.c.id == filters.text) | ITEMS.c.prompt.in_(prompts_with(filters.text)),)
    return (*of_study, *text, *_in_state(filters.state), *with_difference(filters.difference))


def _in_state(state: str) -> tuple[ColumnElement[bool], ...]:
    answers = ITEMS.c.answered + ITEMS.c.answered_by_experts
    match state:
        case "":
            return ()
        case "open":
            return ((ITEMS.c.closed == UNSETTLED) | ((ITEMS.c.closed == "") & (ITEMS.c.answered < ITEMS.c.overlap)),)
        case "full":
            return (ITEMS.c.closed == "", ITEMS.c.answered >= ITEMS.c.overlap)
        case "unanswered":
            return (answers == 0, ITEMS.c.closed != "withdrawn")
        case "in hand":
            return (ITEMS.c.open + ITEMS.c.open_with_experts > 0,)
        case "declined":
            return (ITEMS.c.declined > 0,)
        case "ruled":
            return (func.length(cast(ITEMS.c.rulings, Text)) > len(NO_RULING),)
        case _:
            return (ITEMS.c.closed == state,)


def _items(tx: Transaction, rows: Sequence[Row[Any]]) -> tuple[FoundItem, ...]:
    prompts = tx.records(Prompt, [row.prompt for row in rows])
    completions = tx.records(Completion, [name for row in rows for name in row.completions])
    return tuple(
        FoundItem(
            item=row.id,
            purpose=row.purpose,
            prompt=prompts[row.prompt],
            completions=tuple(completions[name] for name in row.completions),
            answered=row.answered + row.answered_by_experts,
            open=row.open + row.open_with_experts,
            overlap=row.overlap,
            declined=row.declined,
            closed=row.closed or ("full" if row.answered >= row.overlap else ""),
            difference=row.difference,
            differences=row.differences,
            ruled=bool(row.rulings),
            metadata=row.metadata,
            imported=row.imported,
        )
        for row in rows
    )
