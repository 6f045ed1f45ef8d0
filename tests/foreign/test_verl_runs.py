"""Runs of verl: generations, validations, metrics."""

import math
from pathlib import Path
from typing import Any

import pytest

from accord.artefacts import OnlineMetrics
from accord.errors import ArtefactError, RecipeError, RecordError
from accord.foreign.gathered import Gathered
from accord.foreign.settings import ReadingSettings
from accord.foreign.verl import read
from foreign_files import event, ppo_step, verl_files, verl_step, write_events, write_lines


def score(step: int, prompt: int) -> float:
    return step / 10 + prompt / 5


def right(step: int, prompt: int) -> float:
    return float((step + prompt) % 3 == 0)


def read_verl(folder: Path, **settings: Any) -> Gathered:
    return read(folder, ReadingSettings(**settings))


def test_rollouts_and_validations_are_told_apart(tmp_path: Path) -> None:
    verl_files(tmp_path / "a", range(1, 4), score, acc=right)
    verl_files(tmp_path / "b", (0, 3), score, validation=True, acc=right)
    gathered = read_verl(tmp_path, judge="acc")
    assert {row.step for row in gathered.rollouts} == {1, 2, 3}
    assert [sum(row.arm == arm for row in gathered.samples) for arm in ("start", "policy")] == [12, 12]
    splits = {row.prompt.text.split()[1]: row.split for row in gathered.prompts.values()}
    assert splits == {"Write": "train", "Tell": "held_out"}
    row = gathered.rollouts[13]
    assert (row.step, row.index, row.text, row.reward) == (2, 1, "rain 2 1 is rain", score(2, 0))
    assert row.components is not None
    assert row.components["acc"].value == right(2, 0)
    assert (row.token_ids, row.finish_reason, row.temperature) == (None, None, None)


def test_validations_are_known_by_a_score_said_twice_or_a_step_0(tmp_path: Path) -> None:
    """Without step 0 there is no start, which is said."""
    verl_files(tmp_path / "val", (10, 20), score, validation=True)
    gathered = read_verl(tmp_path)
    assert {row.arm for row in gathered.samples} == {"policy"}
    assert "No validation is of step 0" in " ".join(gathered.notes)


def test_a_folder_of_rollouts_alone(tmp_path: Path) -> None:
    gathered = read_verl(verl_files(tmp_path, range(1, 6), score, acc=right), judge="acc")
    assert gathered.samples == []
    assert len(gathered.judged) == 60


def test_a_judge_is_never_guessed(tmp_path: Path) -> None:
    """What the reward function returns besides may be what it is made of."""
    verl_files(tmp_path, range(1, 6), score, acc=right)
    assert read_verl(tmp_path).judged == []
    with pytest.raises(RecipeError, match=r"--judge score: no such column of scores"):
        read_verl(tmp_path, judge="score")


def test_a_judge_who_says_the_same_of_all_says_nothing(tmp_path: Path) -> None:
    verl_files(tmp_path, range(1, 6), score, acc=lambda step, prompt: 1.0)
    assert read_verl(tmp_path, judge="acc").judged == []


def test_truths_count_and_texts_do_not(tmp_path: Path) -> None:
    rows = [{"input": "q", "output": "a", "score": n, "step": 1, "acc": n % 2 == 0, "pred": "4"} for n in range(4)]
    write_lines(tmp_path / "1.jsonl", rows)
    gathered = read_verl(tmp_path, judge="acc")
    assert [row.eval_reward > 0 for row in gathered.judged] == [True, False, True, False]
    assert "beside the score: acc." in " ".join(gathered.notes)


def test_scores_that_are_no_numbers_are_unknown(tmp_path: Path) -> None:
    def odd(step: int, prompt: int) -> float | None:
        return {0: math.nan, 1: math.inf, 2: None}.get(prompt, score(step, prompt))

    gathered = read_verl(verl_files(tmp_path, range(1, 6), odd, acc=right), judge="acc")
    assert [row.reward is None for row in gathered.rollouts[:8]] == [True] * 6 + [False] * 2
    assert len(gathered.judged) == 5 * 6


def test_rows_without_a_step_are_of_the_step_in_the_name(tmp_path: Path) -> None:
    write_lines(tmp_path / "7.jsonl", [{"input": "q", "output": "a", "score": 1.0}])
    assert read_verl(tmp_path).rollouts[0].step == 7


def test_a_last_line_that_is_not_whole_is_left_out(tmp_path: Path) -> None:
    """Also where the cut goes through a letter."""
    verl_files(tmp_path, range(1, 3), score)
    with (tmp_path / "2.jsonl").open("ab") as file:
        file.write('{"input": "é'.encode()[:-1])
    gathered = read_verl(tmp_path)
    assert len(gathered.rollouts) == 24
    assert "The last line of 1 files is not whole yet and was left out." in gathered.notes


def test_a_whole_last_line_without_its_end_counts(tmp_path: Path) -> None:
    (tmp_path / "1.jsonl").write_text('{"input": "q", "output": "a", "score": 1}')
    assert len(read_verl(tmp_path).rollouts) == 1


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"input": "q", "output": ', r"1.jsonl:2: not JSON"),
        ("[1, 2]", r"1.jsonl:2: expected an object"),
        ('{"input": "q", "output": "a"}', r"1.jsonl:2 score: missing; its columns are step, input, output"),
        ('{"input": 3, "output": "a", "score": 1}', r"1.jsonl:2 input: expected a text, not 3"),
        ('{"input": "q", "output": null, "score": 1}', r"1.jsonl:2 output: null"),
        ('{"input": "q", "output": "a", "score": "high"}', r"1.jsonl:2 score: expected a number, not 'high'"),
        (
            '{"input": "q", "output": "a", "score": 1, "step": 9}',
            r"1.jsonl:2 step: 9 is not the step that 1.jsonl is of",
        ),
        ('{"input": "q", "output": "\\ud83d", "score": 1}', r"1.jsonl:2 output: holds half a character"),
        ('{"input": "q", "output": "a", "score": ' + "1" * 5000 + "}", r"1.jsonl:2: a number has too many digits"),
        ("[" * 100_000, r"1.jsonl:2: lists and objects are nested too deeply"),
    ],
)
def test_a_malformed_line_is_refused_by_its_place(line: str, problem: str, tmp_path: Path) -> None:
    first = '{"input": "q", "output": "a", "score": 1}\n'
    (tmp_path / "1.jsonl").write_text(f"{first}{line}\n{first}")
    with pytest.raises(RecordError, match=problem):
        read_verl(tmp_path)


def test_a_line_that_is_no_utf8_is_refused_by_its_place(tmp_path: Path) -> None:
    good = b'{"input": "q", "output": "a", "score": 1}\n'
    (tmp_path / "1.jsonl").write_bytes(good + b'{"input": "\xe9"}\n' + good)
    with pytest.raises(RecordError, match=r"1.jsonl:2: byte 12 of the line, .* is no UTF-8"):
        read_verl(tmp_path)


def test_steps_of_many_figures(tmp_path: Path) -> None:
    """Beyond 2^53 floating-point numbers cannot tell steps apart."""
    verl_files(tmp_path, (2**53,), score)
    assert read_verl(tmp_path).rollouts[0].step == 2**53
    verl_files(tmp_path, (10**17,), score)
    with pytest.raises(RecordError, match=r"expected a step, a whole number from 0 to 2\^53"):
        read_verl(tmp_path)


def test_two_runs_in_one_folder_are_refused(tmp_path: Path) -> None:
    verl_files(tmp_path / "one", (1,), score)
    verl_files(tmp_path / "two", (1,), score)
    with pytest.raises(ArtefactError, match="both hold rollouts of verl"):
        read_verl(tmp_path)


def test_metrics_of_the_file_logger(tmp_path: Path) -> None:
    write_lines(tmp_path / "p" / "e.jsonl", [verl_step(s, **{"critic/vf_explained_var": math.nan}) for s in range(4)])
    verl_files(tmp_path / "rollouts", (2,), score)
    rows = read_verl(tmp_path).metrics
    assert [row.step for row in rows] == [1, 2, 3]  # 0 is a validation's, before any training
    row = rows[1]
    assert isinstance(row, OnlineMetrics)
    assert (row.stop_rate, row.length, row.samples, row.explained_variance) == (0.9, 200.0, 12, None)
    assert (row.kl, row.kl_estimator) == (pytest.approx(0.002 * 200), None)


def test_metrics_for_tensorboard(tmp_path: Path) -> None:
    numbers = {"critic/score/mean": 0.5, "response_length/mean": 50.0, "response_length/clip_ratio": 0.5}
    write_events(tmp_path / "e" / "events.out.tfevents.1", [event(3, numbers | {"actor/pg_loss": 0.1})])
    (row,) = read_verl(tmp_path).metrics
    assert isinstance(row, OnlineMetrics)
    assert (row.step, row.stop_rate, row.reward) == (3, 0.5, 0.5)


def test_metrics_that_are_malformed_are_refused_by_their_place(tmp_path: Path) -> None:
    write_lines(tmp_path / "e.jsonl", [verl_step(1), verl_step(2, **{"actor/kl_loss": "small"}), verl_step(3)])
    with pytest.raises(RecordError, match=r"e.jsonl:2 data actor/kl_loss: expected a number, not 'small'"):
        read_verl(tmp_path)
    write_lines(tmp_path / "e.jsonl", [verl_step(1), {"step": 2, "data": [1]}, verl_step(3)])
    with pytest.raises(RecordError, match=r"e.jsonl:2 data: expected names and values"):
        read_verl(tmp_path)


def test_metrics_of_two_runs_are_refused(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [verl_step(1)])
    write_lines(tmp_path / "b.jsonl", [verl_step(1)])
    with pytest.raises(ArtefactError, match="both hold metrics of verl"):
        read_verl(tmp_path)


def test_logs_of_others_are_no_metrics(tmp_path: Path) -> None:
    write_events(tmp_path / "e" / "events.out.tfevents.1", [ppo_step(1)])
    verl_files(tmp_path, (1,), score)
    assert read_verl(tmp_path).metrics == []
