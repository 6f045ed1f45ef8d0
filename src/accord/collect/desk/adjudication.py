"""Adjudication: what people dispute, and the word of whoever runs the study on it.

A ruling is feedback like any other, by an evaluator of the pool "adjudication"; it stands beside what people said and
takes nothing back.
"""

from collections.abc import Mapping

from sqlalchemy import select, update

from accord.collect.assignment.acquisition import expected_disagreement
from accord.collect.assignment.lots import shown_order
from accord.collect.desk import tables
from accord.collect.desk.context import Context, moment, name_in, records
from accord.collect.desk.types import Disputed
from accord.collect.study import shown_digest
from accord.errors import FormError
from accord.records import Completion, Evaluator, Feedback, Prompt

__all__ = ["POOL", "adjudicate", "disputed"]

POOL = "adjudication"
ITEMS = tables.items


def disputed(context: Context, limit: int = 20) -> list[Disputed]:
    """Items that two or more people answered differently, the widest disagreement first, those ruled on last."""
    with context.ledger.begin() as connection:
        wanted = select(ITEMS).where(
            ITEMS.c.study == context.study.name, ITEMS.c.purpose == "item", ITEMS.c.answered > 1
        )
        found = [row for row in connection.execute(wanted) if len(row.votes) > 1]
        found.sort(key=lambda row: (row.adjudicated is not None, -expected_disagreement(row.votes), row.place))
        found = found[:limit]
        prompts = records(connection, Prompt, [row.prompt for row in found])
        texts = records(connection, Completion, [name for row in found for name in row.completions])
    return [
        Disputed(
            item=row.id,
            prompt=prompts[row.prompt],
            completions=tuple(texts[name] for name in _order(context, row.id, row.completions)),
            answers=row.votes,
            disagreement=expected_disagreement(row.votes),
            adjudicated=row.adjudicated is not None,
        )
        for row in found
    ]


def adjudicate(context: Context, item: str, form: Mapping[str, str], by: str) -> Feedback:
    """Rule on an item, about its completions in the order of `disputed`; a second ruling replaces the first.

    Raises `FormError` where the form cannot be read, or no item is called so.
    """
    study = context.study
    judge = Evaluator(kind="person", pseudonym=by, pool=POOL)
    with context.ledger.transaction() as adding:
        connection = adding.connection
        wanted = select(ITEMS).where(
            ITEMS.c.id == name_in(item), ITEMS.c.study == study.name, ITEMS.c.purpose == "item"
        )
        row = connection.execute(wanted).one_or_none()
        if row is None:
            raise FormError("item", "No item of this study is called so; go back to the list.")
        prompt = records(connection, Prompt, [row.prompt])[row.prompt]
        found = records(connection, Completion, row.completions)
        shown = tuple(found[name] for name in _order(context, item, row.completions))
        said = Feedback(
            evaluator=judge.id,
            prompt=prompt.id,
            completions=tuple(each.id for each in shown),
            judgement=study.question.read(form, shown),
            study=study.name,
            instructions=study.guideline_digest,
            shown_digest=shown_digest(prompt, shown),
            available_digest=shown_digest(prompt, shown),
            time=moment(context.now()),
            session=f"{study.name}/{POOL}/{by}",
            round=study.round,
            replaces=row.adjudicated,
        )
        adding.add(judge, said)
        connection.execute(update(ITEMS).where(ITEMS.c.id == item).values(adjudicated=said.id))
    return said


def _order(context: Context, item: str, completions: list[str]) -> tuple[str, ...]:
    return shown_order(context.seed, POOL, item, 0, completions)
