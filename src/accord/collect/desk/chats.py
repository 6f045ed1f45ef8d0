"""Answers of a chat endpoint, kept so that they can be judged, and what their users say of them.

A user is a person of the study under a pseudonym; the name that the front end has for them is kept as a keyed digest
alone. What they asked and were answered enters the ledger when they judge it, and is forgotten after a while where they
do not. Judging the same thing again takes the place of what was said before.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from accord.collect.desk import tables
from accord.collect.desk.accounts import add_person
from accord.collect.desk.context import Context, Transaction, moment, storable_name
from accord.collect.desk.external_ids import external_digest
from accord.collect.study.chat import Chat
from accord.collect.study.form_fields import storable
from accord.errors import AccessError, FormError
from accord.records import Completion, Feedback, Judgement, Prompt, parse

__all__ = [
    "ChatAnswer",
    "ChatJudgement",
    "ChatReceipt",
    "admitted",
    "forget_unjudged",
    "judge_answer",
    "keep_answer",
]

ANSWERS, EXTERNAL, PEOPLE = tables.chat_answers, tables.external_ids, tables.people
NOT_ADMITTED = "the study takes no feedback of this user: they are not among those who agreed"
PAUSED = "this user's part in the study is paused"
UNKNOWN = "there is no answer of this user by that id, or none any more"


@dataclass(frozen=True)
class ChatAnswer:
    """What the endpoint answered to a user, by the `id` that the client was given.

    `conversation` is the client's name for it; None where it has none: then a user's chats that begin alike are one.
    """

    id: str
    user: str
    prompt: Prompt
    completions: tuple[Completion, ...]
    conversation: str | None = None


@dataclass(frozen=True)
class ChatJudgement:
    """A judgement about some choices of an answer, by their places. `about` is what it takes the place of when it is
    given anew."""

    about: str
    choices: tuple[int, ...]
    judgement: Judgement


@dataclass(frozen=True)
class ChatReceipt:
    """The records that stand for what was sent, in its order, and their conversation."""

    feedback: tuple[str, ...]
    conversation: str


def admitted(chat: Chat, user: str) -> bool:
    """Whether a user's chats are kept and judged."""
    return storable(user) and 0 < len(user) <= 256 and chat.admits(user)


def keep_answer(context: Context, answer: ChatAnswer) -> None:
    """Keep an answer for its user to judge. Raises `AccessError` where the study does not take their feedback."""
    chat = _chat(context)
    if not admitted(chat, answer.user):
        raise AccessError("forged", NOT_ADMITTED)
    with context.writing() as tx:
        person = _person(tx, answer.user)
        _delete_unjudged(tx)
        row = {"id": answer.id, "study": tx.study.name, "person": person.pseudonym, "time": tx.now, "judged": 0}
        row |= {"prompt": answer.prompt.canonical(), "feedback": {"all": [], "current": {}}}
        row |= {"completions": [completion.canonical() for completion in answer.completions]}
        row["conversation"] = _conversation(tx, person, answer)
        tx.execute(insert(ANSWERS).values(row))


def forget_unjudged(context: Context) -> None:
    """Delete what nobody judged in the hours for which the study keeps it."""
    with context.writing() as tx:
        _delete_unjudged(tx)


def _delete_unjudged(tx: Transaction) -> None:
    oldest = tx.now - 3_600 * _chat(tx.context).keep_hours
    tx.execute(delete(ANSWERS).where(ANSWERS.c.study == tx.study.name, ANSWERS.c.judged == 0, ANSWERS.c.time < oldest))


def judge_answer(
    context: Context, user: str, name: str, parts_of: Callable[[int], Sequence[ChatJudgement]]
) -> ChatReceipt:
    """Take what a user says of an answer, all of it or nothing: `parts_of` its number of choices.

    Raises `AccessError` where the study does not take their feedback, `FormError` with the field `id` where they were
    given no such answer, and `choice` where it has no such choice.
    """
    if not admitted(_chat(context), user):
        raise AccessError("forged", NOT_ADMITTED)
    forget_unjudged(context)  # by itself, so that it is done also where what follows is refused
    with context.writing() as tx:
        person = _person(tx, user)
        of_person = (ANSWERS.c.study == tx.study.name, ANSWERS.c.person == person.pseudonym)
        row = tx.execute(select(ANSWERS).where(*of_person, ANSWERS.c.id == storable_name(name))).one_or_none()
        if row is None:
            raise FormError("id", UNKNOWN)
        return _enter(tx, person, row, parts_of(len(row.completions)))


def _enter(tx: Transaction, person: Row[Any], row: Row[Any], parts: Sequence[ChatJudgement]) -> ChatReceipt:
    prompt = parse(Prompt, row.prompt)
    completions = [parse(Completion, record) for record in row.completions]
    all_ids, current = list(row.feedback["all"]), dict(row.feedback["current"])
    names: list[str] = []
    for part in parts:
        if any(choice >= len(completions) for choice in part.choices):
            raise FormError("choice", f"the answer has {len(completions)} choices, counted from 0")
        content = {"choices": list(part.choices), "judgement": part.judgement.model_dump(mode="json")}
        before = current.get(part.about)
        if before is None or before != {"id": before["id"], **content}:
            subjects = [completions[choice] for choice in part.choices]
            feedback = _feedback(tx, person, row, prompt, subjects, part.judgement, before)
            tx.add(prompt, *completions, feedback)
            all_ids.append(feedback.id)
            current[part.about] = {"id": feedback.id, **content}
        names.append(current[part.about]["id"])
    values = {"feedback": {"all": all_ids, "current": current}, "judged": 1}
    tx.execute(update(ANSWERS).where(ANSWERS.c.id == row.id).values(values))
    tx.execute(update(PEOPLE).where(*tx.is_person(person.pseudonym)).values(seen=tx.now, last_at=tx.now))
    return ChatReceipt(tuple(names), row.conversation)


def _feedback(
    tx: Transaction,
    person: Row[Any],
    row: Row[Any],
    prompt: Prompt,
    subjects: Sequence[Completion],
    judgement: Judgement,
    before: Mapping[str, Any] | None,
) -> Feedback:
    """The record. What the front end showed, and for how long, nobody here knows."""
    day = datetime.fromtimestamp(tx.now, UTC).date()
    return Feedback(
        evaluator=person.evaluator,
        prompt=prompt.id,
        completions=tuple(completion.id for completion in subjects),
        judgement=judgement,
        study=tx.study.name,
        time=moment(tx.now),
        session=f"{tx.study.name}/{person.pseudonym}/{day}",
        round=tx.study.round,
        replaces=None if before is None else before["id"],
        conversation=row.conversation,
    )


def _chat(context: Context) -> Chat:
    chat = context.study.chat
    assert chat is not None, "an endpoint collects for a study with a section [chat]"
    return chat


def _person(tx: Transaction, user: str) -> Row[Any]:
    """The person that a user is, entered where they are new. Raises `AccessError` where they are paused."""
    digest = external_digest(tx, "chat user", user)
    pseudonym = tx.connection.scalar(select(EXTERNAL.c.person).where(EXTERNAL.c.digest == digest))
    if pseudonym is None:
        pseudonym = add_person(tx, {})
        tx.execute(insert(EXTERNAL).values(digest=digest, study=tx.study.name, person=pseudonym, session=""))
    row = tx.person_row(pseudonym)
    if row.status != "active":
        raise AccessError("paused", PAUSED)
    return row


def _conversation(tx: Transaction, person: Row[Any], answer: ChatAnswer) -> str:
    """A name that tells nothing of the client's own."""
    messages = answer.prompt.messages
    first = next((place for place, message in enumerate(messages) if message.role == "user"), len(messages) - 1)
    beginning = Prompt(messages=messages[: first + 1]).id
    return "d-" + external_digest(tx, "conversation", f"{person.pseudonym}\0{answer.conversation or beginning}")[:20]
