"""A ledger of demonstrations and nothing else gives a supervised start; what nothing learns from is said."""

import json
from pathlib import Path

import pytest

from accord.cli import run as accord
from accord.feedback import Ledger
from accord.records import Comparison, Completion, Correction, Demonstration, Evaluator, Feedback, Label, Prompt
from accord.run import RunDirectory

ANNA = Evaluator(kind="person", pseudonym="anna")
RECIPE = """
[data]
ledger = "ledger.db"
supervised = "{supervised}"
train = 1.0
eval_reward = 0
held_out = 0

[sft]
base = "tiny"
dtype = "float32"
batch_size = 8
optim = {{ lr = 1e-3 }}
"""
REWARD = '[reward]\nbase = "tiny"\n'
DPO = '[policy]\nkind = "dpo"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Ledger(tmp_path / "ledger.db") as ledger:
        for number in range(40):
            asked = Prompt.ask(f"Write text {number}")
            said = Demonstration(text=f"text {number} of many")
            ledger.add(asked, ANNA, Feedback(evaluator=ANNA.id, prompt=asked.id, completions=(), judgement=said))
    return tmp_path


def recipe(folder: Path, more: str = "", supervised: str = "demonstrations") -> str:
    file = folder / "small.toml"
    file.write_text(RECIPE.format(supervised=supervised) + more)
    return str(file)


def test_forty_demonstrations_are_a_supervised_start(folder: Path) -> None:
    assert accord(["run", recipe(folder), "--out", str(folder / "run"), "--quiet"]) == 0
    with RunDirectory.open(folder / "run", write=False) as run:
        rows = run.read_jsonl("data/examples.jsonl")
        assert len(rows) == 40
        assert {row["source"] for row in rows} == {"demonstration"}
        assert all(row["evaluators"] == [ANNA.id] and len(row["feedback_ids"]) == 1 for row in rows)
        assert run.has("sft/model")
        assert run.read_json("data/summary.json")["pairs"] == {"train": 0, "eval_reward": 0, "held_out": 0}


def test_a_reward_without_pairs_is_refused_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert accord(["run", recipe(folder, REWARD), "--out", str(folder / "run"), "--quiet"]) == 2
    assert "reward: the split 'train' has no comparison or ranking or rating to learn from" in capsys.readouterr().err


def test_a_start_without_examples_names_what_there_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert accord(["run", recipe(folder, supervised="chosen"), "--out", str(folder / "run"), "--quiet"]) == 2
    message = capsys.readouterr().err
    assert 'recipe.data.supervised: "chosen" gives the supervised start nothing to learn from' in message
    assert 'set it to one of "demonstrations" (40)' in message


def test_what_nothing_learns_from_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = Prompt.ask("Write text 0")
    one, other = Completion(prompt=asked.id, text="one"), Completion(prompt=asked.id, text="other")
    label, correction = Label(selected=(), options=("rude",)), Correction(text="two")
    with Ledger(folder / "ledger.db") as ledger:
        ledger.add(one, other)
        for about, judgement in (((one,), label), ((other,), label), ((one,), correction)):
            names = tuple(each.id for each in about)
            ledger.add(Feedback(evaluator=ANNA.id, prompt=asked.id, completions=names, judgement=judgement))
    path = recipe(folder)
    assert accord(["check", path]) == 0
    note = "nothing in this recipe learns from 2 labels, 1 correction"
    assert f"note: {note}" in capsys.readouterr().out
    assert accord(["check", path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["notes"] == [note]
    assert accord(["check", path, "--data.kinds", '["demonstration"]']) == 0
    assert "note" not in capsys.readouterr().out
    assert accord(["run", path, "--out", str(folder / "run"), "--only", "data"]) == 0
    assert f"data: {note}" in "".join(capsys.readouterr())


def test_what_a_source_would_add_is_counted_before_it_is_imported(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = folder / "more.jsonl"
    line = {"prompt": "Write text 0", "chosen": "one", "rejected": "other"}
    source.write_text(json.dumps(line) + "\n")
    options = ["--data.source", str(source), "--data.format", "trl_preference"]
    rows_before = (folder / "ledger.db").read_bytes()
    assert accord(["check", recipe(folder), *options]) == 0
    assert "note: nothing in this recipe learns from 1 comparison" in capsys.readouterr().out
    source.write_text(json.dumps(line) + "\n{")
    assert accord(["check", recipe(folder), *options]) == 2
    assert "problem: recipe.data.source: more.jsonl:2: not JSON at character 2" in capsys.readouterr().out
    assert (folder / "ledger.db").read_bytes() == rows_before


def test_pairs_that_nothing_learns_from_are_named_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = Prompt.ask("Write text 0")
    one, other = Completion(prompt=asked.id, text="one"), Completion(prompt=asked.id, text="other")
    said = Feedback(
        evaluator=ANNA.id, prompt=asked.id, completions=(one.id, other.id), judgement=Comparison(preferred="left")
    )
    with Ledger(folder / "ledger.db") as ledger:
        ledger.add(one, other, said)
    assert accord(["check", recipe(folder)]) == 0
    assert "note: nothing in this recipe learns from 1 comparison" in capsys.readouterr().out
    for section in (REWARD, DPO):
        assert accord(["check", recipe(folder, section)]) == 0
        assert "note" not in capsys.readouterr().out


def test_a_filter_that_leaves_nothing_is_a_problem(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert accord(["check", recipe(folder), "--data.kinds", '["rating"]']) == 2
    assert "problem: recipe.data: kinds leave nothing of 40 records" in capsys.readouterr().out
