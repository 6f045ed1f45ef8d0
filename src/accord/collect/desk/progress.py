"""How a study stands: every number with its interval and its n, for whoever runs it.

Counts come from the desk, judgements from the ledger; they are read in that order, and `StudyProgress.rows` counts the
study's records as of the desk's state. Speed, gold accuracy and agreement are of what stands: answers that were taken
back do not count, but their time and the hours do.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Row, Select, Table, func, select

from accord.collect.assignment.acquisition import UNSETTLED, expected_disagreement
from accord.collect.desk import tables
from accord.collect.desk.adjudication import POOL
from accord.collect.desk.answer_records import is_taken_back
from accord.collect.desk.context import Context, Transaction, moment
from accord.collect.desk.flags import flags_of, habits_of, median_seconds
from accord.collect.desk.overview import (
    GroupShare,
    ItemProgress,
    Note,
    PersonProgress,
    QuestionProgress,
    StudyProgress,
)
from accord.collect.study import Study
from accord.feedback.provenance import current_feedback
from accord.feedback.statistics.agreement import krippendorff_alpha, pair_agreement
from accord.records import Declined, Evaluator, Feedback
from accord.stats import Estimate, median, rate

__all__ = ["progress_of"]

ITEMS, RESERVATIONS, PEOPLE, NOTES = tables.items, tables.reservations, tables.people, tables.notes
ANSWERS = tables.answers
MAX_NOTES = 100
NOT_SAID = "not said"


@dataclass(frozen=True)
class _State:
    """The desk as it stood at one moment: rows of items and people, columns of closed reservations, the last notes."""

    items: Sequence[Row[Any]]
    people: Sequence[Row[Any]]
    closed: Sequence[Row[Any]]
    drafts: int
    notes: Sequence[Row[Any]]
    entered: frozenset[str]
    """Feedback of reservations."""
    elsewhere: frozenset[str]
    """Feedback of turns and of a chat endpoint, which no reservation names."""

    @classmethod
    def read(cls, tx: Transaction) -> Self:
        study, columns = tx.study.name, RESERVATIONS.c
        items = select(ITEMS).where(ITEMS.c.study == study, ITEMS.c.purpose == "item").order_by(ITEMS.c.place)
        of_answer = (columns.person, columns.purpose, columns.state, columns.seconds, columns.feedback)
        closed = select(*of_answer).where(columns.study == study, columns.closed.is_not(None))
        notes = select(NOTES).where(NOTES.c.study == study).order_by(NOTES.c.row.desc())
        turns = (name for ids in tx.connection.scalars(_feedback_of(tables.turns, study)) for name in ids)
        chats = (name for ids in tx.connection.scalars(_feedback_of(tables.chat_answers, study)) for name in ids["all"])
        entered = select(ANSWERS.c.feedback).join(RESERVATIONS, columns.id == ANSWERS.c.reservation)
        entered = entered.where(columns.study == study, ANSWERS.c.feedback.is_not(None))
        drafts = select(func.count()).where(columns.study == study, columns.draft.is_not(None))
        return cls(
            items=tx.execute(items).all(),
            people=tx.execute(select(PEOPLE).where(PEOPLE.c.study == study).order_by(PEOPLE.c.joined)).all(),
            closed=tx.execute(closed).all(),
            drafts=tx.count(drafts),
            notes=tx.execute(notes.limit(MAX_NOTES)).all(),
            entered=frozenset(str(name) for name in tx.connection.scalars(entered)),
            elsewhere=frozenset(turns) | frozenset(chats),
        )

    def count(self, state: str, purpose: str | None = None) -> int:
        return sum(row.state == state and purpose in {None, row.purpose} for row in self.closed)


def _feedback_of(table: Table, study: str) -> Select[Any]:
    return select(table.c.feedback).where(table.c.study == study)


def progress_of(context: Context) -> StudyProgress:
    """The state of the study now."""
    study = context.study
    with context.reading() as tx:
        state = _State.read(tx)
    evaluators = context.ledger.evaluators()
    of_study = [record for record in context.ledger.feedback() if record.study in study.question_of]
    rulings = [record for record in of_study if evaluators[record.evaluator].pool == POOL]
    entered = state.entered | state.elsewhere
    answers = [record for record in of_study if record.id in entered]
    current = [record for record in current_feedback(answers) if not is_taken_back(record)]
    people = _people(context, state, current)
    hours, paid = sum(person.hours for person in people), sum(person.paid for person in people)
    labels = state.count("answered", "item") + state.count("surplus")
    by_question = _by_question(study, current, evaluators)
    only = None if study.questionnaire.several else by_question[0]
    return StudyProgress(
        rows=len(answers) + len(rulings),
        items=tuple(_item(row) for row in state.items),
        answers=state.count("answered", "item"),
        target=_target(study, state.items),
        unsettled=sum(row.closed == UNSETTLED for row in state.items),
        gold_answers=state.count("answered", "gold"),
        repeats=state.count("answered", "repeat"),
        declined=state.count("declined"),
        replaced=state.count("replaced"),
        surplus=state.count("surplus"),
        adjudicated=len(rulings),
        drafts=state.drafts,
        seconds=_speed(current),
        gold=_gold(study, current),
        agreement=None if only is None else only.agreement,
        alpha=None if only is None else only.alpha,
        questions=() if only is not None else tuple(by_question),
        composition=_composition(study, state),
        people=tuple(people),
        hours=hours,
        paid=paid,
        paid_per_label=paid / labels if labels and paid else None,
        currency=study.pay.currency,
        notes=tuple(Note(moment(row.time), row.kind, row.person, row.message) for row in state.notes),
        left_out=_left_out(study, current),
    )


def _by_question(
    study: Study, current: Sequence[Feedback], evaluators: Mapping[str, Evaluator]
) -> list[QuestionProgress]:
    """How each question stands, by the answers to it."""
    progress = []
    for name, question in study.question_of.items():
        records = [record for record in current if record.study == name]
        evidence = [record for record in records if record.gold is None]
        first = [record for record in evidence if record.repeat_of is None]
        declined = sum(isinstance(record.judgement, Declined) for record in first)
        progress.append(
            QuestionProgress(
                name=question.name,
                text=question.text,
                answers=len(first) - declined,
                declined=declined,
                seconds=_speed(records),
                gold=_gold(study, records),
                agreement=pair_agreement(evidence, evaluators=evaluators),
                alpha=krippendorff_alpha(evidence, evaluators=evaluators),
                left_out=_left_out(study, records),
            )
        )
    return progress


def _item(row: Row[Any]) -> ItemProgress:
    full = "full" if row.answered >= row.overlap else ""
    return ItemProgress(
        item=row.id,
        prompt=row.prompt,
        answered=row.answered + row.answered_by_experts,
        open=row.open + row.open_with_experts,
        overlap=row.overlap,
        declined=row.declined,
        closed=row.closed or full,
        disagreement=max(
            (expected_disagreement(votes) for votes in row.votes.values() if sum(votes.values()) > 1), default=None
        ),
    )


def _target(study: Study, items: Iterable[Row[Any]]) -> int:
    """How many answers there are to be: places of open items, what closed ones have, and what experts do and did."""
    total = 0
    for row in items:
        total += (row.answered if row.closed else row.overlap) + row.answered_by_experts
        if row.closed == UNSETTLED and study.experts is not None:
            total += study.experts.answers - row.answered_by_experts
    return total if study.answers is None else min(total, study.answers)


def _speed(current: Sequence[Feedback]) -> Estimate | None:
    """The median time of an answer; clusters are people."""
    timed = [(record.seconds, record.evaluator) for record in current if record.seconds is not None]
    return median([seconds for seconds, _ in timed], [evaluator for _, evaluator in timed]) if timed else None


def _gold(study: Study, current: Sequence[Feedback]) -> Estimate | None:
    """The share of control questions that were answered as known to be right; clusters are people."""
    known = [(evaluator, correct) for evaluator, correct in _gold_marks(study, current) if correct is not None]
    return rate([correct for _, correct in known], [evaluator for evaluator, _ in known]) if known else None


def _gold_marks(study: Study, current: Sequence[Feedback]) -> list[tuple[str, bool | None]]:
    """By whom each control question was answered, and whether as known; None where no program can tell."""
    return [
        (record.evaluator, study.question_of[record.study].agree(record.judgement, record.gold))
        for record in current
        if record.gold is not None
    ]


def _left_out(study: Study, current: Sequence[Feedback]) -> dict[str, str]:
    """What the times and the shares leave out, in words."""
    untimed = sum(record.seconds is None for record in current)
    unmarked = sum(correct is None for _, correct in _gold_marks(study, current))
    counts = {"seconds": (untimed, "without a time"), "gold": (unmarked, "declined or not comparable")}
    return {name: f"{count} {why} not counted" for name, (count, why) in counts.items() if count}


def _composition(study: Study, state: _State) -> tuple[GroupShare, ...]:
    """Each group's share of the crowd's answers that count, beside its target; clusters are people."""
    attributes = {row.pseudonym: row.attributes for row in state.people if not _is_expert(study, row)}
    answered = [row.person for row in state.closed if row.state == "answered" and row.purpose == "item"]
    answerers = [person for person in answered if person in attributes]
    shares: list[GroupShare] = []
    for name, options in study.attributes.items():
        groups = Counter(attributes.get(person, {}).get(name, NOT_SAID) for person in answerers)
        target: Mapping[str, float] = study.quotas.get(name, {})
        for group in (*options, NOT_SAID):
            if answerers and (group != NOT_SAID or groups[group]):
                of_group = [attributes.get(person, {}).get(name, NOT_SAID) == group for person in answerers]
                share = rate(of_group, answerers)
                shares.append(GroupShare(name, group, groups[group], share, target.get(group)))
    return tuple(shares)


def _is_expert(study: Study, person: Row[Any]) -> bool:
    return study.experts is not None and bool(person.expert)


# -- people -----------------------------------------------------------------------------------------------------


def _people(context: Context, state: _State, current: Sequence[Feedback]) -> list[PersonProgress]:
    by_id = {record.id: record for record in current}
    words = _words(context, current)
    feedback_of: defaultdict[str, list[tuple[Feedback, int]]] = defaultdict(list)
    for record in current:
        feedback_of[record.evaluator].append((record, sum(words[name] for name in record.completions)))
    closed_of: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in state.closed:
        closed_of[row.person].append(row)
    active = max(len(feedback_of), 1)
    return [
        _person(context.study, row, feedback_of[row.evaluator], closed_of[row.pseudonym], by_id, active)
        for row in state.people
    ]


def _person(
    study: Study,
    row: Row[Any],
    feedback: list[tuple[Feedback, int]],
    closed: Sequence[Row[Any]],
    by_id: Mapping[str, Feedback],
    active: int,
) -> PersonProgress:
    habits = habits_of(study.question_of, feedback, by_id)
    longest = study.reserve_minutes * 60 if study.dialogue is None else math.inf  # of a dialogue it holds turn by turn
    hours = sum(min(reservation.seconds or 0.0, longest) for reservation in closed) / 3_600
    acts = _acts(feedback)
    declined = sum(all(isinstance(record.judgement, Declined) for record in act) for act in acts)
    return PersonProgress(
        pseudonym=row.pseudonym,
        status=row.status,
        expert=_is_expert(study, row),
        attributes=row.attributes,
        answered=len(acts) - declined,
        declined=declined,
        seconds=median_seconds([record for record, _ in feedback]),
        hours=hours,
        paid=_paid(study, row.status, feedback, hours),
        gold=habits.gold,
        repeats=habits.repeats,
        left=habits.left,
        left_p=habits.left_p,
        pasted=habits.pasted,
        flags=flags_of(habits, active),
        seen_at=moment(row.seen),
        left_out=habits.left_out,
        excluded=row.excluded,
    )


def _acts(feedback: Sequence[tuple[Feedback, int]]) -> list[list[Feedback]]:
    """Records by the item that they are answers about: of several questions, one answer."""
    acts: defaultdict[Any, list[Feedback]] = defaultdict(list)
    for record, _ in feedback:
        several = record.session is not None and record.conversation is None
        acts[(record.session, record.position_in_session) if several else record.id].append(record)
    return list(acts.values())


def _paid(study: Study, status: str, feedback: Sequence[tuple[Feedback, int]], hours: float) -> float:
    """What somebody is paid; of a turn that was judged and put right, one answer counts."""
    if status == "screened" and study.screen_out is not None:
        return study.screen_out.pay
    answers = len(
        {
            (record.conversation, record.prompt) if record.conversation else act[0].id
            for act in _acts(feedback)
            for record in act
        }
    )
    return study.pay.per_item * answers + study.pay.per_hour * hours


def _words(context: Context, records: Iterable[Feedback]) -> dict[str, int]:
    """How many words each completion has that anybody judged."""
    names = {name for record in records for name in record.completions}
    completions = context.ledger.completions()
    return {name: len(completions[name].text.split()) for name in names}
