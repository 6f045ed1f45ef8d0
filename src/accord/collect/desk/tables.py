"""The desk's own tables, beside the ledger's in the same database.

Unlike the ledger they change: who holds what, who is paused, which invite was used. What was said is not here but in
the ledger; a reservation names the feedback that it became. Contact data stands in `collect_contacts` alone, so that
erasing a row erases the person. Times are seconds since 1970 (UTC).
"""

from typing import Any

from sqlalchemy import JSON, Boolean, Column, Double, Index, Integer, MetaData, Table, Text

__all__ = [
    "EXPIRED",
    "IN_LEDGER",
    "VERSION_TABLE",
    "WHOSE",
    "admins",
    "answers",
    "chat_answers",
    "contacts",
    "external_ids",
    "invites",
    "items",
    "logins",
    "metadata",
    "notes",
    "people",
    "reservations",
    "secrets",
    "studies",
    "turns",
]

VERSION_TABLE = "collect_version"
EXPIRED = "lapsed"
"""The state of a reservation whose time is over, by the name that it has had in databases from the beginning."""

IN_LEDGER = ("answered", "declined", "surplus")
"""The states of a reservation whose answer stands in the ledger."""

metadata = MetaData()


def _key(name: str) -> Column[str]:
    return Column(name, Text, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, default="")


def _maybe(name: str) -> Column[str | None]:
    return Column(name, Text, nullable=True)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, default=0)


def _number(name: str) -> Column[float]:
    return Column(name, Double, nullable=False, default=0.0)


def _json(name: str, default: Any = dict) -> Column[Any]:
    return Column(name, JSON, nullable=False, default=default)


studies = Table(
    "collect_studies",
    metadata,
    _key("name"),
    _text("kind"),
    Column("asked", JSON(none_as_null=True)),  # the question with its scale, labels or types
)

secrets = Table("collect_secrets", metadata, _key("name"), _text("value"))

items = Table(
    "collect_items",
    metadata,
    _key("id"),
    _text("study"),
    _text("purpose"),  # item, gold, practice
    _count("place"),
    _text("prompt"),
    _json("completions", list),  # ids; empty where they are still to be written
    _count("candidates"),  # how many to write; 0 where the file has them
    _count("written"),  # 1 where they were
    _count("overlap"),
    _number("priority"),
    _text("warning"),
    Column("gold", JSON(none_as_null=True)),  # by question, about the completions in the order of `completions`
    _text("explanation"),
    _count("answered"),  # by the crowd, as `open` is with the crowd: places of the overlap
    _count("open"),
    _count("answered_by_experts"),  # beside the overlap
    _count("open_with_experts"),
    _count("declined"),
    _json("votes"),  # by question: vote -> how many, of the answers that count
    _text("closed"),
    _json("rulings"),  # by question: the feedback id of the last word
    Column("model_p", Double),
    _number("gap"),
    _number("writing_until"),
    _json("metadata"),
    _text("stratum"),  # the group of `item_quota`
    _json("suggestions"),  # by question: who suggests it, its feedback id, and the judgement
    Column("remarks", JSON(none_as_null=True)),  # by assistant, the feedback ids; unset where nobody was asked
    _json("differences"),  # by question: how far the answers of two people lie apart, on average
    Column("difference", Double),  # the largest of these; unset where none can be told
    Column("imported", Boolean, nullable=False, default=False),  # while the study ran; its files need not hold it
    Index("collect_items_next", "study", "purpose", "closed", "answered"),
    Index("collect_items_difference", "study", "purpose", "difference"),
)

people = Table(
    "collect_people",
    metadata,
    _key("pseudonym"),
    _key("study"),  # somebody may take part in several
    _text("evaluator"),
    _text("status"),  # active, paused, screened, erased
    _text("why"),
    _json("attributes"),
    Column("practised", Boolean, nullable=False, default=False),
    Column("expert", Boolean, nullable=False, default=False),  # invited as one
    Column("excluded", Boolean, nullable=False, default=False),  # their answers are to be left out of training
    _count("sitting"),
    _count("sitting_done"),
    _count("asked"),
    _number("last_at"),
    _number("joined"),
    _number("seen"),
    _text("consent"),
    _number("consented"),
)

contacts = Table(
    "collect_contacts",
    metadata,
    _key("pseudonym"),
    _text("name"),
    _text("contact"),
    _text("worker"),  # what a crowd platform calls them, their submission and its study there
    _text("platform_session"),
    _text("platform_study"),
    _text("note"),  # of whoever runs the study, about who this is
)

external_ids = Table(
    "collect_external_ids",
    metadata,
    _key("digest"),  # keyed: of a platform's worker or a chat front end's user, in one study
    _text("study"),
    _text("person"),
    _text("session"),  # the digest of the platform's session that they came with
    Column("completed", Double),  # when they had done their part
)

invites = Table(
    "collect_invites",
    metadata,
    _key("id"),
    _text("study"),
    _text("kind"),  # invite: for somebody new; expert: for a new expert; link: for somebody who is known
    _maybe("person"),
    _text("note"),
    _json("attributes"),
    _number("issued"),
    _number("expires"),
    Column("used", Double),
)

reservations = Table(
    "collect_reservations",
    metadata,
    _key("id"),
    _text("study"),
    _text("item"),
    _text("person"),
    _text("purpose"),  # item, gold, practice, repeat
    _text("state"),  # open, EXPIRED, answered, declined, surplus, replaced, practised
    Column("holds", Boolean, nullable=False, default=False),  # a place of the item's overlap
    _text("session"),
    _count("place"),
    _count("number"),
    _json("shown", list),  # completion ids in the order shown
    _number("issued"),
    _number("expires"),
    Column("closed", Double),
    _count("answer"),  # the study's answers in the order in which they came
    Column("seconds", Double),
    Column("form", JSON(none_as_null=True)),
    Column("draft", JSON(none_as_null=True)),
    _json("step_answers", list),  # what was answered so far, of questions that are asked in turn; empty once all are
    _maybe("feedback"),  # the first of its records
    _maybe("repeat_of"),
    _maybe("replaces"),  # a feedback id
    _maybe("redoes"),  # the reservation whose answer is taken back
    Column("seen", JSON(none_as_null=True)),
    Column("assistance", JSON(none_as_null=True)),  # as it goes into the record
    _json("suggested"),  # the same of what was suggested, by question
    Index("collect_reservations_person", "person", "state"),
    Index("collect_reservations_item", "item", "state"),
    Index("collect_reservations_lapse", "state", "expires"),
    Index("collect_reservations_answer", "answer"),
    Index("collect_reservations_closed", "study", "closed"),
)

answers = Table(
    "collect_answers",
    metadata,
    _key("reservation"),
    _key("question"),  # its name; "" where the study has one
    _count("place"),  # among the answers of the reservation
    _maybe("vote"),  # of practice, whether it was as expected
    _maybe("feedback"),  # unset for practice
    _maybe("marks"),  # what is to be seen of it (`answer_marks`); unset where nobody looked
    Index("collect_answers_feedback", "feedback"),
)

WHOSE = (people.c.pseudonym == reservations.c.person) & (people.c.study == reservations.c.study)
"""That a row of people is that of whoever has a reservation."""

turns = Table(
    "collect_turns",
    metadata,
    _key("id"),
    _text("study"),
    _text("person"),
    _text("reservation"),
    _count("place"),  # 0 is the first turn of the dialogue
    _text("state"),  # speaking, writing, judging, judged, ended
    _text("message"),  # what the person said
    _maybe("prompt"),  # the conversation up to there, once it is answered
    _json("shown", list),  # the answers, completion ids in the order shown
    _text("reply"),  # the answer with which the conversation goes on
    _json("feedback", list),
    Column("form", JSON(none_as_null=True)),
    Column("draft", JSON(none_as_null=True)),
    _text("problem"),  # why there was no answer
    _number("writing_until"),
    Column("room", Integer),  # tokens that the writer's context has left after the longest of the answers
    _number("issued"),
    Column("closed", Double),
    Index("collect_turns_reservation", "reservation", "place", unique=True),
    Index("collect_turns_person", "person", "state"),
)

chat_answers = Table(
    "collect_chat_answers",
    metadata,
    _key("id"),  # as the endpoint called it
    _text("study"),
    _text("person"),
    _text("conversation"),
    _json("prompt"),
    _json("completions", list),  # the records; they enter the ledger when one of them is judged
    _json("feedback"),  # all of it by id, and what stands now
    _count("judged"),  # 1 where there is any
    _number("time"),
    Index("collect_chat_answers_person", "person"),
)

notes = Table(
    "collect_notes",
    metadata,
    Column("row", Integer, primary_key=True, autoincrement=True),
    _text("study"),
    _number("time"),
    _text("kind"),
    _maybe("person"),
    _text("message"),
)

admins = Table(
    "collect_admins",
    metadata,
    _key("study"),
    _key("name"),
    _text("hash"),
    Column("sees_names", Boolean, nullable=False, default=False),  # of the people, with contacts and notes
)

logins = Table(
    "collect_logins",
    metadata,
    _key("token"),  # the digest of it
    _text("study"),
    _text("kind"),
    _text("subject"),
    _json("data"),
    _number("created"),
    _number("expires"),
)
