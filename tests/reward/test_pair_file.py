"""A judge on the pairs of a file: RewardBench in, its scores out, by subset."""

import json
from pathlib import Path

import pytest
from answers_world import ByLength

from accord.errors import RecordError
from accord.feedback import open_feedback
from accord.records import Completion
from accord.reward.card.pair_file import by_subset, score_pair_file, write_scores


def rows() -> list[dict[str, object]]:
    texts = [("a long answer", "short"), ("yes", "a long bad answer"), ("same!", "equal"), ("much longer", "tiny")]
    return [
        {
            "prompt": f"Question {number}?",
            "chosen": chosen,
            "chosen_model": "m1",
            "rejected": rejected,
            "rejected_model": "m2",
            "subset": "chat" if number < 3 else "safety",
            "id": number,
        }
        for number, (chosen, rejected) in enumerate(texts)
    ]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "bench.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows()))
    return path


def test_accuracy_by_subset(file: Path) -> None:
    estimates = by_subset(score_pair_file(ByLength(), file))
    assert {name: estimate.value for name, estimate in estimates.items()} == {
        "all": 2.5 / 4,
        "chat": 0.5,
        "safety": 1.0,
    }
    assert estimates["chat"].n == 3


def test_what_is_written_is_what_was_read_with_scores(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.jsonl"
    write_scores(score_pair_file(ByLength(), file), out)
    written = [json.loads(line) for line in out.read_text().splitlines()]
    kept = [{name: row[name] for name in rows()[0]} for row in written]
    assert kept == rows()
    assert [row["results"] for row in written] == [1.0, 0.0, 0.5, 1.0]
    assert [row["scores_chosen"] for row in written] == [len(str(row["chosen"])) for row in written]
    again = [each for each in open_feedback(file).records() if isinstance(each, Completion)]
    assert len(again) == 8


def test_a_file_without_an_order_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "demonstrations.jsonl"
    path.write_text(json.dumps({"prompt": "Why?", "completion": "Because."}) + "\n")
    with pytest.raises(RecordError, match="which of two texts is better"):
        score_pair_file(ByLength(), path)
