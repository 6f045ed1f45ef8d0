"""Runs of TRL: its log, GRPO's tables, what its reward is made of."""

import json
import math
from pathlib import Path
from typing import Any

import pandas
import pytest

from accord.artefacts import OnlineMetrics, PairMetrics
from accord.errors import RecipeError, RecordError
from accord.foreign.gathered import Gathered
from accord.foreign.reward_weights import weights_of
from accord.foreign.settings import ReadingSettings
from accord.foreign.trainer_state import TrainerState, newest_state
from accord.foreign.trl import read
from foreign_files import dpo_log, grpo_folder, grpo_step, write_state


def rising(step: int, prompt: int) -> float:
    return step / 10 + prompt / 5


def wavy(step: int, prompt: int) -> float:
    return math.sin(step) + prompt % 2


def read_grpo(folder: Path, **settings: Any) -> Gathered:
    return read(folder, ReadingSettings(**settings))


def test_completions_become_rollouts_with_every_score(tmp_path: Path) -> None:
    gathered = read_grpo(grpo_folder(tmp_path, {"rising": rising, "wavy": wavy}, weights={"rising": 2.0, "wavy": 1.0}))
    assert len(gathered.rollouts) == 12 * 12
    row = gathered.rollouts[12 * 3 + 5]
    assert (row.step, row.index, row.text) == (4, 5, "wind 4 1 wind")
    assert gathered.prompts[row.prompt].prompt.text == "Write about wind."
    assert row.components is not None
    assert {name: each.value for name, each in row.components.items()} == {"rising": rising(4, 2), "wavy": wavy(4, 2)}
    assert row.reward == pytest.approx(2 * rising(4, 2) + wavy(4, 2))
    # What GRPO does not write is not made up.
    assert (row.token_ids, row.logprobs, row.finish_reason, row.temperature) == (None, None, None, None)


def test_prompts_may_be_conversations(tmp_path: Path) -> None:
    gathered = read_grpo(grpo_folder(tmp_path, {"rising": rising}, conversations=True))
    row = gathered.rollouts[0]
    assert (gathered.prompts[row.prompt].prompt.text, row.text, row.reward) == (
        "Write about rain.",
        "rain 1 0 rain",
        0.1,
    )


def test_the_log_becomes_metrics(tmp_path: Path) -> None:
    gathered = read_grpo(
        grpo_folder(tmp_path, {"rising": rising}, log={"sampling/sampling_logp_difference/mean": 0.01})
    )
    row = gathered.metrics[1]
    assert isinstance(row, OnlineMetrics)
    assert (row.step, row.stop_rate, row.length, row.samples) == (2, 0.75, 10.0, 12)
    assert (row.kl, row.kl_estimator) == (pytest.approx(0.02 * 10), "k3")
    assert row.sampler_logprob_diff == 0.01


def test_without_tables_the_estimator_of_the_kl_is_not_known(tmp_path: Path) -> None:
    """RLOO logs the log-ratio under the same name, and writes no tables."""
    write_state(tmp_path / "trainer_state.json", [grpo_step(1, {"rising": 0.2}, 0.2)])
    (row,) = read_grpo(tmp_path).metrics
    assert isinstance(row, OnlineMetrics)
    assert (row.kl_estimator, row.samples) == (None, None)


def test_a_reward_of_weight_zero_is_the_judge(tmp_path: Path) -> None:
    gathered = read_grpo(grpo_folder(tmp_path, {"rising": rising, "wavy": wavy}, weights={"rising": 1.0, "wavy": 0.0}))
    assert "'wavy' counts nothing" in " ".join(gathered.notes)
    assert len(gathered.judged) == 144
    assert gathered.judged[0].kl is None
    # In deviations within a step: the prompts' scores of either column differ by as much at every step.
    first = [row.reward for row in gathered.judged[:12]]
    assert math.sqrt(sum((x - sum(first) / 12) ** 2 for x in first) / 11) == pytest.approx(1.0)


def test_rewards_that_count_are_no_judge(tmp_path: Path) -> None:
    folder = grpo_folder(tmp_path, {"rising": rising, "wavy": wavy})
    assert read_grpo(folder).judged == []
    with pytest.raises(RecipeError, match=r"--judge wavy: the policy was trained on it \(it counts 1 "):
        read_grpo(folder, judge="wavy")
    with pytest.raises(RecipeError, match="no such column of scores; did you mean 'wavy'"):
        read_grpo(folder, judge="wavi")


def test_of_one_reward_another_column_may_be_the_judge(tmp_path: Path) -> None:
    """`log_extra` adds columns that the log knows nothing of."""
    folder = grpo_folder(tmp_path, {"rising": rising})
    for file in (folder / "completions").iterdir():
        table = pandas.read_parquet(file)
        table.insert(4, "extra", [wavy(1, number // 2) for number in range(12)])
        table.insert(5, "remark", "a text is no score")
        table.to_parquet(file)
    gathered = read_grpo(folder, judge="extra")
    assert len(gathered.judged) == 144
    assert "columns of scores: rising, extra" in " ".join(gathered.notes)


def test_what_is_learnt_from_stays_unknown_where_the_log_does_not_tell(tmp_path: Path) -> None:
    folder = grpo_folder(tmp_path, {"rising": rising, "again": rising}, weights={"rising": 1.0, "again": 0.0})
    gathered = read_grpo(folder)
    assert gathered.judged == []
    assert all(row.reward is None for row in gathered.rollouts)
    assert "is not known" in " ".join(gathered.notes)


def test_weights_are_those_of_all_steps_or_none() -> None:
    means = [{"a": 0.1 * s, "b": math.sin(s)} for s in range(1, 9)]
    assert weights_of(means, [2 * m["a"] - 0.5 * m["b"] for m in means]) == {"a": 2.0, "b": -0.5}
    assert weights_of(means, [m["a"] for m in means]) == {"a": 1.0, "b": 0.0}
    assert weights_of(means, [m["a"] + s for s, m in enumerate(means)]) is None
    assert weights_of(means[:1], [1.0]) is None
    assert weights_of([{"a": 0.0}], [0.0]) is None
    assert weights_of([], []) is None


def test_scores_that_are_no_numbers_are_unknown(tmp_path: Path) -> None:
    """TRL's own mark for a completion that a reward function did not score."""
    given = {"rising": rising, "wavy": lambda step, prompt: None if prompt == 0 else wavy(step, prompt)}
    gathered = read_grpo(grpo_folder(tmp_path, given, weights={"rising": 0.0, "wavy": 1.0}), judge="rising")
    first = gathered.rollouts[0]
    assert first.components is not None
    assert set(first.components) == {"rising"}
    assert first.reward is None
    assert len(gathered.judged) == 120


def test_tables_that_repeat_count_once(tmp_path: Path) -> None:
    """Steps that learn from one batch each write it."""
    folder = grpo_folder(tmp_path, {"rising": rising}, steps=4)
    table = pandas.read_parquet(folder / "completions" / "completions_00001.parquet")
    table.assign(step=2).to_parquet(folder / "completions" / "completions_00002.parquet")
    gathered = read_grpo(folder)
    assert {row.step for row in gathered.rollouts} == {1, 3, 4}
    assert "1 tables were left out: they hold what the one before holds." in gathered.notes


def test_tables_of_evaluations_are_left_out(tmp_path: Path) -> None:
    folder = grpo_folder(tmp_path, {"rising": rising}, steps=4)
    state = folder / "checkpoint-4" / "trainer_state.json"
    history = [*json.loads(state.read_text())["log_history"], {"step": 2, "eval_reward": 0.5, "eval_runtime": 1.0}]
    write_state(state, history)
    assert {row.step for row in read_grpo(folder).rollouts} == {1, 3, 4}


def test_dpo_is_read_and_its_evaluations_are_apart(tmp_path: Path) -> None:
    write_state(tmp_path / "trainer_state.json", dpo_log())
    rows = read_grpo(tmp_path).metrics
    assert len(rows) == 6
    assert isinstance(rows[0], PairMetrics)
    assert (rows[0].loss, rows[0].accuracy, rows[0].margin) == (0.6, 0.75, 0.3)


def test_a_step_without_a_finite_loss_is_left_out_and_told(tmp_path: Path) -> None:
    log = dpo_log()
    log[2]["loss"] = math.nan
    log[3]["grad_norm"] = math.inf
    write_state(tmp_path / "trainer_state.json", log)
    gathered = read_grpo(tmp_path)
    assert [row.step for row in gathered.metrics] == [1, 2, 4, 5, 6]
    assert gathered.metrics[2].grad_norm is None
    assert "1 steps were left out" in " ".join(gathered.notes)


def test_a_log_of_another_trainer_has_nothing_of_trl(tmp_path: Path) -> None:
    write_state(tmp_path / "trainer_state.json", [{"step": 1, "loss": 2.0, "learning_rate": 1e-4}])
    gathered = read_grpo(tmp_path)
    assert gathered.metrics == []
    assert "without any of TRL's columns" in gathered.notes[0]


def test_the_newest_state_counts(tmp_path: Path) -> None:
    for step in (2, 10, 9):
        write_state(tmp_path / f"checkpoint-{step}" / "trainer_state.json", dpo_log(step))
    write_state(tmp_path / "trainer_state.json", dpo_log(4))
    assert newest_state(tmp_path) == tmp_path / "checkpoint-10" / "trainer_state.json"
    write_state(tmp_path / "trainer_state.json", dpo_log(10))
    assert newest_state(tmp_path) == tmp_path / "trainer_state.json"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", r"trainer_state.json:1: not JSON .*it ends early.*still goes on"),
        ('{\n "log_history": [\n  {"step": 1,', r"trainer_state.json:3: .*; if the run still goes on"),
        ("[1]", r"trainer_state.json:1: expected an object"),
        ("{}", r"log_history: expected a list"),
        ('{"log_history": [], "global_step": -1}', r"global_step: expected a step, a whole number from 0"),
        ('{"log_history": [], "global_step": 1e300}', r"global_step: expected a step"),
        ('{"log_history": [3], "global_step": 1}', r"log_history.0: expected an object"),
        ('{"log_history": [{"loss": 1}], "global_step": 1}', r"log_history.0 step: missing"),
        ('{"log_history": [{"step": true}], "global_step": 1}', r"log_history.0 step: expected a step"),
        ('{"log_history": [{"step": 1.5}], "global_step": 1}', r"log_history.0 step: expected a step"),
        ('{"log_history": [{"step": 1, "loss": "much"}], "global_step": 1}', r"log_history.0 loss: expected a number"),
        ('{"log_history": [{"step": ' + "9" * 5000 + "}]}", r"too many digits"),
        ("[" * 100_000, r"nested too deeply"),
    ],
)
def test_a_malformed_state_is_refused_by_its_place(content: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text(content)
    with pytest.raises(RecordError, match=problem):
        read_grpo(tmp_path)


def test_a_state_that_is_no_utf8(tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_bytes(b'{\n"a": "\xff"}')
    with pytest.raises(RecordError, match=r"trainer_state.json:2: byte 9 is no UTF-8"):
        TrainerState.read(tmp_path / "trainer_state.json")


def table_with(folder: Path, **columns: Any) -> None:
    """The second of three tables with other columns; None takes one away."""
    file = grpo_folder(folder, {"rising": rising}, steps=3) / "completions" / "completions_00002.parquet"
    table = pandas.read_parquet(file)
    for name, value in columns.items():
        table = table.drop(columns=name) if value is None else table.assign(**{name: [value] * len(table)})
    table.to_parquet(file)


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"completion": None}, r"completions_00002.parquet: no column 'completion'; its columns are step, prompt"),
        ({"step": None}, r"completions_00002.parquet: no column 'step'"),
        ({"step": -3}, r"completions_00002.parquet row 1 step: expected a step"),
        ({"step": 2**60}, r"row 1 step: expected a step, a whole number from 1 to 2\^53"),
        ({"step": "two"}, r"row 1 step: expected a step"),
        ({"prompt": 7}, r"row 1 prompt: expected a text or a list of messages"),
        ({"prompt": [{"role": "king", "content": "x"}]}, r"row 1 prompt.0 role: 'king' is not one of"),
        ({"completion": 1.5}, r"row 1 completion: expected a text or a list of messages"),
    ],
)
def test_a_malformed_table_is_refused_by_its_place(columns: dict[str, Any], problem: str, tmp_path: Path) -> None:
    table_with(tmp_path, **columns)
    with pytest.raises(RecordError, match=problem):
        read_grpo(tmp_path)


def test_only_the_last_table_may_be_cut_short(tmp_path: Path) -> None:
    folder = grpo_folder(tmp_path, {"rising": rising}, steps=3)
    last = folder / "completions" / "completions_00003.parquet"
    whole = last.read_bytes()
    last.write_bytes(whole[: len(whole) // 2])
    gathered = read_grpo(folder)
    assert {row.step for row in gathered.rollouts} == {1, 2}
    assert "The last table is not whole yet and was left out." in gathered.notes
    (folder / "completions" / "completions_00002.parquet").write_bytes(b"PAR1 half")
    with pytest.raises(RecordError, match=r"completions_00002.parquet: the Parquet file is damaged"):
        read_grpo(folder)


def test_a_damaged_last_table_that_is_whole_is_refused(tmp_path: Path) -> None:
    folder = grpo_folder(tmp_path, {"rising": rising}, steps=2)
    last = folder / "completions" / "completions_00002.parquet"
    last.write_bytes(b"PAR1" + b"\0" * 40 + b"PAR1")
    with pytest.raises(RecordError, match=r"completions_00002.parquet: the Parquet file is damaged"):
        read_grpo(folder)
