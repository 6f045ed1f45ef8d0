"""Verdicts on steps: PRM800K and TRL's stepwise rows, read, refused by name, written and read again."""

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from foreign_rows import MISSING, changed, imported, refusal, round_trip, written
from hypothesis import given, settings
from hypothesis import strategies as st

from accord.feedback import ImportSettings, Ledger, export_feedback, open_feedback
from accord.feedback.formats import import_file
from accord.records import Completion, Declined, Evaluator, Feedback, Prompt, Steps


def step(*candidates: tuple[str, int | None], chosen: int | None = 0, human: Any = None) -> dict[str, Any]:
    return {
        "completions": [{"text": text, "rating": rating, "flagged": None} for text, rating in candidates],
        "human_completion": human,
        "chosen_completion": chosen,
    }


def solution(*steps: dict[str, Any], reason: str | None = "solution") -> dict[str, Any]:
    return {
        "labeler": "340d89bc",
        "timestamp": "2023-01-22T04:34:27.052924",
        "generation": 9,
        "is_quality_control_question": False,
        "is_initial_screening_question": False,
        "question": {"problem": "What is 2 + 3?", "ground_truth_answer": "5"},
        "label": {"steps": list(steps), "total_time": 278270, "finish_reason": reason},
    }


def test_each_candidate_is_an_answer_behind_the_steps_before_it(tmp_path: Path) -> None:
    row = solution(
        step(("We add.", 0)),
        step(("2 + 3 = 6.", -1), ("2 + 3 = 5.", 1), chosen=1),
        step(("So 7.", -1), chosen=None, human={"text": "So 5.", "rating": None, "source": "human"}),
    )
    got = imported(tmp_path, row, expect="prm800k")
    assert {got.texts(each)[0]: each.judgement for each in got.feedback} == {
        "We add.\n2 + 3 = 6.": Steps(verdicts=("unsure", "wrong")),
        "We add.\n2 + 3 = 5.\nSo 7.": Steps(verdicts=("unsure", "right", "wrong")),
        "We add.\n2 + 3 = 5.\nSo 5.": Steps(verdicts=("unsure", "right", "right")),
    }
    said = got.feedback[0]
    assert (got.who(said).pseudonym, said.round, said.seconds) == ("340d89bc", 9, 278.27)
    assert said.time == datetime(2023, 1, 22, 4, 34, 27, 52924, tzinfo=UTC)
    assert got.completions[0].step_starts == (0, 8)
    assert [prompt.text for prompt in got.prompts] == ["What is 2 + 3?"]


def test_the_only_candidate_is_gone_on_with_where_none_is_said_to_be_chosen(tmp_path: Path) -> None:
    row = solution(step(("We add.", 1), chosen=None), step(("5.", 1)))
    assert [got_text for said in [imported(tmp_path, row)] for got_text in said.texts(said.feedback[0])] == [
        "We add.\n5."
    ]


def test_a_solution_that_ends_in_an_error_has_no_chosen_last_step(tmp_path: Path) -> None:
    row = solution(step(("We add.", 1)), step(("6.", -1), ("7.", -1), chosen=None), reason="found_error")
    got = imported(tmp_path, row)
    assert [got.texts(each)[0] for each in got.feedback] == ["We add.\n6.", "We add.\n7."]


def test_a_problem_is_declined_beside_what_was_labelled(tmp_path: Path) -> None:
    got = imported(tmp_path, solution(step(("Hm.", None)), reason="give_up"))
    assert [each.judgement for each in got.feedback] == [Steps(verdicts=("unsure",)), Declined(reason="give_up")]
    empty = imported(tmp_path, solution(reason="bad_problem"))
    assert [(each.judgement, each.completions) for each in empty.feedback] == [(Declined(reason="bad_problem"), ())]


STEPWISE: dict[str, Any] = {"prompt": "2 + 3?", "completions": ["We add.", "6."], "labels": [True, False]}


def test_stepwise_labels_are_right_and_wrong(tmp_path: Path) -> None:
    talk = {**STEPWISE, "prompt": [{"role": "system", "content": "Add."}, {"role": "user", "content": "2 + 3?"}]}
    got = imported(tmp_path, STEPWISE, talk, {**STEPWISE, "labels": [1, 0], "evaluator": "w-1"}, expect="trl_stepwise")
    assert [each.judgement for each in got.feedback] == [Steps(verdicts=("right", "wrong"))] * 3
    assert [len(prompt.messages) for prompt in got.prompts] == [1, 2]
    assert got.who(got.feedback[2]).pseudonym == "w-1"


PRM = solution(step(("We add.", 1)), step(("5.", 1)))
FORKED = solution(step(("We add.", 1), ("No.", -1)), step(("5.", 1)))


@pytest.mark.parametrize(
    ("name", "row", "path", "value", "message"),
    [
        ("prm800k", PRM, "label/steps/1/completions/0/rating", 2, "steps.1 completions.0 rating: 2 is not one of"),
        ("prm800k", PRM, "label/steps/1/completions/0/text", None, "steps.1 completions.0 text: null"),
        (
            "prm800k",
            PRM,
            "label/steps/1/completions/0/text",
            " ",
            "f.jsonl:1 label steps.1: expected the text of a step",
        ),
        ("prm800k", PRM, "label/steps/0/chosen_completion", 1, "steps.0 chosen_completion: 1, but there are 1"),
        (
            "prm800k",
            FORKED,
            "label/steps/0/chosen_completion",
            None,
            "steps.0 chosen_completion: null, but steps follow",
        ),
        (
            "prm800k",
            PRM,
            "label/steps/0/completions",
            [],
            "f.jsonl:1 label steps.0 chosen_completion: 0, but there are 0",
        ),
        (
            "prm800k",
            PRM,
            "label/steps/0",
            {"completions": None},
            "f.jsonl:1 label steps.0 completions: expected at least",
        ),
        ("prm800k", PRM, "label", MISSING, "f.jsonl:1 label: missing"),
        ("prm800k", PRM, "label/finish_reason", "bored", "f.jsonl:1 label finish_reason: 'bored' is not one of"),
        ("prm800k", PRM, "label/total_time", "long", "f.jsonl:1 label total_time: expected a number, not 'long'"),
        ("prm800k", PRM, "label", "good", "f.jsonl:1 label: expected names and values"),
        ("prm800k", PRM, "question/problem", 7, "f.jsonl:1 question problem: expected a text, not 7"),
        ("prm800k", PRM, "timestamp", "noon", "f.jsonl:1 timestamp: expected a time"),
        ("trl_stepwise", STEPWISE, "labels/0", "yes", "f.jsonl:1 labels.0: expected true or false, not 'yes'"),
        ("trl_stepwise", STEPWISE, "labels", [True], "f.jsonl:1 labels: 1, but there are 2 completions"),
        ("trl_stepwise", STEPWISE, "completions/1", None, "f.jsonl:1 completions.1: expected the text of a step"),
        ("trl_stepwise", STEPWISE, "completions", "We add.", "f.jsonl:1 completions: expected a list"),
        ("trl_stepwise", STEPWISE, "prompt", None, "f.jsonl:1 prompt: null"),
    ],
)
def test_a_malformed_field_is_named(
    tmp_path: Path, name: str, row: dict[str, Any], path: str, value: Any, message: str
) -> None:
    assert message in refusal(tmp_path, name, changed(row, path, value))


texts = st.text(min_size=1, max_size=8).filter(lambda text: text.strip())
solutions = st.builds(
    lambda problem, steps, reason, labeler, generation, time: {
        "labeler": labeler,
        "timestamp": None if time is None else time.isoformat(),
        "generation": generation,
        "question": {"problem": problem},
        "label": {"steps": steps, "total_time": 1234, "finish_reason": reason},
    },
    texts,
    st.lists(st.tuples(texts, st.sampled_from([1, 0, -1])).map(step), min_size=1, max_size=3),
    st.sampled_from([None, "solution", "found_error", "give_up", "bad_problem"]),
    st.none() | st.uuids().map(str),
    st.none() | st.integers(-1, 9),
    st.none() | st.datetimes(),
)
stepwise = st.lists(st.tuples(texts, st.booleans()), min_size=1, max_size=4).flatmap(
    lambda steps: st.fixed_dictionaries(
        {"prompt": texts, "completions": st.just([t for t, _ in steps]), "labels": st.just([b for _, b in steps])},
        optional={"evaluator": texts.map(str.strip), "time": st.just("2026-05-04T10:00:00+02:00")},
    )
)


@settings(max_examples=6)
@given(st.lists(solutions, min_size=1, max_size=4), st.lists(stepwise, min_size=1, max_size=4))
def test_verdicts_come_back_under_the_same_ids(prm: list[Any], trl: list[Any]) -> None:
    for name, rows in (("prm800k", prm), ("trl_stepwise", trl)):
        with tempfile.TemporaryDirectory() as folder:
            trip = round_trip(Path(folder), name, *rows)
            assert trip.same
            assert trip.lost == {}


def test_what_the_formats_cannot_hold_is_counted(tmp_path: Path) -> None:
    rows = [
        solution(step(("a", 1)), step(("b", -1)), step(("c", 0))),
        solution(step(("a", 0)), step(("b", 1))),
        solution(reason="give_up"),
    ]
    with Ledger(tmp_path / "ledger.db") as ledger:
        import_file(open_feedback(written(tmp_path, *rows), ImportSettings()), ledger)
        counts = export_feedback(ledger, tmp_path / "trl.jsonl", "trl_stepwise")
    assert counts.records == 1
    assert counts.lost == {
        "answers with steps that somebody was unsure of": 1,
        "declined": 1,
        "steps that nobody judged": 1,
    }


def test_a_model_is_written_as_no_labeler(tmp_path: Path) -> None:
    who = Evaluator(kind="model", pseudonym="judge-1", pool="prm800k")
    asked = Prompt.ask("2+2?")
    answer = Completion(prompt=asked.id, text="Add. 4.", step_starts=(0, 5))
    judgement = Steps(verdicts=("right", "wrong"))
    said = Feedback(evaluator=who.id, prompt=asked.id, completions=(answer.id,), judgement=judgement)
    with Ledger(tmp_path / "l.db") as ledger:
        ledger.add(asked, who, answer, said)
        lost = export_feedback(ledger, tmp_path / "f.jsonl", "prm800k").lost
    assert lost == {"that an evaluator is no person": 1, "evaluator": 1}
    assert json.loads((tmp_path / "f.jsonl").read_text())["labeler"] is None
