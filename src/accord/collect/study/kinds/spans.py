"""Spans: stretches of one completion, each with a type."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from accord.collect.study.form_fields import Form, clean_text, numbered_fields, parse_json_list, short_field
from accord.collect.study.kinds.base import MAX_REASON, Question
from accord.collect.study.kinds.label import Options
from accord.collect.study.phrases import phrase
from accord.collect.study.reply_text import REPLY, place_of_quote
from accord.errors import FormError
from accord.records import Completion, Judgement, Span, Spans, explain

__all__ = ["MarkedRow", "SpansQuestion"]

MAX_SPANS = 100
MAX_JSON = MAX_SPANS * (6 * MAX_REASON + 1_000)  # a character takes six in JSON at most
COLUMNS = ("start", "end", "type", "note")
VISIBLE_SPARE_ROWS = 6
NOTHING = phrase("spans.said_nothing")


@dataclass(frozen=True)
class MarkedRow:
    """A row of the page for one stretch; empty where nothing is marked yet."""

    start: str
    end: str
    type: str
    note: str
    hidden: bool


class _Quotation(BaseModel):
    """A stretch in a reply: by its words, and which of several equal ones is meant."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    type: str
    quote: str
    occurrence: int | None = None
    note: str | None = None


QUOTATIONS = TypeAdapter(list[_Quotation])


class SpansQuestion(Question):
    """Stretches of one completion, each with a type; none at all is an answer.

    The page sends a row for each stretch (`start-0`, `end-0`, `type-0`, `note-0`, ...), which become `spans`, or that
    there is nothing to mark (`none`), so that a page that nobody touched is no answer.
    """

    kind: Literal["spans"] = "spans"
    span_types: Options

    record: ClassVar[type[Spans]] = Spans
    fields: ClassVar[tuple[str, ...]] = ("spans", "none")
    page_fields: ClassVar[tuple[str, ...]] = ("start-0", "end-0", "type-0", "note-0")
    countable: ClassVar[bool] = False
    works_on_text: ClassVar[bool] = True
    listed_words: ClassVar[tuple[str, ...]] = ("spans",)

    def parse(self, form: Form, shown: Sequence[Completion]) -> Spans:
        """`spans` = a JSON list of {start, end, type, note}; offsets count Unicode characters of the raw text.

        Where there is nothing to mark: `none` = 1, or an empty list.
        """
        text = short_field(form, "spans", required=False, longest=MAX_JSON)
        none = bool(form.get("none"))
        if not text and not none:
            raise FormError("spans", phrase("spans.untouched"))
        marks = parse_json_list("spans", text or "[]")
        if marks and none:
            raise FormError("none", phrase("spans.both"))
        if len(marks) > MAX_SPANS:
            raise FormError("spans", phrase("spans.too_many", n=len(marks), most=MAX_SPANS))
        return Spans(spans=tuple(self._span(mark, len(shown[0].text)) for mark in marks))

    def _span(self, mark: Any, length: int) -> Span:
        try:
            span = Span.model_validate(mark)
        except ValidationError as error:
            field, problem = explain(error)
            raise FormError("spans", phrase("spans.unreadable", field=field, problem=problem)) from error
        if span.type not in self.span_types:
            unknown = phrase("spans.unknown", text=f"{span.type!r:.60}", types=self.span_types)
            raise FormError("spans", unknown)
        if span.end > length:
            raise FormError("spans", phrase("spans.beyond", end=span.end, length=length))
        if span.note is None:
            return span
        note = clean_text("spans", span.note, MAX_REASON)
        return span.model_copy(update={"note": note or None})

    def fields_of(self, judgement: Spans) -> dict[str, str]:
        """The stretches."""
        return {"spans": json.dumps([span.model_dump() for span in judgement.spans], ensure_ascii=False)}

    def reply_rules(self, shown: Sequence[Completion]) -> str:
        """A list in JSON: machines quote better than they count."""
        return (
            'a list in JSON and nothing after it, as in [{"type": "...", "quote": "...", "note": "..."}]: for each '
            f"stretch its type ({' or '.join(self.span_types)}), its exact words, long enough to stand in the answer "
            'once (or with "occurrence": 2 for the second of several), and if you like a note; [] where there is '
            "nothing to mark"
        )

    def reply_form(self, reply: str, shown: Sequence[Completion]) -> dict[str, str]:
        """The stretches, found by their words."""
        try:
            quotations = QUOTATIONS.validate_json(reply.strip())
        except ValidationError as error:
            field, problem = explain(error)
            raise FormError(REPLY, f"It is no list of marks in JSON ({field} {problem}).") from error
        marks = []
        for quotation in quotations:
            start, end = place_of_quote(quotation.quote, shown[0].text, quotation.occurrence)
            marks.append({"start": start, "end": end, "type": quotation.type, "note": quotation.note})
        return {"spans": json.dumps(marks, ensure_ascii=False)}

    def reply_of(self, judgement: Spans, shown: Sequence[Completion]) -> str:
        """The stretches by their words."""
        text = shown[0].text
        return QUOTATIONS.dump_json([_quotation(span, text) for span in judgement.spans], exclude_none=True).decode()

    @property
    def longest_field(self) -> int:
        """That of the JSON that holds all marks with their notes."""
        return MAX_JSON

    def answer_form(self, page: Form) -> dict[str, str]:
        """`spans` from the rows. An empty row does not count; one half filled is handed on, for `parse` to refuse."""
        form = super().answer_form(page)
        rows = [_row(page, number) for number in sorted(numbered_fields(page, "start"))]
        if marked := [row for row in rows if row]:
            form["spans"] = json.dumps(marked, ensure_ascii=False)
        return form

    def page_form(self, form: Form) -> dict[str, str]:
        """The rows from `spans`."""
        page = super().page_form(form)
        if form.get("spans") == "[]":
            page["none"] = "1"
        for number, row in enumerate(_json_rows(form.get("spans", "[]"))):
            page |= {f"{column}-{number}": "" if row.get(column) is None else str(row[column]) for column in COLUMNS}
        return page

    def rows(self, page: Form) -> list[MarkedRow]:
        """The rows of a page, `MAX_SPANS` in all: those that are filled, then spare ones, of which six are seen."""
        filled: list[tuple[str, str, str, str]] = []
        number = 0
        while f"start-{number}" in page:
            start, end, span_type, note = (page.get(f"{column}-{number}", "") for column in COLUMNS)
            filled += [(start, end, span_type, note)] if start or end else []
            number += 1
        rows = [*filled, *[("", "", "", "")] * (MAX_SPANS - len(filled))]
        visible_rows = len(filled) + VISIBLE_SPARE_ROWS
        return [MarkedRow(*row, hidden=place >= visible_rows) for place, row in enumerate(rows)]

    @property
    def possible_words(self) -> tuple[str, ...]:
        """The types, and that nothing is marked."""
        return (*self.span_types, NOTHING)

    def words(self, judgement: Judgement) -> frozenset[str]:
        """The types of the stretches, or that there is none."""
        if not isinstance(judgement, Spans):
            return super().words(judgement)
        return frozenset(span.type for span in judgement.spans) or frozenset({NOTHING})

    def is_blank(self, form: Form, shown: Sequence[Completion]) -> bool:
        """No stretch, and not said that there is none."""
        return form.get("spans", "") in {"", "[]"} and not form.get("none") and not form.get("declined")

    def describe(self, judgement: Judgement) -> str:
        """Each stretch with its type."""
        if not isinstance(judgement, Spans):
            return super().describe(judgement)
        marks = [phrase("spans.said", start=span.start, end=span.end, type=span.type) for span in judgement.spans]
        if not marks:
            return NOTHING
        return reduce(lambda before, mark: phrase("spans.said_and", before=before, next=mark), marks)

    def quotes(self, judgement: Judgement, text: str) -> list[tuple[str, str, str]]:
        """The marks."""
        if not isinstance(judgement, Spans):
            return []
        return [(text[span.start : span.end], span.type, span.note or "") for span in judgement.spans]

    def guideline(self) -> dict[str, Any]:
        """The types too."""
        return {**super().guideline(), "span_types": list(self.span_types)}


def _row(page: Form, number: int) -> dict[str, object]:
    start, end, span_type, note = (page.get(f"{column}-{number}", "").strip() for column in COLUMNS)
    if not (start or end):
        return {}
    return {"start": _integer_or_text(start), "end": _integer_or_text(end), "type": span_type, "note": note or None}


def _quotation(span: Span, text: str) -> _Quotation:
    """A stretch by its words; which of the places where they stand, where there are several."""
    quote = text[span.start : span.end]
    places = [place for place in range(len(text)) if text.startswith(quote, place)]
    occurrence = places.index(span.start) + 1 if len(places) > 1 else None
    return _Quotation(type=span.type, quote=quote, occurrence=occurrence, note=span.note)


def _integer_or_text(text: str) -> int | str:
    """A whole number where the text is one; else the text, for `parse` to refuse."""
    return int(text) if re.fullmatch(r"\d{1,7}", text) else text


def _json_rows(text: str) -> list[dict[str, object]]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        return []
    return [row for row in content if isinstance(row, dict)] if isinstance(content, list) else []
