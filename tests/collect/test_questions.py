"""Every kind of judgement: how its form is read, and what is said of a form that cannot be."""

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.collect import KINDS, Question, Study
from accord.collect.study.kinds.steps import StepsQuestion
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
    "rating": "[questions.scale]\nlow = 1\nhigh = 5\nstep = 1",
    "label": 'labels = ["kind", "true"]',
    "spans": 'span_types = ["wrong", "rude"]',
    "comparison": "strength = true",
    "correction": "longest = 50",
}
TEXT = "a🙂c\n\nsecond step\nthird"


def question(kind: str, more: str | None = None) -> Question:
    head = f'name = "s"\ntitle = "T"\n[[questions]]\nkind = "{kind}"\ntext = "Q?"\n'
    return Study.parse(head + (MORE.get(kind, "") if more is None else more)).question


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
    ("spans", {"none": "1"}, Spans(spans=())),
    ("correction", {"text": TEXT, "unchanged": "1"}, Correction(text=TEXT)),
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
    assert question(kind).read(form, about) == judgement
    Feedback(evaluator="e", prompt="p", completions=tuple(completion.id for completion in about), judgement=judgement)


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
    ("spans", {}, "spans", "say that there is nothing to mark"),
    ("spans", {"spans": json.dumps(SPAN), "none": "1"}, "none", "keep one or the other"),
    ("spans", {"spans": "[{"}, "spans", "did not arrive whole"),
    ("correction", {"text": TEXT}, "unchanged", "Nothing was changed"),
    ("spans", {"spans": "[" * 100_000}, "spans", "did not arrive whole"),
    ("spans", {"spans": "{}"}, "spans", "did not arrive as a list"),
    ("spans", {"spans": "[1]"}, "spans", "A mark could not be read"),
    ("spans", {"spans": '[{"start": "1", "end": 2, "type": "wrong"}]'}, "spans", "A mark could not be read (start"),
    ("spans", {"spans": '[{"start": 2, "end": 2, "type": "wrong"}]'}, "spans", "is empty"),
    ("spans", {"spans": '[{"start": -1, "end": 2, "type": "wrong"}]'}, "spans", "greater than or equal to 0"),
    ("spans", {"spans": '[{"start": 0, "end": 99, "type": "wrong"}]'}, "spans", "the text has 22 characters"),
    ("spans", {"spans": '[{"start": 0, "end": 1, "type": "odd"}]'}, "spans", "'odd' is no type of mark here"),
    ("spans", {"spans": '[{"start": 0, "end": 1, "type": "rude", "x": 1}]'}, "spans", "A mark could not be read (x"),
    ("spans", {"spans": json.dumps(SPAN * 101)}, "spans", "101 marks are too many"),
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


@pytest.mark.parametrize(("kind", "form", "field", "message"), BAD)
def test_what_cannot_be_read_is_told_with_its_field(kind: str, form: dict[str, str], field: str, message: str) -> None:
    with pytest.raises(FormError) as caught:
        question(kind).read(form, shown(kind))
    assert caught.value.field == field
    assert message in str(caught.value)


def test_what_a_study_does_not_ask_is_refused() -> None:
    with pytest.raises(FormError, match="does not ask how much"):
        question("comparison", "").read({"preferred": "left", "strength": "0.5"}, shown("comparison"))
    with pytest.raises(FormError, match="Choose left or right"):
        question("comparison", "ties = false").read({"preferred": "tie"}, shown("comparison"))
    with pytest.raises(FormError, match="allows no ties"):
        question("ranking", "ties = false").read({"tiers": "2,0|1|3"}, shown("ranking"))


FIELDS = [
    *sorted({field for kind in KINDS.values() for field in kind.fields}),
    "declined",
    "reason",
]


@pytest.mark.parametrize("kind", list(KINDS))
@given(form=st.dictionaries(st.sampled_from(FIELDS), st.text()))
def test_whatever_is_sent_is_a_judgement_or_a_form_error(kind: str, form: dict[str, str]) -> None:
    about = shown(kind)
    try:
        judgement = question(kind).read(form, about)
    except FormError as error:
        field = error.field
    else:
        feedback = Feedback(
            evaluator="e", prompt="p", completions=tuple(completion.id for completion in about), judgement=judgement
        )
        field = "reason" if feedback.id.startswith("f-") else ""
    assert field in {*question(kind).fields, "reason"}


def test_every_judgement_but_declining_has_a_question() -> None:
    union, *_ = get_args(Judgement)
    assert {question.record for question in KINDS.values()} == {*get_args(union)} - {Declined}
    for kind, question_class in KINDS.items():
        assert question(kind).kind == kind == question_class.record.model_fields["kind"].default
        assert question_class.most is None or question_class.least <= question_class.most


def test_steps_are_the_lines_that_are_not_blank() -> None:
    assert StepsQuestion.steps(Completion(prompt="p-1", text=TEXT)) == ["a🙂c", "second step", "third"]


def test_an_answer_reads_the_same_in_any_order() -> None:
    written, other = ("a", "b"), ("b", "a")
    comparison, ranking = question("comparison"), question("ranking")
    left = Comparison(preferred="left", strength=0.5)
    assert comparison.reorder(left, written, written) == left
    assert comparison.reorder(left, written, other) == Comparison(preferred="right", strength=0.5)
    assert comparison.vote(left, written) == comparison.vote(comparison.reorder(left, written, other), other) == "a"
    tiers = Ranking(tiers=((2,), (0, 1)))
    assert ranking.reorder(tiers, ("a", "b", "c"), ("c", "b", "a")) == Ranking(tiers=((0,), (2, 1)))
    assert ranking.vote(tiers, ("a", "b", "c")) == ranking.vote(Ranking(tiers=((1,), (2, 0))), ("b", "c", "a"))
    assert ranking.agree(Ranking(tiers=((2,), (1, 0))), tiers)
    assert question("label").vote(Label(selected=(), options=("x",)), written) == "none of these"
    assert question("steps").vote(Steps(verdicts=("right", "wrong")), written) == "step 2 is wrong"


@pytest.mark.parametrize("kind", list(KINDS))
def test_declining_is_equal_to_no_answer(kind: str) -> None:
    question_of_kind, answer = question(kind), next(judgement for known, _, judgement in GOOD if known == kind)
    assert question_of_kind.vote(Declined(), ("a", "b", "c", "d")) is None
    assert question_of_kind.agree(Declined(), answer) is None
    assert question_of_kind.agree(answer, answer) in {True, None}
    assert question_of_kind.reorder(Declined(), ("a", "b"), ("b", "a")) == Declined()
    assert question_of_kind.describe(Declined(reason="too long")) == "not judged (too long)"


def test_marks_agree_where_each_finds_one_of_its_type() -> None:
    def marks(*spans: tuple[int, int, str]) -> Spans:
        return Spans(spans=tuple(Span(start=a, end=b, type=t) for a, b, t in spans))

    spans = question("spans")
    assert spans.agree(marks((0, 5, "x")), marks((3, 9, "x")))
    assert not spans.agree(marks((0, 5, "x")), marks((5, 9, "x")))
    assert not spans.agree(marks((0, 5, "x")), marks((3, 9, "y")))
    assert not spans.agree(marks(), marks((3, 9, "y")))
    assert spans.agree(marks(), marks())
    assert question("critique").agree(Critique(text="a"), Critique(text="a")) is None


ONE_ROW = {"start-0": "1", "end-0": "4", "type-0": "rude"}


@pytest.mark.parametrize(
    ("kind", "page", "field", "value"),
    [
        ("ranking", {"rank-0": "2", "rank-1": "1", "rank-2": "2"}, "tiers", "1|0,2"),
        ("ranking", {"rank-0": "", "rank-1": "1"}, "tiers", "1"),
        ("ranking", {"rank-0": "x"}, "tiers", ""),
        ("steps", {"step-0": "right", "step-2": "wrong"}, "verdicts", "right,,wrong"),
        ("spans", {**ONE_ROW, "note-0": " n "}, "spans", '[{"start": 1, "end": 4, "type": "rude", "note": "n"}]'),
        ("spans", {"start-0": "", "end-0": "", "type-0": "rude", "none": "1"}, "none", "1"),
        ("spans", {**ONE_ROW, "end-0": ""}, "spans", '[{"start": 1, "end": "", "type": "rude", "note": null}]'),
        ("comparison", {"preferred": "left", "seconds": "3"}, "preferred", "left"),
    ],
)
def test_the_fields_of_a_page_become_those_of_the_answer(
    kind: str, page: dict[str, str], field: str, value: str
) -> None:
    assert question(kind).answer_form(page) == {field: value}


@pytest.mark.parametrize(
    ("kind", "page"),
    [
        ("ranking", {"rank-0": "3", "rank-1": "1", "rank-2": "1"}),
        ("steps", {"step-0": "right", "step-1": "", "step-2": "unsure"}),
        ("spans", {**ONE_ROW, "note-0": "", "start-1": "7", "end-1": "9", "type-1": "wrong", "note-1": "n"}),
        ("critique", {"text": "a"}),
    ],
)
def test_a_draft_fills_the_page_again(kind: str, page: dict[str, str]) -> None:
    question_of_kind = question(kind)
    form = question_of_kind.answer_form(page)
    assert question_of_kind.answer_form(question_of_kind.page_form(form)) == form


@pytest.mark.parametrize(("kind", "field"), [("ranking", "tiers"), ("steps", "verdicts"), ("spans", "spans")])
@given(draft=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=30))
def test_a_draft_that_makes_no_sense_is_no_error(kind: str, field: str, draft: str) -> None:
    assert question(kind).page_form({field: draft}).items() >= {field: draft}.items()
