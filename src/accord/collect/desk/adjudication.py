"""Adjudication: what people dispute, and the word of whoever runs the study on it.

A ruling is feedback like any other, by an evaluator of the pool "adjudication"; it stands beside what people said and
takes nothing back. An item that the crowd cannot settle waits for no expert once it is ruled on.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, select, update

from accord.collect.assignment.acquisition import expected_disagreement
from accord.collect.assignment.lots import shown_order
from accord.collect.desk import tables
from accord.collect.desk.context import Context, Transaction, moment, storable_name
from accord.collect.desk.item_counts import recount
from accord.collect.desk.overview import DisputedItem
from accord.collect.study import AnyQuestion, shown_digest
from accord.errors import FormError
from accord.feedback.store.earlier_records import ADJUDICATION
from accord.records import Evaluator, Feedback

__all__ = ["POOL", "adjudicate", "disputed_item", "disputed_items"]

POOL = ADJUDICATION
ITEMS, RESERVATIONS, ANSWERS = tables.items, tables.reservations, tables.answers


def disputed_items(context: Context, limit: int = 20) -> list[DisputedItem]:
    """Items that two or more people answered differently, the widest disagreement first, those ruled on last."""
    with context.reading() as tx:
        found = _disputes(tx, ITEMS.c.difference > 0)
        found.sort(key=lambda dispute: (dispute.ruled, -dispute.width, dispute.row.place))
        return [_item_of(tx, dispute) for dispute in found[:limit]]


def disputed_item(context: Context, item: str, question: str = "") -> DisputedItem | None:
    """An item as `disputed_items` has it: on one of its questions, by name, or the first that is disputed."""
    with context.reading() as tx:
        found = _disputes(tx, ITEMS.c.id == storable_name(item))
        wanted = [dispute for dispute in found if question in {"", dispute.question.name}]
        return _item_of(tx, wanted[0]) if wanted else None


@dataclass(frozen=True)
class _Dispute:
    """A question about an item (its row) that was answered differently. `votes` are empty where the kind has none."""

    row: Row[Any]
    question: AnyQuestion

    @property
    def votes(self) -> Mapping[str, int]:
        votes: Mapping[str, int] = self.row.votes.get(self.question.name, {})
        return votes

    @property
    def disagreement(self) -> float | None:
        return expected_disagreement(self.votes) if self.votes else None

    @property
    def difference(self) -> float:
        return float(self.row.differences.get(self.question.name, 0.0))

    @property
    def width(self) -> float:
        return self.difference if self.disagreement is None else self.disagreement

    @property
    def ruled(self) -> bool:
        return self.question.name in self.row.rulings

    @property
    def is_one(self) -> bool:
        """Whether the answers differ; of a kind with votes, in these."""
        return len(self.votes) > 1 if self.question.countable else self.difference > 0


def _disputes(tx: Transaction, condition: ColumnElement[bool]) -> list[_Dispute]:
    query = select(ITEMS).where(ITEMS.c.study == tx.study.name, ITEMS.c.purpose == "item", condition)
    questions = tx.study.questionnaire.of_everybody
    found = [_Dispute(row, question) for row in tx.execute(query) for question in questions]
    return [dispute for dispute in found if dispute.is_one]


def _item_of(tx: Transaction, dispute: _Dispute) -> DisputedItem:
    row = dispute.row
    return DisputedItem(
        item=row.id,
        question=dispute.question,
        prompt=tx.prompt(row.prompt),
        completions=tx.completions(_order(tx.context, row, dispute.question)),
        votes=dispute.votes or _in_words(tx, dispute),
        difference=dispute.difference,
        disagreement=dispute.disagreement,
        adjudicated=dispute.ruled,
    )


def _in_words(tx: Transaction, dispute: _Dispute) -> Mapping[str, int]:
    """The answers that count of a kind without votes, in words."""
    query = select(ANSWERS.c.feedback).join(RESERVATIONS, RESERVATIONS.c.id == ANSWERS.c.reservation)
    counts = (RESERVATIONS.c.item == dispute.row.id, RESERVATIONS.c.holds, RESERVATIONS.c.state == "answered")
    query = query.where(*counts, ANSWERS.c.question == dispute.question.name, ANSWERS.c.feedback.is_not(None))
    records = tx.records(Feedback, [str(name) for name in tx.connection.scalars(query.order_by(RESERVATIONS.c.answer))])
    return Counter(dispute.question.describe(record.judgement) for record in records.values())


def adjudicate(context: Context, item: str, form: Mapping[str, str], by: str) -> Feedback:
    """Rule on an item, about its completions in the order of `disputed_items`; a second ruling replaces the first.

    Of several questions the form names its `question`. Raises `FormError` where the form cannot be read, or no item
    or question is called so.
    """
    study = context.study
    question = study.questionnaire.by_name.get(form.get("question", study.question.name))
    if question is None or question not in study.questionnaire.of_everybody:
        raise FormError("question", "No question that is asked of everybody is called so; go back to the list.")
    adjudicator = Evaluator(kind="person", pseudonym=by, pool=POOL)
    with context.writing() as tx:
        of_study = (ITEMS.c.study == study.name, ITEMS.c.purpose == "item")
        row = tx.execute(select(ITEMS).where(ITEMS.c.id == storable_name(item), *of_study)).one_or_none()
        if row is None:
            raise FormError("item", "No item of this study is called so; go back to the list.")
        prompt = tx.prompt(row.prompt)
        shown = tx.completions(_order(context, row, question))
        digest = shown_digest(prompt, shown)
        ruling = Feedback(
            evaluator=adjudicator.id,
            prompt=prompt.id,
            completions=tuple(completion.id for completion in shown),
            judgement=question.read(question.answer_form(form), shown),
            study=study.study_of(question),
            instructions=study.guideline_digest_of(question),
            shown_digest=digest,
            available_digest=digest,
            time=moment(tx.now),
            session=f"{study.name}/{POOL}/{by}",
            round=study.round,
            replaces=row.rulings.get(question.name),
        )
        tx.add(adjudicator, ruling)
        tx.execute(update(ITEMS).where(ITEMS.c.id == item).values(rulings={**row.rulings, question.name: ruling.id}))
        recount(tx, item)
    return ruling


def _order(context: Context, item: Row[Any], question: AnyQuestion) -> tuple[str, ...]:
    """The completions that the question is about, in an order of the item's own."""
    shown = shown_order(context.seed, POOL, item.id, 0, item.completions)
    return context.study.questionnaire.about(question, {}, shown, item.completions) or ()
