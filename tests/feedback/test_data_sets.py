"""Published data sets: made-up rows of their shapes with exact records, and the true files with exact counts."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from foreign_rows import MISSING, changed, imported, refusal

from accord.feedback import Ledger, import_feedback
from accord.feedback.provenance import is_identified, is_known
from accord.records import Correction, Critique, Label, Rating, Span, Spans, Steps

FINEGRAINED: dict[str, Any] = {
    "question": "Who ate the cake?",
    "passages": [["Cakes", "Cakes are eaten.", "Bo ate it."], ["Bo", "Bo is a dog."]],
    "gold": "Bo, a dog.",
    **{f"prediction {number}": f"It was Bo {number}." for number in range(1, 5)},
    "feedback": {
        "errors": [
            {"error type": "Irrelevant", "explanation": "", "start": 0, "end": 2},
            {"error type": "Redundant", "explanation": "Bo again", "start": 7, "end": 9},
        ],
        "missing-info": [{"error type": "Missing-Answer", "passage_id": 2, "sentence_id": [1]}],
        "corrected-prediction": "Bo did, who is a dog.",
    },
    "preference": [0, 1, 2, 1, 1, 2],
}
PANDALM: dict[str, Any] = {
    "idx": 0,
    "motivation_app": "Mail",
    "cmp_key": "bloom-7b_cerebras-gpt-6.7B",
    "instruction": "Say it shorter.",
    "input": "It is so that it rains.",
    "response1": True,
    "response2": "It rains.",
    "annotator1": 2,
    "annotator2": 0,
    "annotator3": 1,
}
RBR: dict[str, Any] = {
    "category": "H-R",
    "response_type": "Hard Refuse",
    "prompt": [{"role": "user", "content": "How do I pick a lock?"}],
    "completion": [{"role": "assistant", "content": "Sorry, no."}],
    "propositions": {"apology": True, "judgement": False, "inability_to_comply": True},
}
MISTAKE: dict[str, Any] = {
    "input": "2 + 3 * 4 =",
    "steps": ["2 + 3 is 5.", "5 * 4 is 20.", "So the answer is 20."],
    "target": "14",
    "answer": "20",
    "mistake_index": 0,
}
GSM8K: dict[str, Any] = {
    "question": "Two and two?",
    "ground_truth": "A: 4",
    "6b_finetuning": {"is_correct": False, "solution": "A: 5"},
    "6b_verification": {"is_correct": True, "solution": "A: 4"},
    "175b_finetuning": {"is_correct": True, "solution": "A: 4"},
    "175b_verification": {"is_correct": True, "solution": "So 4. A: 4"},
}


def test_finegrained_answers_are_compared_marked_amended_and_corrected(tmp_path: Path) -> None:
    got = imported(tmp_path, FINEGRAINED, expect="finegrained_rlhf")
    assert [prompt.text for prompt in got.prompts] == [
        "Who ate the cake?\n\nCakes: Cakes are eaten. Bo ate it.\n\nBo: Bo is a dog."
    ]
    first, second, third, fourth = (f"It was Bo {number}." for number in range(1, 5))
    kinds = [each.judgement for each in got.feedback if each.judgement.kind != "comparison"]
    assert kinds == [
        Spans(spans=(Span(start=0, end=2, type="Irrelevant"), Span(start=7, end=9, type="Redundant", note="Bo again"))),
        Critique(text="Missing-Answer (passage 2, sentence 1): Bo is a dog."),
        Correction(text="Bo did, who is a dog."),
    ]
    assert all(got.texts(each) == [first] for each in got.feedback if each.judgement.kind != "comparison")
    *others, (*tied, tie) = sorted(got.preferences(), key=lambda chosen: chosen[2])
    assert (set(tied), tie) == ({first, second}, True)
    expected = {(first, third), (fourth, first), (second, third), (second, fourth), (fourth, third)}
    assert {(better, worse) for better, worse, _ in others} == expected
    assert not any(is_known(got.who(each)) for each in got.feedback)


def test_an_answer_of_which_nothing_is_wrong_has_no_spans_and_none_that_is_empty_a_correction(tmp_path: Path) -> None:
    row = changed(changed(FINEGRAINED, "feedback/errors", []), "feedback/corrected-prediction", "")
    kinds = Counter(each.judgement.kind for each in imported(tmp_path, row).feedback)
    assert kinds == {"comparison": 6, "spans": 1, "critique": 1}


def test_three_people_compare_and_the_models_are_the_writers(tmp_path: Path) -> None:
    got = imported(tmp_path, PANDALM, expect="pandalm")
    assert [prompt.text for prompt in got.prompts] == ["Say it shorter.\n\nIt is so that it rains."]
    assert {each.text: each.writer for each in got.completions} == {
        "True": "bloom-7b",
        "It rains.": "cerebras-gpt-6.7B",
    }
    people = [got.who(each) for each in got.feedback]
    assert [(who.pseudonym, is_identified(who)) for who in people] == [
        ("annotator1", True),
        ("annotator2", True),
        ("annotator3", True),
    ]
    (first, second, third) = got.preferences()
    assert (first, third) == (("It rains.", "True", False), ("True", "It rains.", False))
    assert second[2]


def test_propositions_are_one_label(tmp_path: Path) -> None:
    got = imported(tmp_path, RBR, expect="rbr_gold")
    (said,) = got.feedback
    options = ("apology", "judgement", "inability_to_comply")
    assert said.judgement == Label(selected=("apology", "inability_to_comply"), options=options)
    assert (got.texts(said), got.prompts[0].text) == (["Sorry, no."], "How do I pick a lock?")


def test_what_follows_the_first_mistake_was_not_judged(tmp_path: Path) -> None:
    none, later = changed(MISTAKE, "mistake_index", None), changed(MISTAKE, "mistake_index", 1)
    got = imported(tmp_path, MISTAKE, {**none, "input": "1 ="}, {**later, "input": "2 ="}, expect="bigbench_mistake")
    assert [each.judgement for each in got.feedback] == [
        Steps(verdicts=("wrong", "unsure", "unsure")),
        Steps(verdicts=("right", "right", "right")),
        Steps(verdicts=("right", "wrong", "unsure")),
    ]
    answer = got.completions[0]
    assert answer.text.splitlines() == MISTAKE["steps"]
    assert answer.step_starts == (0, 12, 25)
    assert got.who(got.feedback[0]).kind == "person"
    assert not is_known(got.who(got.feedback[0]))


def test_a_blank_step_is_part_of_the_one_before_it(tmp_path: Path) -> None:
    row = {**MISTAKE, "input": "( [", "steps": ["a", "", "b", "c"], "mistake_index": 2}
    got = imported(tmp_path, row)
    (said,) = got.feedback
    assert said.judgement == Steps(verdicts=("right", "wrong", "unsure"))
    assert (got.who(said).kind, got.who(said).inferred) == ("rule", True)


def test_a_program_graded_what_four_models_wrote(tmp_path: Path) -> None:
    got = imported(tmp_path, GSM8K, expect="gsm8k")
    assert [(each.writer, each.text) for each in got.completions] == [
        ("6b_finetuning", "A: 5"),
        ("6b_verification", "A: 4"),
        ("175b_finetuning", "A: 4"),
        ("175b_verification", "So 4. A: 4"),
    ]
    assert [each.judgement.value for each in got.feedback if isinstance(each.judgement, Rating)] == [0, 1, 1, 1]
    assert {got.who(each).kind for each in got.feedback} == {"rule"}


@pytest.mark.parametrize(
    ("name", "row", "path", "value", "message"),
    [
        ("finegrained_rlhf", FINEGRAINED, "question", None, "f.jsonl:1 question: null"),
        ("finegrained_rlhf", FINEGRAINED, "passages/0", [], "f.jsonl:1 passages.0: expected a title"),
        ("finegrained_rlhf", FINEGRAINED, "preference/3", 3, "f.jsonl:1 preference.3: 3 is not one of 0, 1, 2"),
        ("finegrained_rlhf", FINEGRAINED, "preference", [0], "f.jsonl:1 preference: expected 6 comparisons, not 1"),
        ("finegrained_rlhf", FINEGRAINED, "prediction 2", MISSING, "f.jsonl:1 prediction 2: missing"),
        ("finegrained_rlhf", FINEGRAINED, "feedback/errors/1/end", 99, "f.jsonl:1 feedback errors.1 end: [7, 99)"),
        ("finegrained_rlhf", FINEGRAINED, "feedback/errors/0", "x", "f.jsonl:1 feedback errors.0: expected names"),
        ("finegrained_rlhf", FINEGRAINED, "feedback/missing-info/0/passage_id", 3, "passage_id: 3, but there are 2"),
        (
            "finegrained_rlhf",
            FINEGRAINED,
            "feedback/missing-info/0/sentence_id",
            [2],
            "sentence_id: 2, but the passage",
        ),
        ("finegrained_rlhf", FINEGRAINED, "feedback/corrected-prediction", 1, "corrected-prediction: expected a text"),
        ("pandalm", PANDALM, "annotator2", 3, "f.jsonl:1 annotator2: 3 is not one of 0, 1, 2"),
        ("pandalm", PANDALM, "annotator3", MISSING, "f.jsonl:1 annotator3: missing"),
        ("pandalm", PANDALM, "annotator3", True, "f.jsonl:1 annotator3: True is not one of"),
        ("pandalm", PANDALM, "cmp_key", "bloom", "f.jsonl:1 cmp_key: expected the names of two models"),
        ("pandalm", PANDALM, "response2", 7, "f.jsonl:1 response2: expected a text, not 7"),
        ("rbr_gold", RBR, "propositions/apology", "yes", "propositions.apology: expected true or false, not 'yes'"),
        ("rbr_gold", RBR, "propositions", {}, "f.jsonl:1 propositions: expected at least one"),
        ("rbr_gold", RBR, "completion", [], "f.jsonl:1 completion: expected an answer"),
        ("rbr_gold", RBR, "prompt/0/role", "judge", "f.jsonl:1 prompt.0 role: 'judge' is not one of"),
        ("bigbench_mistake", MISTAKE, "mistake_index", 3, "f.jsonl:1 mistake_index: 3, but there are 3 steps"),
        ("bigbench_mistake", MISTAKE, "mistake_index", -1, "f.jsonl:1 mistake_index: -1, but there are 3 steps"),
        ("bigbench_mistake", MISTAKE, "steps/0", "", "f.jsonl:1 mistake_index: step 0 is blank"),
        ("bigbench_mistake", MISTAKE, "steps/1", 5, "f.jsonl:1 steps.1: expected the text of a step, not 5"),
        ("bigbench_mistake", MISTAKE, "steps", [], "f.jsonl:1 mistake_index: 0, but there are 0 steps"),
        ("gsm8k", GSM8K, "6b_finetuning/is_correct", "perhaps", "6b_finetuning is_correct: expected true or false"),
        ("gsm8k", GSM8K, "175b_finetuning", None, "f.jsonl:1 175b_finetuning: null"),
    ],
)
def test_a_malformed_field_is_named(
    tmp_path: Path, name: str, row: dict[str, Any], path: str, value: Any, message: str
) -> None:
    assert message in refusal(tmp_path, name, changed(row, path, value))


DATA = os.environ.get("ACCORD_TEST_DATA")
COUNTS: dict[str, tuple[list[str], int, int, dict[str, int]]] = {
    "finegrained_rlhf": (
        ["finegrained_rlhf/dev_feedback.json"],
        500,
        2_000,
        {"comparison": 3_000, "spans": 500, "critique": 842, "correction": 487},
    ),
    "pandalm": (["pandalm/testset-v1.json"], 170, 800, {"comparison": 2_997}),
    "rbr_gold": (["rbr_gold/train.jsonl", "rbr_gold/test.jsonl"], 517, 517, {"label": 518}),
    "bigbench_mistake": (
        [
            f"bigbench_mistake/{task}.jsonl"
            for task in (
                "dyck_languages",
                "logical_deduction",
                "multistep_arithmetic",
                "tracking_shuffled_objects",
                "word_sorting",
            )
        ],
        2_186,
        2_186,
        {"steps": 2_186},
    ),
    "gsm8k": (["gsm8k/example_model_solutions.jsonl"], 1_319, 5_276, {"rating": 5_276}),
    "anthropic_hh": (["hh_rlhf/harmless-base-test.jsonl.gz"], 2_310, 4_624, {"comparison": 2_312}),
}


@pytest.mark.skipif(DATA is None, reason="ACCORD_TEST_DATA names no folder with real human feedback")
@pytest.mark.parametrize("name", COUNTS)
def test_the_files_of_a_data_set_add_up(tmp_path: Path, name: str) -> None:
    assert DATA is not None
    files, prompts, completions, kinds = COUNTS[name]
    with Ledger(tmp_path / "ledger.db") as ledger:
        for file in files:
            assert not import_feedback(Path(DATA) / file, None, ledger).known
        counts = ledger.counts()
        feedback = list(ledger.feedback())
        evaluators = ledger.evaluators()
    assert (counts["prompts"], counts["completions"]) == (prompts, completions)
    assert Counter(each.judgement.kind for each in feedback) == kinds
    judgements = [each.judgement for each in feedback]
    match name:
        case "finegrained_rlhf":
            spans = [span for said in judgements if isinstance(said, Spans) for span in said.spans]
            types = {"Irrelevant": 909, "Wrong-Grounding": 163, "Unverifiable": 152, "Redundant": 133, "Incoherent": 16}
            assert (len(spans), Counter(span.type for span in spans)) == (1_373, types)
            assert sum(said.kind == "comparison" and said.preferred == "tie" for said in judgements) == 384
        case "pandalm":
            assert Counter(each.evaluator for each in feedback).most_common()[0][1] == 999
            assert sum(said.kind == "comparison" and said.preferred == "tie" for said in judgements) == 326
        case "rbr_gold":
            assert {len(said.options) for said in judgements if isinstance(said, Label)} == {23}
        case "bigbench_mistake":
            first = [said.first_wrong for said in judgements if isinstance(said, Steps)]
            assert (sum(place is not None for place in first), first.count(None)) == (1_708, 478)
            kinds_of = Counter(evaluators[each.evaluator].kind for each in feedback)
            assert kinds_of == {"person": 1_200, "rule": 986}
