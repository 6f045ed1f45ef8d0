"""How far people agree with each other, by what lies between their answers to the same items; for every kind.

The agreement of two people is 1 less the mean difference of their answers (`answer_differences`) over the items that
both answered: 1 where they always say the same. It is not corrected for chance. Answers that count are those to items;
control questions, repetitions and what stands above the overlap are left out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any

import numpy as np
from sqlalchemy import Select, func, select

from accord.collect.desk import tables
from accord.collect.desk.context import Context, Transaction, moment
from accord.collect.study import AnyQuestion
from accord.errors import FormError
from accord.feedback.statistics.answer_differences import COMPARED_KINDS, answer_difference
from accord.records import Declined, Feedback
from accord.stats import Estimate, rate

__all__ = ["MAX_PEOPLE", "AgreementMatrix", "CurvePoint", "agreement_matrix", "agreement_with", "work_curve"]

ITEMS, RESERVATIONS, ANSWERS = tables.items, tables.reservations, tables.answers
MAX_PEOPLE = 40
MAX_POINTS = 20
LEAST_IN_A_POINT = 5

Pair = tuple[str, str]


@dataclass(frozen=True)
class AgreementMatrix:
    """The agreement of each two people on one question, for the `people` who gave most answers, these first.

    `of_pair` is by two pseudonyms, in either order; None where both answered no item that can be compared. `with_all`
    is that of one person with everybody else, of `people` or not. `left_out` counts pairs of answers that were not
    compared, by why; `more_people` those who answered and are not shown. `computed` is whether answers of the
    question's kind can be compared at all.
    """

    question: AnyQuestion
    people: tuple[str, ...]
    of_pair: Mapping[Pair, Estimate]
    with_all: Mapping[str, Estimate]
    left_out: Mapping[str, int]
    more_people: int
    computed: bool


@dataclass(frozen=True)
class CurvePoint:
    """Answers of a person that follow one another: `n`, up to `until`; their median time in seconds, and how far they
    agree with those of others, over `compared` comparisons. None where there is nothing to go by."""

    until: datetime
    n: int
    seconds: float | None
    agreement: float | None
    compared: int


def agreement_matrix(context: Context, name: str = "") -> AgreementMatrix:
    """How people agree on a question, by its name. Raises `FormError` where none is called so."""
    paper = context.study.questionnaire
    question = paper.by_name.get(name or context.study.question.name)
    if question is None:
        raise FormError("question", "No question of this study is called so; choose one of those that are listed.")
    with context.reading() as tx:
        by_item = _answers(tx, _standing(tx).where(ANSWERS.c.question == question.name))
    count = Counter(person for answers in by_item.values() for person, _ in answers)
    people = [person for person, _ in sorted(count.items(), key=lambda one: (-one[1], one[0]))]
    shown = set(people[:MAX_PEOPLE])
    values: defaultdict[Pair, list[float]] = defaultdict(list)
    of_person: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    left_out: Counter[str] = Counter()
    for item, one, other, outcome in _compared(by_item):
        if isinstance(outcome, str):
            left_out[outcome] += 1
            continue
        values[one, other].append(1 - outcome)
        for person in (one, other):
            of_person[person].append((1 - outcome, item))
    of_pair = {pair: rate(found) for pair, found in values.items() if shown.issuperset(pair)}
    return AgreementMatrix(
        question=question,
        people=tuple(people[:MAX_PEOPLE]),
        of_pair=of_pair | {(other, one): estimate for (one, other), estimate in of_pair.items()},
        with_all={person: _clustered(of_person[person]) for person in people[:MAX_PEOPLE] if of_person[person]},
        left_out=left_out,
        more_people=len(people) - len(shown),
        computed=question.kind in COMPARED_KINDS,
    )


def agreement_with(context: Context, person: str) -> dict[str, Estimate]:
    """The agreement of a person with each other one, over all questions; clusters are items."""
    found: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    with context.reading() as tx:
        by_question = _of_items_of(tx, person)
    for by_item in by_question.values():
        for item, one, other, outcome in _compared(by_item, only=person):
            if not isinstance(outcome, str):
                found[other if one == person else one].append((1 - outcome, item))
    return {other: _clustered(values) for other, values in sorted(found.items(), key=lambda one: -len(one[1]))}


def work_curve(context: Context, person: str) -> tuple[CurvePoint, ...]:
    """A person's answers in the order in which they were given, in up to 20 groups of the same size."""
    with context.reading() as tx:
        given = select(RESERVATIONS.c.id, RESERVATIONS.c.item, RESERVATIONS.c.closed, RESERVATIONS.c.seconds)
        given = given.where(*tx.of_person(person), RESERVATIONS.c.state.in_(tables.IN_LEDGER))
        rows = tx.execute(given.order_by(RESERVATIONS.c.closed)).all()
        by_question = _of_items_of(tx, person)
    of_item: defaultdict[str, list[float]] = defaultdict(list)
    for by_item in by_question.values():
        for item, _, _, outcome in _compared(by_item, only=person):
            if not isinstance(outcome, str):
                of_item[item].append(1 - outcome)
    groups = max(1, min(MAX_POINTS, len(rows) // LEAST_IN_A_POINT))
    return tuple(
        _point([rows[place] for place in places.tolist()], of_item)
        for places in np.array_split(np.arange(len(rows)), groups)
        if places.size
    )


def _point(rows: Sequence[Any], of_item: Mapping[str, list[float]]) -> CurvePoint:
    seconds = [row.seconds for row in rows if row.seconds is not None]
    agreements = [value for row in rows for value in of_item.get(row.item, ())]
    return CurvePoint(
        until=moment(rows[-1].closed),
        n=len(rows),
        seconds=float(np.median(seconds)) if seconds else None,
        agreement=float(np.mean(agreements)) if agreements else None,
        compared=len(agreements),
    )


# -- answers that count -------------------------------------------------------------------------------------------

PersonAnswer = tuple[str, Feedback]
"""A person's pseudonym and their answer."""


def _standing(tx: Transaction) -> Select[Any]:
    """Answers that count, of items that two people answered or more."""
    counts = (
        RESERVATIONS.c.study == tx.study.name,
        RESERVATIONS.c.purpose == "item",
        RESERVATIONS.c.state.in_(("answered", "declined")),
    )
    twice = select(RESERVATIONS.c.item).where(*counts).group_by(RESERVATIONS.c.item).having(func.count() > 1)
    query = select(RESERVATIONS.c.item, RESERVATIONS.c.person, ANSWERS.c.question, ANSWERS.c.feedback)
    query = query.join(ANSWERS, ANSWERS.c.reservation == RESERVATIONS.c.id)
    query = query.where(*counts, ANSWERS.c.feedback.is_not(None), RESERVATIONS.c.item.in_(twice))
    return query.order_by(RESERVATIONS.c.answer)


def _answers(tx: Transaction, query: Select[Any]) -> dict[str, list[PersonAnswer]]:
    rows = tx.execute(query).all()
    records = tx.records(Feedback, [row.feedback for row in rows])
    by_item: defaultdict[str, list[PersonAnswer]] = defaultdict(list)
    for row in rows:
        by_item[row.item].append((row.person, records[row.feedback]))
    return by_item


def _of_items_of(tx: Transaction, person: str) -> dict[str, dict[str, list[PersonAnswer]]]:
    """By question and item, the answers to items that a person answered."""
    theirs = select(RESERVATIONS.c.item).where(*tx.of_person(person), RESERVATIONS.c.state == "answered")
    query = _standing(tx).where(RESERVATIONS.c.item.in_(theirs))
    return {name: _answers(tx, query.where(ANSWERS.c.question == name)) for name in tx.study.questionnaire.by_name}


def _compared(
    by_item: Mapping[str, Sequence[PersonAnswer]], only: str | None = None
) -> Iterator[tuple[str, str, str, float | str]]:
    """Each two people's answers to an item: its id, who they are, and the difference, or why there is none."""
    for item, answers in by_item.items():
        for (one, first), (other, second) in combinations(answers, 2):
            if one == other or only not in {None, one, other}:
                continue
            pair = (one, other) if one < other else (other, one)
            if isinstance(first.judgement, Declined) or isinstance(second.judgement, Declined):
                yield item, *pair, "declined"
                continue
            difference = answer_difference(first, second)
            yield item, *pair, "about other texts" if difference is None else difference


def _clustered(values: Sequence[tuple[float, str]]) -> Estimate:
    return rate([value for value, _ in values], [item for _, item in values])
