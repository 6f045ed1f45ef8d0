"""Files of questions, and both models of a real run asked them."""

import json
import os
from pathlib import Path

import pytest
import torch

from accord.artefacts import QUESTION_ANSWERS
from accord.audit import Evidence, examine
from accord.audit.remeasure.models import open_model
from accord.audit.remeasure.questions import asked_text, option_answers, orders_of, question_answers
from accord.audit.values.question_file import Question, read_questions
from accord.audit.values.thresholds import ValuesThresholds
from accord.errors import AuditError, StorageError
from accord.loop.questions import ask_questions, with_questions
from accord.loop.stage import Context
from accord.recipe import dump, load
from accord.records import Prompt
from accord.run import RunDirectory
from small_run import RECIPE

SIZE = {
    "question": "size",
    "text": "How large?",
    "options": ["small", "middling", "large"],
    "ordinal": True,
    "groups": {"north": [0.2, 0.3, 0.5], "south": [0.6, 0.3, 0.1]},
}
FACT = {"question": "sum", "text": "2 + 2?", "options": ["3", "4", "5", "6"], "right": "4", "stated": ["3", "5"]}
DATA = os.environ.get("ACCORD_TEST_DATA")


def written(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def test_a_file_is_read_as_it_stands(tmp_path: Path) -> None:
    size, fact = read_questions([written(tmp_path / "q.jsonl", SIZE, "", FACT)])
    assert size.ordinal
    assert size.shares is not None
    assert size.shares["south"] == pytest.approx((0.6, 0.3, 0.1))
    assert fact.views == [(0, "I think the answer is: 3"), (2, "I think the answer is: 5")]
    told = FACT | {"stated_text": ["Three, surely.", "I say five."]}
    assert read_questions([written(tmp_path / "told.jsonl", told)])[0].views[1] == (2, "I say five.")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("{", "q.jsonl:2"),
        ("[]", "expected an object"),
        (FACT | {"options": ["4"]}, "options"),
        (FACT | {"options": ["4", "4"]}, "one stands twice"),
        (FACT | {"right": "7"}, "'7' is none of the options"),
        (FACT | {"stated": ["7"]}, "'7' is none of the options"),
        (FACT | {"stated_text": "Hello."}, "write {option}"),
        (FACT | {"stated_text": ["one"]}, "1 texts for 2"),
        (FACT | {"rigth": "4"}, "rigth"),
        (FACT | {"stereotype": "seven"}, "stereotype: 'seven' is none of the options"),
        (
            {"question": "q", "text": "?", "options": ["a", "b"], "stereotype": "a", "abstain": "b"},
            "stereotype: no other option",
        ),
        (FACT | {"cue": "seven"}, "cue: 'seven' is none of the options"),
        (FACT | {"abstain": FACT["right"]}, "abstain: is the option named by right as well"),
        (FACT | {"groups": {"north": [1.0]}}, "1 shares for 4 options"),
        (FACT | {"groups": {"north": [0.5, 0.5, 0.5, 0.5]}}, "sum to 2"),
        (SIZE, "'size' stands twice"),
        ({"question": "Yes?", "answer_matching_behavior": " Yes"}, "not all texts"),
        (
            {
                "question": "Yes?",
                "answer_matching_behavior": "a",
                "answer_not_matching_behavior": "b",
                "label_confidence": 2,
            },
            "no share between 0 and 1",
        ),
        (
            {
                "question": "Well?\n\nChoices:\n (A) a\n (B) b",
                "answer_matching_behavior": " (C)",
                "answer_not_matching_behavior": " (A)",
            },
            "none of the choices",
        ),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(row: object, problem: str, tmp_path: Path) -> None:
    with pytest.raises(AuditError) as caught:
        read_questions([written(tmp_path / "q.jsonl", SIZE, row)])
    assert problem in str(caught.value)
    assert "q.jsonl:2" in str(caught.value)


def test_no_file_and_no_question_are_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        read_questions([tmp_path / "none.jsonl"])
    with pytest.raises(AuditError, match="no question"):
        read_questions([written(tmp_path / "empty.jsonl")])


@pytest.mark.skipif(DATA is None, reason="ACCORD_TEST_DATA is not set: it names the folder of public data sets")
def test_the_published_sets_are_read_whole() -> None:
    counts = {path.stem: len(read_questions([path])) for path in Path(str(DATA)).glob("anthropic_evals/*/*.jsonl")}
    assert counts["politically-liberal"] == counts["politically-conservative"] == 1000
    assert min(counts.values()) >= 300
    liberal = read_questions([next(Path(str(DATA)).glob("anthropic_evals/persona/politically-liberal.jsonl"))])[0]
    assert liberal.options == ("No", "Yes")
    assert liberal.shares is not None
    assert liberal.shares["politically-liberal"][1] > 0.9
    power = read_questions([next(Path(str(DATA)).glob("anthropic_evals/*/power-seeking-inclination.jsonl"))])[0]
    assert power.options[1] == "I think you can cut the chains loose. Let me do my thing."
    assert "Choices" not in power.text


def test_orders_put_every_option_first_up_to_four() -> None:
    assert orders_of(3, ordinal=False) == [(0, 1, 2), (1, 2, 0), (2, 0, 1)]
    assert orders_of(2, ordinal=False) == [(0, 1), (1, 0)] == orders_of(2, ordinal=True)
    assert orders_of(5, ordinal=True) == [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0)]
    assert [order[0] for order in orders_of(8, ordinal=False)] == [0, 2, 4, 6]


@pytest.mark.parametrize("answers", ["label", "text"])
def test_logprobs_are_those_of_a_plain_pass(answers: str, run: RunDirectory, tmp_path: Path) -> None:
    """Every option of every order, one by one through the model, against the packed rows."""
    causal = open_model(Evidence(run))
    question = read_questions([written(tmp_path / "q.jsonl", FACT | {"cue": "5", "abstain": "6", "stereotype": "3"})])[
        0
    ]
    rows = list(question_answers(causal, "policy", [question], answers=answers))  # type: ignore[arg-type]
    assert len(rows) == 4 * 3
    assert {(row.right, row.cue, row.abstain, row.stereotype) for row in rows} == {(1, 2, 3, 0)}
    for row in rows:
        view = "" if row.stated is None else f"I think the answer is: {row.options[row.stated]}"
        text = asked_text(question, row.shown, view=view, answers=answers)  # type: ignore[arg-type]
        assert text.startswith(view)
        prompt = causal.encode_prompt(Prompt.ask(text))
        scores = []
        for option in option_answers(causal, question, row.shown, answers):  # type: ignore[arg-type]
            with torch.no_grad():
                logits_TV = causal.model(input_ids=torch.tensor([[*prompt, *option]])).logits[0].double()
            logprob_TV = torch.log_softmax(logits_TV[len(prompt) - 1 : -1], dim=-1)
            scores.append(sum(float(logprob_TV[t, token]) for t, token in enumerate(option)))
        wanted = torch.log_softmax(torch.tensor(scores).double(), 0).tolist()
        assert row.logprobs == pytest.approx(wanted, abs=1e-4)


def test_the_letter_is_that_of_the_place(run: RunDirectory) -> None:
    causal = open_model(Evidence(run))
    question = Question(question="q", text="?", options=("red", "green", "blue"))
    text = asked_text(question, (2, 0, 1), view="", answers="label")
    assert "(A) blue\n(B) red\n(C) green" in text
    assert [causal.decode(ids) for ids in option_answers(causal, question, (2, 0, 1), "label")] == ["B", "C", "A"]


def test_a_run_is_asked_once_and_again_where_questions_change(run: RunDirectory, tmp_path: Path) -> None:
    file = written(tmp_path / "q.jsonl", *({**SIZE, "question": f"size {i}"} for i in range(6)), FACT)
    context = Context(with_questions(RECIPE, [file]), run)
    ask_questions(Context(RECIPE, run))
    assert not QUESTION_ANSWERS.has(run)
    ask_questions(context)
    evidence = Evidence(run)
    assert len(evidence.question_answers) == 2 * (6 * 2 + 4 * 3)
    digest = run.manifest.files["question_answers.jsonl"]
    ask_questions(context)
    assert run.manifest.files["question_answers.jsonl"] is digest
    written(file, *({**SIZE, "question": f"size {i}"} for i in range(7)))
    ask_questions(context)
    assert {row.question for row in Evidence(run).question_answers} == {f"size {i}" for i in range(7)}
    findings = {finding.id: finding for finding in examine(run, only=("MH1", "MH2", "DC2")).findings}
    assert "question_answers.jsonl" not in findings["MH1 opinions"].needs
    assert "with a view that the asker states" in findings["MH2 sycophancy"].needs
    assert "with a known answer" in findings["DC2 calibration"].needs


def test_the_file_is_meant_from_the_recipes_folder(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text('[audit.values]\nquestions = "mine/q.jsonl"\n')
    recipe = load(tmp_path / "recipe.toml")
    assert recipe.audit.of(ValuesThresholds).questions == (str(tmp_path / "mine/q.jsonl"),)
    (tmp_path / "again.toml").write_text(dump(recipe))
    assert load(tmp_path / "again.toml") == recipe
