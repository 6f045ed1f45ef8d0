"""Prompts and rollouts of verl and OpenRLHF: read, refused by name, written and read again."""

from pathlib import Path
from typing import Any

import pytest
from foreign_rows import MISSING, changed, imported, refusal, round_trip, written

from accord.errors import LedgerError
from accord.feedback import ImportSettings, Ledger, export_feedback, open_feedback
from accord.feedback.formats import import_file
from accord.records import Prompt, Rating, Scale

VERL: dict[str, Any] = {
    "data_source": "openai/gsm8k",
    "prompt": [{"role": "system", "content": "Add."}, {"role": "user", "content": "2 + 3?"}],
    "ability": "math",
    "reward_model": {"style": "rule", "ground_truth": "5"},
    "extra_info": {"split": "train", "index": 0},
}
MESSAGES = {"context_messages": [{"role": "user", "content": "2 + 3?"}], "datasource": "sums"}
INPUT = {"input": "2 + 3?", "label": "5"}
ROLLOUT: dict[str, Any] = {"input": "user\n2 + 3?\nassistant\n", "output": "5", "gts": "5", "score": 1.0, "step": 3}
ZERO_TO_ONE = ImportSettings(format="verl_rollouts", scale=Scale(low=0, high=1))


def test_prompts_enter_as_prompts_alone_and_what_is_not_read_is_named(tmp_path: Path) -> None:
    got = imported(tmp_path, VERL, expect="verl_prompts")
    assert [(prompt.source, prompt.text, len(prompt.messages)) for prompt in got.prompts] == [
        ("openai/gsm8k", "2 + 3?", 2)
    ]
    assert len(got.records) == 1
    file = open_feedback(written(tmp_path, VERL))
    assert file.columns.unread == ["ability", "reward_model", "extra_info"]


def test_openrlhf_has_texts_or_messages(tmp_path: Path) -> None:
    got = imported(tmp_path, MESSAGES, expect="openrlhf_prompts")
    assert got.prompts == [Prompt.ask("2 + 3?", source="sums")]
    assert imported(tmp_path, INPUT, expect="openrlhf_prompts").prompts == [
        Prompt.ask("2 + 3?", source="openrlhf_prompts")
    ]


def test_rollouts_are_ratings_on_a_scale_that_is_stated(tmp_path: Path) -> None:
    got = imported(tmp_path, ROLLOUT, settings=ZERO_TO_ONE)
    (said,) = got.feedback
    assert (said.judgement, said.round) == (Rating(value=1, scale=Scale(low=0, high=1)), 3)
    assert (got.who(said).kind, got.who(said).inferred, got.texts(said)) == ("rule", True, ["5"])
    assert "f.jsonl:1 score: the file does not say on which scale" in refusal(tmp_path, "verl_rollouts", ROLLOUT)


@pytest.mark.parametrize(
    ("name", "row", "path", "value", "message"),
    [
        ("verl_prompts", VERL, "data_source", None, "f.jsonl:1 data_source: null"),
        ("verl_prompts", VERL, "prompt/0/content", 5, "f.jsonl:1 prompt.0 content: expected a text"),
        ("verl_prompts", VERL, "prompt", [], "f.jsonl:1 prompt: expected at least one message"),
        ("openrlhf_prompts", MESSAGES, "context_messages/0/role", "x", "f.jsonl:1 context_messages.0 role: 'x' is not"),
        ("openrlhf_prompts", INPUT, "input", MISSING, "f.jsonl:1 input: missing"),
        ("verl_rollouts", ROLLOUT, "score", "good", "f.jsonl:1 score: expected a number, not 'good'"),
        ("verl_rollouts", ROLLOUT, "score", 2, "f.jsonl:1 score: 2 is not on the scale 0..1"),
        ("verl_rollouts", ROLLOUT, "step", 1.5, "f.jsonl:1 step: expected a whole number"),
        ("verl_rollouts", ROLLOUT, "output", None, "f.jsonl:1 output: null"),
    ],
)
def test_a_malformed_field_is_named(
    tmp_path: Path, name: str, row: dict[str, Any], path: str, value: Any, message: str
) -> None:
    settings = ImportSettings(format=name, scale=Scale(low=0, high=1))
    assert message in refusal(tmp_path, name, changed(row, path, value), settings=settings)


@pytest.mark.parametrize("name", ["verl_prompts", "openrlhf_prompts"])
def test_prompts_are_written_and_what_was_said_of_them_is_counted(tmp_path: Path, name: str) -> None:
    with Ledger(tmp_path / "one.db") as one, Ledger(tmp_path / "two.db") as two:
        import_file(open_feedback(written(tmp_path, VERL)), one)
        import_file(open_feedback(written(tmp_path, ROLLOUT), ZERO_TO_ONE), one)
        counts = export_feedback(one, tmp_path / "again.jsonl", name)
        import_file(open_feedback(tmp_path / "again.jsonl"), two)
        assert two.prompts() == one.prompts()
    assert (counts.records, counts.lost) == (2, {"rating": 1})


def test_rollouts_come_back_under_the_same_ids(tmp_path: Path) -> None:
    rows = [{**ROLLOUT, "output": str(number), "score": number / 4, "step": number} for number in range(5)]
    trip = round_trip(tmp_path, "verl_rollouts", *rows, settings=ZERO_TO_ONE)
    assert trip.same
    assert trip.lost == {"scale": 5}


def test_equal_rollouts_of_one_step_are_told_apart_and_what_stands_beside_them_comes_back(tmp_path: Path) -> None:
    row = {**ROLLOUT, "time": "2026-01-01T00:00:00+00:00", "seconds": 3.0, "session": "s1"}
    trip = round_trip(tmp_path, "verl_rollouts", row, row, row, settings=ZERO_TO_ONE)
    assert (trip.same, len(trip.first), trip.lost) == (True, 3, {"scale": 3})
    assert {(each.seconds, each.session) for each in trip.again} == {(3.0, "s1")}


def test_prompts_alone_and_ratings_read_no_strength(tmp_path: Path) -> None:
    file = open_feedback(written(tmp_path, {**VERL, "round": 3, "study": "s"}))
    assert file.columns.unread[-2:] == ["round", "study"]
    for row, settings in ((VERL, None), (ROLLOUT, ZERO_TO_ONE)):
        file = open_feedback(written(tmp_path, {**row, "strength": 0.5}), settings)
        with pytest.raises(LedgerError, match="strength looks like by how much the one is better: --ignore strength"):
            list(file.records())
