"""Records: names that stay, strictness, and messages that say where and what."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from accord.errors import RecordError
from accord.records import (
    Comparison,
    Completion,
    Declined,
    Evaluator,
    Feedback,
    Label,
    Pair,
    Prompt,
    Ranking,
    Rating,
    Record,
    Sample,
    Sampling,
    Scale,
    parse,
)

TEXTS = st.text(max_size=30)
NAMES = st.text(min_size=1, max_size=12)
PROMPTS = st.builds(Prompt.ask, TEXTS, system=st.none() | TEXTS, source=st.none() | NAMES)
COMPLETIONS = st.builds(
    Completion,
    prompt=NAMES,
    text=TEXTS,
    token_ids=st.none() | st.lists(st.integers(0, 99), max_size=5).map(tuple),
    sampling=st.none() | st.builds(Sampling, temperature=st.floats(0, 2), seed=st.none() | st.integers(0, 99)),
)
COMPARED = st.builds(
    Feedback,
    evaluator=NAMES,
    prompt=NAMES,
    completions=st.tuples(NAMES, NAMES),
    judgement=st.builds(
        Comparison, preferred=st.sampled_from(["left", "right", "tie"]), strength=st.none() | st.floats(0, 1)
    ),
    time=st.none() | st.datetimes(timezones=st.timezones()),
    seconds=st.none() | st.floats(0, 1e6),
)
RATED = st.builds(
    Feedback,
    evaluator=NAMES,
    prompt=NAMES,
    completions=st.tuples(NAMES),
    judgement=st.builds(Rating, value=st.floats(1, 5), scale=st.just(Scale(low=1, high=5))),
)


@given(PROMPTS | COMPLETIONS | COMPARED | RATED | st.builds(Evaluator, kind=st.just("person"), pseudonym=NAMES))
def test_a_record_survives_json_under_the_same_name(record: Prompt | Completion | Feedback | Evaluator) -> None:
    again = parse(type(record), record.model_dump_json())
    assert again == record
    assert again.id == record.id
    assert parse(type(record), record.model_dump_json(exclude_none=True)).id == record.id


def test_ids_are_those_of_the_first_version() -> None:
    """Written down: a change of the schema must not rename what is already stored."""
    assert Prompt.ask("Write.").id == "p-1ebeb7f970c450a7a3e3"
    assert Completion(prompt="p-1", text="é").id == "c-f4e1d38f538b3d35b824"
    judged = Feedback(
        evaluator="e-1",
        prompt="p-1",
        completions=("c-1", "c-2"),
        judgement=Comparison(preferred="left"),
        time=datetime(2026, 1, 2, tzinfo=UTC),
    )
    assert judged.id == "f-8fcb1c475221320bf3a0"


LABEL = Label(selected=("short",), options=("short", "false"))
RENAMED = [
    (
        Evaluator(kind="person", pseudonym="anna", recruitment="by letter", payment="paid", training="none"),
        {"recruited": "recruitment", "paid": "payment", "trained": "training"},
    ),
    (Evaluator(kind="person", pseudonym="place 1", inferred=True), {"derived": "inferred"}),
    (
        Feedback(
            evaluator="e-1",
            prompt="p-1",
            completions=("c-1",),
            judgement=LABEL,
            gold=LABEL,
            shown_digest="sh-1",
            available_digest="av-1",
            position_in_session=0,
        ),
        {
            "shown": "shown_digest",
            "available": "available_digest",
            "place_in_session": "position_in_session",
            "chosen": "selected",
            "offered": "options",
        },
    ),
    (
        Pair(prompt="p-1", chosen="c-1", rejected="c-2", session="s-1", feedback_ids=("f-1",)),
        {"batch": "session", "because": "feedback_ids"},
    ),
]


@pytest.mark.parametrize(("record", "names"), RENAMED)
def test_a_renamed_field_is_read_by_both_names(record: Record | Pair, names: dict[str, str]) -> None:
    new = record.model_dump_json(exclude_none=True)
    old = record.model_dump_json(exclude_none=True, by_alias=True)
    for first, renamed in names.items():
        assert f'"{renamed}"' in new
        assert f'"{renamed}"' not in old
        assert f'"{first}"' in old
    assert parse(type(record), new) == parse(type(record), old) == record
    if isinstance(record, Record):
        assert parse(type(record), new).canonical() == record.canonical()
        assert set(json.loads(record.canonical())) == set(json.loads(old))


def test_a_field_by_both_names_at_once_is_refused() -> None:
    with pytest.raises(RecordError, match=r"f:1 .*Extra inputs"):
        parse(Evaluator, '{"kind":"person","pseudonym":"a","paid":"1 EUR","payment":"2 EUR"}', place="f:1")


def test_an_error_in_an_old_spelling_names_the_field() -> None:
    with pytest.raises(RecordError, match=r"^f:1 inferred: "):
        parse(Evaluator, '{"kind":"person","pseudonym":"a","derived":"yes"}', place="f:1")


def test_ids_differ_with_content_and_kind() -> None:
    assert Prompt.ask("a").id != Prompt.ask("b").id
    assert Prompt.ask("a").id != Prompt.ask("a", source="x").id
    assert Completion(prompt="p", text="a").id != Completion(prompt="q", text="a").id


def test_a_changed_copy_has_its_own_id() -> None:
    first = Prompt.ask("a")
    name = first.id
    assert first.model_copy(update={"source": "x"}).id == Prompt.ask("a", source="x").id
    assert first.model_copy().id == name


def test_an_ambiguous_hour_is_kept_by_its_offset() -> None:
    """The clock in Auckland showed half past two twice that night; the instant that was meant survives."""
    told = datetime(2000, 3, 19, 2, 30, tzinfo=ZoneInfo("Pacific/Auckland"), fold=1)
    judged = Feedback(evaluator="e", prompt="p", completions=(), judgement=Declined(), time=told)
    assert judged.time == datetime(2000, 3, 18, 14, 30, tzinfo=UTC)
    assert parse(Feedback, judged.model_dump_json()) == judged


def test_half_a_character_is_refused() -> None:
    with pytest.raises((RecordError, ValidationError), match="surrogate"):
        _ = Prompt.ask("\ud800").id


HEAD = '"evaluator":"e","prompt":"p"'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{%s,"completions":["a","b"],"judgement":{"kind":"comparison","preferred":"lft"}}',
            "f.jsonl:17 judgement.preferred: 'lft' is not one of left, right, tie",
        ),
        (
            '{%s,"completions":["a"],"judgement":{"kind":"rating","value":"3","scale":{"low":1,"high":5}}}',
            "f.jsonl:17 judgement.value: Input should be a valid number, not '3'",
        ),
        (
            '{%s,"completions":["a"],"judgement":{"kind":"rating","value":9,"scale":{"low":1,"high":5}}}',
            "f.jsonl:17 judgement: 9.0 is not on the scale 1.0..5.0",
        ),
        (
            '{%s,"completions":["a"],"judgement":{"kind":"ratng","value":3}}',
            "f.jsonl:17 judgement.kind: 'ratng' is not one of comparison, ranking, rating",
        ),
        ('{%s,"completions":["a"],"judgement":{"value":3}}', "f.jsonl:17 judgement.kind: Field required"),
        (
            '{%s,"completions":["a"],"judgement":{"kind":"comparison","preferred":"left"}}',
            "f.jsonl:17: a comparison is about 2 completions, not 1",
        ),
        (
            '{%s,"completions":[],"judgement":{"kind":"declined"},"time":"2026-01-01T00:00:00"}',
            "f.jsonl:17 time: Input should have timezone info",
        ),
        ('{%s,"completions":[],"judgement":{"kind":"declined"},"secnds":3}', "f.jsonl:17 secnds: Extra inputs"),
        ('{%s,"completions":[],"judgement":{"kind":"declined"},"seconds":NaN}', "f.jsonl:17 seconds: "),
        ('{%s,"judgement":{"kind":"declined"}}', "f.jsonl:17 completions: Field required"),
        ("{%s", "f.jsonl:17: Invalid JSON"),
        ("[%s]", "f.jsonl:17: Invalid JSON"),
    ],
)
def test_a_malformed_line_is_told_by_place_field_and_expectation(line: str, message: str) -> None:
    with pytest.raises(RecordError) as caught:
        parse(Feedback, line.replace("%s", HEAD), place="f.jsonl:17")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2


def test_several_problems_are_counted() -> None:
    with pytest.raises(RecordError, match=r"^source: Input should be a valid string, not 3 \(and 1 more\)"):
        parse(Prompt, '{"messages":[{"role":"user","content":"a"}],"source":3,"x":1}')


def test_records_are_frozen_and_refuse_what_they_do_not_know() -> None:
    prompt = Prompt.ask("a")
    with pytest.raises(ValidationError):
        prompt.source = "x"
    with pytest.raises(ValidationError):
        Prompt(messages=prompt.messages, sorce="x")
    with pytest.raises(ValidationError):
        Sampling(max_tokens="3")


@pytest.mark.parametrize("tiers", [((0,), (0,)), ((1,), (2,)), ((0, 2),)])
def test_a_ranking_names_each_place_once(tiers: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ValidationError, match="name each of the places"):
        Ranking(tiers=tiers)


def test_declined_may_be_about_any_number() -> None:
    for completions in ((), ("a",), ("a", "b", "c")):
        Feedback(evaluator="e", prompt="p", completions=completions, judgement=Declined())


def test_a_sample_has_a_probability_for_each_token() -> None:
    with pytest.raises(ValidationError, match="2 token ids but 1 log-prob"):
        Sample(token_ids=(1, 2), logprobs=(-1.0,), finish_reason="eos")
