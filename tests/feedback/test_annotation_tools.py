"""Argilla's records and Label Studio's tasks: every kind of question, refused by name, written and read again."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from foreign_rows import changed, imported, refusal, round_trip, written
from hypothesis import given, settings
from hypothesis import strategies as st

from accord.feedback import ImportSettings, Ledger, export_feedback, open_feedback
from accord.feedback.formats import import_file
from accord.feedback.provenance import is_known, is_order_known
from accord.records import (
    Comparison,
    Correction,
    Critique,
    Declined,
    Demonstration,
    Evaluator,
    Label,
    Prompt,
    Ranking,
    Rating,
    Scale,
    Span,
    Spans,
)

FIVE = Scale(low=1, high=5)
PAIR: dict[str, Any] = {
    "id": "7",
    "status": "completed",
    "_server_id": "x",
    "prompt": "Is soup salty?",
    "response-1": "Yes.",
    "response-2": "No, sweet.",
    "preference.responses": ["response-2", "tie", "response-1"],
    "preference.responses.users": ["u-1", "u-2", "u-3"],
    "preference.responses.status": ["submitted", "submitted", "discarded"],
    "preference.suggestion": "response-1",
    "preference.suggestion.agent": "judge-9",
    "preference.suggestion.score": 0.9,
    "order.responses": [["response-2", "response-1"]],
    "order.responses.users": ["u-1"],
    "order.responses.status": ["submitted"],
}
ONE: dict[str, Any] = {
    "instruction": "Sum up.",
    "input": "Much was said.",
    "response": "Much was said by all.",
    "quality.responses": [4, 2],
    "quality.responses.users": ["u-1", "u-2"],
    "quality.responses.status": ["submitted", "draft"],
    "tone.responses": ["kind", "rude"],
    "tone.responses.users": ["u-1", "u-2"],
    "tone.responses.status": ["submitted", "submitted"],
    "topics.responses": [["a", "b"], []],
    "topics.responses.users": ["u-1", "u-2"],
    "topics.responses.status": ["submitted", "submitted"],
    "wrong.responses": [[{"label": "invented", "start": 14, "end": 20}]],
    "wrong.responses.users": ["u-1"],
    "wrong.responses.status": ["submitted"],
    "correction.responses": ["Much was said."],
    "correction.responses.users": ["u-1"],
    "correction.responses.status": ["submitted"],
    "rationale.responses": ["Who said it?\nWhen?"],
    "rationale.responses.users": [None],
    "rationale.responses.status": ["submitted"],
}


def test_argilla_prefers_one_of_two_answers_or_ranks_them(tmp_path: Path) -> None:
    got = imported(tmp_path, PAIR, expect="argilla")
    assert [(each.study, got.who(each).pseudonym, got.who(each).kind, each.judgement) for each in got.feedback] == [
        ("argilla.preference", "u-1", "person", Comparison(preferred="right")),
        ("argilla.preference", "u-2", "person", Comparison(preferred="tie")),
        ("argilla.preference", "judge-9", "model", Comparison(preferred="left")),
        ("argilla.order", "u-1", "person", Ranking(tiers=((1,), (0,)))),
    ]
    assert {tuple(got.texts(each)) for each in got.feedback} == {("Yes.", "No, sweet.")}
    assert not any(is_order_known(each) for each in got.feedback)


def test_argilla_asks_many_things_of_one_answer(tmp_path: Path) -> None:
    got = imported(tmp_path, ONE, settings=ImportSettings(scale=FIVE))
    assert [prompt.text for prompt in got.prompts] == ["Sum up.\n\nMuch was said."]
    assert [
        ((each.study or "").partition(".")[2], got.who(each).pseudonym, each.judgement) for each in got.feedback
    ] == [
        ("quality", "u-1", Rating(value=4, scale=FIVE)),
        ("tone", "u-1", Label(selected=("kind",), options=("kind", "rude"))),
        ("tone", "u-2", Label(selected=("rude",), options=("kind", "rude"))),
        ("topics", "u-1", Label(selected=("a", "b"), options=("a", "b"))),
        ("topics", "u-2", Label(selected=(), options=("a", "b"))),
        ("wrong", "u-1", Spans(spans=(Span(start=14, end=20, type="invented"),))),
        ("correction", "u-1", Correction(text="Much was said.")),
        ("rationale", "unknown", Critique(text="Who said it?\nWhen?")),
    ]
    assert "f.jsonl:1 quality.responses: the file does not say on which scale" in refusal(tmp_path, "argilla", ONE)


def test_a_text_without_an_answer_is_a_demonstration_and_ranks_may_be_stated(tmp_path: Path) -> None:
    written_answer = {"prompt": "Say hi.", "demonstration.responses": ["Hi!"], "demonstration.responses.users": ["u-1"]}
    ranked = {
        **{name: PAIR[name] for name in ("prompt", "response-1", "response-2")},
        "r.responses": [[{"value": "response-1", "rank": 1}, {"value": "response-2", "rank": 1}]],
    }
    got = imported(tmp_path, written_answer, ranked)
    assert [each.judgement for each in got.feedback] == [Demonstration(text="Hi!"), Ranking(tiers=((0, 1),))]


def test_texts_that_are_empty_or_look_like_json_are_texts(tmp_path: Path) -> None:
    row = {"prompt": "[1, 2]", "response_1": '{"a": 1}', "response_2": "", "best.responses": ["response_2"]}
    got = imported(tmp_path, row)
    (said,) = got.feedback
    assert (got.prompts[0].text, got.texts(said)) == ("[1, 2]", ['{"a": 1}', ""])
    assert said.judgement == Comparison(preferred="right")


def test_of_several_answers_one_is_judged_by_the_end_of_the_question_s_name(tmp_path: Path) -> None:
    row = {
        "prompt": "p",
        "answer1": "a",
        "answer2": "b",
        "critique.responses": ["Shorter."],
        "mood_1.responses": ["both"],
    }
    got = imported(tmp_path, row | {"critique_2.responses": ["Wordy."]})
    assert [(got.texts(each), each.judgement) for each in got.feedback] == [
        (["a"], Label(selected=("both",), options=("both",))),
        (["b"], Critique(text="Wordy.")),
    ]
    same = {"prompt": "p", "answer1": "a", "answer2": "a", "best.responses": ["answer1"]}
    assert "best.responses: the two answers are the same" in refusal(tmp_path, "argilla", same)


def test_a_question_s_name_makes_no_text_of_a_label(tmp_path: Path) -> None:
    def asked(name: str, *values: str) -> dict[str, Any]:
        return {"prompt": "2+2?", "response": "4", f"{name}.responses": list(values)}

    def read(*rows: dict[str, Any], options: tuple[str, ...] = ()) -> list[Any]:
        return [each.judgement for each in imported(tmp_path, *rows, settings=ImportSettings(options=options)).feedback]

    named = ("correctness", "is_correct", "credit")
    assert read(*(asked(name, "yes") for name in named)) == [Label(selected=("yes",), options=("yes",))] * len(named)
    stated = [Label(selected=("good",), options=("bad", "good")), Critique(text="It is wrong.")]
    assert read(asked("feedback", "good"), options=("bad", "good")) == stated[:1]
    assert read(asked("feedback", "good") | {"feedback.options": ["bad", "good"]}) == stated[:1]
    message = refusal(tmp_path, "argilla", asked("feedback_1", "good"))
    assert "'good' may be a label or a critique; say which: --options" in message
    assert "--map critique_1.responses=feedback_1.responses (and so .users and .status)" in message
    users = asked("feedback", "It is wrong.") | {"feedback.responses.users": ["u-1"]}
    columns = {f"critique.responses{end}": f"feedback.responses{end}" for end in ("", ".users")}
    (critique,) = imported(tmp_path, users, settings=ImportSettings(columns=columns)).feedback
    assert critique.judgement == stated[1]
    alone = ImportSettings(columns={"critique.responses": columns["critique.responses"]})
    assert "feedback.responses.users: there is no feedback.resp" in refusal(tmp_path, "argilla", users, settings=alone)


def test_a_short_text_under_a_name_of_its_own_comes_back_as_a_text(tmp_path: Path) -> None:
    row = {"prompt": "2+2?", "response": "4", "note.responses": ["ok"], "note.type": "text"}
    trip = round_trip(tmp_path, "argilla", row)
    assert (trip.same, trip.lost, trip.first[0].judgement) == (True, {}, Critique(text="ok"))


def test_what_answers_say_is_no_name_of_theirs(tmp_path: Path) -> None:
    def task(left: str, right: str, kind: str, value: dict[str, Any]) -> dict[str, Any]:
        result = {"from_name": "q", "to_name": "a", "type": kind, "value": value}
        data = {"prompt": "Which side?", "answer1": left, "answer2": right}
        return {"data": data, "annotations": [{"result": [result]}]}

    turned = task("right", "left", "pairwise", {"selected": "left"})
    assert [each.judgement for each in imported(tmp_path, turned).feedback] == [Comparison(preferred="left")]
    harmful = task("Yes", "No", "choices", {"choices": ["No"]})
    assert "about which answer is 'q'?" in refusal(tmp_path, "label_studio", harmful)


def test_a_remark_about_no_answer_is_counted_and_no_demonstration(tmp_path: Path) -> None:
    result = {"from_name": "feedback", "to_name": "p", "type": "textarea", "value": {"text": ["Unclear."]}}
    for row in (
        {"data": {"prompt": "2+2?"}, "annotations": [{"result": [result]}]},
        {"prompt": "2+2?", "critique.responses": ["Unclear."]},
    ):
        file = open_feedback(written(tmp_path, row))
        for _ in range(2):
            assert [type(record) for record in file.records()] == [Prompt]
            assert file.columns.unread == ["1 remarks about no one answer"]


def test_options_that_the_user_states_are_those_of_every_label(tmp_path: Path) -> None:
    row = {name: value for name, value in ONE.items() if name.partition(".")[0] in {"instruction", "response", "tone"}}
    settings = ImportSettings(options=("kind", "plain", "rude"))
    assert {each.judgement for each in imported(tmp_path, row, settings=settings).feedback} == {
        Label(selected=(name,), options=("kind", "plain", "rude")) for name in ("kind", "rude")
    }


TASK: dict[str, Any] = {
    "id": 1,
    "project": 83,
    "created_at": "2026-05-01T09:00:00Z",
    "updated_at": "2026-05-01T09:10:00Z",
    "data": {"prompt": "Is soup salty?", "answer_b": "No, sweet.", "answer_a": "Yes."},
    "annotations": [
        {
            "id": 1001,
            "completed_by": {"id": 10, "email": "bo@example.org"},
            "created_at": "2026-05-01T09:05:00.5Z",
            "lead_time": 4.288,
            "was_cancelled": False,
            "ground_truth": False,
            "result": [
                {"from_name": "pw", "to_name": "t1,t2", "type": "pairwise", "value": {"selected": "left"}},
                {"from_name": "rank", "to_name": "l", "type": "ranker", "value": {"ranker": ["answer_b", "answer_a"]}},
                {"from_name": "tone", "to_name": "answer_a", "type": "rating", "value": {"rating": 3}},
            ],
        },
        {"completed_by": "bo@example.org", "was_cancelled": True, "result": []},
    ],
    "predictions": [
        {
            "model_version": "m-2",
            "score": 0.9,
            "result": [{"from_name": "pw", "to_name": "t1,t2", "type": "choices", "value": {"choices": ["tie"]}}],
        }
    ],
}
TEXT: dict[str, Any] = {
    "data": {"question": "Sum up.", "text": "Much was said by all."},
    "annotations": [
        {
            "completed_by": 3,
            "ground_truth": ground_truth,
            "result": [
                {
                    "from_name": "marks",
                    "to_name": "text",
                    "type": "labels",
                    "value": {"start": start, "end": end, "text": text, "labels": ["invented"]},
                }
                for start, end, text in ((14, 20, "by all"), (0, 4, "Much"))
            ]
            + [
                {"from_name": "tone", "to_name": "text", "type": "choices", "value": {"choices": [tone]}},
                {"from_name": "note", "to_name": "text", "type": "textarea", "value": {"text": ["Who?", "When?"]}},
                {"from_name": "better", "to_name": "text", "type": "textarea", "value": {"text": "Much was said."}},
            ],
        }
        for tone, ground_truth in (("kind", True), ("rude", False))
    ],
}


def test_label_studio_compares_in_the_order_shown(tmp_path: Path) -> None:
    got = imported(tmp_path, TASK, settings=ImportSettings(scale=FIVE))
    compared, ranked, rated, declined, predicted = got.feedback
    assert compared.judgement == Comparison(preferred="left")
    assert (got.texts(compared), is_order_known(compared)) == (["Yes.", "No, sweet."], True)
    assert (compared.seconds, compared.time) == (4.288, datetime(2026, 5, 1, 9, 5, 0, 500_000, tzinfo=UTC))
    assert (got.who(compared).pseudonym, compared.study) == ("10", "label_studio.pw")
    assert ranked.judgement == Ranking(tiers=((1,), (0,)))
    assert (rated.judgement, got.texts(rated)) == (Rating(value=3, scale=FIVE), ["Yes."])
    assert (declined.judgement, len(declined.completions)) == (Declined(), 2)
    assert "@" not in got.who(declined).pseudonym
    assert (predicted.judgement, got.who(predicted).kind) == (Comparison(preferred="tie"), "model")
    assert got.who(predicted).pseudonym == "m-2"


def test_label_studio_marks_chooses_and_writes(tmp_path: Path) -> None:
    got = imported(tmp_path, TEXT, expect="label_studio")
    known = [each for each in got.feedback if each.gold is None]
    spans = Spans(spans=(Span(start=14, end=20, type="invented"), Span(start=0, end=4, type="invented")))
    assert [each.judgement for each in known] == [
        spans,
        Label(selected=("kind",), options=("kind", "rude")),
        Critique(text="Who?"),
        Critique(text="When?"),
        Correction(text="Much was said."),
    ]
    controlled = {each.judgement.kind: each.gold for each in got.feedback if each.gold is not None}
    assert controlled["label"] == Label(selected=("kind",), options=("kind", "rude"))


def test_answers_in_buckets_are_labelled(tmp_path: Path) -> None:
    items = [{"id": "x", "title": "one", "body": "First."}, {"id": "y", "title": "two", "body": "Second."}]
    result = {"from_name": "r", "type": "ranker", "value": {"ranker": {"best": ["y"], "ads": ["x"], "_": []}}}
    row = {"data": {"query": "Find.", "items": items}, "annotations": [{"result": [result]}]}
    got = imported(tmp_path, row)
    assert {got.texts(each)[0]: each.judgement for each in got.feedback} == {
        "Second.": Label(selected=("best",), options=("best", "ads")),
        "First.": Label(selected=("ads",), options=("best", "ads")),
    }
    assert not any(is_known(got.who(each)) for each in got.feedback)
    ranked = changed(row, "annotations/0/result/0/value/ranker", {"r": ["y", "x"]})
    assert [each.judgement for each in imported(tmp_path, ranked).feedback] == [Ranking(tiers=((1,), (0,)))]


@pytest.mark.parametrize(
    ("name", "row", "path", "value", "message"),
    [
        ("argilla", PAIR, "preference.responses", "x", "f.jsonl:1 preference.responses: expected a list"),
        ("argilla", PAIR, "preference.responses.users", ["u-1"], "responses.users: 1, but there are 3 responses"),
        ("argilla", PAIR, "preference.responses.users/1", ["x"], "preference.responses.users.1: expected a name"),
        ("argilla", PAIR, "preference.responses/0", "", "preference.responses: expected the name of what was chosen"),
        ("argilla", PAIR, "preference.responses/0", "great", "about which answer is 'preference'? Its name should"),
        ("argilla", PAIR, "order.responses/0", [{"value": "response-3", "rank": 1}], "'response-3' is none of the"),
        ("argilla", PAIR, "order.responses/0", [{"value": "response-1", "rank": 1}], "expected each of response-1"),
        ("argilla", PAIR, "prompt", None, "f.jsonl:1: no field is the prompt (there are: "),
        ("argilla", ONE, "wrong.responses/0/0/end", 99, "f.jsonl:1 wrong.responses.0 end: [14, 99) is no stretch"),
        ("argilla", ONE, "wrong.responses/0/0/label", None, "f.jsonl:1 wrong.responses.0 label: null"),
        ("argilla", ONE, "quality.responses/0", 7, "f.jsonl:1 quality.responses: 7 is not on the scale 1..5"),
        ("argilla", ONE, "quality.responses/0", True, "f.jsonl:1 quality.responses: expected a number, not True"),
        ("label_studio", TASK, "annotations", "x", "f.jsonl:1 annotations: expected a list"),
        ("label_studio", TASK, "annotations/0/result/0/type", "rectanglelabels", "type: 'rectanglelabels' is not read"),
        ("label_studio", TASK, "annotations/0/result/0/value", None, "annotations.0 result.0 value: null"),
        ("label_studio", TASK, "annotations/0/result/0/value/selected", "both", "value selected: 'both' of 2 answers"),
        ("label_studio", TASK, "annotations/0/result/2/value/rating", 9, "value rating: 9 is not on the scale 1..5"),
        ("label_studio", TASK, "annotations/0/result/1/value/ranker", ["answer_b"], "ranker: expected each of"),
        ("label_studio", TASK, "annotations/0/created_at", "noon", "annotations.0 created_at: expected a time"),
        ("label_studio", TASK, "annotations/0/lead_time", -1, "f.jsonl:1 seconds: "),
        ("label_studio", TASK, "annotations/0/completed_by", ["x"], "annotations.0 completed_by: expected a name"),
        ("label_studio", TASK, "annotations/0/was_cancelled", "perhaps", "was_cancelled: expected true or false"),
        ("label_studio", TASK, "data", [], "f.jsonl:1 data: expected names and values"),
        (
            "label_studio",
            TEXT,
            "annotations/0/result/0/value/text",
            "by",
            "value text: 'by', but there stands 'by all'",
        ),
        ("label_studio", TEXT, "annotations/0/result/0/value/start", None, "value start: null"),
    ],
)
def test_a_malformed_field_is_named(
    tmp_path: Path, name: str, row: dict[str, Any], path: str, value: Any, message: str
) -> None:
    settings = ImportSettings(format=name, scale=FIVE)
    assert message in refusal(tmp_path, name, changed(row, path, value), settings=settings)


short = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=6)
users = st.none() | short
fields = st.fixed_dictionaries(
    {"prompt": short, "answers": st.lists(short, min_size=1, max_size=3, unique=True)},
)


@st.composite
def questions(draw: st.DrawFn, answers: list[str]) -> list[tuple[str, str, Any]]:
    """Questions with their type in Label Studio, and an answer each."""
    names = ["response"] if len(answers) == 1 else [f"response_{number}" for number in range(1, len(answers) + 1)]
    choices: list[tuple[str, str, st.SearchStrategy[Any]]] = []
    if len(answers) > 1:
        choices += [("order", "ranker", st.permutations(names))]
    if len(answers) == 2:
        choices += [("better_one", "pairwise", st.sampled_from([*names, "tie"]))]
    if len(answers) == 1:
        start = draw(st.integers(0, len(answers[0]) - 1))
        mark = {"label": "bad", "start": start, "end": draw(st.integers(start + 1, len(answers[0])))}
        choices += [
            ("quality", "rating", st.integers(1, 5)),
            ("tags", "choices", st.lists(st.sampled_from(["x", "y", "z"]), min_size=1, unique=True)),
            ("marks", "labels", st.just([mark])),
            ("critique", "textarea", short),
            ("correction", "textarea", short),
        ]
    return [(name, kind, draw(strategy)) for name, kind, strategy in choices]


@st.composite
def argilla_rows(draw: st.DrawFn) -> dict[str, Any]:
    item = draw(fields)
    answers = item["answers"]
    row = {"prompt": item["prompt"]}
    row |= {"response": answers[0]} if len(answers) == 1 else {f"response_{n}": a for n, a in enumerate(answers, 1)}
    for name, _, value in draw(questions(answers)):
        people = draw(st.lists(users, max_size=2, unique=True))
        row |= {f"{name}.responses": [value] * len(people), f"{name}.responses.users": people}
        row |= {f"{name}.responses.status": ["submitted"] * len(people)}
        if draw(st.booleans()):
            row |= {f"{name}.suggestion": value, f"{name}.suggestion.agent": draw(users)}
    return row


@st.composite
def tasks(draw: st.DrawFn) -> dict[str, Any]:
    item = draw(fields)
    answers = item["answers"]
    data = {"prompt": item["prompt"]}
    data |= {"response": answers[0]} if len(answers) == 1 else {f"response_{n}": a for n, a in enumerate(answers, 1)}

    def results() -> list[dict[str, Any]]:
        found = []
        for name, kind, value in draw(questions(answers)):
            if kind == "pairwise" and value == "tie":
                kind, value = "choices", ["tie"]
            elif kind == "pairwise":
                value = {"selected": "left" if value == "response_1" else "right"}
            elif kind == "labels":
                value = {**value[0], "labels": [value[0]["label"]]}
                value.pop("label")
            keyed = {"textarea": "text"}.get(kind, kind)
            value = value if isinstance(value, dict) else {keyed: value}
            found.append({"from_name": name, "to_name": "x", "type": kind, "value": value})
        return found

    annotation = st.fixed_dictionaries(
        {
            "completed_by": st.none() | st.integers(0, 99) | short,
            "created_at": st.none() | st.just("2026-05-01T09:05:00+02:00"),
            "lead_time": st.none() | st.floats(0, 100),
            "was_cancelled": st.booleans(),
            "ground_truth": st.booleans(),
        }
    )
    return {
        "data": data,
        "annotations": [draw(annotation) | {"result": results()} for _ in range(draw(st.integers(0, 3)))],
        "predictions": [{"model_version": draw(users), "result": results()} for _ in range(draw(st.integers(0, 1)))],
    }


@settings(max_examples=7)
@given(st.lists(argilla_rows(), min_size=1, max_size=3), st.lists(tasks(), min_size=1, max_size=3))
def test_every_kind_comes_back_under_the_same_ids(argilla: list[Any], label_studio: list[Any]) -> None:
    for name, rows in (("argilla", argilla), ("label_studio", label_studio)):
        with tempfile.TemporaryDirectory() as folder:
            trip = round_trip(Path(folder), name, *rows, settings=ImportSettings(format=name, scale=FIVE))
            assert trip.same, (rows, trip.rows)
            assert trip.lost == {}


@pytest.mark.parametrize("form", ["argilla", "label_studio"])
def test_people_of_two_pools_are_told_apart_and_their_pools_counted(tmp_path: Path, form: str) -> None:
    rows = [{"prompt": "q", "completion": "a", "rating": 4, "evaluator": "w1", "pool": pool} for pool in ("x", "y")]
    stated, path = ImportSettings(scale=FIVE), tmp_path / "again.jsonl"
    with Ledger(tmp_path / "l.db") as ledger:
        table = ImportSettings(scale=FIVE, format="table")
        import_file(open_feedback(written(tmp_path, *rows), table), ledger)
        assert export_feedback(ledger, path, form).lost == {"pool": 2, "study": 2}
    records = list(open_feedback(path, stated).records())
    assert {record.pseudonym for record in records if isinstance(record, Evaluator)} == {"x/w1", "y/w1"}


def test_who_annotated_goes_before_whom_the_row_names(tmp_path: Path) -> None:
    row = {"evaluator": "requester", "pool": "p", "evaluator_kind": "model"}
    got = imported(tmp_path, PAIR | row)
    assert [got.who(each).pseudonym for each in got.feedback] == ["u-1", "u-2", "judge-9", "u-1"]
    got = imported(tmp_path, TASK | row, settings=ImportSettings(scale=FIVE))
    assert [got.who(each).kind for each in got.feedback] == ["person"] * 4 + ["model"]
    assert "requester" not in {got.who(each).pseudonym for each in got.feedback}
    nobody = {"prompt": "2+2?", "response": "4", "tone.responses": ["kind"]}
    got = imported(tmp_path, nobody | row)
    assert [got.who(each).pseudonym for each in got.feedback] == ["requester"]
