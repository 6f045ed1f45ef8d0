"""`accord check`: what a recipe would do, with the numbers of the run itself, and all that would stop it at once."""

import json
from pathlib import Path

import pytest

from accord.cli import run as accord
from accord.loop.preflight import preflight
from accord.loop.starting import write_starter
from accord.recipe import load, parse
from accord.run import RunDirectory


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    write_starter(tmp_path)
    return tmp_path / "recipe.toml"


def test_what_is_planned_is_what_is_done(starter: Path) -> None:
    """Pairs by split, examples, and the steps of what learns."""
    plan = {stage.stage: stage for stage in preflight(load(starter)).plan}
    assert list(plan) == ["data", "sft", "reward", "eval_reward", "policy", "evaluate", "audit", "report"]
    out = starter.parent / "run"
    small = ["--only=data", "--only=sft", "--only=reward", "--quiet"]
    assert accord(["run", str(starter), "--out", str(out), *small]) == 0
    with RunDirectory.open(out, write=False) as run:
        pairs = run.read_json("data/summary.json")["pairs"]
        for stage in ("sft", "reward"):
            assert plan[stage].steps == len(run.read_jsonl(f"{stage}/metrics.jsonl"))
        assert plan["sft"].examples == len(run.read_jsonl("data/examples.jsonl"))
    assert plan["reward"].examples == pairs["train"]
    assert ", ".join(f"{number} {split}" for split, number in pairs.items()) in plan["data"].does
    assert plan["policy"].steps == 4


def test_all_that_would_stop_it_is_told_at_once(starter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = ["--sft.base=/no/model", "--reward.device=cuda", "--data.source=gone.jsonl", "--data.prompts=no.jsonl"]
    assert accord(["check", str(starter), *wrong]) == 2
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("problem: ")]
    keys = ("recipe.sft.base", "recipe.reward.device", "recipe.data.source", "recipe.data.prompts")
    assert [sum(f"problem: {key}: " in line for line in told) for key in keys] == [1, 1, 1, 1]


def test_what_a_stage_has_nothing_for_is_told_beside_a_model_that_is_not_there(starter: Path) -> None:
    text = starter.read_text().replace('base = "tiny"', 'base = "/no/model"', 1)
    starter.write_text(text.replace("[data]\n", '[data]\nsupervised = "demonstrations"\n'))
    problems = preflight(load(starter)).problems
    assert any(each.startswith("recipe.sft.base: /no/model") for each in problems)
    assert any('"demonstrations" gives the supervised start nothing to learn from' in each for each in problems)


def test_a_reward_without_its_feedback_is_told(starter: Path) -> None:
    recipe = load(starter, {"reward.kind": "rating_regression"})
    assert any(each.startswith("reward: the split 'train' has no ") for each in preflight(recipe).problems)


def test_too_few_pairs_for_the_splits_are_told(starter: Path) -> None:
    source = starter.parent / "feedback.jsonl"
    source.write_text(source.read_text().splitlines(keepends=True)[0])
    problems = preflight(load(starter)).problems
    assert problems
    assert all("Traceback" not in each for each in problems)


def test_an_empty_file_of_feedback_is_told(starter: Path) -> None:
    (starter.parent / "feedback.jsonl").write_text("")
    assert any(each.startswith("recipe.data.source: ") for each in preflight(load(starter)).problems)


def test_the_whole_recipe_is_printed_where_it_is_asked_for(starter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert accord(["check", str(starter)]) == 0
    short = capsys.readouterr().out
    assert "kl_coef" not in short
    assert short.splitlines()[-1] == "nothing is missing"
    assert accord(["check", str(starter), "--full"]) == 0
    whole = capsys.readouterr().out
    assert parse(whole) == load(starter)
    assert all(f"# {line}" in whole.splitlines() for line in short.splitlines())
    assert accord(["check", str(starter), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [stage["stage"] for stage in found["plan"]] == found["stages"]
    assert found["recipe"]["policy"]["kl_coef"] == 0.05
    assert (found["problems"], found["notes"]) == ([], [])


def test_what_is_packaged_is_planned_without_numbers() -> None:
    from accord.loop.demo import demo_recipe

    found = preflight(demo_recipe("runs/demo", tiny=True))
    assert found.problems == ()
    assert {stage.stage: stage.examples for stage in found.plan}["sft"] is None
    assert {stage.stage: stage.steps for stage in found.plan}["policy"] == 6
