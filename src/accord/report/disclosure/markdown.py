"""The disclosure as Markdown, which shows the same wherever Markdown is shown: every text is escaped."""

import re
from collections.abc import Iterator

from accord.artefacts import Disclosure, DisclosureField, DisclosureItem, DisclosureTable
from accord.report.disclosure.summary import (
    ORIGIN,
    filled,
    filled_by,
    headline,
    source_of,
    status_words,
    unredacted_note,
)
from accord.report.words import clean

__all__ = ["escaped", "render_markdown"]

DIGITS = 12  # of a digest, as shown; disclosure.json has all

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&$^=])")
_LINE_START = re.compile(r"^(\s*)([-+]|\d+[.)])(?=\s)")


def escaped(text: str) -> str:
    """On one line, so that nothing in it is markup."""
    line = _SPECIAL.sub(r"\\\1", " ".join(clean(text).split()))
    return _LINE_START.sub(lambda match: f"{match[1]}{match[2][:-1]}\\{match[2][-1]}", line)


def render_markdown(disclosure: Disclosure) -> str:
    """The whole document, ending with a line feed."""
    return "\n".join(_lines(disclosure)).rstrip() + "\n"


def _lines(disclosure: Disclosure) -> Iterator[str]:
    yield f"# Disclosure of {escaped(disclosure.run)}"
    yield ""
    yield f"**{headline(disclosure)}** {disclosure.definition}"
    yield ""
    if note := unredacted_note(disclosure):
        yield from (note, "")
    yield ORIGIN
    yield ""
    yield "| item | status | fields | to be filled by |"
    yield "|---|---|---|---|"
    for item in disclosure.items:
        yield f"| {item.number}. {item.title} | {status_words(item.status)} | {filled(item)} | {filled_by(item)} |"
    yield ""
    for item in disclosure.items:
        yield from _item(item)


def _item(item: DisclosureItem) -> Iterator[str]:
    yield f"## {item.number}. {item.title}: {status_words(item.status)}"
    yield ""
    yield f"*{item.question}* (`{item.name}`)"
    yield ""
    if item.reason is not None:
        yield from (f"Not applicable: {escaped(item.reason)}", "")
    for remark in item.remarks:
        yield from (f"**Note:** {escaped(remark)}", "")
    for field in item.fields:
        yield from _field(field)


def _field(field: DisclosureField) -> Iterator[str]:
    yield f"### {escaped(field.label)}"
    yield ""
    yield from _value(field)
    if field.reason is not None:
        yield from (f"({escaped(field.reason)})", "")
    if field.table is not None:
        yield from _table(field.table)
    if source := source_of(field):
        yield from (f"*{escaped(source)}*", "")
    if field.evidence and field.source == "run":
        files = ", ".join(
            f"`{each.file}`" + (f" ({each.sha256[:DIGITS]})" if each.sha256 else "") for each in field.evidence
        )
        yield from (f"From {files}", "")


def _value(field: DisclosureField) -> Iterator[str]:
    """A person's words as a quotation, by paragraphs; the rest as a sentence."""
    if field.status != "complete":
        yield from (f"**{escaped(field.value)}**", "")
    elif field.source == "run":
        yield from (escaped(field.value), "")
    else:
        for paragraph in re.split(r"\n\s*\n", field.value):
            yield from (f"> {escaped(paragraph)}", ">")
        yield ""


def _table(table: DisclosureTable) -> Iterator[str]:
    yield f"| {' | '.join(map(escaped, table.head))} |"
    yield "|" + "---|" * len(table.head)
    for line in table.lines:
        yield f"| {' | '.join(map(escaped, line.cells))} |"
    yield ""
