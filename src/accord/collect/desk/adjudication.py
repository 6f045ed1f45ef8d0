"""Adjudication: what people dispute, and the word of whoever runs the study on it.

A ruling is feedback like any other, by an evaluator of the pool "adjudication"; it stands beside what people said and
takes nothing back. An item that the crowd cannot settle waits for no expert once it is ruled on.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, select, update

from accord.collect.assignment.acquisition import expected_disagreement
from accord.collect.assignment.lots import shown_order
from accord.collect.desk import tables
from accord.collect.desk.context import Context, moment, storable_name
from accord.collect.desk.item_counts import recount
from accord.collect.desk.overview import DisputedItem
from accord.collect.study import AnyQuestion, shown_digest
from accord.errors import FormError
from accord.feedback.store.earlier_records import ADJUDICATION
from accord.records import Completion, Evaluator, Feedback, Prompt

__all__ = ["POOL", "adjudicate", "disputed_items"]

POOL = ADJUDICATION
ITEMS = tables.items


def disputed_items(context: Context, limit: int = 20) -> list[DisputedItem]:
    """Items that two or more people answered differently, the widest disagreement first, those ruled on last."""
    with context.reading() as tx:
        answered = ITEMS.c.answered + ITEMS.c.answered_by_experts
        query = select(ITEMS).where(ITEMS.c.study == tx.study.name, ITEMS.c.purpose == "item", answered > 1)
        found = [
            (row, question, row.votes[question.name])
            for row in tx.execute(query)
            for question in tx.study.questionnaire.of_everybody
            if len(row.votes.get(question.name, {})) > 1
        ]
        found.sort(key=lambda one: (one[1].name in one[0].rulings, -expected_disagreement(one[2]), one[0].place))
        found = found[:limit]
        prompts = tx.records(Prompt, [row.prompt for row, _, _ in found])
        completions = tx.records(Completion, [name for row, _, _ in found for name in row.completions])
    return [
        DisputedItem(
            item=row.id,
            question=question,
            prompt=prompts[row.prompt],
            completions=tuple(completions[name] for name in _order(context, row, question)),
            votes=votes,
            disagreement=expected_disagreement(votes),
            adjudicated=question.name in row.rulings,
        )
        for row, question, votes in found
    ]


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
