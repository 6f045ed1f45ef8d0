"""Dialogues: a reservation whose item is a topic, and the turns of the conversation on it.

    speaking   the person is to say something            writing   the writer answers, outside of any transaction
    judging    the answers are there, to be judged       judged    and the conversation went on with one of them
    ended      nothing was said here any more

A turn has a name of its own (`t-...`), which every form of it carries: what is sent twice, late or from two tabs meets
the state of that very turn. What the person said enters the ledger with the answers to it. Where the writer fails, the
turn is the person's again, with what they said as its draft.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Row, func, insert, select, update

from accord.collect.assignment.lots import shown_order
from accord.collect.desk import tables
from accord.collect.desk.context import Context, Transaction, moment, storable_name
from accord.collect.desk.item_counts import recount
from accord.collect.desk.live_candidates import (
    WRITER_FAILURES,
    UnusableError,
    distinct_completions,
    writer_name,
)
from accord.collect.desk.tasks import Break, DialoguePlace, Speaking, Task
from accord.collect.study.dialogue import Dialogue, topic_of
from accord.collect.study.phrases import phrase
from accord.errors import FormError
from accord.interfaces import ContextLimited
from accord.records import Completion, Message, Prompt

__all__ = [
    "LETTERS_OF_TOKEN",
    "NOT_YOURS",
    "UnansweredTurn",
    "answer_turn",
    "close",
    "conversation_of",
    "extend",
    "go_on",
    "has_enough",
    "is_turn",
    "messages_before",
    "place_of",
    "prolonged",
    "room_for",
    "settings",
    "step_of",
    "turn_row",
    "turns_so_far",
]

TURNS, RESERVATIONS, ITEMS = tables.turns, tables.reservations, tables.items
LEASE_SECONDS = 120.0
LOOK_AGAIN_SECONDS = 3.0
LETTERS_OF_TOKEN = 3  # of a text in any language, about
TURN_TOKENS = 12  # that a chat template puts around a message and its answer, about
NEARLY_FULL = 4  # answers of full length that still fit, from which on the person is told
UNWRITTEN = phrase("form.talk_unanswered")
NOT_YOURS = phrase("form.talk_not_yours")
ALIKE = phrase("form.talk_alike")
PROBLEMS = {str(problem): problem for problem in (UNWRITTEN, ALIKE)}
"""What a turn may have been without, as it is kept: in English."""

WRITING = phrase("rest.writing")


def is_turn(name: str) -> bool:
    """Whether a name is one of a turn, not of a reservation."""
    return name.startswith("t-")


def settings(tx: Transaction) -> Dialogue:
    """The study's dialogue."""
    dialogue = tx.study.dialogue
    assert dialogue is not None, "turns are of studies with a dialogue"
    return dialogue


def conversation_of(reservation: str) -> str:
    """The name of a dialogue in its records."""
    return f"d-{reservation.removeprefix('r-')}"


# -- turns and what was said --------------------------------------------------------------------------------------


def turns_so_far(tx: Transaction, reservation: str) -> Sequence[Row[Any]]:
    """The turns of a dialogue in order."""
    query = select(TURNS).where(TURNS.c.reservation == reservation)
    return tx.execute(query.order_by(TURNS.c.place)).all()


def has_enough(tx: Transaction, reservation: str) -> bool:
    """Whether so many turns were judged that the dialogue may be over."""
    states = [turn.state for turn in turns_so_far(tx, reservation)]
    return states.count("judged") >= settings(tx).least


def turn_row(tx: Transaction, person: str, name: str) -> Row[Any]:
    """A turn of a person's. Raises `FormError` where it is none."""
    of_person = (TURNS.c.person == person, TURNS.c.study == tx.study.name)
    row = tx.execute(select(TURNS).where(TURNS.c.id == storable_name(name), *of_person)).one_or_none()
    if row is None:
        raise FormError("reservation", NOT_YOURS)
    return row


def messages_before(tx: Transaction, topic: Prompt, turn: Row[Any]) -> tuple[Message, ...]:
    """What was said before a turn: the topic's system texts, then each turn with the answer that it went on with."""
    messages = [message for message in topic.messages if message.role == "system"]
    for before in turns_so_far(tx, turn.reservation):
        if before.place < turn.place:
            messages.append(Message(role="user", content=before.message))
            messages.append(Message(role="assistant", content=before.reply))
    return tuple(messages)


def prolonged(tx: Transaction, topic: Prompt, turn: Row[Any], message: str) -> Prompt:
    """The conversation with what the person says now, as it is put to the writer and judged."""
    messages = (*messages_before(tx, topic, turn), Message(role="user", content=message))
    return Prompt(messages=messages, source=topic.source, mode=topic.mode)


def extend(tx: Transaction, reservation: str, **values: Any) -> None:
    """The dialogue stays in the person's hands for as long again."""
    until = tx.now + tx.study.reserve_minutes * 60
    tx.execute(update(RESERVATIONS).where(RESERVATIONS.c.id == reservation).values(expires=until, **values))


def _begin(tx: Transaction, reservation: Row[Any], place: int, **values: Any) -> Row[Any]:
    row = {"id": f"t-{secrets.token_hex(10)}", "study": tx.study.name, "person": reservation.person, "place": place}
    row |= {"reservation": reservation.id, "state": "speaking", "issued": tx.now, **values}
    tx.execute(insert(TURNS).values(row))
    return tx.execute(select(TURNS).where(TURNS.c.id == row["id"])).one()


def go_on(tx: Transaction, reservation: Row[Any], turn: Row[Any], *, problem: str = "") -> None:
    """After a turn: the next one, unless there is one already, since a judgement was given anew."""
    if turns_so_far(tx, reservation.id)[-1].place == turn.place:
        _begin(tx, reservation, turn.place + 1, problem=problem)
    extend(tx, reservation.id)


def close(tx: Transaction, reservation: str, state: str = "answered") -> None:
    """The dialogue is over: its reservation is closed, and its topic counted again."""
    row = tx.execute(select(RESERVATIONS).where(RESERVATIONS.c.id == reservation)).one()
    main = [turn.feedback[0] for turn in turns_so_far(tx, reservation) if turn.feedback]
    number = 1 + tx.count(select(func.max(RESERVATIONS.c.answer)))
    values = {"state": state, "holds": state == "answered", "closed": tx.now, "draft": None, "answer": number}
    values |= {"feedback": main[-1] if main else None, "seconds": row.seconds or 0.0}
    tx.execute(update(RESERVATIONS).where(RESERVATIONS.c.id == reservation).values(values))
    last = (TURNS.c.reservation == reservation, TURNS.c.state.in_(("speaking", "writing")))
    tx.execute(update(TURNS).where(*last).values(state="ended", closed=tx.now, message="", draft=None))
    recount(tx, row.item)


# -- what is next -------------------------------------------------------------------------------------------------


def step_of(tx: Transaction, reservation: Row[Any]) -> "Task | Speaking | Break | UnansweredTurn":
    """A dialogue as it stands: the person speaks or judges, or the writer is to write."""
    turns = turns_so_far(tx, reservation.id)
    turn = next((row for row in turns if row.state != "judged"), None) or _begin(tx, reservation, len(turns))
    item = tx.execute(select(ITEMS).where(ITEMS.c.id == reservation.item)).one()
    match turn.state:
        case "judging":
            return _to_judge(tx, reservation, item, turn, turns)
        case "writing" if turn.writing_until > tx.now:
            return Break(moment(tx.now + LOOK_AGAIN_SECONDS), "writer", WRITING)
        case "writing":
            return UnansweredTurn.claim(tx, tx.prompt(item.prompt), turn)
        case _:
            return _to_speak(tx, reservation, item, turn, turns)


def place_of(tx: Transaction, topic: Prompt, turns: Sequence[Row[Any]], place: int) -> DialoguePlace:
    """Where in a dialogue turn `place` stands."""
    most = settings(tx).most
    full = place > 0 and _is_full(tx, turns[place - 1])
    over = place >= most or full
    return DialoguePlace(topic_of(topic), place + 1, most, over or place >= settings(tx).least, over)


def _to_speak(
    tx: Transaction, reservation: Row[Any], item: Row[Any], turn: Row[Any], turns: Sequence[Row[Any]]
) -> Speaking:
    topic = tx.prompt(item.prompt)
    return Speaking(
        reservation=turn.id,
        messages=messages_before(tx, topic, turn),
        place=place_of(tx, topic, turns, turn.place),
        question=tx.study.question,
        warning=item.warning,
        session=reservation.session,
        position_in_session=tx.person_row(reservation.person).sitting_done,
        issued_at=moment(turn.issued),
        expires_at=moment(reservation.expires),
        draft=(turn.draft or {}).get("text", ""),
        problem=PROBLEMS.get(turn.problem, turn.problem),
        room=_characters_left(tx, turns[turn.place - 1]) if turn.place else None,
    )


def _to_judge(
    tx: Transaction, reservation: Row[Any], item: Row[Any], turn: Row[Any], turns: Sequence[Row[Any]]
) -> Task:
    return Task(
        reservation=turn.id,
        item=reservation.item,
        prompt=tx.prompt(turn.prompt),
        completions=tx.completions(turn.shown),
        question=tx.study.question,
        warning=item.warning,
        session=reservation.session,
        position_in_session=tx.person_row(reservation.person).sitting_done,
        number=turn.place + 1,
        issued_at=moment(turn.issued),
        expires_at=moment(reservation.expires),
        draft=turn.draft or turn.form,
        redo=bool(turn.feedback),
        dialogue=place_of(tx, tx.prompt(item.prompt), turns, turn.place),
    )


# -- the context of the writer ------------------------------------------------------------------------------------


def room_for(context: Context, prompt: Prompt) -> int | None:
    """Tokens that an answer to `prompt` may have; None where the writer does not know."""
    writer: object = context.writer
    return writer.room(prompt) if isinstance(writer, ContextLimited) else None


def _is_full(tx: Transaction, turn: Row[Any]) -> bool:
    """Whether not even a short message and an answer of full length fit any more."""
    return turn.room is not None and turn.room <= tx.study.sampling.max_tokens + TURN_TOKENS


def _characters_left(tx: Transaction, before: Row[Any]) -> int | None:
    """What the person can still say, about, where that is little; None where it is much or nobody knows.

    Letters are counted for tokens as in the answers that were written last.
    """
    most = tx.study.sampling.max_tokens
    if before.room is None or before.room > NEARLY_FULL * (most + TURN_TOKENS):
        return None
    answers = [answer for answer in tx.completions(before.shown) if answer.token_ids]
    tokens = sum(len(answer.token_ids or ()) for answer in answers)
    letters = sum(len(answer.text) for answer in answers) / tokens if tokens else LETTERS_OF_TOKEN
    return int(letters * max(0, before.room - most - TURN_TOKENS))


# -- the writer's turn --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class UnansweredTurn:
    """A turn that the writer is to answer; until the lease ends (seconds since 1970), nobody else asks it."""

    turn: str
    prompt: Prompt
    lease: float

    @classmethod
    def claim(cls, tx: Transaction, topic: Prompt, turn: Row[Any]) -> Self:
        """Take the writing upon oneself."""
        lease = tx.now + LEASE_SECONDS
        tx.execute(update(TURNS).where(TURNS.c.id == turn.id).values(writing_until=lease))
        return cls(turn.id, prolonged(tx, topic, turn, turn.message), lease)


def answer_turn(context: Context, unanswered: UnansweredTurn) -> None:
    """Have the answers written and kept. On failure the turn is the person's again, with what they said as its draft,
    and whoever runs the study is told."""
    n, prompt = context.study.question.least, unanswered.prompt
    try:
        completions = distinct_completions(context, prompt, n, unanswered.turn)
        room = room_for(context, prompt)
        if not completions:
            raise UnusableError("it wrote nothing but blanks")
    except WRITER_FAILURES as error:
        with context.writing() as tx:
            _give_back(tx, unanswered, f"{writer_name(context)} failed in a dialogue: {error}")
        return
    with context.writing() as tx:
        turn = _being_written(tx, unanswered)
        if turn is not None:
            tx.add(prompt, *completions)
            _enter_answers(tx, turn, prompt, completions, room)


def _being_written(tx: Transaction, unanswered: UnansweredTurn) -> Row[Any] | None:
    """The turn, where it still waits for answers to this conversation.

    After the lease somebody else may have asked the writer too, and the person may have said something else since.
    """
    query = select(TURNS, ITEMS.c.prompt.label("topic"))
    query = query.join(RESERVATIONS, RESERVATIONS.c.id == TURNS.c.reservation)
    query = query.join(ITEMS, ITEMS.c.id == RESERVATIONS.c.item)
    turn = tx.execute(query.where(TURNS.c.id == unanswered.turn, TURNS.c.state == "writing")).one_or_none()
    if turn is None or prolonged(tx, tx.prompt(turn.topic), turn, turn.message).id != unanswered.prompt.id:
        return None
    return turn


def _give_back(tx: Transaction, unanswered: UnansweredTurn, note: str) -> None:
    """The turn is the person's again, unless somebody else asks the writer meanwhile."""
    turn = _being_written(tx, unanswered)
    tx.note("writer", note)
    if turn is not None and turn.writing_until == unanswered.lease:
        values = {"state": "speaking", "message": "", "draft": {"text": turn.message}, "problem": str(UNWRITTEN)}
        tx.execute(update(TURNS).where(TURNS.c.id == turn.id).values(**values, writing_until=0.0))


def _enter_answers(
    tx: Transaction, turn: Row[Any], prompt: Prompt, completions: list[Completion], room: int | None
) -> None:
    """Lay the answers before the person; where there is one and two belong, the conversation goes on with it."""
    lengths = [len(c.token_ids) if c.token_ids else tx.study.sampling.max_tokens for c in completions]
    order = shown_order(tx.seed, turn.person, turn.id, "", [completion.id for completion in completions])
    left = None if room is None else room - max(lengths)
    values: dict[str, Any] = {"prompt": prompt.id, "shown": list(order), "issued": tx.now, "room": left}
    alone = len(completions) < tx.question.least
    values |= {"state": "judged" if alone else "judging", "writing_until": 0.0, "problem": ""}
    values |= {"reply": completions[0].text, "closed": tx.now} if alone else {}
    tx.execute(update(TURNS).where(TURNS.c.id == turn.id).values(values))
    extend(tx, turn.reservation)
    if alone:
        reservation = tx.execute(select(RESERVATIONS).where(RESERVATIONS.c.id == turn.reservation)).one()
        go_on(tx, reservation, tx.execute(select(TURNS).where(TURNS.c.id == turn.id)).one(), problem=str(ALIKE))
