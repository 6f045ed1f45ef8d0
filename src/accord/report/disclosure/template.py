"""A disclosure.toml to fill in: each question in plain words, what the records say already beside it."""

import json
import textwrap
from collections.abc import Iterator

from accord.artefacts import DisclosureField, RunReader
from accord.report.disclosure.changes import DIGESTS
from accord.report.disclosure.item import Item
from accord.report.disclosure.privacy import Privacy
from accord.report.disclosure.questions import TEXT, Question
from accord.report.disclosure.records import Records
from accord.report.disclosure.registry import ITEMS
from accord.report.words import clean

__all__ = ["template"]

WIDTH = 110
SHOWN = 5  # lines of a table that are shown beside a question
_EXAMPLE = {"money": "18.5", "amount": "312.5", "share": "0.02"}
_HEAD = """\
What only people can say of a run, for its disclosure. Fill in what you stand for, item by item, with your name and the
date: a statement without both is not counted. What stays empty prints as NOT DISCLOSED. Texts of several lines stand
between three quotes. Delete what is not yours to say.

Of each item there may also be
    public = true                            its texts stand in redacted versions too
    not_applicable = "why"                   there is nothing of it in this run
    not_applicable = { licence = "why" }     the same of single questions
"""


def template(reader: RunReader) -> str:
    """The file as TOML, all answers empty. Raises `ArtefactError` where a file of the run was altered."""
    records = Records(reader, Privacy())
    lines = [*_comment(_HEAD, keep=True)]
    for item in ITEMS:
        lines += ["", *_item(item, records)]
    return "\n".join(lines) + "\n"


def _item(item: Item, records: Records) -> Iterator[str]:
    yield f"[{item.name}]"
    yield from _comment(f"{item.number}. {item.title}. {item.question}")
    fields = list(item.from_run(records))
    filled = {field.name: field for field in fields if field.status != "missing"}
    if filled:
        yield from _comment("The records of the run say:")
        for field in filled.values():
            yield from _records_say(field)
    yield 'signed_by = ""'
    yield 'date = ""  # such as 2026-01-31'
    lacking = {field.name: field.reason for field in fields if field.status == "missing"}
    for question in item.questions:
        if question.name not in filled:
            yield ""
            yield from _question(question, lacking.get(question.name))


def _question(question: Question, lacking: str | None) -> Iterator[str]:
    yield from _comment(question.ask + (f" (The records do not say: {lacking.rstrip('.')}.)" if lacking else ""))
    if question.is_number:
        yield f"# {question.name} = {_EXAMPLE[question.kind]}" + (f"  # {question.unit}" if question.unit else "")
    else:
        yield f'{question.name} = """\n"""' if question.name == TEXT else f'{question.name} = ""'


def _records_say(field: DisclosureField) -> Iterator[str]:
    why = f" ({field.reason})" if field.reason else ""
    yield from _comment(f"  {field.label}: {field.value}{why}", indent="    ")
    lines = field.table.lines if field.table is not None and field.name not in DIGESTS else ()
    for line in lines[:SHOWN]:
        yield from _comment("    " + ", ".join(cell for cell in line.cells if cell), indent="      ")
    if len(lines) > SHOWN:
        yield from _comment(f"    and {len(lines) - SHOWN:,} more lines")


def _comment(text: str, *, keep: bool = False, indent: str = "") -> Iterator[str]:
    """As comments that nothing in the text can end; `keep` keeps its lines."""
    plain = clean(text)
    if keep:
        yield from (f"# {line}".rstrip() for line in plain.splitlines())
        return
    head = plain[: len(plain) - len(plain.lstrip())]
    words = json.dumps(" ".join(plain.split()), ensure_ascii=False)[1:-1].replace('\\"', '"')
    yield from (f"# {line}" for line in textwrap.wrap(words, WIDTH, initial_indent=head, subsequent_indent=indent))
