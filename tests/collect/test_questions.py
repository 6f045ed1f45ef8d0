"""Every kind of judgement: how its form is read, and what is said of a form that cannot be."""

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.collect import Kind, Study, question_of, read_form, steps_of
from accord.collect.assignment.answers import agrees, opinion, turned
from accord.errors import FormError
from accord.records import (
    Comparison,
    Completion,
    Correction,
    Critique,
    Declined,
    Demonstration,
    Feedback,
    Judgement,
    Label,
    Prompt,
    Ranking,
    Rating,
    Scale,
    Span,
    Spans,
    Steps,
)

PROMPT = Prompt.ask("Say something.")
MORE = {
    "rating": "[scale]\nlow = 1\nhigh = 5\nstep = 1",
    "label": 'labels = ["kind", "true"]',
    "spans": 'span_types = ["wrong", "rude"]',
    "comparison": "strength = true",
    "correction": "longest = 50",
}
TEXT = "a🙂c\n\nsecond step\nthird"


def study(kind: str, more: str | None = None) -> Study:
    head = f'name = "s"\ntitle = "T"\nkind = "{kind}"\nquestion = "Q?"\n'
    return Study.parse(head + (MORE.get(kind, "") if more is None else more))


def shown(kind: str) -> list[Completion]:
    n = {"comparison": 2, "ranking": 4, "demonstration": 0}.get(kind, 1)
    return [Completion(prompt=PROMPT.id, text=TEXT + str(i) * (i > 0)) for i in range(n)]


SPAN = [{"start": 1, "end": 2, "type": "wrong", "note": "no"}]
GOOD: list[tuple[str, dict[str, str], Judgement]] = [
    ("comparison", {"preferred": "left", "strength": ""}, Comparison(preferred="left")),
    ("comparison", {"preferred": "right", "strength": "0.6"}, Comparison(preferred="right", strength=0.6)),
    ("comparison", {"preferred": "tie", "strength": "1"}, Comparison(preferred="tie")),
    ("ranking", {"tiers": "2,0|1|3"}, Ranking(tiers=((2, 0), (1,), (3,)))),
    ("rating", {"value": " 3 "}, Rating(value=3, scale=Scale(low=1, high=5, step=1))),
    ("label", {"chosen": "true,kind"}, Label(selected=("kind", "true"), options=("kind", "true"))),
    ("label", {"chosen": "", "none": "1"}, Label(selected=(), options=("kind", "true"))),
    ("spans", {"spans": "[]"}, Spans(spans=())),
    ("spans", {"spans": json.dumps(SPAN)}, Spans(spans=(Span(start=1, end=2, type="wrong", note="no"),))),
    ("steps", {"verdicts": "right,wrong,unsure"}, Steps(verdicts=("right", "wrong", "unsure"))),
    ("correction", {"text": "one\r\ntwo\rthree"}, Correction(text="one\ntwo\nthree")),
    ("critique", {"text": "Too short.", "start": "", "end": ""}, Critique(text="Too short.")),
    ("critique", {"text": "This.", "start": "0", "end": "3"}, Critique(text="This.", start=0, end=3)),
    ("demonstration", {"text": "An answer."}, Demonstration(text="An answer.")),
    ("rating", {"declined": "1", "reason": " not mine "}, Declined(reason=" not mine ")),
    ("spans", {"declined": "1"}, Declined()),
]


@pytest.mark.parametrize(("kind", "form", "judgement"), GOOD)
def test_a_form_becomes_a_judgement(kind: str, form: dict[str, str], judgement: Judgement) -> None:
    about = shown(kind)
    assert read_form(study(kind), form, about) == judgement
    Feedback(evaluator="e", prompt="p", completions=tuple(each.id for each in about), judgement=judgement)


BAD = [
    ("comparison", {}, "preferred", "Nothing was chosen"),
    ("comparison", {"preferred": "Left"}, "preferred", "Choose left, right or tie; 'Left' is none of them"),
    ("comparison", {"preferred": "left", "strength": "much"}, "strength", "'much' is not a number"),
    ("comparison", {"preferred": "left", "strength": "nan"}, "strength", "'nan' is not a number"),
    ("comparison", {"preferred": "left", "strength": "1.01"}, "strength", "a number from 0 to 1"),
    ("ranking", {"tiers": ""}, "tiers", "Nothing was chosen"),
    ("ranking", {"tiers": "0|1|2"}, "tiers", "Rank each of the 4 answers once"),
    ("ranking", {"tiers": "0|1|2|2"}, "tiers", "Rank each of the 4 answers once"),
    ("ranking", {"tiers": "0|1||2,3"}, "tiers", "'' is not a whole number"),
    ("ranking", {"tiers": "0|1|2|-3"}, "tiers", "'-3' is not a whole number"),
    ("ranking", {"tiers": "0|1|2|" + "9" * 5000}, "tiers", "is not a whole number"),
    ("rating", {"value": "6"}, "value", "Choose a number from 1 to 5"),
    ("rating", {"value": "inf"}, "value", "'inf' is not a number"),
    ("rating", {"value": "2.5"}, "value", "steps of 1 from 1"),
    ("label", {}, "chosen", "or 'none of these'"),
    ("label", {"chosen": "kind", "none": "1"}, "none", "keep one or the other"),
    ("label", {"chosen": "kind,clever"}, "chosen", "'clever' was not offered"),
    ("spans", {}, "spans", "Nothing was chosen"),
    ("spans", {"spans": "[{"}, "spans", "did not arrive whole"),
    ("spans", {"spans": "[" * 100_000}, "spans", "did not arrive whole"),
    ("spans", {"spans": "{}"}, "spans", "did not arrive as a list"),
    ("spans", {"spans": "[1]"}, "spans", "A mark could not be read"),
    ("spans", {"spans": '[{"start": "1", "end": 2, "type": "wrong"}]'}, "spans", "A mark could not be read (start"),
    ("spans", {"spans": '[{"start": 2, "end": 2, "type": "wrong"}]'}, "spans", "is empty"),
    ("spans", {"spans": '[{"start": -1, "end": 2, "type": "wrong"}]'}, "spans", "greater than or equal to 0"),
    ("spans", {"spans": '[{"start": 0, "end": 99, "type": "wrong"}]'}, "spans", "the text has 22 characters"),
    ("spans", {"spans": '[{"start": 0, "end": 1, "type": "odd"}]'}, "spans", "'odd' is no type of mark here"),
    ("spans", {"spans": '[{"start": 0, "end": 1, "type": "rude", "x": 1}]'}, "spans", "A mark could not be read (x"),
    ("spans", {"spans": json.dumps(SPAN * 201)}, "spans", "201 marks are too many"),
    ("steps", {"verdicts": "right"}, "verdicts", "each of the 3 steps; there are 1"),
    ("steps", {"verdicts": "right,right,maybe"}, "verdicts", "not 'maybe'"),
    ("correction", {"text": "   "}, "text", "Nothing was written"),
    ("correction", {"text": "x" * 51}, "text", "51 characters are too many; shorten it to 50"),
    ("correction", {"text": "a\0b"}, "text", "a character that cannot be kept"),
    ("correction", {"text": "half \ud83d"}, "text", "a character that cannot be kept"),
    ("critique", {"text": "x", "start": "3"}, "end", "a start and an end"),
    ("critique", {"text": "x", "start": "3", "end": "3"}, "end", "no stretch of the text"),
    ("critique", {"text": "x", "start": "3", "end": "500"}, "end", "no stretch of the text"),
    ("critique", {"text": "x", "start": "a", "end": "5"}, "start", "not a whole number"),
    ("demonstration", {}, "text", "Nothing was written"),
    ("rating", {"declined": "1", "reason": "x" * 2_001}, "reason", "too many"),
]


@pytest.mark.parametrize(("kind", "form", "field", "said"), BAD)
def test_what_cannot_be_read_is_told_with_its_field(kind: str, form: dict[str, str], field: str, said: str) -> None:
    with pytest.raises(FormError) as caught:
        read_form(study(kind), form, shown(kind))
    assert caught.value.field == field
    assert said in str(caught.value)


def test_what_a_study_does_not_ask_is_refused() -> None:
    with pytest.raises(FormError, match="does not ask how much"):
        read_form(study("comparison", ""), {"preferred": "left", "strength": "0.5"}, shown("comparison"))
    with pytest.raises(FormError, match="Choose left or right"):
        read_form(study("comparison", "ties = false"), {"preferred": "tie"}, shown("comparison"))
    with pytest.raises(FormError, match="allows no ties"):
        read_form(study("ranking", "ties = false"), {"tiers": "2,0|1|3"}, shown("ranking"))


FIELDS = [
    *sorted({field for kind in get_args(Kind) for field in question_of(study(kind)).fields}),
    "declined",
    "reason",
]


@pytest.mark.parametrize("kind", get_args(Kind))
@given(form=st.dictionaries(st.sampled_from(FIELDS), st.text()))
def test_whatever_is_sent_is_a_judgement_or_a_form_error(kind: str, form: dict[str, str]) -> None:
    about = shown(kind)
    try:
        judgement = read_form(study(kind), form, about)
    except FormError as error:
        field = error.field
    else:
        said = Feedback(evaluator="e", prompt="p", completions=tuple(each.id for each in about), judgement=judgement)
        field = "reason" if said.id.startswith("f-") else ""
    assert field in {*question_of(study(kind)).fields, "reason"}


def test_every_kind_has_a_question() -> None:
    for kind in get_args(Kind):
        question = question_of(study(kind))
        assert question.kind == kind
        assert question.hint
        assert question.most is None or question.least <= question.most


def test_steps_are_the_lines_that_are_not_blank() -> None:
    assert steps_of(TEXT) == ["a🙂c", "second step", "third"]


def test_an_answer_reads_the_same_in_any_order() -> None:
    item, other = ("a", "b"), ("b", "a")
    left = Comparison(preferred="left", strength=0.5)
    assert turned(left, item, item) == left
    assert turned(left, item, other) == Comparison(preferred="right", strength=0.5)
    assert opinion(left, item) == opinion(turned(left, item, other), other) == "a"
    ranking = Ranking(tiers=((2,), (0, 1)))
    assert turned(ranking, ("a", "b", "c"), ("c", "b", "a")) == Ranking(tiers=((0,), (2, 1)))
    assert opinion(ranking, ("a", "b", "c")) == "c"
    assert agrees(Ranking(tiers=((2,), (1, 0))), ranking)
    assert opinion(Declined(), item) is None
    assert opinion(Label(selected=(), options=("x",)), item) == "none of these"
    assert opinion(Steps(verdicts=("right", "wrong")), item) == "step 2 is wrong"


def test_marks_agree_where_each_finds_one_of_its_type() -> None:
    def marks(*spans: tuple[int, int, str]) -> Spans:
        return Spans(spans=tuple(Span(start=a, end=b, type=t) for a, b, t in spans))

    assert agrees(marks((0, 5, "x")), marks((3, 9, "x")))
    assert not agrees(marks((0, 5, "x")), marks((5, 9, "x")))
    assert not agrees(marks((0, 5, "x")), marks((3, 9, "y")))
    assert not agrees(marks(), marks((3, 9, "y")))
    assert agrees(marks(), marks())
    assert agrees(Critique(text="a"), Critique(text="a")) is None
