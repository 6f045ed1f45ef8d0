"""Answers in plain text: every judgement of a kind can be written so and is read back, and nothing else is read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from small_studies import KINDS

from accord.collect import Question, Study
from accord.collect.study.reply_text import letters
from accord.errors import FormError
from accord.records import Completion, Judgement, Prompt, Span, Spans

JUDGEMENT: TypeAdapter[Judgement] = TypeAdapter(Judgement)
PROMPT = Prompt.ask("What?")


def question(kind: str, more: str = "") -> Question:
    body = KINDS[kind]["toml"]
    return Study.parse(f'name = "s"\ntitle = "s"\n[[questions]]\nkind = "{kind}"\n{more}\n{body}').question


def shown(kind: str) -> tuple[Completion, ...]:
    texts = KINDS[kind]["items"][0].get("completions", [])
    return tuple(Completion(prompt=PROMPT.id, text=text) for text in texts)


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_is_answered_in_plain_text(kind: str) -> None:
    asks, completions = question(kind), shown(kind) if kind != "demonstration" else ()
    gold = JUDGEMENT.validate_json(json.dumps(KINDS[kind]["gold"]))
    assert asks.reply_rules(completions)
    reply = asks.reply_of(gold, completions)
    assert asks.read(asks.reply_form(reply, completions), completions) == gold


@pytest.mark.parametrize(
    ("kind", "replies"),
    [
        ("comparison", {"A": "left", " b ": "right", "**B**": "right", "Tie": "tie", "A 0.4": "left"}),
        ("ranking", {"B > A = C>d": "1|0,2|3", "`D > C > B > A`": "3|2|1|0"}),
        ("rating", {"7": "7.0", "**3**": "3.0"}),
        ("label", {"wrong, too long": "wrong,too long", "None of these": "1", "*rude*": "rude"}),
        ("steps", {"Right, right, WRONG, unsure": "right,right,wrong,unsure"}),
    ],
)
def test_what_is_read(kind: str, replies: dict[str, str]) -> None:
    asks, completions = question(kind), shown(kind)
    for reply, value in replies.items():
        judgement = asks.read(asks.reply_form(reply, completions), completions)
        assert next(iter(asks.to_form(judgement).values())) == value


@pytest.mark.parametrize(
    ("kind", "replies"),
    [
        (
            "comparison",
            "|**|` `|*** ***|Neither|Both|A 2|"
            "A or B|A and B|C|A 0.4 0.5|left|1|A\nB|La réponse A|両方|A,|[A]|tie 0.5 x",
        ),
        ("ranking", "|**|A|A > B > C|A > B > C > C|A > B > C > E|A, B, C, D|A > B > C > D >|A = B"),
        ("rating", "|**|8|0|five|5/7|4.5|5 of 7|nan|inf|3\n4|five (5)"),
        ("label", "|**|bad|wrong; rude|wrong, none of these|wrong,,bad|['wrong']"),
        ("steps", "|**|right|right,right,right|right,right,wrong,maybe|1: right|right right wrong wrong"),
        (
            "spans",
            "|**|none|{}|[1]|"
            '[{"type": "wrong", "quote": "1968",}]|[{"type": "wrong", "quote": "1970"}]|'
            '[{"type": "odd", "quote": "1968"}]|[{"type": "wrong", "quote": ""}]|[{"type": "wrong", "quote": "o"}]|'
            '[{"type": "wrong", "quote": "1968", "occurrence": 2}]|[{"type": "wrong", "quote": "1968", "start": 1}]|'
            '```json\n[{"type": "wrong", "quote": "1968"}]\n```',
        ),
        ("correction", "|  "),
        ("critique", "|QUOTE: nowhere\nIt is wrong.|QUOTE: o\nWhich?|QUOTE: wash"),
        ("demonstration", "| "),
    ],
)
def test_what_is_not(kind: str, replies: str) -> None:
    asks, completions = question(kind), shown(kind) if kind != "demonstration" else ()
    for reply in replies.split("|"):
        with pytest.raises(FormError):
            asks.read(asks.reply_form(reply, completions), completions)


@pytest.mark.parametrize("kind", ["correction", "critique", "demonstration"])
def test_a_text_of_signs_alone_is_a_text(kind: str) -> None:
    asks, completions = question(kind), shown(kind) if kind != "demonstration" else ()
    assert asks.read(asks.reply_form("**", completions), completions).text == "**"  # type: ignore[union-attr]


def test_what_a_study_does_not_offer_is_not_read() -> None:
    plain = Study.parse(
        'name = "s"\ntitle = "s"\n[[questions]]\nkind = "comparison"\ntext = "?"\nties = false'
    ).question
    completions = shown("comparison")
    assert "tie" not in (plain.reply_rules(completions) or "")
    for reply in ("tie", "A 0.4"):
        with pytest.raises(FormError):
            plain.read(plain.reply_form(reply, completions), completions)


def test_a_correction_changes_something_or_says_that_it_does_not() -> None:
    asks = question("correction")
    (completion,) = (Completion(prompt=PROMPT.id, text="It is.\n"),)
    with pytest.raises(FormError, match="Nothing was changed"):
        asks.read(asks.reply_form("It is.", [completion]), [completion])
    unchanged: Any = asks.read(asks.reply_form("UNCHANGED", [completion]), [completion])
    assert unchanged.text == "It is.\n"


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 6)), max_size=6), st.text("ab \n", min_size=40))
def test_stretches_are_found_again_by_their_words(places: list[tuple[int, int]], text: str) -> None:
    completion = Completion(prompt=PROMPT.id, text=text)
    spans = Spans(spans=tuple(Span(start=start, end=start + length, type="wrong") for start, length in places))
    asks = question("spans")
    assert asks.read(asks.reply_form(asks.reply_of(spans, [completion]), [completion]), [completion]) == spans


def test_any_number_of_completions_has_letters() -> None:
    names = letters(100)
    assert names[:3] == ["A", "B", "C"]
    assert (names[25], names[26], names[52]) == ("Z", "AA", "BA")
    assert len(set(names)) == 100
