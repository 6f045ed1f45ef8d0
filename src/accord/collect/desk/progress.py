"""How a study stands: every number with its interval and its n, for whoever runs it.

Counts come from the desk, what was said from the ledger; they are read in that order, and `Progress.rows` counts the
study's records as of the desk's state. Speed, gold accuracy and agreement are of what stands: answers that were taken
back do not count, but their time and the hours do.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, func, select

from accord.collect.assignment.acquisition import expected_disagreement
from accord.collect.desk import tables
from accord.collect.desk.adjudication import POOL
from accord.collect.desk.context import Context, moment
from accord.collect.desk.flags import flags_of, habits_of, median
from accord.collect.desk.types import ItemProgress, Note, PersonProgress, Progress, Share
from accord.collect.study import Question, Study
from accord.feedback.provenance import current_feedback
from accord.feedback.statistics.agreement import krippendorff_alpha, pair_agreement
from accord.records import Declined, Feedback
from accord.stats import Estimate, bootstrap, mean, proportion

__all__ = ["progress_of"]

ITEMS, HELD, PEOPLE = tables.items, tables.reservations, tables.people
NOTES = 100
NOT_SAID = "not said"


@dataclass(frozen=True)
class _State:
    """The desk as it stood at one moment."""

    items: Sequence[Row[Any]]
    people: Sequence[Row[Any]]
    closed: Sequence[Any]
    drafts: int
    notes: Sequence[Row[Any]]

    @classmethod
    def read(cls, connection: Connection, study: str) -> "_State":
        items = select(ITEMS).where(ITEMS.c.study == study, ITEMS.c.purpose == "item").order_by(ITEMS.c.place)
        columns = (HELD.c.person, HELD.c.purpose, HELD.c.state, HELD.c.seconds, HELD.c.feedback)
        closed = select(*columns).where(HELD.c.study == study, HELD.c.closed.is_not(None))
        notes = select(tables.notes).where(tables.notes.c.study == study).order_by(tables.notes.c.row.desc())
        drafts = select(func.count()).where(HELD.c.study == study, HELD.c.draft.is_not(None))
        return cls(
            connection.execute(items).all(),
            connection.execute(select(PEOPLE).where(PEOPLE.c.study == study).order_by(PEOPLE.c.joined)).all(),
            connection.execute(closed).all(),
            int(connection.scalar(drafts) or 0),
            connection.execute(notes.limit(NOTES)).all(),
        )

    def count(self, state: str, purpose: str | None = None) -> int:
        return sum(each.state == state and purpose in {None, each.purpose} for each in self.closed)


def progress_of(context: Context) -> Progress:
    """The state of the study now."""
    study = context.study
    with context.ledger.begin() as connection:
        state = _State.read(connection, study.name)
    evaluators = context.ledger.evaluators()
    said = [each for each in context.ledger.feedback() if each.study == study.name]
    rulings = [each for each in said if evaluators[each.evaluator].pool == POOL]
    known = {each.feedback for each in state.closed}
    theirs = [each for each in said if each.id in known]
    stands = list(current_feedback(theirs))
    people = _people(context, state, stands, theirs)
    hours, paid = sum(each.hours for each in people), sum(each.paid for each in people)
    answers = state.count("answered", "item")
    labels = answers + state.count("surplus")
    asked = [each for each in stands if each.gold is None]
    return Progress(
        rows=len(theirs) + len(rulings),
        items=tuple(_item(each) for each in state.items),
        answers=answers,
        wanted=_wanted(study, state.items),
        gold_answers=state.count("answered", "gold"),
        repeats=state.count("answered", "repeat"),
        declined=state.count("declined"),
        replaced=state.count("replaced"),
        surplus=state.count("surplus"),
        adjudicated=len(rulings),
        drafts=state.drafts,
        seconds=_speed(stands),
        gold=_gold(study.question, stands),
        agreement=pair_agreement(asked, evaluators=evaluators),
        alpha=krippendorff_alpha(_by_prompt(asked), evaluators=evaluators) if study.question.interval_scale else None,
        composition=_composition(study, state),
        people=tuple(people),
        hours=hours,
        paid=paid,
        paid_per_label=paid / labels if labels and paid else None,
        currency=study.pay.currency,
        notes=tuple(Note(moment(each.time), each.kind, each.person, each.message) for each in state.notes),
    )


def _by_prompt(said: Iterable[Feedback]) -> list[Feedback]:
    """The same without sessions: alpha compares ratings within a session, and here everybody has their own."""
    return [each.model_copy(update={"session": None}) for each in said]


def _item(row: Row[Any]) -> ItemProgress:
    full = "full" if row.answered >= row.overlap else ""
    return ItemProgress(
        item=row.id,
        prompt=row.prompt,
        answered=row.answered,
        open=row.open,
        overlap=row.overlap,
        declined=row.declined,
        closed=row.closed or full,
        disagreement=expected_disagreement(row.votes) if sum(row.votes.values()) > 1 else None,
    )


def _wanted(study: Study, items: Iterable[Row[Any]]) -> int:
    """How many answers there are to be: places of open items, and what closed ones have."""
    total = int(sum(each.answered if each.closed else each.overlap for each in items))
    return total if study.answers is None else min(total, study.answers)


def _speed(stands: Sequence[Feedback]) -> Estimate | None:
    """The median time of an answer; the interval resamples people."""
    timed = [each for each in stands if each.seconds is not None]
    if not timed:
        return None
    seconds_N = np.array([each.seconds for each in timed])
    by = [each.evaluator for each in timed]
    return bootstrap(lambda row_N: float(np.median(seconds_N[row_N])), len(timed), by, resamples=400)


def _gold(question: Question, stands: Sequence[Feedback]) -> Estimate | None:
    """The share of control questions that were answered as known to be right; the interval resamples people."""
    marked = [(each.evaluator, question.agree(each.judgement, each.gold)) for each in stands if each.gold is not None]
    right = [(by, ok) for by, ok in marked if ok is not None]
    return mean([float(ok) for _, ok in right], [by for by, _ in right]) if right else None


def _composition(study: Study, state: _State) -> tuple[Share, ...]:
    """Each group's share of the answers that count, beside its target."""
    attributes = {each.pseudonym: each.attributes for each in state.people}
    counted = [each.person for each in state.closed if each.state == "answered" and each.purpose == "item"]
    made: list[Share] = []
    for name, options in study.attributes.items():
        groups = Counter(attributes.get(person, {}).get(name, NOT_SAID) for person in counted)
        target: Mapping[str, float] = study.quotas.get(name, {})
        for group in (*options, NOT_SAID):
            if counted and (group != NOT_SAID or groups[group]):
                share = proportion(groups[group], len(counted))
                made.append(Share(name, group, groups[group], share, target.get(group)))
    return tuple(made)


# -- people -----------------------------------------------------------------------------------------------------


def _people(
    context: Context, state: _State, stands: Sequence[Feedback], theirs: Sequence[Feedback]
) -> list[PersonProgress]:
    by_id = {each.id: each for each in theirs}
    words = _words(context, stands)
    mine: dict[str, list[tuple[Feedback, int]]] = {each.evaluator: [] for each in state.people}
    for each in stands:
        mine.setdefault(each.evaluator, []).append((each, sum(words[name] for name in each.completions)))
    closed: dict[str, list[Any]] = {}
    for row in state.closed:
        closed.setdefault(row.person, []).append(row)
    active = sum(bool(answers) for answers in mine.values())
    return [
        _person(context.study, row, mine[row.evaluator], closed.get(row.pseudonym, []), by_id, active)
        for row in state.people
    ]


def _person(
    study: Study,
    row: Row[Any],
    said: list[tuple[Feedback, int]],
    closed: Sequence[Any],
    by_id: dict[str, Feedback],
    people: int,
) -> PersonProgress:
    habits = habits_of(study.question, said, by_id)
    longest = study.reserve_minutes * 60
    hours = sum(min(each.seconds or 0.0, longest) for each in closed) / 3_600
    return PersonProgress(
        pseudonym=row.pseudonym,
        status=row.status,
        attributes=row.attributes,
        answered=sum(not isinstance(each.judgement, Declined) for each, _ in said),
        declined=sum(isinstance(each.judgement, Declined) for each, _ in said),
        seconds=median([each.seconds for each, _ in said if each.seconds is not None]),
        hours=hours,
        paid=study.pay.per_item * len(said) + study.pay.per_hour * hours,
        gold=habits.gold,
        repeats=habits.repeats,
        left=habits.left,
        left_p=habits.left_p,
        pasted=habits.pasted,
        flags=flags_of(habits, max(people, 1)),
        seen_at=moment(row.seen),
    )


def _words(context: Context, said: Iterable[Feedback]) -> dict[str, int]:
    """How many words each completion has that anybody judged."""
    wanted = {name for each in said for name in each.completions}
    return {name: len(each.text.split()) for name, each in context.ledger.completions().items() if name in wanted}
