"""One answer with its item as the person saw it: what stood where on the screen, what was filled in, what they said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from accord.collect.desk import tables
from accord.collect.desk.answer_sheet import LEFT_OPEN, AnswerSheet
from accord.collect.desk.assistance import remarks_of
from accord.collect.desk.context import Context, Transaction, moment, storable_name
from accord.collect.desk.tasks import EarlierAnswer, Remark
from accord.collect.study import AnyQuestion
from accord.errors import FormError
from accord.records import Completion, Feedback, Prompt, Telemetry

__all__ = ["AnswerView", "GivenWords", "ScreenView", "answer_view"]

RESERVATIONS, ANSWERS, TURNS = tables.reservations, tables.answers, tables.turns


@dataclass(frozen=True)
class GivenWords:
    """The answer to one question: the record, in words, about which answers of the screen (from 1; () for none).

    `quotes` are the stretches of a completion that it points at, each with its type and a note. `known` is what was
    known to be right, in words, and `correct` whether it was said; `suggested` what a machine suggested, `filled_in`
    whether the page showed that. `whole` is whether the page showed all that there was to see; None where it did not
    tell.
    """

    question: AnyQuestion | None
    feedback: Feedback
    words: str
    about: tuple[int, ...]
    marks: tuple[str, ...]
    quotes: tuple[tuple[str, str, str], ...]
    known: str | None
    correct: bool | None
    suggested: str | None
    filled_in: bool
    whole: bool | None

    @property
    def telemetry(self) -> Telemetry:
        """What the page counted; nothing where it counted nothing."""
        return self.feedback.telemetry or Telemetry()


@dataclass(frozen=True)
class ScreenView:
    """A screen: what was asked, the completions in the order in which they stood there, and what was said of them."""

    prompt: Prompt
    completions: tuple[Completion, ...]
    answers: tuple[GivenWords, ...]


@dataclass(frozen=True)
class AnswerView:
    """What somebody did with an item. A dialogue has a screen a turn, everything else one.

    `replaces` and `replaced_by` are the reservations of the answers before and after it, `repeats` that of the first
    time where it was asked again. `session` and `number` say where it stood in the person's work.
    """

    reservation: str
    item: str
    person: str
    purpose: str
    state: str
    handed_out_at: datetime
    given_at: datetime | None
    seconds: float | None
    session: str
    position_in_session: int
    number: int
    warning: str
    metadata: dict[str, Any]
    remarks: tuple[Remark, ...]
    remarks_kept_back: bool
    screens: tuple[ScreenView, ...]
    replaces: str | None
    replaced_by: str | None
    repeats: str | None
    difference: float | None
    practice: tuple[EarlierAnswer, ...]


def answer_view(context: Context, reservation: str) -> AnswerView | None:
    """What somebody did with an item of the study; None where no reservation is called so."""
    with context.reading() as tx:
        own = (RESERVATIONS.c.id == storable_name(reservation), RESERVATIONS.c.study == tx.study.name)
        row = tx.execute(select(RESERVATIONS).where(*own)).one_or_none()
        return None if row is None else _view(tx, row)


def _view(tx: Transaction, row: Row[Any]) -> AnswerView:
    sheet = AnswerSheet.of(tx, row)
    is_dialogue = tx.study.dialogue is not None and row.purpose == "item"
    shown = {name: sheet.item.metadata[name] for name in tx.study.show if name in sheet.item.metadata}
    return AnswerView(
        reservation=row.id,
        item=row.item,
        person=row.person,
        purpose=row.purpose,
        state=row.state,
        handed_out_at=moment(row.issued),
        given_at=None if row.closed is None else moment(row.closed),
        seconds=row.seconds,
        session=row.session,
        position_in_session=row.place,
        number=row.number,
        warning=sheet.item.warning,
        metadata=shown,
        remarks=remarks_of(tx, row),
        remarks_kept_back=row.assistance is not None and not row.assistance["shown"],
        screens=_turns(tx, row) if is_dialogue else (_screen(tx, row, sheet),),
        replaces=row.redoes,
        replaced_by=_other(tx, RESERVATIONS.c.redoes == row.id),
        repeats=None if row.repeat_of is None else _other(tx, RESERVATIONS.c.feedback == row.repeat_of),
        difference=sheet.item.difference,
        practice=_practised(row, sheet),
    )


def _practised(row: Row[Any], sheet: AnswerSheet) -> tuple[EarlierAnswer, ...]:
    """What was answered in practice; nothing where the study asks something else by now."""
    if row.state != "practised" or row.form is None:
        return ()
    try:
        answers = sheet.read(row.form)
    except FormError:
        return ()
    named = ((sheet.paper.by_name[name], said) for name, said in answers.items())
    return tuple(
        EarlierAnswer(question, LEFT_OPEN if said is None else question.describe(said)) for question, said in named
    )


def _other(tx: Transaction, condition: Any) -> str | None:
    name: str | None = tx.connection.scalar(select(RESERVATIONS.c.id).where(condition).limit(1))
    return name


def _screen(tx: Transaction, row: Row[Any], sheet: AnswerSheet) -> ScreenView:
    """The item as it was shown, and the records of its answers."""
    given = select(ANSWERS).where(ANSWERS.c.reservation == row.id, ANSWERS.c.feedback.is_not(None))
    rows = tx.execute(given.order_by(ANSWERS.c.place)).all()
    records = tx.records(Feedback, [answer.feedback for answer in rows])
    said = [(records[answer.feedback], (answer.marks or "").split()) for answer in rows]
    completions = tuple(sheet.texts.values())
    return ScreenView(
        tx.prompt(sheet.item.prompt),
        completions,
        tuple(_given(tx, record, completions, marks) for record, marks in said),
    )


def _turns(tx: Transaction, row: Row[Any]) -> tuple[ScreenView, ...]:
    """The turns of a dialogue that were answered."""
    query = select(TURNS).where(TURNS.c.reservation == row.id, TURNS.c.prompt.is_not(None))
    screens = []
    for turn in tx.execute(query.order_by(TURNS.c.place)).all():
        completions = tx.completions(turn.shown)
        records = tx.records(Feedback, turn.feedback).values()
        screens.append(
            ScreenView(tx.prompt(turn.prompt), completions, tuple(_given(tx, one, completions, ()) for one in records))
        )
    return tuple(screens)


def _quotes(
    question: AnyQuestion | None, record: Feedback, completions: Sequence[Completion]
) -> tuple[tuple[str, str, str], ...]:
    """Of an answer about one completion, what of its text it points at."""
    about = [one for one in completions if one.id in record.completions]
    return tuple(question.quotes(record.judgement, about[0].text)) if question is not None and len(about) == 1 else ()


def _given(tx: Transaction, record: Feedback, completions: Sequence[Completion], marks: Sequence[str]) -> GivenWords:
    question = tx.study.question_of.get(record.study)
    places = {completion.id: place for place, completion in enumerate(completions, start=1)}
    assistance = record.assistance
    suggested = None if assistance is None else assistance.suggested
    return GivenWords(
        question=question,
        feedback=record,
        words=record.judgement.kind if question is None else question.describe(record.judgement),
        about=tuple(places[name] for name in record.completions if name in places),
        marks=tuple(marks),
        quotes=_quotes(question, record, completions),
        known=None if record.gold is None or question is None else question.describe(record.gold),
        correct=None if record.gold is None or question is None else question.agree(record.judgement, record.gold),
        suggested=None if suggested is None or question is None else question.describe(suggested),
        filled_in=assistance is not None and assistance.kind == "suggestion" and assistance.shown,
        whole=None if record.shown_digest is None else record.shown_digest == record.available_digest,
    )
