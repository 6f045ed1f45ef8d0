"""disclosure.toml: what people state, item by item, with their name and the date.

    [human_feedback.pretraining]
    signed_by = "a name"
    date = 2026-01-31
    text = "..."

A statement without a name or a date is kept, and not counted: the report says so. A key that is not known, a value of
the wrong kind and statements that contradict each other are errors.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from accord.errors import StatementError, nearest
from accord.report.disclosure.questions import TEXT, Answer, Question, check_answer

__all__ = ["Statement", "Statements", "parse_statements"]

SIGNED, DATE, PUBLIC, NOT_APPLICABLE = "signed_by", "date", "public", "not_applicable"
COMMON = (TEXT, SIGNED, DATE, PUBLIC, NOT_APPLICABLE)
LONGEST = 1_000_000  # bytes of the file
LONGEST_NAME = 200


@dataclass(frozen=True)
class Statement:
    """What one person states of one item.

    answers    by question, what is filled in
    signed_by  empty where nobody signed;  signed_on  None where there is no date
    public     whether its texts stand in redacted versions too
    reason     why the item is not applicable; empty where it is
    without    why questions are not applicable, by question
    """

    answers: Mapping[str, Answer] = field(default_factory=dict)
    signed_by: str = ""
    signed_on: date | None = None
    public: bool = False
    reason: str = ""
    without: Mapping[str, str] = field(default_factory=dict)

    @property
    def says_something(self) -> bool:
        """Whether there is anything to count."""
        return bool(self.answers or self.reason or self.without)

    @property
    def lacking(self) -> str:
        """Why it does not count; empty where it does, or says nothing."""
        missing = [key for key, value in ((SIGNED, self.signed_by), (DATE, self.signed_on)) if not value]
        return f"it has no {' and no '.join(missing)}" if missing and self.says_something else ""

    @property
    def counts(self) -> bool:
        """Whether somebody stands for what it says."""
        return self.says_something and not self.lacking

    def amount(self, name: str) -> float | None:
        """A number that was stated and signed."""
        value = self.answers.get(name)
        return value if self.counts and isinstance(value, float) else None


@dataclass(frozen=True)
class Statements:
    """The statements of a file, by the name of the item; `file` and its digest are empty where there is none."""

    file: str = ""
    sha256: str = ""
    items: Mapping[str, Statement] = field(default_factory=dict)

    def of(self, item: str) -> Statement:
        """That of an item; an empty one where there is none."""
        return self.items.get(item, Statement())


def parse_statements(content: bytes, place: str, questions: Mapping[str, tuple[Question, ...]]) -> Statements:
    """The statements in a file's content; `questions` are those that each item has, by its name.

    Raises `StatementError` that names the key and the remedy.
    """
    tables = _tables(_toml(content, place), place, list(questions))
    items = {name: _statement(table, f"{place}: {name}", questions[name]) for name, table in tables}
    return Statements(place, hashlib.sha256(content).hexdigest(), items)


def _toml(content: bytes, place: str) -> dict[str, Any]:
    if len(content) > LONGEST:
        raise StatementError(f"{place}: {len(content):,} bytes; write at most {LONGEST:,}, and refer to what is longer")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise StatementError(f"{place}:{line}: not UTF-8 ({error.reason}); save the file as UTF-8") from error
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise StatementError(
            f"{place}: not TOML ({error}); texts stand in quotes, those of several lines in three, and dates in none"
        ) from error
    except ValueError as error:  # digits beyond what Python reads, and dates that are none
        raise StatementError(f"{place}: not TOML ({error}); correct the number or the date") from error


def _tables(content: Mapping[str, Any], place: str, names: list[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The table of each item, by its name `group.item`."""
    groups = list(dict.fromkeys(name.partition(".")[0] for name in names))
    for group, tables in content.items():
        if group not in groups:
            raise StatementError(f"{place}: {group}: no such section{nearest(group, groups)}")
        if not isinstance(tables, dict):
            raise StatementError(f"{place}: {group}: not a section; write [{names[0]}]")
        known = [name.partition(".")[2] for name in names if name.startswith(f"{group}.")]
        for item, table in tables.items():
            if item not in known:
                raise StatementError(f"{place}: {group}.{item}: no such item{nearest(item, known)}")
            if not isinstance(table, dict):
                raise StatementError(f"{place}: {group}.{item}: not a section; write [{group}.{item}]")
            yield f"{group}.{item}", table


def _statement(table: Mapping[str, Any], place: str, questions: tuple[Question, ...]) -> Statement:
    by_name = {question.name: question for question in questions}
    for key in table:
        if key not in by_name and key not in COMMON:
            raise StatementError(f"{place}.{key}: no such key{nearest(key, [*by_name, *COMMON[1:]])}")
    given = {key: check_answer(by_name[key], value, f"{place}.{key}") for key, value in table.items() if key in by_name}
    answers = {key: value for key, value in given.items() if value is not None}
    reason, without = _not_applicable(table.get(NOT_APPLICABLE, ""), f"{place}.{NOT_APPLICABLE}", list(by_name))
    _check_together(answers, reason, without, by_name, place)
    public = table.get(PUBLIC, False)
    if not isinstance(public, bool):
        raise StatementError(f"{place}.{PUBLIC}: {public!r:.80} is neither true nor false; write {PUBLIC} = true")
    return Statement(
        answers=answers,
        signed_by=_name(table.get(SIGNED, ""), f"{place}.{SIGNED}"),
        signed_on=_date(table.get(DATE, ""), f"{place}.{DATE}"),
        public=public,
        reason=reason,
        without=without,
    )


def _check_together(
    answers: Mapping[str, Answer], reason: str, without: Mapping[str, str], by_name: Mapping[str, Question], place: str
) -> None:
    """Raises `StatementError` where something is stated and said not to be applicable, or money has no currency."""
    if reason and (answers or without):
        stated = f"the item is not applicable, and `{next(iter(answers or without))}` is stated"
        raise StatementError(f"{place}.{NOT_APPLICABLE}: {stated}; leave one out")
    if both := next((name for name in without if name in answers), None):
        raise StatementError(f"{place}.{NOT_APPLICABLE}.{both}: not applicable, and stated; leave one out")
    money = next((name for name in answers if by_name[name].kind == "money"), None)
    currency = next((name for name, question in by_name.items() if question.kind == "currency"), "")
    if money and currency not in answers:
        raise StatementError(f'{place}.{currency}: missing, and `{money}` is an amount of it; write {currency} = "EUR"')


def _not_applicable(value: Any, place: str, names: list[str]) -> tuple[str, dict[str, str]]:
    """The reason of the item, or those of its questions."""
    if isinstance(value, str):
        return value.strip(), {}
    if not isinstance(value, dict):
        raise StatementError(f'{place}: {value!r:.80} is no reason; write {NOT_APPLICABLE} = "why"')
    for name, reason in value.items():
        if name not in names:
            raise StatementError(f"{place}.{name}: no such key{nearest(name, names)}")
        if not isinstance(reason, str) or not reason.strip():
            raise StatementError(f'{place}.{name}: {reason!r:.80} is no reason; write {name} = "why"')
    return "", {name: reason.strip() for name, reason in value.items()}


def _name(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise StatementError(f'{place}: {value!r:.80} is no name; write {SIGNED} = "first and last name"')
    name = " ".join(value.split())
    if name and not (any(map(str.isalpha, name)) and name.isprintable()):
        raise StatementError(f"{place}: {name!r:.80} is no name; write the first and last name of whoever states it")
    if "@" in name or re.search(r"\d{5}", name):
        raise StatementError(f"{place}: {name!r:.80} holds an address or a number; write the name alone")
    if len(name) > LONGEST_NAME:
        raise StatementError(f"{place}: {len(name)} characters; write the name alone")
    return name


def _date(value: Any, place: str) -> date | None:
    """A date, with quotes or without; None of an empty text."""
    if value == "":
        return None
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise StatementError(f"{place}: {value!r} is no day of the calendar; correct it") from error
    if isinstance(value, datetime) or not isinstance(value, date):
        raise StatementError(f"{place}: {value!r:.80} is no date; write {DATE} = 2026-01-31")
    return value
